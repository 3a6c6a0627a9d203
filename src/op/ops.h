/* Ops with kernels of their own, and the functions that add their nodes. Each returns the new value,
 * or -1 when memory ran out (the graph is then marked failed). */
#ifndef SYN_OP_OPS_H
#define SYN_OP_OPS_H

#include "base/expr.h"
#include "graph/graph.h"

#define SYN_OP(name) extern const syn_op syn_op_##name;
#include "op/ops.inc"
#undef SYN_OP

int syn_op_count(void);
const syn_op *syn_op_at(int i);

/* Rows of the data set; end: &g->x[i], &g->target[i] or &g->weights. */
int syn_feed(syn_graph *g, syn_shape shape, int *end, bool labels, bool wide);
int syn_view(syn_graph *g, int x, syn_shape shape);                    /* same elements, other shape */
int syn_gemm_node(syn_graph *g, int a, int b, bool ta, bool tb);       /* op(A) op(B) over last axes */
int syn_colsum(syn_graph *g, int x, syn_shape shape); /* over all but the last axes, as `shape` */
/* Makes both gradients of prelu in din where alpha, in[1], is a row; else false. */
bool syn_prelu_grads(syn_graph *g, const int *in, int dy, int *din);
int syn_concat_node(syn_graph *g, const int *x, int n); /* along the last axis */
int syn_slice_node(syn_graph *g, int x, int first, int cols); /* columns of the last axis */
int syn_softmax_node(syn_graph *g, int x);
int syn_log_softmax_node(syn_graph *g, int x);
int syn_maxout_node(syn_graph *g, int x, int pieces); /* largest of each `pieces` of the last axis */

/* Normalisation of x, with gamma and beta by channel (-1: none). Statistics: over `rows` adjacent rows and
 * `group` adjacent channels (layer_norm: one row and all channels); over all rows of a sample and few
 * channels; or over the batch, where they go into the moving ones (values of parameters), too. */
int syn_row_norm(syn_graph *g, int x, int gamma, int beta, int64_t rows, int64_t group, double eps, bool rms);
int syn_column_norm(syn_graph *g, int x, int gamma, int beta, int64_t group, double eps);
enum { SYN_MOVING_NONE, SYN_MOVING_AVERAGE, SYN_MOVING_CUMULATIVE, SYN_MOVING_SET }; /* as in cl/base/row.cl */
typedef struct syn_moving {
    int mode;
    int mean, variance, count; /* count: batches so far, CUMULATIVE only */
    double take;               /* share of a new batch, AVERAGE */
    bool unbiased;
} syn_moving;
int syn_batch_norm_node(syn_graph *g, int x, int gamma, int beta, const syn_moving *m, double eps);

/* Losses: make values of per-row losses and (softmax) hits; another output is the gradient. `mean`: it is
 * divided by the rows of the batch. Lowering may give a node a third input, weights of the samples that
 * multiply losses and gradients by row, and a scale (SYN_LOSS_SCALE) of the gradient alone. */
int syn_softmax_xent_node(syn_graph *g, int logits, int target, bool mean);
/* Class losses with options: class_loss.cl has the formula. */
enum {
    SYN_CLASS_LOG_PROBABILITIES = 1, /* x is log q, not logits */
    SYN_CLASS_DISTRIBUTIONS = 2,     /* the target is distributions, not labels */
    SYN_CLASS_BY_WEIGHT = 4          /* the mean is over the labels' weights (torch), not over their number */
};
typedef struct syn_class_loss {
    bool mean;
    int flags;
    double smoothing, ignored; /* ignored: a label, or -1 */
    const double *weights;     /* of the classes, NULL: 1; must live as long as the graph */
} syn_class_loss;
int syn_class_loss_node(syn_graph *g, int x, int target, const syn_class_loss *o);
int syn_mse_node(syn_graph *g, int x, int target, bool mean);

#endif
