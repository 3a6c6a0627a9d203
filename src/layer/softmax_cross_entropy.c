#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_shape *in = syn_layer_in(net, layer, 0);
    if (in->rank != 1 || in->dim[0] < 2) {
        char got[96];
        syn_shape_print(in, got, sizeof got);
        return syn_fail(SYN_E_SHAPE, "got logits of shape %s, wants one axis of 2 classes or more", got);
    }
    net->layer[layer].shape = *in;
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_softmax_cross_entropy_opts *o = syn_layer_opts(l->net, layer);
    return syn_softmax_xent_node(l->graph, in[0], l->target, o->reduction == 1);
}

const syn_layer_row syn_layer_softmax_cross_entropy = {
    .min_in = 1, .max_in = 1, .describe = describe, .lower = lower, .loss = true, .labels = true,
    .link = syn_softmax_node,
};
