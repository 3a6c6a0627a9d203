#include "op/row.h"

int syn_group_lanes(const syn_emit *e, int64_t values) {
    int lanes = 32;
    while (lanes < 256 && lanes * 2 <= e->profile->max_group && lanes * 4 < values) lanes *= 2;
    return lanes;
}

int syn_row_lanes(const syn_emit *e, int64_t cols) {
    return e->profile->cpu || cols < 32 || e->profile->max_group < 32 ? 1
                                                                      : syn_group_lanes(e, cols);
}

void syn_row_items(const syn_emit *e, syn_call *c, int64_t rows, int64_t cols) {
    int lanes = syn_row_lanes(e, cols);
    c->dims = 1;
    c->local[0] = e->profile->cpu ? 1 : lanes > 1 ? (size_t)lanes : 64;
    c->global[0] = (size_t)(e->profile->cpu ? syn_ceil_div(rows, 8)
                            : lanes > 1     ? rows * lanes
                                            : syn_round_up(rows, 64));
}

syn_status syn_row_call(const syn_emit *e, int like, int64_t cols, const char *source,
                        const char *entry, syn_call *c, const char *defs, ...) {
    syn_text t = { 0 };
    syn_text_add(&t, "#define COLS %lld\n#define ROW_LANES %d\n", (long long)cols,
                 syn_row_lanes(e, cols));
    va_list ap;
    va_start(ap, defs);
    syn_text_addv(&t, defs, ap);
    va_end(ap);
    if (syn_text_status(&t) != SYN_OK) {
        syn_text_free(&t);
        return syn_no_memory(64);
    }
    *c = (syn_call){ .source = source, .entry = entry, .defs = t.s };
    syn_row_items(e, c, syn_emit_count(e, like) / cols, cols);
    c->flops = 4.0 * (double)syn_emit_count(e, like);
    c->bytes = 2.0 * syn_emit_bytes(e, like);
    return SYN_OK;
}
