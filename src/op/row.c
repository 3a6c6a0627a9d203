#include "op/row.h"

syn_status syn_row_call(const syn_emit *e, int like, const char *source, const char *entry,
                        syn_call *c, const char *defs, ...) {
    int64_t rows = syn_emit_rows(e, like), cols = syn_value_cols(e->graph, like);
    syn_text t = { 0 };
    syn_text_add(&t, "#define COLS %lld\n", (long long)cols);
    va_list ap;
    va_start(ap, defs);
    syn_text_addv(&t, defs, ap);
    va_end(ap);
    if (syn_text_status(&t) != SYN_OK) {
        syn_text_free(&t);
        return syn_no_memory(64);
    }
    *c = (syn_call){ .source = source, .entry = entry, .defs = t.s, .dims = 1 };
    c->local[0] = e->profile->cpu ? 1 : 64;
    int64_t items = e->profile->cpu ? syn_ceil_div(rows, 8) : rows;
    c->global[0] = (size_t)syn_round_up(items, (int64_t)c->local[0]);
    c->flops = 4.0 * (double)(rows * cols);
    c->bytes = 2.0 * syn_emit_bytes(e, like);
    return SYN_OK;
}
