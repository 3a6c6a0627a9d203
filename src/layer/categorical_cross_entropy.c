#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_categorical_cross_entropy_opts *o = syn_layer_opts(net, layer);
    return syn_describe_classes(net, layer, "logits", &o->class_weights);
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_categorical_cross_entropy_opts *o = syn_layer_opts(l->net, layer);
    return syn_class_loss_node(l->graph, in[0], l->target, &(syn_class_loss){
        .mean = o->reduction == 1, .flags = SYN_CLASS_DISTRIBUTIONS, .smoothing = o->label_smoothing,
        .ignored = -1, .weights = o->class_weights.n > 0 ? o->class_weights.v : NULL });
}

const syn_layer_row syn_layer_categorical_cross_entropy = {
    .min_in = 1, .max_in = 1, .describe = describe, .lower = lower, .loss = true, .report = SYN_REPORT_DISTRIBUTIONS, .link = syn_softmax_node,
};
