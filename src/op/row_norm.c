/* layer_norm, rms_norm and group_norm with wide groups: each group of adjacent channels of a sample
 * has statistics of its own. The backward pass makes dx and, block by block, the sums of dgamma and
 * dbeta. */
#include "op/norm.h"
#include "op/row.h"

enum { ITEM = 8192, BLOCKS = 64, LEAST = 16, CPU_LEAST = 32 };

int syn_row_norm(syn_graph *g, int x, int gamma, int beta, int64_t rows, int64_t group, double eps,
                 bool rms) {
    if (x < 0) return -1;
    int64_t cols = syn_value_cols(g, x), samples = syn_value_count(g, x) / (rows * cols);
    const syn_shape stats = SYN_SHAPE(samples * (cols / group));
    int rstd = syn_graph_value(g, stats, true), mean = rms ? -1 : syn_graph_value(g, stats, true);
    int node = syn_norm_node(g, &syn_op_row_norm, x, gamma, beta, rms ? SYN_NORM_RMS : 0, rstd,
                             mean, NULL, 0);
    if (node < 0) return -1;
    g->node[node].i[1] = (int)group;
    g->node[node].i[2] = (int)rows;
    g->node[node].r[0] = eps;
    return g->node[node].out[0];
}

static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    return syn_norm_grad(g, node, &syn_op_row_norm_grad, dout[0], need, false, din);
}

/* Many short groups in a row, on CPUs: cl/op/short_norm.cl. */
static bool is_short(const syn_emit *e, const syn_node *n) {
    int64_t vec = syn_emit_vec(e), group = n->i[1],
            groups = syn_value_cols(e->graph, n->in[0]) / group;
    return e->profile->cpu && vec > 1 && n->i[2] == 1 && group % vec == 0 && group <= 4 * vec &&
           groups % vec == 0;
}

/* Macros of both directions. Groups of samples are dealt out `block` at a time (CPU), or one to a
 * work-group. */
static int64_t lay_out(syn_emit *e, const syn_node *n, bool forward, int64_t block, syn_call *c,
                       syn_text *defs) {
    int64_t cols = syn_value_cols(e->graph, n->in[0]), span = n->i[2], group = n->i[1];
    int64_t lanes = syn_group_lanes(e, span * group);
    int64_t samples = syn_emit_count(e, n->in[0]) / (cols * span);
    syn_norm_defines(e, n, forward, defs);
    syn_text_add(defs,
                 "#define GROUP %lld\n#define SPAN %lld\n#define BLOCK %lld\n#define LANES %lld\n"
                 "#define PARAMS_ONLY 0\n",
                 (long long)group, (long long)span, (long long)block, (long long)lanes);
    c->dims = 1;
    c->local[0] = e->profile->cpu ? 1 : (size_t)lanes;
    c->global[0] = e->profile->cpu ? (size_t)syn_ceil_div(samples, block)
                                   : (size_t)(samples * (cols / group) * lanes);
    return samples;
}

/* Whether every group does: maps draw, and keep bits, for whole vectors of a row. */
static bool starts_with_vectors(const syn_emit *e, const syn_node *n) {
    return n->i[1] % syn_emit_vec(e) == 0 || n->i[1] == syn_value_cols(e->graph, n->in[0]);
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    const syn_norm_ports p = syn_norm_forward(n);
    int64_t sample = syn_value_cols(e->graph, p.x) * n->i[2];
    bool many = is_short(e, n);
    syn_call c = { .source = many ? "op/short_norm.cl" : "op/row_norm.cl",
                   .entry = many ? "short_norm" : "row_norm" };
    syn_text defs = { 0 };
    const int map = starts_with_vectors(e, n) ? syn_norm_map(e, n, p.y) : 0;
    int64_t samples = lay_out(e, n, true, sample < ITEM ? ITEM / sample : 1, &c, &defs);
    syn_norm_arg(&c, p.x, false);
    syn_norm_arg(&c, p.gamma, false);
    syn_norm_arg(&c, p.beta, false);
    syn_norm_arg(&c, map ? e->graph->node[map].out[0] : p.y, true);
    syn_norm_arg(&c, p.mean, true);
    syn_norm_arg(&c, p.rstd, true);
    syn_call_arg(&c, syn_int(samples));
    c.flops = 8.0 * (double)(samples * sample);
    c.bytes = 2.0 * (double)(samples * sample * syn_emit_real(e));
    return syn_norm_call_with(e, &c, &defs, 0, map, p.y);
}

const syn_op syn_op_row_norm = { .name = "row_norm", .grad = grad, .emit = emit, .epilogue = true };

/* GPU: dgamma and dbeta by columns, behind dx. */
static syn_status emit_params(syn_emit *e, const syn_node *n, const syn_norm_ports *p,
                              int64_t samples, int64_t block, const int64_t *part,
                              int64_t scratch) {
    int64_t cols = syn_value_cols(e->graph, p->x), blocks = syn_ceil_div(samples, block);
    syn_text defs = { 0 };
    syn_norm_defines(e, n, false, &defs);
    syn_text_add(&defs,
                 "#define GROUP %d\n#define SPAN %d\n#define BLOCK %lld\n#define PARAMS_ONLY 1\n",
                 n->i[1], n->i[2], (long long)block);
    syn_call c = { .source = "op/row_norm.cl", .entry = "row_norm_params", .dims = 2 };
    syn_norm_arg(&c, p->x, false);
    syn_norm_arg(&c, p->dy, false);
    syn_norm_arg(&c, p->mean, false);
    syn_norm_arg(&c, p->rstd, false);
    if (p->dgamma >= 0) syn_call_arg(&c, syn_scratch(part[0]));
    if (p->dbeta >= 0) syn_call_arg(&c, syn_scratch(part[1]));
    syn_call_arg(&c, syn_int(samples));
    c.local[0] = 64;
    c.local[1] = 1;
    c.global[0] = (size_t)syn_round_up(cols, 64);
    c.global[1] = (size_t)blocks;
    c.bytes = 2.0 * (double)(samples * n->i[2] * cols * syn_emit_real(e));
    return syn_norm_call(e, &c, &defs, scratch);
}

static syn_status emit_grad(syn_emit *e, const syn_node *node) {
    syn_node n = *node;
    const syn_norm_ports p = syn_norm_backward(&n);
    int64_t cols = syn_value_cols(e->graph, p.x),
            samples = syn_emit_count(e, p.x) / (cols * n.i[2]);
    /* Few rows of partial sums, for another launch reads them from all cores, which costs a CPU
     * more than their additions. */
    int64_t block = syn_ceil_div(samples, BLOCKS), least = e->profile->cpu ? CPU_LEAST : LEAST;
    if (block * n.i[2] < least) block = syn_ceil_div(least, n.i[2]);
    int64_t blocks = syn_ceil_div(samples, block), area = syn_norm_area(e, cols, blocks),
            skew = syn_norm_skew(e);
    const int64_t part[] = { skew, area + 2 * skew };
    bool params = p.dgamma >= 0 || p.dbeta >= 0;
    int64_t scratch = params ? part[1] + area : 0;
    if (!e->profile->cpu) n.i[0] &= ~(SYN_NORM_DGAMMA | SYN_NORM_DBETA);
    if (e->profile->cpu || p.dx >= 0) {
        bool many = is_short(e, &n);
        syn_call c = { .source = many ? "op/short_norm.cl" : "op/row_norm.cl",
                       .entry = many ? "short_norm_grad" : "row_norm_grad" };
        syn_text defs = { 0 };
        lay_out(e, &n, false, block, &c, &defs);
        syn_norm_arg(&c, p.x, false);
        syn_norm_arg(&c, p.dy, false);
        syn_norm_arg(&c, p.gamma, false);
        syn_norm_arg(&c, p.mean, false);
        syn_norm_arg(&c, p.rstd, false);
        syn_norm_arg(&c, p.dx, true);
        if (e->profile->cpu && p.dgamma >= 0) syn_call_arg(&c, syn_scratch(part[0]));
        if (e->profile->cpu && p.dbeta >= 0) syn_call_arg(&c, syn_scratch(part[1]));
        syn_call_arg(&c, syn_int(samples));
        c.flops = 12.0 * (double)(samples * n.i[2] * cols);
        c.bytes = 3.0 * (double)(samples * n.i[2] * cols * syn_emit_real(e));
        SYN_TRY(syn_norm_call(e, &c, &defs, e->profile->cpu ? scratch : 0));
    }
    if (!params) return SYN_OK;
    if (!e->profile->cpu) SYN_TRY(emit_params(e, node, &p, samples, block, part, scratch));
    return syn_norm_fold_at(e, &p, cols, blocks, part, scratch);
}

const syn_op syn_op_row_norm_grad = { .name = "row_norm_grad",
                                      .emit = emit_grad,
                                      .in_place = SYN_IN_PLACE_BATCHED };
