/* A net as JSON: what a weights file carries. */
#include "layer/layer.h"

#include <stdlib.h>
#include <string.h>

char *syn_net_to_json(const syn_net *net) {
    json_t *root = json_object(), *layers = json_array();
    json_object_set_new(root, "seed", json_integer((json_int_t)net->seed));
    json_object_set_new(root, "layers", layers);
    for (int i = 0; i < net->n_layers; i++) {
        const syn_net_layer *l = &net->layer[i];
        json_t *o = json_object(), *in = json_array();
        json_object_set_new(o, "layer", json_string(l->def->name));
        json_object_set_new(o, "name", json_string(l->name));
        for (int k = 0; k < l->n_in; k++)
            json_array_append_new(in, json_string(net->layer[l->in[k]].name));
        json_object_set_new(o, "from", in);
        if (l->n_in == 0) {
            json_t *shape = json_array();
            for (int d = 0; d < l->shape.rank; d++)
                json_array_append_new(shape, json_integer(l->shape.dim[d]));
            json_object_set_new(o, "shape", shape);
        }
        json_t *options = syn_options_write(l->def, l->opts);
        json_object_del(options, "name");
        json_object_set_new(o, "options", options);
        json_array_append_new(layers, o);
    }
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!text) syn_no_memory(4096);
    return text;
}

static syn_status read_layer(syn_net *net, json_t *o, int i) {
    const char *kind = json_string_value(json_object_get(o, "layer"));
    const char *name = json_string_value(json_object_get(o, "name"));
    json_t *from = json_object_get(o, "from"), *shape = json_object_get(o, "shape");
    if (!kind || !name || !json_is_array(from) || json_array_size(from) > SYN_MAX_IN)
        return syn_fail(SYN_E_FORMAT, "layer %d has no kind, name or inputs", i);
    const syn_def *def = syn_table_find(syn_layers(), kind);
    if (!def) return SYN_E_FORMAT;
    syn_tensor in[SYN_MAX_IN], made;
    int n = (int)json_array_size(from);
    for (int k = 0; k < n; k++) {
        const char *source = json_string_value(json_array_get(from, (size_t)k));
        in[k] = syn_net_find(net, source ? source : "");
        if (!in[k].net)
            return syn_fail(SYN_E_FORMAT, "layer %s reads '%s', which is not there", name,
                            source ? source : "?");
    }
    if (json_is_array(shape)) {
        syn_shape s = { .rank = (int)json_array_size(shape) };
        if (s.rank > SYN_MAX_RANK) return syn_fail(SYN_E_FORMAT, "layer %s has %d axes", name, s.rank);
        for (int d = 0; d < s.rank; d++)
            s.dim[d] = json_integer_value(json_array_get(shape, (size_t)d));
        made = syn_input(net, s);
    } else {
        void *opts = calloc(1, def->size);
        if (!opts) return syn_no_memory(def->size);
        syn_status status =
            syn_options_read(def, opts, json_object_get(o, "options"), name, NULL);
        if (status == SYN_OK) made = syn_layer(net, kind, in, n, opts);
        free(opts);
        SYN_TRY(status);
    }
    syn_named(made, name);
    return syn_net_status(net);
}

syn_status syn_net_from_json(syn_net **net, const char *json) {
    json_error_t error;
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return syn_fail(SYN_E_FORMAT, "network description: line %d: %s", error.line, error.text);
    json_t *layers = json_object_get(root, "layers"), *o;
    syn_status status = json_is_array(layers)
                            ? syn_net_create(net, (uint64_t)json_integer_value(
                                                      json_object_get(root, "seed")))
                            : syn_fail(SYN_E_FORMAT, "network description: no list of layers");
    size_t i;
    json_array_foreach(layers, i, o) {
        if (status != SYN_OK) break;
        status = read_layer(*net, o, (int)i + 1);
        if (status != SYN_OK) {
            syn_fail_in(status, "network description");
            syn_net_destroy(*net);
            *net = NULL;
        }
    }
    json_decref(root);
    if (status == SYN_OK) (*net)->paired = true; /* said when it was made */
    return status;
}
