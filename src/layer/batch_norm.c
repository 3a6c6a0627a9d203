#include "layer/norm.h"

enum { MOVING = 1, CUMULATIVE = 2, WHOLE_SET = 3 }; /* the choices of `statistics` */

/* Parameters: gamma, beta, then these. */
static int first_statistic(const syn_batch_norm_opts *o) { return !o->no_scale + !o->no_shift; }

static syn_status describe(syn_net *net, int layer) {
    const syn_batch_norm_opts *o = syn_layer_opts(net, layer);
    SYN_TRY(syn_norm_describe(net, layer, 1, o->no_scale ? NULL : &o->gamma_init,
                              o->no_shift ? NULL : &o->beta_init));
    const syn_shape *in = syn_layer_in(net, layer, 0);
    const syn_shape channels = SYN_SHAPE(in->dim[in->rank - 1]);
    SYN_TRY(syn_layer_statistic(net, layer, "moving_mean", channels, false));
    SYN_TRY(syn_layer_statistic(net, layer, "moving_variance", channels, true));
    if (o->statistics != CUMULATIVE) return SYN_OK;
    /* By channel, for a batch may be finite in some channels only. */
    return syn_layer_statistic(net, layer, "moving_count", channels, false);
}

static int map2(syn_graph *g, const char *fn, int a, int b, const double *attr) {
    return a < 0 || b < 0 ? -1 : syn_map_apply(g, syn_fn_find(fn), (int[]){ a, b }, 2, attr, 0);
}

/* (x - mean) scale + beta, scale = gamma / sqrt(var + eps): maps, which fuse with what follows. */
static int by_moving(syn_graph *g, int x, int gamma, int beta, int mean, int variance, double eps) {
    int scale = gamma >= 0 ? map2(g, "rescale", gamma, variance, &eps)
                           : syn_map_apply(g, syn_fn_find("rsqrt"), &variance, 1, &eps, 0);
    int y = map2(g, "product", map2(g, "difference", x, mean, NULL), scale, NULL);
    return beta < 0 ? y : map2(g, "sum", y, beta, NULL);
}

static int lower(syn_lower *l, int layer, const int *in) {
    const syn_batch_norm_opts *o = syn_layer_opts(l->net, layer);
    int k = first_statistic(o), p = l->net->layer[layer].first_param + k;
    int gamma = syn_norm_gamma(l, layer, o->no_scale), beta = syn_norm_beta(l, layer, o->no_scale, o->no_shift);
    int mean = syn_lower_param(l, layer, k), variance = syn_lower_param(l, layer, k + 1);
    bool collect = l->collect && o->statistics == WHOLE_SET;
    bool frozen = l->trained && !l->trained[p] && o->freeze_stats == 2;
    if (mean < 0 || variance < 0) return -1;
    if (!collect && (!l->train || frozen))
        return by_moving(l->graph, in[0], gamma, beta, mean, variance, o->eps);
    const syn_moving m = { .mode = collect                        ? SYN_MOVING_SET
                                   : o->statistics == CUMULATIVE ? SYN_MOVING_CUMULATIVE
                                                                 : SYN_MOVING_AVERAGE,
                           .mean = mean, .variance = variance, .unbiased = o->variance == 2,
                           .count = o->statistics == CUMULATIVE ? syn_lower_param(l, layer, k + 2) : -1,
                           .take = 1 - o->momentum };
    return syn_batch_norm_node(l->graph, in[0], gamma, beta, &m, o->eps);
}

const syn_layer_row syn_layer_batch_norm = { .min_in = 1, .max_in = 1, .describe = describe,
                                             .lower = lower, .modal = true, .role = SYN_ROLE_NORM };

bool syn_net_collects(const syn_net *net) {
    for (int i = 0; i < net->n_layers; i++)
        if (net->layer[i].row == &syn_layer_batch_norm &&
            ((const syn_batch_norm_opts *)net->layer[i].opts)->statistics == WHOLE_SET)
            return true;
    return false;
}
