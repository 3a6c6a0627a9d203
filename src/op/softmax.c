/* softmax and log_softmax over the last axis, and their gradients: rows at a time. */
#include "op/ops.h"
#include "op/row.h"

enum { LOG, BACKWARD }; /* of node.i */

static int node_of(syn_graph *g, const int *in, int n_in, bool logarithm, bool backward) {
    int y = syn_graph_like(g, in[0]);
    int node = y < 0 ? -1 : syn_graph_node(g, &syn_op_softmax, in, n_in, &y, 1);
    if (node < 0) return -1;
    g->node[node].i[LOG] = logarithm;
    g->node[node].i[BACKWARD] = backward;
    return y;
}

int syn_softmax_node(syn_graph *g, int x) { return node_of(g, &x, 1, false, false); }
int syn_log_softmax_node(syn_graph *g, int x) { return node_of(g, &x, 1, true, false); }

/* dx = y (dy - sum(dy y)), or dy - e^y sum(dy). */
static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    (void)need;
    const syn_node n = g->node[node];
    if (n.i[BACKWARD]) return syn_fail(SYN_E_ARGUMENT, "softmax: second derivatives are not there");
    din[0] = node_of(g, (int[]){ n.out[0], dout[0] }, 2, n.i[LOG], true);
    return SYN_OK;
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    syn_call c;
    SYN_TRY(syn_row_call(e, n->in[0], syn_value_cols(e->graph, n->in[0]), "op/softmax.cl",
                         n->i[BACKWARD] ? "softmax_grad" : "softmax", &c,
                         "#define LOG %d\n#define BACKWARD %d\n", n->i[LOG], n->i[BACKWARD]));
    for (int k = 0; k < n->n_in; k++) syn_call_arg(&c, syn_in(n->in[k]));
    syn_call_arg(&c, syn_out(n->out[0]));
    syn_call_arg(&c, syn_int(syn_emit_rows(e, n->in[0])));
    return e->call(e, &c, 0);
}

const syn_op syn_op_softmax = { .name = "softmax", .grad = grad, .emit = emit };
