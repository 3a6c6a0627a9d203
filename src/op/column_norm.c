/* group_norm with narrow groups and instance_norm: a sample is a matrix whose columns are channels.
 * The kernels serve batch_norm too, where the batch is the matrix. */
#include "op/norm.h"

enum { ITEM = 8192, BLOCKS = 64 };

int syn_column_norm(syn_graph *g, int x, int gamma, int beta, int64_t group, double eps) {
    if (x < 0) return -1;
    const syn_shape stats = SYN_SHAPE(syn_value_cols(g, x));
    int rstd = syn_graph_value(g, stats, true), mean = syn_graph_value(g, stats, true);
    int node = syn_norm_node(g, &syn_op_column_norm, x, gamma, beta, 0, rstd, mean, NULL, 0);
    if (node < 0) return -1;
    g->node[node].i[1] = (int)group;
    g->node[node].r[0] = eps;
    return g->node[node].out[0];
}

static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    return syn_norm_grad(g, node, &syn_op_column_norm_grad, dout[0], need, false, din);
}

/* How many matrices a work-item takes. Few sums of dgamma and dbeta are left over on CPUs. */
static int64_t block_of(const syn_emit *e, int64_t matrices, int64_t size) {
    if (!e->profile->cpu) return 1;
    int64_t least = size < ITEM ? ITEM / size : 1, block = syn_ceil_div(matrices, BLOCKS);
    return block < least ? least : block;
}

syn_status syn_column_forward(syn_emit *e, const syn_node *n, int64_t group, int64_t matrices,
                              int64_t rows, const char *more_defs, const syn_arg *stats,
                              int n_stats) {
    const syn_norm_ports p = syn_norm_forward(n);
    int64_t cols = syn_value_cols(e->graph, p.x), block = block_of(e, matrices, rows * cols);
    syn_call c = { .source = "op/column_norm.cl", .entry = "column_norm" };
    syn_text defs = { 0 };
    syn_norm_defines(e, n, true, &defs);
    syn_text_add(&defs, "#define GROUP %lld\n%s", (long long)group, more_defs);
    syn_norm_columns(e, cols, group, syn_ceil_div(matrices, block), &c, &defs);
    syn_norm_arg(&c, p.x, false);
    syn_norm_arg(&c, p.gamma, false);
    syn_norm_arg(&c, p.beta, false);
    const int map = syn_norm_map(e, n, p.y);
    syn_norm_arg(&c, map ? e->graph->node[map].out[0] : p.y, true);
    syn_norm_arg(&c, p.mean, true);
    syn_norm_arg(&c, p.rstd, true);
    for (int i = 0; i < n_stats; i++) syn_call_arg(&c, stats[i]);
    syn_call_arg(&c, syn_int(rows));
    syn_call_arg(&c, syn_int(matrices));
    syn_call_arg(&c, syn_int(block));
    c.flops = 8.0 * (double)(matrices * rows * cols);
    c.bytes = 2.0 * (double)(matrices * rows * cols * syn_emit_real(e));
    return syn_norm_call_with(e, &c, &defs, 0, map, p.y);
}

syn_status syn_column_backward(syn_emit *e, const syn_node *n, int64_t group, int64_t matrices,
                               int64_t rows) {
    const syn_norm_ports p = syn_norm_backward(n);
    int64_t cols = syn_value_cols(e->graph, p.x), block = block_of(e, matrices, rows * cols);
    int64_t blocks = syn_ceil_div(matrices, block), area = syn_norm_area(e, cols, blocks);
    bool direct = matrices == 1 && p.dgamma >= 0 && p.dbeta >= 0;
    syn_call c = { .source = "op/column_norm.cl", .entry = "column_norm_grad" };
    syn_text defs = { 0 };
    syn_norm_defines(e, n, false, &defs);
    syn_text_add(&defs, "#define GROUP %lld\n", (long long)group);
    syn_norm_columns(e, cols, group, blocks, &c, &defs);
    syn_norm_arg(&c, p.x, false);
    syn_norm_arg(&c, p.dy, false);
    syn_norm_arg(&c, p.gamma, false);
    syn_norm_arg(&c, p.mean, false);
    syn_norm_arg(&c, p.rstd, false);
    syn_norm_arg(&c, p.dx, true);
    syn_call_arg(&c, direct ? syn_out(p.dgamma) : syn_scratch(0));
    syn_call_arg(&c, direct ? syn_out(p.dbeta) : syn_scratch(area));
    syn_call_arg(&c, syn_int(rows));
    syn_call_arg(&c, syn_int(matrices));
    syn_call_arg(&c, syn_int(block));
    c.flops = 12.0 * (double)(matrices * rows * cols);
    c.bytes = 3.0 * (double)(matrices * rows * cols * syn_emit_real(e));
    SYN_TRY(syn_norm_call(e, &c, &defs, direct ? 0 : 2 * area));
    return direct ? SYN_OK : syn_norm_fold(e, &p, cols, blocks, 2 * area);
}

/* A sample's rows, and the batch's samples. */
static int64_t rows_of(const syn_emit *e, int x) {
    return syn_value_count(e->graph, x) / syn_value_cols(e->graph, x);
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    int64_t rows = rows_of(e, n->in[0]);
    return syn_column_forward(e, n, n->i[1], syn_emit_rows(e, n->in[0]) / rows, rows,
                              "#define MOVING 0\n", NULL, 0);
}

static syn_status emit_grad(syn_emit *e, const syn_node *n) {
    int64_t rows = rows_of(e, n->in[0]);
    return syn_column_backward(e, n, n->i[1], syn_emit_rows(e, n->in[0]) / rows, rows);
}

const syn_op syn_op_column_norm = { .name = "column_norm", .grad = grad, .emit = emit, .epilogue = true };
const syn_op syn_op_column_norm_grad = { .name = "column_norm_grad",
                                         .emit = emit_grad,
                                         .in_place = SYN_IN_PLACE_BATCHED };
