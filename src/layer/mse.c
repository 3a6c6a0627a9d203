#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    net->layer[layer].shape = *syn_layer_in(net, layer, 0);
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_mse_opts *o = syn_layer_opts(l->net, layer);
    return syn_mse_node(l->graph, in[0], l->target, o->reduction == 1);
}

const syn_layer_row syn_layer_mse = { .min_in = 1, .max_in = 1, .describe = describe, .lower = lower,
                                      .loss = true, .report = SYN_REPORT_VALUES };
