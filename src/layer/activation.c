#include "layer/layer.h"

#include <math.h>

static syn_status attributes(const syn_net *net, int layer, const syn_fn **fn, double *attr) {
    const syn_activation_opts *o = syn_layer_opts(net, layer);
    if (!o->function) return syn_fail(SYN_E_ARGUMENT, "function must be given: elu, relu, tanh, ...");
    if (!syn_map_find(o->function)) return SYN_E_ARGUMENT;
    *fn = syn_fn_find(o->function);
    const double given[2] = { syn_real_is_set(o->a) ? o->a : NAN, syn_real_is_set(o->b) ? o->b : NAN };
    int n = syn_real_is_set(o->b) ? 2 : syn_real_is_set(o->a) ? 1 : 0;
    return syn_fn_attributes(*fn, given, n, o->preset, attr, net->layer[layer].name);
}

static syn_status describe(syn_net *net, int layer) {
    const syn_fn *fn = NULL;
    double attr[SYN_MAX_ATTRS];
    SYN_TRY(attributes(net, layer, &fn, attr));
    net->layer[layer].shape = *syn_layer_in(net, layer, 0);
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_fn *fn = NULL;
    double attr[SYN_MAX_ATTRS];
    if (attributes(l->net, layer, &fn, attr) != SYN_OK) return -1;
    return syn_map_apply(l->graph, fn, in, 1, attr, 0);
}

const syn_layer_row syn_layer_activation = { .min_in = 1, .max_in = 1, .describe = describe,
                                             .lower = lower, .role = SYN_ROLE_ACTIVATION };
