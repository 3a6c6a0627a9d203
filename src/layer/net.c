/* Building a net: layers, names, parameters, the sticky error. */
#include "layer/layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

syn_status syn_net_create(syn_net **net, uint64_t seed) {
    *net = calloc(1, sizeof **net);
    if (!*net) return syn_no_memory(sizeof **net);
    (*net)->seed = seed;
    (*net)->preset = SYN_KERAS;
    return SYN_OK;
}

void syn_net_destroy(syn_net *net) {
    if (!net) return;
    for (int i = 0; i < net->n_layers; i++) {
        free(net->layer[i].name);
        free(net->layer[i].opts);
    }
    for (int i = 0; i < net->n_params; i++) free(net->param[i].name);
    free(net->layer);
    free(net->param);
    free(net->error);
    free(net);
}

void syn_net_preset(syn_net *net, syn_preset preset) {
    net->preset = preset == SYN_TORCH ? SYN_TORCH : SYN_KERAS;
}

uint64_t syn_net_seed(const syn_net *net) { return net->seed; }

syn_status syn_net_status(const syn_net *net) {
    return net->status == SYN_OK ? SYN_OK
                                 : syn_fail(net->status, "%s", net->error ? net->error : "out of host memory");
}

static syn_tensor stick(syn_net *net, syn_status status) {
    if (net->status == SYN_OK) {
        net->status = status;
        net->error = syn_strdup(syn_error_text());
    }
    return (syn_tensor){ net, -1 };
}

static int find_layer(const syn_net *net, const char *name) {
    for (int i = 0; i < net->n_layers; i++)
        if (strcmp(net->layer[i].name, name) == 0) return i;
    return -1;
}

/* "dense_1": the kind and its running number, past names that are taken. */
static char *running_name(const syn_net *net, const char *kind) {
    int n = 1;
    for (int i = 0; i < net->n_layers; i++) n += strcmp(net->layer[i].def->name, kind) == 0;
    for (;; n++) {
        char *name = syn_format("%s_%d", kind, n);
        if (!name || find_layer(net, name) < 0) return name;
        free(name);
    }
}

static const char *given_name(const syn_def *def, const void *opts) {
    for (int i = 0; opts && i < def->n_options; i++)
        if (strcmp(def->option[i].name, "name") == 0) {
            const char *name;
            memcpy(&name, (const char *)opts + def->option[i].offset, sizeof name);
            return name;
        }
    return NULL;
}

static syn_status check_name(const syn_net *net, const char *name) {
    if (!*name || strpbrk(name, "/: \t\n"))
        return syn_fail(SYN_E_ARGUMENT, "layer name '%s': must not be empty nor hold '/', ':' or blanks",
                        name);
    if (find_layer(net, name) >= 0)
        return syn_fail(SYN_E_ARGUMENT, "layer name '%s' is there twice", name);
    return SYN_OK;
}

/* Fills layer `n->n_layers` and describes it; the count is raised by the caller. */
static syn_status make(syn_net *net, const syn_def *def, const syn_tensor *in, int n_in,
                       const void *opts) {
    syn_net_layer *l = &net->layer[net->n_layers];
    *l = (syn_net_layer){ .def = def, .row = syn_layer_row_of(def), .n_in = n_in,
                          .first_param = net->n_params };
    if (n_in < l->row->min_in || n_in > l->row->max_in)
        return l->row->min_in == l->row->max_in
                   ? syn_fail(SYN_E_ARGUMENT, "%s takes %d input%s, got %d", def->name,
                              l->row->min_in, l->row->min_in == 1 ? "" : "s", n_in)
                   : syn_fail(SYN_E_ARGUMENT, "%s takes %d to %d inputs, got %d", def->name,
                              l->row->min_in, l->row->max_in, n_in);
    for (int i = 0; i < n_in; i++) {
        if (in[i].net != net || in[i].layer < 0 || in[i].layer >= net->n_layers)
            return syn_fail(SYN_E_ARGUMENT, "%s: input %d is not a tensor of this net", def->name,
                            i + 1);
        if (net->layer[in[i].layer].row->loss && !l->row->sum)
            return syn_fail(SYN_E_ARGUMENT, "%s: input %d is a loss; only loss_sum can read it",
                            def->name, i + 1);
        l->in[i] = in[i].layer;
    }
    const char *name = given_name(def, opts);
    if (name) SYN_TRY(check_name(net, name));
    l->name = name ? syn_strdup(name) : running_name(net, def->name);
    l->opts = calloc(1, def->size);
    if (!l->name || !l->opts) return syn_no_memory(def->size);
    if (opts) memcpy(l->opts, opts, def->size);
    for (int i = 0; i < def->n_options; i++) { /* the caller's lists may be gone soon */
        syn_numbers *list = (syn_numbers *)(void *)((char *)l->opts + def->option[i].offset);
        if (def->option[i].kind != SYN_OPTION_LIST || list->n <= 0) continue;
        list->v = syn_intern_bytes(list->v, (size_t)list->n * sizeof *list->v);
        if (!list->v) return syn_no_memory((size_t)list->n * sizeof(double));
    }
    syn_status status = syn_options_resolve(def, l->opts, net->preset, l->name);
    if (status != SYN_OK) return status;
    if (l->row->random) l->stream = (uint32_t)++net->n_random;
    net->n_layers++; /* describe reads the layer through the net */
    status = l->row->describe(net, net->n_layers - 1);
    return status == SYN_OK ? SYN_OK : syn_fail_in(status, "%s", net->layer[net->n_layers - 1].name);
}

syn_tensor syn_layer(syn_net *net, const char *kind, const syn_tensor *in, int n_in,
                     const void *opts) {
    if (!net || net->status != SYN_OK) return (syn_tensor){ net, -1 };
    const syn_def *def = syn_table_find(syn_layers(), kind);
    if (!def) return stick(net, SYN_E_ARGUMENT);
    if (n_in > SYN_MAX_IN)
        return stick(net, syn_fail(SYN_E_ARGUMENT, "%s: %d inputs, %d are possible", kind, n_in,
                                   SYN_MAX_IN));
    if (!syn_grow(&net->layer, &net->cap_layers, net->n_layers + 1, sizeof *net->layer))
        return stick(net, syn_no_memory(sizeof *net->layer));
    int made = net->n_layers;
    syn_status status = make(net, def, in, n_in, opts);
    if (status != SYN_OK) {
        if (net->n_layers == made) { /* never described: drop what was allocated */
            free(net->layer[made].name);
            free(net->layer[made].opts);
            net->layer[made] = (syn_net_layer){ 0 };
        }
        return stick(net, status);
    }
    return (syn_tensor){ net, made };
}

syn_tensor syn_map(syn_tensor x, const char *name, const double *attrs, int n_attrs) {
    syn_activation_opts o = { .function = syn_intern(name) };
    if (name && !o.function && x.net) return stick(x.net, SYN_E_MEMORY);
    if (n_attrs > 0) o.a = attrs[0] == 0 ? SYN_ZERO : attrs[0];
    if (n_attrs > 1) o.b = attrs[1] == 0 ? SYN_ZERO : attrs[1];
    return syn_layer(x.net, "activation", &x, 1, &o);
}

const syn_shape *syn_layer_in(const syn_net *net, int layer, int k) {
    return &net->layer[net->layer[layer].in[k]].shape;
}

syn_status syn_layer_param(syn_net *net, int layer, const char *suffix, syn_shape shape,
                           const syn_init *init, double fan_in, double fan_out) {
    if (!syn_grow(&net->param, &net->cap_params, net->n_params + 1, sizeof *net->param))
        return syn_no_memory(sizeof *net->param);
    if (syn_shape_count(&shape) < 0 || syn_shape_count(&shape) > SYN_MOST_ELEMENTS)
        return syn_fail(SYN_E_SHAPE, "%s has more than 2^31 - 65536 elements", suffix);
    syn_net_layer *l = &net->layer[layer];
    syn_net_param *p = &net->param[net->n_params];
    *p = (syn_net_param){ .name = syn_format("%s/%s", l->name, suffix), .shape = shape,
                          .layer = layer, .init = *init, .fan_in = fan_in, .fan_out = fan_out,
                          .preset = *(const syn_preset *)l->opts,
                          .kernel = strcmp(suffix, "kernel") == 0 };
    if (!p->name) return syn_no_memory(64);
    net->n_params++;
    l->n_params++;
    return SYN_OK;
}

syn_status syn_layer_statistic(syn_net *net, int layer, const char *suffix, syn_shape shape, bool ones) {
    const syn_init init = ones ? syn_init_ones(NULL) : syn_init_zeros(NULL);
    SYN_TRY(syn_layer_param(net, layer, suffix, shape, &init, 1, 1));
    net->param[net->n_params - 1].statistic = true;
    return SYN_OK;
}

syn_tensor syn_named(syn_tensor x, const char *name) {
    if (!x.net || x.net->status != SYN_OK || x.layer < 0) return x;
    syn_net *net = x.net;
    syn_net_layer *l = &net->layer[x.layer];
    if (strcmp(l->name, name) == 0) return x;
    if (check_name(net, name) != SYN_OK) return stick(net, SYN_E_ARGUMENT);
    char *copy = syn_strdup(name);
    if (!copy) return stick(net, syn_no_memory(strlen(name)));
    for (int i = l->first_param; i < l->first_param + l->n_params; i++) {
        char *renamed = syn_format("%s/%s", name, strchr(net->param[i].name, '/') + 1);
        if (!renamed) {
            free(copy);
            return stick(net, syn_no_memory(strlen(name)));
        }
        free(net->param[i].name);
        net->param[i].name = renamed;
    }
    free(l->name);
    l->name = copy;
    return x;
}

const char *syn_tensor_name(syn_tensor x) {
    return x.net && x.layer >= 0 ? x.net->layer[x.layer].name : "";
}

syn_status syn_tensor_shape(syn_tensor x, syn_shape *shape) {
    if (!x.net) return syn_fail(SYN_E_ARGUMENT, "syn_tensor_shape: no tensor");
    SYN_TRY(syn_net_status(x.net));
    *shape = x.net->layer[x.layer].shape;
    return SYN_OK;
}

syn_tensor syn_net_find(const syn_net *net, const char *name) {
    int i = find_layer(net, name);
    return (syn_tensor){ i < 0 ? NULL : (syn_net *)(uintptr_t)net, i };
}

int syn_net_layers(const syn_net *net) { return net->n_layers; }
int syn_net_params(const syn_net *net) { return net->n_params; }

void syn_net_layer_info(const syn_net *net, int i, syn_layer_info *info) {
    const syn_net_layer *l = &net->layer[i];
    *info = (syn_layer_info){ .kind = l->def->name, .name = l->name, .shape = l->shape,
                              .flops = l->flops, .n_in = l->n_in };
    memcpy(info->in, l->in, sizeof info->in);
    for (int p = l->first_param; p < l->first_param + l->n_params; p++)
        info->parameters += net->param[p].statistic ? 0 : syn_shape_count(&net->param[p].shape);
}

void syn_net_param_info(const syn_net *net, int i, syn_param_info *info) {
    *info = (syn_param_info){ .name = net->param[i].name, .shape = net->param[i].shape,
                              .layer = net->param[i].layer, .statistic = net->param[i].statistic };
}

int64_t syn_net_parameters(const syn_net *net) {
    int64_t n = 0;
    for (int i = 0; i < net->n_params; i++)
        if (!net->param[i].statistic) n += syn_shape_count(&net->param[i].shape);
    return n;
}
