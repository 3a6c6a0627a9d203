#include "layer/norm.h"

#include "op/norm.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_group_norm_opts *o = syn_layer_opts(net, layer);
    const syn_shape *in = syn_layer_in(net, layer, 0);
    int64_t channels = in->dim[in->rank - 1];
    if (o->groups < 1) return syn_fail(SYN_E_ARGUMENT, "groups must be given, 1 and up");
    if (channels % o->groups)
        return syn_fail(SYN_E_SHAPE, "%lld channels are not %d groups of equal size", (long long)channels,
                        o->groups);
    return syn_norm_describe(net, layer, 1, o->no_scale ? NULL : &o->gamma_init,
                             o->no_shift ? NULL : &o->beta_init);
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_group_norm_opts *o = syn_layer_opts(l->net, layer);
    int64_t channels = syn_value_cols(l->graph, in[0]), rows = syn_value_count(l->graph, in[0]) / channels;
    int64_t group = channels / o->groups;
    int gamma = syn_norm_gamma(l, layer, o->no_scale), beta = syn_norm_beta(l, layer, o->no_scale, o->no_shift);
    if (group < SYN_NORM_NARROW && rows > 1)
        return syn_column_norm(l->graph, in[0], gamma, beta, group, o->eps);
    return syn_row_norm(l->graph, in[0], gamma, beta, rows, group, o->eps, false);
}

const syn_layer_row syn_layer_group_norm = { .min_in = 1, .max_in = 1, .describe = describe,
                                             .lower = lower, .role = SYN_ROLE_NORM };
