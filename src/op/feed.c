/* The batch: rows of the data set as stored, gathered by the epoch's permutation, converted and
 * standardised on the device. The calls depend on how the set is stored, so the plan asks for them with
 * syn_feed_emit instead of through the graph. */
#include "op/feed.h"
#include "op/ops.h"

int syn_feed(syn_graph *g, syn_shape shape, int *end, bool labels, bool wide) {
    int y = syn_graph_value(g, shape, true);
    if (y < 0 || syn_graph_node(g, &syn_op_feed, NULL, 0, &y, 1) < 0) return -1;
    g->value[y].integer = labels;
    g->value[y].wide = wide;
    return *end = y;
}

const syn_op syn_op_feed = { .name = "feed" };

static const char *const stored_name[SYN_TYPES] = { "double", "float", "long", "int", "uchar", "char" };

syn_status syn_feed_emit(syn_emit *e, int value, syn_type stored, bool standardise, bool direct) {
    const syn_graph *g = e->graph;
    bool labels = g->value[value].integer;
    int64_t cols = syn_value_count(g, value);
    syn_call c = { .source = "op/feed.cl", .entry = labels ? "labels" : "feed", .dims = 1 };
    c.defs = syn_format("#define STORED %s\n#define COLS %lld\n#define STANDARDISE %d\n#define DIRECT %d\n"
                        "#define LABELS %d\n#define TO %s\n",
                        stored_name[stored], (long long)cols, standardise, direct, labels, syn_emit_type(e, value));
    if (!c.defs) return syn_no_memory(128);
    syn_call_arg(&c, syn_block_arg(SYN_BLOCK_X, false));
    syn_call_arg(&c, syn_block_arg(SYN_BLOCK_PERM, false));
    syn_call_arg(&c, syn_block_arg(SYN_BLOCK_CONTROL, false));
    if (standardise) {
        syn_call_arg(&c, syn_block_arg(SYN_BLOCK_SHIFT, false));
        syn_call_arg(&c, syn_block_arg(SYN_BLOCK_SCALE, false));
    }
    syn_call_arg(&c, syn_out(value));
    syn_call_arg(&c, syn_int(e->rows));
    c.bytes = (double)(e->rows * cols) * (double)(syn_value_size(g, value, e->dtype) + (int64_t)syn_type_size(stored));
    c.local[0] = e->profile->cpu ? 1 : 64;
    int64_t items = labels ? e->rows : e->profile->cpu ? syn_ceil_div(e->rows, 8) : e->rows * cols;
    if (labels && e->profile->cpu) items = 1;
    c.global[0] = (size_t)syn_round_up(items, (int64_t)c.local[0]);
    return e->call(e, &c, 0);
}
