#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    net->layer[layer].shape = SYN_SHAPE(syn_shape_count(syn_layer_in(net, layer, 0)));
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    return syn_view(l->graph, in[0], l->net->layer[layer].shape);
}

const syn_layer_row syn_layer_flatten = { .min_in = 1, .max_in = 1, .describe = describe,
                                          .lower = lower };
