#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    net->layer[layer].shape = *syn_layer_in(net, layer, 0);
    return SYN_OK;
}

static int link(syn_graph *g, int x) { return syn_map_apply(g, syn_fn_find("sigmoid"), &x, 1, NULL, 0); }

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_binary_cross_entropy_opts *o = syn_layer_opts(l->net, layer);
    const double attr[] = { o->label_smoothing, o->positive_weight };
    return syn_lower_elements(l, "binary_cross_entropy", attr, in[0], o->reduction == 1);
}

const syn_layer_row syn_layer_binary_cross_entropy = { .min_in = 1, .max_in = 1, .describe = describe, .lower = lower,
                                     .loss = true, .report = SYN_REPORT_BITS, .link = link };
