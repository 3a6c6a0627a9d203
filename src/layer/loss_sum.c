/* A weighted sum of losses: each reads its own layer and has its own target. */
#include "layer/layer.h"

static syn_status describe(syn_net *net, int layer) {
    const syn_net_layer *l = &net->layer[layer];
    const syn_numbers *weights = &((const syn_loss_sum_opts *)l->opts)->weights;
    if (weights->n > 0 && weights->n != l->n_in)
        return syn_fail(SYN_E_ARGUMENT, "weights has %d numbers, there are %d losses", weights->n, l->n_in);
    for (int k = 0; k < l->n_in; k++) {
        if (!net->layer[l->in[k]].row->loss || net->layer[l->in[k]].row->sum)
            return syn_fail(SYN_E_ARGUMENT, "%s is no loss; it sums losses", net->layer[l->in[k]].name);
        for (int j = 0; j < k; j++)
            if (l->in[j] == l->in[k])
                return syn_fail(SYN_E_ARGUMENT, "%s is there twice", net->layer[l->in[k]].name);
    }
    net->layer[layer].shape = SYN_SHAPE(1);
    return SYN_OK;
}

const syn_layer_row syn_layer_loss_sum = { .min_in = 1, .max_in = SYN_MAX_ENDS, .describe = describe,
                                           .loss = true, .sum = true };
