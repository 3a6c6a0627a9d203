#include "layer/layer.h"

#include "op/loss.h"

static syn_status attributes(const syn_net *net, int layer, double *attr) {
    const syn_custom_loss_opts *o = syn_layer_opts(net, layer);
    if (!o->function) return syn_fail(SYN_E_ARGUMENT, "function must be given: a name of syn_register_loss");
    const syn_loss_fn *fn = syn_loss_fn_find(o->function);
    if (!fn) return SYN_E_ARGUMENT;
    const double given[] = { o->a, o->b };
    for (int i = 0; i < syn_loss_fn_attrs(fn); i++) {
        const syn_map_attr *a = &fn->row.attr[i];
        attr[i] = i < 2 && syn_real_is_set(given[i]) ? given[i] : o->preset == SYN_TORCH ? a->torch : a->keras;
        if (!(attr[i] >= a->lo && attr[i] <= a->hi))
            return syn_fail(SYN_E_ARGUMENT, "%s of %s is %g, allowed %g to %g", a->name, fn->row.name, attr[i],
                            a->lo, a->hi);
    }
    return SYN_OK;
}

static syn_status describe(syn_net *net, int layer) {
    double attr[SYN_MAX_ATTRS];
    net->layer[layer].shape = *syn_layer_in(net, layer, 0);
    return attributes(net, layer, attr);
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_custom_loss_opts *o = syn_layer_opts(l->net, layer);
    double attr[SYN_MAX_ATTRS];
    if (attributes(l->net, layer, attr) != SYN_OK) return -1;
    return syn_lower_elements(l, o->function, attr, in[0], o->reduction == 1);
}

const syn_layer_row syn_layer_custom_loss = { .min_in = 1, .max_in = 1, .describe = describe, .lower = lower,
                                              .loss = true, .report = SYN_REPORT_VALUES };
