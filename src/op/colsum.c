/* Sums over all axes but the last (bias gradients): blocks of rows first, then the blocks, so that the
 * order depends on the shape alone. */
#include "op/ops.h"

enum { BLOCK = 256, VECTORS = 2 };

int syn_colsum(syn_graph *g, int x, syn_shape shape) {
    int y = syn_graph_value(g, shape, false);
    return x < 0 || syn_graph_node(g, &syn_op_colsum, &x, 1, &y, 1) < 0 ? -1 : y;
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    int64_t cols = syn_value_count(e->graph, n->out[0]), rows = syn_emit_count(e, n->in[0]) / cols;
    int64_t real = syn_emit_real(e), align = e->profile->align;
    /* Two scratch areas, used in turn. */
    int64_t area = syn_round_up(syn_ceil_div(rows, BLOCK) * cols * real, align), at[2] = { 0, area };
    syn_arg from = syn_in(n->in[0]);
    for (int pass = 0; rows > 1 || pass == 0; pass++) {
        int64_t blocks = syn_ceil_div(rows, BLOCK);
        syn_arg to = blocks == 1 ? syn_out(n->out[0]) : syn_scratch(at[pass & 1]);
        syn_call c = { .source = "op/colsum.cl", .entry = "colsum", .dims = 2,
                       .defs = syn_format("#define COLS %lld\n#define BLOCK %d\n#define VECTORS %d\n#define FROM %s\n",
                                          (long long)cols, BLOCK, VECTORS,
                                          pass ? "real" : syn_emit_type(e, n->in[0])) };
        if (!c.defs) return syn_no_memory(64);
        syn_call_arg(&c, from);
        syn_call_arg(&c, to);
        syn_call_arg(&c, syn_int(rows));
        int64_t span = e->profile->cpu ? VECTORS * syn_emit_vec(e) : 1;
        c.global[0] = (size_t)syn_ceil_div(cols, span);
        c.global[1] = (size_t)blocks;
        c.local[0] = c.local[1] = 1;
        if (!e->profile->cpu) {
            c.local[0] = 64;
            c.global[0] = (size_t)syn_round_up((int64_t)c.global[0], 64);
        }
        c.flops = (double)(rows * cols);
        c.bytes = (double)(blocks * cols * real) + (pass ? (double)(rows * cols * real) : syn_emit_bytes(e, n->in[0]));
        SYN_TRY(e->call(e, &c, blocks == 1 && pass == 0 ? 0 : 2 * area));
        from = to;
        from.writes = false;
        rows = blocks;
    }
    return SYN_OK;
}

const syn_op syn_op_colsum = { .name = "colsum", .emit = emit };
