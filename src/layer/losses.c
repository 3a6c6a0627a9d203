/* What the layers of losses share. */
#include "layer/layer.h"

#include "op/loss.h"

syn_status syn_describe_classes(syn_net *net, int layer, const char *what, const syn_numbers *weights) {
    const syn_shape *in = syn_layer_in(net, layer, 0);
    if (in->rank != 1 || in->dim[0] < 2) {
        char got[96];
        syn_shape_print(in, got, sizeof got);
        return syn_fail(SYN_E_SHAPE, "got %s of shape %s, wants one axis of 2 classes or more", what, got);
    }
    if (weights && weights->n > 0 && weights->n != in->dim[0])
        return syn_fail(SYN_E_ARGUMENT, "class_weights has %d numbers, there are %lld classes", weights->n,
                        (long long)in->dim[0]);
    net->layer[layer].shape = *in;
    return SYN_OK;
}

int syn_lower_elements(syn_lower *l, const char *name, const double *attr, int x, bool mean) {
    const syn_loss_fn *fn = syn_loss_fn_find(name);
    return fn ? syn_element_loss_node(l->graph, fn, attr, x, l->target, mean) : -1;
}
