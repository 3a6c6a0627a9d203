#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_shape *first = syn_layer_in(net, layer, 0);
    for (int k = 1; k < net->layer[layer].n_in; k++) {
        const syn_shape *s = syn_layer_in(net, layer, k);
        if (syn_shape_equal(first, s)) continue;
        char a[96], b[96];
        syn_shape_print(first, a, sizeof a);
        syn_shape_print(s, b, sizeof b);
        return syn_fail(SYN_E_SHAPE, "got inputs of shapes %s (%s) and %s (%s), wants equal ones", a,
                        net->layer[net->layer[layer].in[0]].name, b,
                        net->layer[net->layer[layer].in[k]].name);
    }
    net->layer[layer].shape = *first;
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    int y = in[0];
    for (int k = 1; k < l->net->layer[layer].n_in; k++) y = syn_map_add(l->graph, y, in[k]);
    return y;
}

const syn_layer_row syn_layer_add = { .min_in = 2, .max_in = SYN_MAX_IN, .describe = describe,
                                      .lower = lower };
