#include "layer/norm.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_rms_norm_opts *o = syn_layer_opts(net, layer);
    return syn_norm_describe(net, layer, 1, o->no_scale ? NULL : &o->gamma_init, NULL);
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_rms_norm_opts *o = syn_layer_opts(l->net, layer);
    return syn_row_norm(l->graph, in[0], syn_norm_gamma(l, layer, o->no_scale), -1, 1,
                        syn_value_cols(l->graph, in[0]), o->eps, true);
}

const syn_layer_row syn_layer_rms_norm = { .min_in = 1, .max_in = 1, .describe = describe,
                                           .lower = lower, .role = SYN_ROLE_NORM };
