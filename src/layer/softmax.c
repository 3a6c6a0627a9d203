#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    net->layer[layer].shape = *syn_layer_in(net, layer, 0);
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    (void)layer;
    return syn_softmax_node(l->graph, in[0]);
}

const syn_layer_row syn_layer_softmax = { .min_in = 1, .max_in = 1, .describe = describe,
                                          .lower = lower, .role = SYN_ROLE_ACTIVATION };
