/* Matrix products over the last axes. Forward is x W; its gradients are dy W^T and x^T dy. */
#include "op/ops.h"

int syn_gemm_node(syn_graph *g, int a, int b, bool ta, bool tb) {
    if (a < 0 || b < 0) return -1;
    int64_t n = tb ? g->value[b].shape.dim[0] : syn_value_cols(g, b);
    syn_shape shape = g->value[a].shape;
    bool batched = g->value[a].batched;
    if (ta) {
        shape = SYN_SHAPE(syn_value_cols(g, a), n);
        batched = false;
    } else {
        shape.dim[shape.rank - 1] = n;
    }
    int c = syn_graph_value(g, shape, batched);
    int node = syn_graph_node(g, &syn_op_gemm, (int[]){ a, b }, 2, &c, 1);
    if (node < 0) return -1;
    g->node[node].i[0] = ta;
    g->node[node].i[1] = tb;
    return c;
}

static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    const syn_node n = g->node[node];
    if (n.i[0] || n.i[1])
        return syn_fail(SYN_E_ARGUMENT, "gemm: gradients of transposed products are not there");
    /* The weights' first: then x and dy have been read, and what is made of dx may take their
     * memory. */
    if (need[1]) din[1] = syn_gemm_node(g, n.in[0], dout[0], true, false);
    if (need[0]) din[0] = syn_gemm_node(g, dout[0], n.in[1], false, true);
    return SYN_OK;
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    int a = n->in[0], b = n->in[1], c = n->out[0];
    bool ta = n->i[0], tb = n->i[1];
    int64_t rows = syn_emit_rows(e, a), cols = syn_value_cols(e->graph, a);
    return e->gemm(e, ta ? cols : rows, syn_value_cols(e->graph, c), ta ? rows : cols, ta, tb, a, b, c);
}

const syn_op syn_op_gemm = { .name = "gemm", .grad = grad, .emit = emit, .epilogue = true };
