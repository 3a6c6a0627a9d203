/* Reverse-mode differentiation: one walk back over the nodes, each op adding its own gradient nodes. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

/* Adds dv to what is known of value v's gradient; several readers of v are summed in a fixed order. */
static void accumulate(syn_graph *g, const syn_grad_ops *ops, int v, int dv) {
    int *grad = &g->value[v].grad;
    if (*grad < 0) {
        *grad = dv;
    } else {
        int sum = ops->add(g, *grad, dv);
        g->value[v].grad = sum;
    }
}

/* A parameter's gradient must be a value of its own, produced by a node, to become its segment of
 * the gradient block; a value that also serves elsewhere is copied. */
static void tag_param_grads(syn_graph *g, const syn_grad_ops *ops, int n_values) {
    for (int v = 0; v < n_values; v++) {
        if (g->value[v].kind != SYN_VALUE_PARAM || g->value[v].grad < 0) continue;
        int dv = g->value[v].grad;
        bool shared = g->value[dv].producer < 0 || g->value[dv].alias >= 0 ||
                      g->value[dv].kind != SYN_VALUE_TEMP || g->value[dv].batched;
        for (int i = 0; !shared && i < g->n_values; i++) shared = g->value[i].alias == dv;
        if (shared) dv = ops->copy(g, dv);
        if (dv < 0) return;
        g->value[v].grad = dv;
        g->value[dv].kind = SYN_VALUE_GRAD;
        g->value[dv].param = g->value[v].param;
    }
}

static bool makes_loss(const syn_graph *g, int node) {
    for (int i = 0; i < g->n_losses; i++)
        if (g->value[g->loss[i]].producer == node) return true;
    return false;
}

syn_status syn_graph_grad(syn_graph *g, int loss_node, const bool *wanted,
                          const syn_grad_ops *ops) {
    int n_nodes = g->n_nodes, n_values = g->n_values;
    bool *needs = calloc((size_t)n_values + 1, sizeof *needs);
    if (!needs) return syn_no_memory((size_t)n_values);
    memcpy(needs, wanted, (size_t)n_values * sizeof *needs);
    for (int i = 0; i < n_nodes; i++) {
        bool any = false;
        for (int k = 0; k < g->node[i].n_in; k++) any |= needs[g->node[i].in[k]];
        for (int o = 0; any && o < g->node[i].n_out; o++) needs[g->node[i].out[o]] = true;
    }
    g->backward = true;
    syn_status status = SYN_OK;
    for (int i = n_nodes - 1; i >= 0 && status == SYN_OK; i--) {
        const syn_node n = g->node[i]; /* a copy: grad() adds nodes, which may move the array */
        int dout[SYN_MAX_OUT], din[SYN_MAX_IN];
        bool need[SYN_MAX_IN], any_out = i == loss_node || makes_loss(g, i), any_in = false;
        for (int o = 0; o < n.n_out; o++) {
            dout[o] = g->value[n.out[o]].grad;
            any_out |= dout[o] >= 0;
        }
        for (int k = 0; k < n.n_in; k++) {
            need[k] = needs[n.in[k]];
            any_in |= need[k];
            din[k] = -1;
        }
        if (!any_out || !any_in) continue;
        if (!n.op->grad) {
            status = syn_fail(SYN_E_ARGUMENT, "op %s has no gradient, and a trained value is behind it",
                              n.op->name);
            break;
        }
        g->layer = n.layer;
        status = n.op->grad(g, i, dout, need, din);
        for (int k = 0; status == SYN_OK && k < n.n_in; k++)
            if (din[k] >= 0) accumulate(g, ops, n.in[k], din[k]);
    }
    if (status == SYN_OK) tag_param_grads(g, ops, n_values);
    g->backward = false;
    free(needs);
    if (status == SYN_OK && g->failed) status = syn_no_memory(sizeof(syn_node));
    return status;
}
