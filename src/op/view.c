#include "op/ops.h"

int syn_view(syn_graph *g, int x, syn_shape shape) {
    int y = x < 0 ? -1 : syn_graph_value(g, shape, g->value[x].batched);
    if (y < 0) return -1;
    g->value[y].alias = x;
    return syn_graph_node(g, &syn_op_view, &x, 1, &y, 1) < 0 ? -1 : y;
}

static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    (void)need;
    din[0] = syn_view(g, dout[0], g->value[g->node[node].in[0]].shape);
    return SYN_OK;
}

const syn_op syn_op_view = { .name = "view", .grad = grad };
