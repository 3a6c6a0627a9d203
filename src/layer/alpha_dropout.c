#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_alpha_dropout_opts *o = syn_layer_opts(net, layer);
    if (o->stream) net->layer[layer].stream = (uint32_t)o->stream;
    net->layer[layer].shape = *syn_layer_in(net, layer, 0);
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_alpha_dropout_opts *o = syn_layer_opts(l->net, layer);
    if (!l->random || o->rate <= 0) return in[0];
    return syn_map_apply(l->graph, syn_fn_find("mask_alpha"), in, 1, &o->rate,
                         l->net->layer[layer].stream);
}

const syn_layer_row syn_layer_alpha_dropout = { .min_in = 1, .max_in = 1, .describe = describe,
                                                .lower = lower, .random = true,
                                                .role = SYN_ROLE_DROPOUT };
