#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_spatial_dropout_opts *o = syn_layer_opts(net, layer);
    const syn_shape *in = syn_layer_in(net, layer, 0);
    if (in->rank < 2) {
        char got[96];
        syn_shape_print(in, got, sizeof got);
        return syn_fail(SYN_E_SHAPE, "got an input of shape %s, wants places and channels, two axes or "
                                     "more; plain dropout takes one", got);
    }
    if (o->stream) net->layer[layer].stream = (uint32_t)o->stream;
    net->layer[layer].shape = *in;
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_spatial_dropout_opts *o = syn_layer_opts(l->net, layer);
    const syn_shape *s = &l->net->layer[layer].shape;
    if (!l->random || o->rate <= 0) return in[0];
    /* The places of a sample share their draws. */
    const double attr[] = { o->rate, (double)(syn_shape_count(s) / s->dim[s->rank - 1]) };
    return syn_map_apply(l->graph, syn_fn_find("mask_channels"), in, 1, attr,
                         l->net->layer[layer].stream);
}

const syn_layer_row syn_layer_spatial_dropout = { .min_in = 1, .max_in = 1, .describe = describe,
                                                  .lower = lower, .random = true,
                                                  .role = SYN_ROLE_DROPOUT };
