/* The model section: layers, activations and the loss, from the tables. */
#include "cli/experiment.h"

#include "base/options_json.h"
#include "layer/layer.h"
#include "op/map.h"
#include "optim/optim.h"
#include "optim/schedule.h"

#include <stdlib.h>
#include <string.h>

static const char *const item_keys[] = { "from", "activation", NULL };
static const char *const no_keys[] = { NULL };

/* What the items so far are called in `from:`, and what each returns: with its activation, where
 * the net's layer of that name is without. */
typedef struct builder {
    cli_experiment *e;
    json_t *resolved;
    struct {
        const char *name;
        syn_tensor out;
    } * item;
    int n, cap;
    syn_tensor last;
    cli_insert insert; /* what `defaults` puts behind the item at hand */
} builder;

/* Whether `activation:` takes it: softmax, prelu and so on, which are layers of their own. */
static bool is_activation(const syn_def *def) {
    return syn_layer_row_of(def)->role == SYN_ROLE_ACTIVATION && strcmp(def->name, "activation");
}

/* options: behind the name, else NULL and the name is `at`. */
static syn_status unknown_kind(const char *kind, const json_t *options, const json_t *at,
                               const char *where, bool layers) {
    const syn_table *all = syn_layers();
    const char **names = malloc(sizeof *names * (size_t)(all->n + syn_map_count() + 1));
    if (!names) return syn_no_memory(sizeof *names * (size_t)all->n);
    size_t n = 0;
    for (int i = 0; i < all->n; i++)
        if (layers ? !syn_layer_row_of(all->row[i])->loss : is_activation(all->row[i])) names[n++] = all->row[i]->name;
    for (int i = 0; i < syn_map_count(); i++) names[n++] = syn_map_at(i)->name;
    const char *near = syn_nearest(kind, names, n, sizeof *names);
    syn_text all_names = { 0 };
    for (size_t i = 0; i < n && !near; i++)
        syn_text_add(&all_names, "%s%s", i ? ", " : "", names[i]);
    (options ? syn_fail_at_key : syn_fail_at)(
        options ? options : at, SYN_E_ARGUMENT, "%s: no %s '%s'; %s%s%s", where,
        layers ? "layer or activation" : "activation", kind,
        near ? "did you mean '" : "there are: ", near ? near : syn_text_str(&all_names),
        near ? "'?" : "");
    syn_text_free(&all_names);
    free(names);
    return SYN_E_ARGUMENT;
}

static const syn_map_row *find_map(const char *name) {
    for (int i = 0; i < syn_map_count(); i++)
        if (!strcmp(syn_map_at(i)->name, name)) return syn_map_at(i);
    return NULL;
}

static const syn_def *find_layer(const char *kind) {
    const syn_table *all = syn_layers();
    for (int i = 0; i < all->n; i++)
        if (!strcmp(all->row[i]->name, kind)) return all->row[i];
    return NULL;
}

/* `from:` names of the item, else the item before. */
static syn_status lookup(builder *b, const json_t *v, const char *where, syn_tensor *out) {
    char got[96];
    const char *name = json_string_value(v);
    if (!name)
        return syn_fail_at(v, SYN_E_ARGUMENT,
                           "%s: from expects a layer's name or a list of them, "
                           "got %s",
                           where, syn_json_text(v, got, sizeof got));
    for (int i = b->n - 1; i >= 0; i--)
        if (!strcmp(b->item[i].name, name)) {
            *out = b->item[i].out;
            return SYN_OK;
        }
    *out = syn_net_find(b->e->net, name);
    if (out->net) return SYN_OK;
    syn_text names = { 0 };
    syn_layer_info info;
    for (int i = 0; i < syn_net_layers(b->e->net); i++) {
        syn_net_layer_info(b->e->net, i, &info);
        syn_text_add(&names, "%s%s", i ? ", " : "", info.name);
    }
    syn_fail_at(v, SYN_E_ARGUMENT, "%s: from: no layer '%s' before this one; there are: %s", where,
                name, syn_text_str(&names));
    syn_text_free(&names);
    return SYN_E_ARGUMENT;
}

static syn_status inputs(builder *b, const json_t *from, const char *where, syn_tensor *in,
                         int *n) {
    *n = 1;
    in[0] = b->last;
    if (!from) return SYN_OK;
    if (!json_is_array(from)) return lookup(b, from, where, &in[0]);
    *n = (int)json_array_size(from);
    if (*n > SYN_MAX_IN)
        return syn_fail_at(from, SYN_E_ARGUMENT, "%s: from names %d layers, allowed 1 to %d", where,
                           *n, SYN_MAX_IN);
    for (int i = 0; i < *n; i++) SYN_TRY(lookup(b, json_array_get(from, (size_t)i), where, &in[i]));
    return SYN_OK;
}

/* The item as it is in the resolved file: name, inputs, every option. */
static syn_status record(builder *b, const char *kind, const syn_def *def, const void *opts,
                         const syn_tensor *in, int n, syn_tensor out) {
    json_t *written;
    SYN_TRY(cli_write_resolved(b->e, def, opts, kind, &written));
    json_t *options = json_object(), *item = json_object(), *from = json_array();
    json_object_set_new(options, "name", json_string(syn_tensor_name(out)));
    for (int i = 0; i < n; i++) json_array_append_new(from, json_string(syn_tensor_name(in[i])));
    if (n != 1 || in[0].layer != b->last.layer) {
        json_object_set(options, "from", n == 1 ? json_array_get(from, 0) : from);
    }
    json_decref(from);
    json_object_update_missing(options, written);
    json_decref(written);
    json_object_set_new(item, kind, options);
    return json_array_append_new(b->resolved, item) ? syn_no_memory(64) : SYN_OK;
}

/* An element-wise function; options: a map, or nothing. */
static syn_status add_map(builder *b, const syn_map_row *row, json_t *options, const json_t *at,
                          const char *where, const syn_tensor *in, int n, syn_tensor *out) {
    static const char *const keys[] = { "from", NULL };
    cli_map_def m;
    cli_map_opts opts = { 0 };
    cli_map_make_def(&m, row);
    SYN_TRY(syn_options_read(&m.def, &opts, options, where, keys));
    SYN_TRY(syn_options_resolve(&m.def, &opts, b->e->top.preset, where));
    if (n != 1) return syn_fail_at(at, SYN_E_ARGUMENT, "%s takes one input, got %d", where, n);
    *out = syn_map(in[0], row->name, opts.attr, m.def.n_options - 1);
    if (opts.name) *out = syn_named(*out, opts.name);
    if (syn_net_status(b->e->net) != SYN_OK) return cli_fail_again(at, "model");
    return record(b, row->name, &m.def, &opts, in, n, *out);
}

static syn_status add_one(builder *b, const syn_def *def, json_t *options, const json_t *at, const char *where,
                          const char *const *keys, const syn_tensor *in, int n, syn_tensor *out);

/* activation: elu, or activation: { leaky_relu: { alpha: 0.1 } } */
static syn_status add_sugar(builder *b, json_t *v, const char *where, syn_tensor *out) {
    const char *name = json_string_value(v);
    json_t *options = NULL;
    if (!name && !cli_item(v, &name, &options)) {
        char got[96];
        return syn_fail_at(v, SYN_E_ARGUMENT,
                           "%s: activation expects NAME or { NAME: { ... } }, "
                           "got %s",
                           where, syn_json_text(v, got, sizeof got));
    }
    const syn_map_row *row = find_map(name);
    const syn_def *layer = row ? NULL : find_layer(name);
    if (!row && !(layer && is_activation(layer))) return unknown_kind(name, options, v, where, false);
    char *inner = syn_format("%s: %s", where, name);
    if (!inner) return syn_no_memory(64);
    syn_tensor x = *out;
    syn_status status = row ? add_map(b, row, options, v, inner, &x, 1, out)
                            : add_one(b, layer, options, v, inner, no_keys, &x, 1, out);
    free(inner);
    return status;
}

static syn_status add_layer(builder *b, const syn_def *def, json_t *options, const json_t *at,
                            const char *where, const syn_tensor *in, int n, syn_tensor *out);

/* A layer of `defaults` behind *out. */
static syn_status insert(builder *b, const char *kind, double rate, const json_t *at, syn_tensor *out) {
    json_t *options = json_object();
    syn_tensor x = b->last = *out;
    if (rate > 0) json_object_set_new(options, "rate", json_real(rate));
    syn_status status = add_layer(b, find_layer(kind), options, at, kind, &x, 1, out);
    json_decref(options);
    return status;
}

/* The layer alone; keys: what its options may have besides. */
static syn_status add_one(builder *b, const syn_def *def, json_t *options, const json_t *at, const char *where,
                          const char *const *keys, const syn_tensor *in, int n, syn_tensor *out) {
    void *opts = calloc(1, def->size);
    if (!opts) return syn_no_memory(def->size);
    syn_status status = syn_options_read(def, opts, options, where, keys);
    if (status == SYN_OK) *out = syn_layer(b->e->net, def->name, in, n, opts);
    free(opts);
    SYN_TRY(status);
    if (syn_net_status(b->e->net) != SYN_OK) return cli_fail_again(at, "model");
    const syn_net_layer *made = &b->e->net->layer[out->layer];
    SYN_TRY(record(b, def->name, def, made->opts, in, n, *out));
    b->last = *out;
    return SYN_OK;
}

/* With its activation, and what `defaults` puts in front of that. */
static syn_status add_layer(builder *b, const syn_def *def, json_t *options, const json_t *at,
                            const char *where, const syn_tensor *in, int n, syn_tensor *out) {
    SYN_TRY(add_one(b, def, options, at, where, item_keys, in, n, out));
    const char *norm = b->insert.norm;
    b->insert.norm = NULL;
    if (norm) SYN_TRY(insert(b, norm, 0, at, out));
    json_t *activation = json_object_get(options, "activation");
    return activation ? add_sugar(b, activation, where, out) : SYN_OK;
}

/* The input layer is there by itself; an item for it may name it. */
static syn_status name_input(builder *b, json_t *options, const json_t *at, const char *where) {
    syn_input_opts opts = { 0 };
    if (syn_data_inputs(b->e->set) > 1)
        return syn_fail_at(at, SYN_E_ARGUMENT, "%s: the data names the inputs", where);
    if (syn_net_layers(b->e->net) > 1)
        return syn_fail_at(at, SYN_E_ARGUMENT, "%s: the input layer comes first", where);
    SYN_TRY(syn_options_read(find_layer("input"), &opts, options, where, NULL));
    if (!opts.name) return SYN_OK;
    syn_tensor x = syn_named(b->last, opts.name);
    if (syn_net_status(b->e->net) != SYN_OK) return cli_fail_again(at, "model");
    return record(b, "input", find_layer("input"), &opts, &x, 1, x);
}

static syn_status bad_item(const json_t *item) {
    if (json_is_object(item) && json_object_size(item) > 1) {
        void *it = json_object_iter((json_t *)(uintptr_t)item);
        const char *first = json_object_iter_key(it);
        it = json_object_iter_next((json_t *)(uintptr_t)item, it);
        return syn_fail_at_key(json_object_iter_value(it), SYN_E_ARGUMENT,
                               "model: '%s' stands beside '%s'; put a layer's options inside it: "
                               "- %s: { %s: ... }",
                               json_object_iter_key(it), first, first, json_object_iter_key(it));
    }
    char got[96];
    return syn_fail_at(item, SYN_E_ARGUMENT,
                       "model: expects a layer, as NAME or NAME: { ... }, "
                       "got %s",
                       syn_json_text(item, got, sizeof got));
}

static syn_status remember(builder *b, syn_tensor named, syn_tensor out) {
    if (!syn_grow(&b->item, &b->cap, b->n + 1, sizeof *b->item)) return syn_no_memory(64);
    b->item[b->n].name = syn_intern(syn_tensor_name(named));
    if (!b->item[b->n].name) return SYN_E_MEMORY;
    b->item[b->n++].out = out;
    b->last = out;
    return SYN_OK;
}

static syn_status add_item(builder *b, const json_t *item) {
    const char *kind;
    json_t *options;
    if (!cli_item(item, &kind, &options)) return bad_item(item);
    char *where = syn_format("model: %s", kind);
    if (!where) return syn_no_memory(64);
    const syn_def *def = find_layer(kind);
    const syn_map_row *map = def ? NULL : find_map(kind);
    syn_tensor in[SYN_MAX_IN], out = b->last;
    int n;
    syn_status status;
    if (!def && !map) {
        status = unknown_kind(kind, options, item, "model", true);
    } else if (def && syn_layer_row_of(def)->loss) {
        status =
            syn_fail_at_key(options, SYN_E_ARGUMENT,
                            "model: %s is a loss; it goes into train: { loss: %s }", kind, kind);
    } else if (def && !strcmp(kind, "input")) {
        status = name_input(b, options, item, where);
        out = b->last;
    } else {
        status = inputs(b, json_object_get(options, "from"), where, in, &n);
        int made = syn_net_layers(b->e->net);
        if (status == SYN_OK)
            status = def ? add_layer(b, def, options, item, where, in, n, &out)
                         : add_map(b, map, options, item, where, in, n, &out);
        if (status == SYN_OK && b->insert.dropout)
            status = insert(b, b->insert.dropout, b->insert.rate, item, &out);
        if (status == SYN_OK) status = remember(b, (syn_tensor){ b->e->net, made }, out);
    }
    free(where);
    return status;
}

static json_t *train_key(const cli_experiment *e, const char *key) {
    return json_object_get(json_object_get(e->root, "train"), key);
}

/* Some schedules want steps, some end, and one monitors what may not be there. */
syn_status cli_experiment_schedule(const cli_experiment *e, syn_schedule *schedule, syn_schedule_run *run,
                                   syn_optim_use *use) {
    int64_t epoch_steps = cli_epoch_steps(e);
    *schedule = e->train.schedule;
    *run = (syn_schedule_run){ .steps = epoch_steps * e->train.epochs, .epoch_steps = epoch_steps };
    if (e->train.steps && e->train.steps < run->steps) run->steps = e->train.steps;
    if (syn_optim_prepare(&e->train.optimizer, e->top.preset, use) != SYN_OK)
        return cli_fail_again(train_key(e, "optimizer"), "train: optimizer");
    run->lr = use->lr;
    if (syn_schedule_check(schedule, e->top.preset, run) != SYN_OK ||
        syn_schedule_check_monitor(schedule, e->val_set != NULL, true) != SYN_OK)
        return cli_fail_again(train_key(e, "schedule"), "train: schedule");
    return SYN_OK;
}

static syn_status check_schedule(const cli_experiment *e) {
    syn_schedule schedule;
    syn_schedule_run run;
    syn_optim_use use;
    return cli_experiment_schedule(e, &schedule, &run, &use);
}

/* One for each input of the data, by its name; the first is what the first layer reads. */
static syn_status add_inputs(builder *b) {
    syn_field_info x;
    syn_tensor first = { NULL, -1 };
    for (int k = 0; syn_data_input(b->e->set, k, &x); k++) {
        b->last = syn_input(b->e->net, x.shape);
        if (x.name) b->last = syn_named(b->last, x.name);
        if (k == 0) first = b->last;
    }
    b->last = first;
    if (syn_net_status(b->e->net) == SYN_OK) return SYN_OK;
    return cli_fail_again(json_object_get(b->e->root, "data"), "data");
}

static syn_status find(void *user, const json_t *name, const char *where, syn_tensor *out) {
    return lookup(user, name, where, out);
}

syn_status cli_experiment_net(cli_experiment *e) {
    json_t *model = json_object_get(e->root, "model"), *item;
    builder b = { .e = e, .resolved = json_object_get(e->resolved, "model") };
    char got[96];
    size_t i;
    if (!json_is_array(model) || !json_array_size(model))
        return syn_fail_at(model, SYN_E_ARGUMENT, "model: expects a list of layers, got %s",
                           json_is_array(model) ? "an empty one"
                                                : syn_json_text(model, got, sizeof got));
    SYN_TRY(syn_net_create(&e->net, (uint64_t)e->train.seed));
    syn_net_preset(e->net, e->top.preset);
    syn_status status = add_inputs(&b);
    json_array_foreach(model, i, item) {
        b.insert = e->insert ? e->insert[i] : (cli_insert){ 0 };
        if (status == SYN_OK) status = add_item(&b, item);
    }
    e->output = b.last;
    if (status == SYN_OK) status = cli_experiment_losses(e, find, &b);
    free(b.item);
    SYN_TRY(status);
    return check_schedule(e);
}
