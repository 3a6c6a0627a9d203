#include "layer/layer.h"

#include <string.h>

/* The shape is no option: syn_input sets it on the layer before anything reads it. */
static _Thread_local syn_shape pending;

static syn_status describe(syn_net *net, int layer) {
    if (syn_shape_count(&pending) <= 0 || pending.rank < 1)
        return syn_fail(SYN_E_SHAPE, "an input needs a shape of 1 to %d axes, none of them empty",
                        SYN_MAX_RANK);
    if (syn_net_inputs(net, layer) == SYN_MAX_ENDS)
        return syn_fail(SYN_E_ARGUMENT, "the net has %d inputs already, the most there can be", SYN_MAX_ENDS);
    net->layer[layer].shape = pending;
    pending = (syn_shape){ 0 };
    return SYN_OK;
}

syn_tensor syn_input(syn_net *net, syn_shape shape) {
    pending = shape;
    return syn_layer(net, "input", NULL, 0, NULL);
}

static int lower(syn_lower *l, int layer, const int *in) {
    (void)in;
    return syn_feed(l->graph, l->net->layer[layer].shape, &l->graph->x[syn_net_inputs(l->net, layer)], false, false);
}

const syn_layer_row syn_layer_input = { .describe = describe, .lower = lower };
