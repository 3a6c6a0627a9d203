#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_nll_opts *o = syn_layer_opts(net, layer);
    SYN_TRY(syn_describe_classes(net, layer, "log-probabilities", &o->class_weights));
    net->layer[layer].ignored = 1 + (int64_t)o->ignore_index;
    return SYN_OK;
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_nll_opts *o = syn_layer_opts(l->net, layer);
    return syn_class_loss_node(l->graph, in[0], l->target, &(syn_class_loss){
        .mean = o->reduction == 1,
        .flags = SYN_CLASS_LOG_PROBABILITIES | (o->weighting == 2 ? SYN_CLASS_BY_WEIGHT : 0),
        .ignored = o->ignore_index, .weights = o->class_weights.n > 0 ? o->class_weights.v : NULL });
}

const syn_layer_row syn_layer_nll = { .min_in = 1, .max_in = 1, .describe = describe, .lower = lower,
                                      .loss = true, .report = SYN_REPORT_LABELS, .labels = true };
