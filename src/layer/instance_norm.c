#include "layer/norm.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_instance_norm_opts *o = syn_layer_opts(net, layer);
    const syn_shape *in = syn_layer_in(net, layer, 0);
    if (syn_shape_count(in) == in->dim[in->rank - 1]) {
        char got[96];
        syn_shape_print(in, got, sizeof got);
        return syn_fail(SYN_E_SHAPE, "got an input of shape %s, one value per channel: nothing to normalise over",
                        got);
    }
    return syn_norm_describe(net, layer, 1, o->no_scale ? NULL : &o->gamma_init,
                             o->no_shift ? NULL : &o->beta_init);
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_instance_norm_opts *o = syn_layer_opts(l->net, layer);
    return syn_column_norm(l->graph, in[0], syn_norm_gamma(l, layer, o->no_scale),
                           syn_norm_beta(l, layer, o->no_scale, o->no_shift), 1, o->eps);
}

const syn_layer_row syn_layer_instance_norm = { .min_in = 1, .max_in = 1, .describe = describe,
                                                .lower = lower, .role = SYN_ROLE_NORM };
