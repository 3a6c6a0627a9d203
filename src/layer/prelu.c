#include "layer/layer.h"

enum { ELEMENT = 1, CHANNEL, ONE }; /* of `share` */

static syn_status describe(syn_net *net, int layer) {
    const syn_prelu_opts *o = syn_layer_opts(net, layer);
    const syn_shape *in = syn_layer_in(net, layer, 0);
    net->layer[layer].shape = *in;
    syn_shape shape = o->share == ELEMENT   ? *in
                      : o->share == CHANNEL ? SYN_SHAPE(in->dim[in->rank - 1])
                                            : SYN_SHAPE(1);
    const syn_init init = syn_init_constant(&(syn_init_constant_opts){
        .preset = o->preset, .value = o->alpha == 0 ? SYN_ZERO : o->alpha });
    return syn_layer_param(net, layer, "alpha", shape, &init, 1, 1);
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_prelu_opts *o = syn_layer_opts(l->net, layer);
    syn_graph *g = l->graph;
    const syn_shape shape = l->net->layer[layer].shape;
    /* A map broadcasts one row of the last axis: alpha by element wants the sample in one axis. */
    bool flat = o->share == ELEMENT && shape.rank > 1;
    int x = flat ? syn_view(g, in[0], SYN_SHAPE(syn_shape_count(&shape))) : in[0];
    int alpha = syn_lower_param(l, layer, 0);
    if (x < 0 || alpha < 0) return -1;
    int y = syn_map_apply(g, syn_fn_find("prelu_of"), (int[]){ x, alpha }, 2, NULL, 0);
    return flat && y >= 0 ? syn_view(g, y, shape) : y;
}

const syn_layer_row syn_layer_prelu = { .min_in = 1, .max_in = 1, .describe = describe,
                                        .lower = lower, .role = SYN_ROLE_ACTIVATION };
