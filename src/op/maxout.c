/* The largest of each k neighbours of the last axis; the gradient goes to the first that is largest. */
#include "op/ops.h"

enum { PIECES, BACKWARD }; /* of node.i */
enum { RUN = 2048 };        /* results of a work-item on CPUs */

static int node_of(syn_graph *g, const int *in, int n_in, int y, int pieces, bool backward) {
    int node = y < 0 ? -1 : syn_graph_node(g, &syn_op_maxout, in, n_in, &y, 1);
    if (node < 0) return -1;
    g->node[node].i[PIECES] = pieces;
    g->node[node].i[BACKWARD] = backward;
    return y;
}

int syn_maxout_node(syn_graph *g, int x, int pieces) {
    if (x < 0) return -1;
    syn_shape shape = g->value[x].shape;
    shape.dim[shape.rank - 1] /= pieces;
    return node_of(g, &x, 1, syn_graph_value(g, shape, g->value[x].batched), pieces, false);
}

static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    (void)need;
    const syn_node n = g->node[node];
    if (n.i[BACKWARD]) return syn_fail(SYN_E_ARGUMENT, "maxout: second derivatives are not there");
    din[0] = node_of(g, (int[]){ n.in[0], dout[0] }, 2, syn_graph_like(g, n.in[0]), n.i[PIECES], true);
    return SYN_OK;
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    int64_t wide = syn_emit_count(e, n->in[0]), count = wide / n->i[PIECES];
    syn_call c = { .source = "op/maxout.cl", .entry = n->i[BACKWARD] ? "maxout_grad" : "maxout", .dims = 1,
                   .defs = syn_format("#define PIECES %d\n#define BACKWARD %d\n#define RUN %d\n",
                                      n->i[PIECES], n->i[BACKWARD], RUN) };
    if (!c.defs) return syn_no_memory(64);
    for (int k = 0; k < n->n_in; k++) syn_call_arg(&c, syn_in(n->in[k]));
    syn_call_arg(&c, syn_out(n->out[0]));
    syn_call_arg(&c, syn_int(count));
    c.local[0] = e->profile->cpu ? 1 : 64;
    c.global[0] = (size_t)(e->profile->cpu ? syn_ceil_div(count, RUN) : syn_round_up(count, 64));
    c.flops = (double)wide;
    c.bytes = (double)((n->i[BACKWARD] ? 2 * wide : wide) + count) * (double)syn_value_size(e->graph, n->in[0], e->dtype);
    return e->call(e, &c, 0);
}

const syn_op syn_op_maxout = { .name = "maxout", .grad = grad, .emit = emit };
