#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_rrelu_opts *o = syn_layer_opts(net, layer);
    if (o->low > o->high)
        return syn_fail(SYN_E_ARGUMENT, "low is %g, above high, which is %g", o->low, o->high);
    if (o->stream) net->layer[layer].stream = (uint32_t)o->stream;
    net->layer[layer].shape = *syn_layer_in(net, layer, 0);
    return SYN_OK;
}

/* Monte Carlo prediction keeps dropout alone: the slope is its mean there. */
static int lower(syn_lower *l, int layer, const int *in) {
    const syn_rrelu_opts *o = syn_layer_opts(l->net, layer);
    const double slopes[] = { o->low, o->high }, mean = (o->low + o->high) / 2;
    if (!l->train) return syn_map_apply(l->graph, syn_fn_find("leaky_relu"), in, 1, &mean, 0);
    return syn_map_apply(l->graph, syn_fn_find("rrelu_of"), in, 1, slopes, l->net->layer[layer].stream);
}

const syn_layer_row syn_layer_rrelu = { .min_in = 1, .max_in = 1, .describe = describe,
                                        .lower = lower, .random = true,
                                        .role = SYN_ROLE_ACTIVATION };
