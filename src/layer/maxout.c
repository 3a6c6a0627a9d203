#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_maxout_opts *o = syn_layer_opts(net, layer);
    if (o->pieces < 1) return syn_fail(SYN_E_ARGUMENT, "pieces must be given, 1 and up");
    syn_shape shape = *syn_layer_in(net, layer, 0);
    int64_t *last = &shape.dim[shape.rank - 1];
    if (*last % o->pieces)
        return syn_fail(SYN_E_SHAPE, "got %lld units, which are no multiple of its %d pieces",
                        (long long)*last, o->pieces);
    *last /= o->pieces;
    net->layer[layer].shape = shape;
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_maxout_opts *o = syn_layer_opts(l->net, layer);
    return o->pieces == 1 ? in[0] : syn_maxout_node(l->graph, in[0], o->pieces);
}

const syn_layer_row syn_layer_maxout = { .min_in = 1, .max_in = 1, .describe = describe,
                                         .lower = lower, .role = SYN_ROLE_ACTIVATION };
