#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_dense_opts *o = syn_layer_opts(net, layer);
    const syn_shape *in = syn_layer_in(net, layer, 0);
    if (o->units < 1) return syn_fail(SYN_E_ARGUMENT, "units must be given, 1 and up");
    if (in->rank != 1) {
        char got[96];
        syn_shape_print(in, got, sizeof got);
        return syn_fail(SYN_E_SHAPE, "got an input of shape %s, wants one axis; put a flatten layer in "
                                     "front", got);
    }
    double fan_in = (double)in->dim[0], fan_out = o->units;
    int64_t n_in = in->dim[0];
    net->layer[layer].shape = SYN_SHAPE(o->units);
    net->layer[layer].flops = n_in * o->units;
    SYN_TRY(syn_layer_param(net, layer, "kernel", SYN_SHAPE(n_in, o->units), &o->init, fan_in, fan_out));
    if (o->no_bias) return SYN_OK;
    /* torch's bias is drawn with the kernel's fan_in. */
    return syn_layer_param(net, layer, "bias", SYN_SHAPE(o->units), &o->bias_init, fan_in, fan_out);
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_dense_opts *o = syn_layer_opts(l->net, layer);
    int y = syn_gemm_node(l->graph, in[0], syn_lower_param(l, layer, 0), false, false);
    return o->no_bias || y < 0 ? y : syn_map_add(l->graph, y, syn_lower_param(l, layer, 1));
}

const syn_layer_row syn_layer_dense = { .min_in = 1, .max_in = 1, .describe = describe,
                                        .lower = lower };
