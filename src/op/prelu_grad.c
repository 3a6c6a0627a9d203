/* Both gradients of prelu whose alpha is a row, in one walk over x and dy: dx, and sums over blocks
 * of rows, which are added up in order. The blocks depend on the shape alone. */
#include "op/norm.h"

#include <string.h>

enum { LEAST = 16, GPU_BLOCK = 16, GPU_BLOCKS = 256 };

bool syn_prelu_grads(syn_graph *g, const int *in, int dy, int *din) {
    const int64_t cols = syn_value_cols(g, dy);
    if (g->value[in[1]].batched || !g->value[in[0]].batched || cols < LEAST ||
        syn_value_count(g, in[1]) != cols || syn_value_count(g, in[0]) != syn_value_count(g, dy))
        return false;
    const int from[] = { in[0], dy, in[1] };
    int out[] = { syn_graph_like(g, in[0]), syn_graph_like(g, in[1]) };
    if (syn_graph_node(g, &syn_op_prelu_grad, from, 3, out, 2) < 0) return false;
    memcpy(din, out, sizeof out);
    return true;
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    const int64_t cols = syn_value_cols(e->graph, n->in[0]), rows = syn_emit_rows(e, n->in[0]);
    int64_t block = syn_norm_block(e, rows);
    if (!e->profile->cpu) {
        block = syn_ceil_div(rows, GPU_BLOCKS);
        if (block < GPU_BLOCK) block = GPU_BLOCK;
    }
    const int64_t blocks = syn_ceil_div(rows, block), skew = syn_norm_skew(e);
    const int64_t scratch = blocks > 1 ? skew + syn_norm_area(e, cols, blocks) : 0;
    syn_call c = { .source = "op/prelu_grad.cl", .entry = "prelu_grad", .dims = 2 };
    syn_text defs = { 0 };
    syn_text_add(
        &defs, "#define COLS %lld\n#define BLOCK %lld\n#define ROWS %d\n#define ALPHA %s\n",
        (long long)cols, (long long)block, syn_norm_side(e, n->in[0]), syn_emit_type(e, n->in[2]));
    for (int k = 0; k < 3; k++) {
        syn_call_arg(&c, syn_in(n->in[k]));
        c.bytes += syn_emit_bytes(e, n->in[k]);
    }
    syn_call_arg(&c, syn_out(n->out[0]));
    syn_call_arg(&c, blocks > 1 ? syn_scratch(skew) : syn_out(n->out[1]));
    syn_call_arg(&c, syn_int(rows));
    c.bytes += syn_emit_bytes(e, n->out[0]);
    c.flops = 4.0 * (double)(rows * cols);
    c.local[0] = e->profile->cpu ? 1 : 64;
    c.local[1] = 1;
    c.global[0] = (size_t)(e->profile->cpu ? blocks : syn_round_up(cols, 64));
    c.global[1] = (size_t)(e->profile->cpu ? 1 : blocks);
    SYN_TRY(syn_norm_call(e, &c, &defs, scratch));
    const syn_norm_ports p = { -1, -1, -1, -1, -1, -1, -1, -1, n->out[1], -1 };
    return blocks > 1 ? syn_norm_fold_at(e, &p, cols, blocks, &skew, scratch) : SYN_OK;
}

const syn_op syn_op_prelu_grad = { .name = "prelu_grad",
                                   .emit = emit,
                                   .in_place = SYN_IN_PLACE_BATCHED };
