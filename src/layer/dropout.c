#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_dropout_opts *o = syn_layer_opts(net, layer);
    if (o->stream) net->layer[layer].stream = (uint32_t)o->stream;
    net->layer[layer].shape = *syn_layer_in(net, layer, 0);
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_dropout_opts *o = syn_layer_opts(l->net, layer);
    bool at_test = o->scale == 2;
    const double kept = 1 - o->rate, attr[] = { o->rate, at_test };
    if (o->rate <= 0 || (!l->random && !at_test)) return in[0];
    if (!l->random) return syn_map_apply(l->graph, syn_fn_find("scaled"), in, 1, &kept, 0);
    return syn_map_apply(l->graph, syn_fn_find("mask"), in, 1, attr, l->net->layer[layer].stream);
}

const syn_layer_row syn_layer_dropout = { .min_in = 1, .max_in = 1, .describe = describe,
                                          .lower = lower, .random = true,
                                          .role = SYN_ROLE_DROPOUT };
