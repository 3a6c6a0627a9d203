#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    syn_shape shape = *syn_layer_in(net, layer, 0);
    int last = shape.rank - 1;
    for (int k = 1; k < net->layer[layer].n_in; k++) {
        const syn_shape *s = syn_layer_in(net, layer, k);
        bool fits = s->rank == shape.rank;
        for (int d = 0; fits && d < last; d++) fits = s->dim[d] == shape.dim[d];
        if (!fits) {
            char a[96], b[96];
            syn_shape_print(syn_layer_in(net, layer, 0), a, sizeof a);
            syn_shape_print(s, b, sizeof b);
            return syn_fail(SYN_E_SHAPE, "got inputs of shapes %s (%s) and %s (%s), wants all but the "
                                         "last axis equal", a,
                            net->layer[net->layer[layer].in[0]].name, b,
                            net->layer[net->layer[layer].in[k]].name);
        }
        shape.dim[last] += s->dim[last];
    }
    net->layer[layer].shape = shape;
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    return syn_concat_node(l->graph, in, l->net->layer[layer].n_in);
}

const syn_layer_row syn_layer_concat = { .min_in = 2, .max_in = SYN_MAX_IN, .describe = describe,
                                         .lower = lower };
