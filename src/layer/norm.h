/* Gamma and beta of the normalisation layers. */
#ifndef SYN_LAYER_NORM_H
#define SYN_LAYER_NORM_H

#include "layer/layer.h"

/* "gamma" and "beta", one value a channel, or for each place of the last `axes` axes; an initialiser of NULL leaves
 * it out. Sets the layer's shape. */
static inline syn_status syn_norm_describe(syn_net *net, int layer, int axes, const syn_init *gamma,
                                           const syn_init *beta) {
    const syn_shape in = *syn_layer_in(net, layer, 0);
    syn_shape channels = { .rank = axes };
    for (int i = 0; i < axes; i++) channels.dim[i] = in.dim[in.rank - axes + i];
    double fan = (double)syn_shape_count(&channels);
    net->layer[layer].shape = in;
    if (gamma) SYN_TRY(syn_layer_param(net, layer, "gamma", channels, gamma, fan, fan));
    return beta ? syn_layer_param(net, layer, "beta", channels, beta, fan, fan) : SYN_OK;
}

/* Their values, -1 where left out. */
static inline int syn_norm_gamma(syn_lower *l, int layer, bool no_scale) {
    return no_scale ? -1 : syn_lower_param(l, layer, 0);
}
static inline int syn_norm_beta(syn_lower *l, int layer, bool no_scale, bool no_shift) {
    return no_shift ? -1 : syn_lower_param(l, layer, no_scale ? 0 : 1);
}

#endif
