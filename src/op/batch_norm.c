/* batch_norm in training: statistics of each channel over the batch, and what they do to the moving
 * ones, which are parameters that this node writes. Blocks of rows first, then their union, then
 * the rows; few rows on GPUs: one launch by columns. The choice and the blocks depend on the shape
 * alone. */
#include "op/norm.h"

#include <stdlib.h>

enum { GPU_FEW = 256, CPU_BLOCK = 32, GPU_BLOCK = 64, BLOCKS = 64 };
enum { SMALL = 1 << 20 }; /* bytes of a tensor that stays in second caches */

/* node.i[1]: moving mode, i[2]: unbiased; r[0]: eps, r[1]: take. */
int syn_batch_norm_node(syn_graph *g, int x, int gamma, int beta, const syn_moving *m, double eps) {
    if (x < 0) return -1;
    const syn_shape stats = SYN_SHAPE(syn_value_cols(g, x));
    int rstd = syn_graph_value(g, stats, false), mean = syn_graph_value(g, stats, false), more[3],
        n = 0;
    if (m->mode) {
        more[n++] = m->mean;
        more[n++] = m->variance;
        if (m->mode == SYN_MOVING_CUMULATIVE) more[n++] = m->count;
    }
    int node = syn_norm_node(g, &syn_op_batch_norm, x, gamma, beta, 0, rstd, mean, more, n);
    if (node < 0) return -1;
    g->node[node].i[1] = m->mode;
    g->node[node].i[2] = m->unbiased;
    g->node[node].r[0] = eps;
    g->node[node].r[1] = m->take;
    return g->node[node].out[0];
}

static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    return syn_norm_grad(g, node, &syn_op_batch_norm_grad, dout[0], need, true, din);
}

static bool few_rows(const syn_emit *e, int64_t rows) {
    return !e->profile->cpu && rows <= GPU_FEW;
}

int syn_norm_side(const syn_emit *e, int x) { return syn_emit_bytes(e, x) <= SMALL ? 1 : 4; }

int64_t syn_norm_block(const syn_emit *e, int64_t rows) {
    int64_t least = GPU_BLOCK, block = syn_round_up(syn_ceil_div(rows, BLOCKS), 8);
    if (e->profile->cpu) {
        const int64_t quarter = syn_round_up(syn_ceil_div(rows, 4), 8);
        least = quarter < CPU_BLOCK ? quarter : CPU_BLOCK;
    }
    return block < least ? least : block;
}

/* The stages of cl/op/batch_norm.cl. */
enum { PART, FINISH, APPLY };

static syn_call stage(syn_emit *e, const syn_node *n, bool forward, int number, int64_t block,
                      syn_text *defs) {
    static const char *const entry[2][3] = {
        { "batch_norm_grad_part", "batch_norm_grad_finish", "batch_norm_grad_apply" },
        { "batch_norm_part", "batch_norm_finish", "batch_norm_apply" }
    };
    syn_norm_defines(e, n, forward, defs);
    syn_text_add(defs, "#define STAGE %d\n#define BLOCK %lld\n#define ROWS %d\n", number,
                 (long long)block, syn_norm_side(e, n->in[0]));
    return (syn_call){ .source = "op/batch_norm.cl", .entry = entry[forward][number], .dims = 1 };
}

/* By blocks of rows (PART, APPLY on CPUs), or by columns (FINISH). */
static void by_rows(const syn_emit *e, int64_t cols, int64_t rows, int64_t block, bool part,
                    syn_call *c, syn_text *defs) {
    if (!e->profile->cpu && part) {
        syn_norm_columns(e, cols, 1, syn_ceil_div(rows, block), c, defs);
        return;
    }
    syn_text_add(defs, "#define WIDTH 32\n#define LANES 8\n");
    c->local[0] = e->profile->cpu ? 1 : 64;
    c->global[0] =
        (size_t)(e->profile->cpu ? syn_ceil_div(rows, block) : syn_round_up(rows * cols, 64));
}

static void by_columns(const syn_emit *e, int64_t cols, syn_call *c, syn_text *defs) {
    syn_text_add(defs, "#define WIDTH 32\n#define LANES 8\n");
    c->local[0] = e->profile->cpu ? 1 : 64;
    c->global[0] = (size_t)(e->profile->cpu ? syn_ceil_div(cols, 2 * (int64_t)syn_emit_vec(e))
                                            : syn_round_up(cols, 64));
}

static syn_status split_forward(syn_emit *e, const syn_node *n, int64_t rows, const char *moving,
                                const syn_arg *stats, int n_stats) {
    const syn_norm_ports p = syn_norm_forward(n);
    int64_t cols = syn_value_cols(e->graph, p.x), block = syn_norm_block(e, rows),
            real = syn_emit_real(e);
    int64_t area = syn_norm_area(e, cols, syn_ceil_div(rows, block));
    syn_text defs = { 0 };
    syn_call c = stage(e, n, true, PART, block, &defs);
    by_rows(e, cols, rows, block, true, &c, &defs);
    syn_norm_arg(&c, p.x, false);
    syn_call_arg(&c, syn_scratch(0));
    syn_call_arg(&c, syn_scratch(area));
    syn_call_arg(&c, syn_int(rows));
    c.flops = 4.0 * (double)(rows * cols);
    c.bytes = (double)(rows * cols * real);
    SYN_TRY(syn_norm_call(e, &c, &defs, 2 * area));
    defs = (syn_text){ 0 };
    c = stage(e, n, true, FINISH, block, &defs);
    syn_text_add(&defs, "%s", moving);
    by_columns(e, cols, &c, &defs);
    for (int k = 0; k < 2; k++) {
        syn_arg part = syn_scratch(k * area);
        part.writes = false;
        syn_call_arg(&c, part);
    }
    syn_norm_arg(&c, p.mean, true);
    syn_norm_arg(&c, p.rstd, true);
    for (int i = 0; i < n_stats; i++) syn_call_arg(&c, stats[i]);
    syn_call_arg(&c, syn_int(rows));
    c.bytes = 2.0 * (double)area;
    SYN_TRY(syn_norm_call(e, &c, &defs, 2 * area));
    defs = (syn_text){ 0 };
    c = stage(e, n, true, APPLY, block, &defs);
    by_rows(e, cols, rows, block, false, &c, &defs);
    const int map = syn_norm_map(e, n, p.y);
    syn_norm_arg(&c, p.x, false);
    syn_norm_arg(&c, p.gamma, false);
    syn_norm_arg(&c, p.beta, false);
    syn_norm_arg(&c, p.mean, false);
    syn_norm_arg(&c, p.rstd, false);
    syn_norm_arg(&c, map ? e->graph->node[map].out[0] : p.y, true);
    syn_call_arg(&c, syn_int(rows));
    c.flops = 3.0 * (double)(rows * cols);
    c.bytes = 2.0 * (double)(rows * cols * real);
    return syn_norm_call_with(e, &c, &defs, 0, map, p.y);
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    int64_t rows = syn_emit_rows(e, n->in[0]);
    int mode = n->i[1];
    if (n->i[2] && rows == 1)
        return syn_fail(SYN_E_SHAPE,
                        "batch_norm: one value per channel in training, and the variance is "
                        "unbiased: use a batch of 2 and more that leaves no single row over");
    syn_arg stats[4];
    int n_stats = 0;
    for (int k = 0; mode && k < 3; k++) /* count stands for itself only where it is there */
        stats[n_stats++] = syn_out(n->out[k == 2 && mode != SYN_MOVING_CUMULATIVE ? 3 : 3 + k]);
    if (mode) stats[n_stats++] = syn_block_arg(SYN_BLOCK_CONTROL, false);
    char *moving = syn_format("#define MOVING %d\n#define TAKE %.17g\n#define UNBIASED %d\n"
                              "#define PER_ROW %lld\n",
                              mode, n->r[1], n->i[2], (long long)(rows / e->rows));
    if (!moving) return syn_no_memory(128);
    syn_status status = few_rows(e, rows)
                            ? syn_column_forward(e, n, 1, 1, rows, moving, stats, n_stats)
                            : split_forward(e, n, rows, moving, stats, n_stats);
    free(moving);
    return status;
}

const syn_op syn_op_batch_norm = {
    .name = "batch_norm", .grad = grad, .emit = emit, .epilogue = true
};

static syn_status split_backward(syn_emit *e, const syn_node *n, int64_t rows) {
    const syn_norm_ports p = syn_norm_backward(n);
    int64_t cols = syn_value_cols(e->graph, p.x), block = syn_norm_block(e, rows),
            real = syn_emit_real(e);
    int64_t blocks = syn_ceil_div(rows, block), area = syn_norm_area(e, cols, blocks);
    syn_text defs = { 0 };
    syn_call c = stage(e, n, false, PART, block, &defs);
    by_rows(e, cols, rows, block, true, &c, &defs);
    syn_norm_arg(&c, p.x, false);
    syn_norm_arg(&c, p.dy, false);
    syn_norm_arg(&c, p.mean, false);
    syn_call_arg(&c, syn_scratch(0));
    syn_call_arg(&c, syn_scratch(area));
    syn_call_arg(&c, syn_int(rows));
    c.flops = 4.0 * (double)(rows * cols);
    c.bytes = 2.0 * (double)(rows * cols * real);
    SYN_TRY(syn_norm_call(e, &c, &defs, 2 * area));
    defs = (syn_text){ 0 };
    c = stage(e, n, false, FINISH, block, &defs);
    by_columns(e, cols, &c, &defs);
    for (int k = 0; k < 2; k++) {
        syn_arg part = syn_scratch(k * area);
        part.writes = false;
        syn_call_arg(&c, part);
    }
    syn_norm_arg(&c, p.rstd, false);
    syn_norm_arg(&c, p.dgamma, true);
    syn_norm_arg(&c, p.dbeta, true);
    syn_call_arg(&c, syn_int(blocks));
    c.bytes = 2.0 * (double)area;
    SYN_TRY(syn_norm_call(e, &c, &defs, 2 * area));
    if (p.dx < 0) return SYN_OK;
    defs = (syn_text){ 0 };
    c = stage(e, n, false, APPLY, block, &defs);
    by_rows(e, cols, rows, block, false, &c, &defs);
    syn_norm_arg(&c, p.x, false);
    syn_norm_arg(&c, p.dy, false);
    syn_norm_arg(&c, p.gamma, false);
    syn_norm_arg(&c, p.mean, false);
    syn_norm_arg(&c, p.rstd, false);
    syn_norm_arg(&c, p.dgamma, false);
    syn_norm_arg(&c, p.dbeta, false);
    syn_norm_arg(&c, p.dx, true);
    syn_call_arg(&c, syn_int(rows));
    c.flops = 6.0 * (double)(rows * cols);
    c.bytes = 3.0 * (double)(rows * cols * real);
    return syn_norm_call(e, &c, &defs, 0);
}

static syn_status emit_grad(syn_emit *e, const syn_node *n) {
    int64_t rows = syn_emit_rows(e, n->in[0]);
    return few_rows(e, rows) ? syn_column_backward(e, n, 1, 1, rows) : split_backward(e, n, rows);
}

const syn_op syn_op_batch_norm_grad = { .name = "batch_norm_grad",
                                        .emit = emit_grad,
                                        .in_place = SYN_IN_PLACE_BATCHED };
