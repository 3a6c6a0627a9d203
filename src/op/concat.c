/* Tensors side by side along the last axis, and its gradient, slices. */
#include "op/ops.h"

/* Work-items for copying `cols` columns of `rows` rows: see cl/op/concat.cl. */
static void launch_shape(const syn_emit *e, syn_call *c, int64_t rows, int64_t cols) {
    c->dims = 1;
    c->local[0] = e->profile->cpu ? 1 : 64;
    int64_t items = e->profile->cpu ? syn_ceil_div(rows, 16) : rows * cols;
    c->global[0] = (size_t)syn_round_up(items, (int64_t)c->local[0]);
    c->bytes = 2.0 * (double)(rows * cols) * (e->dtype == SYN_HALF ? 2 : (double)syn_emit_real(e));
}

/* One call that moves columns: [from, from + cols) of x to [to, to + cols) of y. */
static syn_status move_columns(syn_emit *e, int x, int y, int64_t from, int64_t to, int64_t cols) {
    const syn_graph *g = e->graph;
    int64_t rows = syn_emit_rows(e, x);
    syn_call c = { .source = "op/concat.cl", .entry = "columns",
                   .defs = syn_format("#define COLS %lld\n#define X_COLS %lld\n#define X_FIRST %lld\n"
                                      "#define Y_COLS %lld\n#define Y_FIRST %lld\n",
                                      (long long)cols, (long long)syn_value_cols(g, x),
                                      (long long)from, (long long)syn_value_cols(g, y),
                                      (long long)to) };
    if (!c.defs) return syn_no_memory(128);
    syn_call_arg(&c, syn_in(x));
    syn_call_arg(&c, syn_out(y));
    syn_call_arg(&c, syn_int(rows));
    launch_shape(e, &c, rows, cols);
    return e->call(e, &c, 0);
}

int syn_concat_node(syn_graph *g, const int *x, int n) {
    int64_t cols = 0;
    for (int i = 0; i < n; i++) {
        if (x[i] < 0) return -1;
        cols += syn_value_cols(g, x[i]);
    }
    syn_shape shape = g->value[x[0]].shape;
    shape.dim[shape.rank - 1] = cols;
    int y = syn_graph_value(g, shape, g->value[x[0]].batched);
    return syn_graph_node(g, &syn_op_concat, x, n, &y, 1) < 0 ? -1 : y;
}

int syn_slice_node(syn_graph *g, int x, int first, int cols) {
    if (x < 0) return -1;
    syn_shape shape = g->value[x].shape;
    shape.dim[shape.rank - 1] = cols;
    int y = syn_graph_value(g, shape, g->value[x].batched);
    int node = syn_graph_node(g, &syn_op_slice, &x, 1, &y, 1);
    if (node < 0) return -1;
    g->node[node].i[0] = first;
    return y;
}

static syn_status concat_grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    const syn_node n = g->node[node];
    int64_t first = 0;
    for (int k = 0; k < n.n_in; k++) {
        int64_t cols = syn_value_cols(g, n.in[k]);
        if (need[k]) din[k] = syn_slice_node(g, dout[0], (int)first, (int)cols);
        first += cols;
    }
    return SYN_OK;
}

static syn_status concat_emit(syn_emit *e, const syn_node *n) {
    int64_t first = 0;
    for (int k = 0; k < n->n_in; k++) {
        int64_t cols = syn_value_cols(e->graph, n->in[k]);
        SYN_TRY(move_columns(e, n->in[k], n->out[0], 0, first, cols));
        first += cols;
    }
    return SYN_OK;
}

static syn_status slice_emit(syn_emit *e, const syn_node *n) {
    return move_columns(e, n->in[0], n->out[0], n->i[0], 0, syn_value_cols(e->graph, n->out[0]));
}

const syn_op syn_op_concat = { .name = "concat", .grad = concat_grad, .emit = concat_emit };
const syn_op syn_op_slice = { .name = "slice", .emit = slice_emit };
