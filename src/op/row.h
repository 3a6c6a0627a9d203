/* Ops that work row by row: their common call. */
#ifndef SYN_OP_ROW_H
#define SYN_OP_ROW_H

#include "graph/graph.h"

/* Work-items of a GPU that sum up `values` together: a power of two, 32 to 256. */
int syn_group_lanes(const syn_emit *e, int64_t values);

/* ROW_LANES of cl/base/row.cl, the work-items of a row: on GPUs many where it has 32 columns or
 * more. */
int syn_row_lanes(const syn_emit *e, int64_t cols);
/* Lays `rows` rows of `cols` out: one to a work-item or a work-group (eight to an item on CPUs). */
void syn_row_items(const syn_emit *e, syn_call *c, int64_t rows, int64_t cols);

/* A call over the elements of `like` as rows of `cols`, laid out so, with COLS, ROW_LANES and
 * `defs` (printf style) as macros. The caller adds the arguments, rows last. */
syn_status syn_row_call(const syn_emit *e, int like, int64_t cols, const char *source,
                        const char *entry, syn_call *c, const char *defs, ...) SYN_PRINTF(7, 8);

#endif
