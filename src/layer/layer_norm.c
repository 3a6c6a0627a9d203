#include "layer/norm.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_layer_norm_opts *o = syn_layer_opts(net, layer);
    const int rank = syn_layer_in(net, layer, 0)->rank;
    if (o->axes > rank)
        return syn_fail(SYN_E_SHAPE, "axes is %d, and a sample of its input has %d", o->axes, rank);
    return syn_norm_describe(net, layer, o->axes, o->no_scale ? NULL : &o->gamma_init,
                             o->no_shift ? NULL : &o->beta_init);
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_layer_norm_opts *o = syn_layer_opts(l->net, layer);
    const syn_shape shape = l->net->layer[layer].shape;
    /* the axes that share their statistics become one */
    syn_shape rows = { .rank = shape.rank - o->axes + 1 };
    for (int i = 0; i < rows.rank; i++) rows.dim[i] = shape.dim[i];
    for (int i = rows.rank; i < shape.rank; i++) rows.dim[rows.rank - 1] *= shape.dim[i];
    int x = o->axes > 1 ? syn_view(l->graph, in[0], rows) : in[0];
    if (x < 0) return -1;
    int y = syn_row_norm(l->graph, x, syn_norm_gamma(l, layer, o->no_scale),
                         syn_norm_beta(l, layer, o->no_scale, o->no_shift), 1, syn_value_cols(l->graph, x), o->eps,
                         false);
    return o->axes > 1 && y >= 0 ? syn_view(l->graph, y, shape) : y;
}

const syn_layer_row syn_layer_layer_norm = { .min_in = 1, .max_in = 1, .describe = describe,
                                             .lower = lower, .role = SYN_ROLE_NORM };
