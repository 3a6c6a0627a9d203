#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_softmax_cross_entropy_opts *o = syn_layer_opts(net, layer);
    SYN_TRY(syn_describe_classes(net, layer, "logits", &o->class_weights));
    net->layer[layer].ignored = 1 + (int64_t)o->ignore_index;
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_softmax_cross_entropy_opts *o = syn_layer_opts(l->net, layer);
    bool mean = o->reduction == 1, weighted = o->class_weights.n > 0;
    if (!weighted && o->label_smoothing <= 0 && o->ignore_index < 0) /* one pass over each row */
        return syn_softmax_xent_node(l->graph, in[0], l->target, mean);
    return syn_class_loss_node(l->graph, in[0], l->target, &(syn_class_loss){
        .mean = mean, .flags = o->weighting == 2 ? SYN_CLASS_BY_WEIGHT : 0, .smoothing = o->label_smoothing,
        .ignored = o->ignore_index, .weights = weighted ? o->class_weights.v : NULL });
}

const syn_layer_row syn_layer_softmax_cross_entropy = {
    .min_in = 1, .max_in = 1, .describe = describe, .lower = lower, .loss = true, .report = SYN_REPORT_LABELS, .labels = true,
    .link = syn_softmax_node,
};
