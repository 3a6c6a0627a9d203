/* Squared error: row losses and the gradient in one pass. */
#include "op/loss.h"
#include "op/ops.h"
#include "op/row.h"

int syn_mse_node(syn_graph *g, int x, int target, bool mean) {
    int out[2] = { syn_graph_value(g, SYN_SHAPE(1), true), syn_graph_like(g, x) };
    /* Axes of a sample are one row here. */
    int node = syn_graph_node(g, &syn_op_mse, (int[]){ x, target }, 2, out, 2);
    if (node < 0) return -1;
    g->node[node].i[0] = mean;
    syn_graph_add_loss(g, node, out[0], -1);
    return node;
}

static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    (void)dout;
    (void)need;
    g->node[node].i[1] = 1;
    din[0] = g->node[node].out[1];
    return SYN_OK;
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    syn_call c;
    char common[SYN_LOSS_ROOM];
    SYN_TRY(syn_row_call(e, n->in[0], syn_value_count(e->graph, n->in[0]), "op/mse.cl", "mse", &c,
                         "#define MEAN %d\n#define GRAD %d\n%s", n->i[0], n->i[1],
                         syn_loss_defines(e, n, common)));
    syn_call_arg(&c, syn_in(n->in[0]));
    syn_call_arg(&c, syn_in(n->in[1]));
    syn_loss_samples(e, n, &c);
    syn_call_arg(&c, syn_out(n->out[0]));
    if (n->i[1]) syn_call_arg(&c, syn_out(n->out[1]));
    syn_call_arg(&c, syn_int(e->rows));
    return e->call(e, &c, 0);
}

const syn_op syn_op_mse = { .name = "mse", .grad = grad, .emit = emit };
