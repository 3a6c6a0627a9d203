/* Normalisation ops: what row_norm.c, column_norm.c and batch_norm.c share. */
#ifndef SYN_OP_NORM_H
#define SYN_OP_NORM_H

#include "op/ops.h"

/* node.i[0] of a norm, and of its gradient; the latter's outputs stand in this order too. */
enum { SYN_NORM_GAMMA = 1, SYN_NORM_BETA = 2, SYN_NORM_RMS = 4, SYN_NORM_DX = 8, SYN_NORM_DGAMMA = 16,
       SYN_NORM_DBETA = 32 };
enum { SYN_NORM_NARROW = 16 }; /* groups of fewer channels are taken column by column */

/* A node over x, gamma and beta (-1: none), whose outputs are y and `stat` values: rstd, and the mean unless
 * rms. Returns the node or -1. */
int syn_norm_node(syn_graph *g, const syn_op *op, int x, int gamma, int beta, int flags, int rstd, int mean,
                  const int *more, int n_more);
/* The node of its gradient over x, dy, rstd, mean, gamma. params: dgamma and dbeta in any case. */
syn_status syn_norm_grad(syn_graph *g, int node, const syn_op *op, int dy, const bool *need, bool params,
                         int *din);

/* Inputs and outputs by name. -1: not there. */
typedef struct syn_norm_ports {
    int x, dy, gamma, beta, mean, rstd, y, dx, dgamma, dbeta;
} syn_norm_ports;
syn_norm_ports syn_norm_forward(const syn_node *n);
syn_norm_ports syn_norm_backward(const syn_node *n);

/* "#define GAMMA 1" and so on, COLS and EPS. */
void syn_norm_defines(const syn_emit *e, const syn_node *n, bool forward, syn_text *t);
/* Hands the call over with its macros; takes both. */
syn_status syn_norm_call(syn_emit *e, syn_call *c, syn_text *defs, int64_t scratch);
/* The map behind y that a kernel may run, 0: none. */
int syn_norm_map(const syn_emit *e, const syn_node *n, int y);
/* The same call, with a map node (0: none) behind y, which the call stores no more. */
syn_status syn_norm_call_with(syn_emit *e, syn_call *c, syn_text *defs, int64_t scratch, int map, int y);
static inline void syn_norm_arg(syn_call *c, int value, bool out) {
    if (value >= 0) syn_call_arg(c, out ? syn_out(value) : syn_in(value));
}

/* Sums of `blocks` partial dgamma and dbeta, at scratch 0 and `area`, into what p wants. */
int64_t syn_norm_area(const syn_emit *e, int64_t cols, int64_t blocks);
/* Where the first may begin: rows begin where pages do, and the first cache keeps few lines of equal place in theirs,
 * nor does a load pass a store there. */
int64_t syn_norm_skew(const syn_emit *e);
syn_status syn_norm_fold(syn_emit *e, const syn_norm_ports *p, int64_t cols, int64_t blocks, int64_t scratch);
/* The same, where at[0] and at[1] say. */
syn_status syn_norm_fold_at(syn_emit *e, const syn_norm_ports *p, int64_t cols, int64_t blocks, const int64_t *at,
                            int64_t scratch);

/* Rows of a block whose sums are partial (four blocks and more are for as many cores), and how many rows are taken
 * side by side: 1 where the tensor stays in second caches. */
int64_t syn_norm_block(const syn_emit *e, int64_t rows);
int syn_norm_side(const syn_emit *e, int x);

/* The work-items of a column kernel: WIDTH columns, on GPUs times LANES rows. Defines both. */
void syn_norm_columns(const syn_emit *e, int64_t cols, int64_t group, int64_t second, syn_call *c,
                      syn_text *defs);

/* column_norm.c, for batch_norm too: `matrices` of `rows` rows. stats: arguments behind rstd. */
syn_status syn_column_forward(syn_emit *e, const syn_node *n, int64_t group, int64_t matrices, int64_t rows,
                              const char *more_defs, const syn_arg *stats, int n_stats);
syn_status syn_column_backward(syn_emit *e, const syn_node *n, int64_t group, int64_t matrices, int64_t rows);

#endif
