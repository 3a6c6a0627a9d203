/* Ops that work row by row: their common call. */
#ifndef SYN_OP_ROW_H
#define SYN_OP_ROW_H

#include "graph/graph.h"

/* A call over the rows of `like`, one work-item a row (eight on CPUs: ROWS in
 * cl/base/row.cl), with COLS and `defs`
 * (printf style) as macros. The caller adds the arguments, rows last. */
syn_status syn_row_call(const syn_emit *e, int like, const char *source, const char *entry,
                        syn_call *c, const char *defs, ...) SYN_PRINTF(6, 7);

#endif
