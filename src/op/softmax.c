#include "op/ops.h"
#include "op/row.h"

int syn_softmax_node(syn_graph *g, int x) {
    int y = syn_graph_like(g, x);
    return y < 0 || syn_graph_node(g, &syn_op_softmax, &x, 1, &y, 1) < 0 ? -1 : y;
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    syn_call c;
    SYN_TRY(syn_row_call(e, n->in[0], "op/softmax.cl", "softmax", &c, "%s", ""));
    syn_call_arg(&c, syn_in(n->in[0]));
    syn_call_arg(&c, syn_out(n->out[0]));
    syn_call_arg(&c, syn_int(syn_emit_rows(e, n->in[0])));
    return e->call(e, &c, 0);
}

const syn_op syn_op_softmax = { .name = "softmax", .emit = emit };
