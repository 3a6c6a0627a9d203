/* The graph: values produced and read by nodes, in execution order. No device here.
 *
 * A value is a tensor. `shape` leaves the batch axis out when `batched`; so one graph serves every
 * batch size. A node applies an op; it points at its `const syn_op *`, and nothing here asks which. */
#ifndef SYN_GRAPH_GRAPH_H
#define SYN_GRAPH_GRAPH_H

#include "base/launch.h"
#include "base/profile.h"

/* Of one tensor, batch and all: kernels count elements in ints, and go up to a work-item's run (8192) or a work-group
 * beyond the last. */
#define SYN_MOST_ELEMENTS (INT32_MAX - 0xffff)
#define SYN_MAX_IN 16
#define SYN_MAX_OUT 16

typedef enum syn_value_kind {
    SYN_VALUE_TEMP,  /* lives in the arena */
    SYN_VALUE_PARAM, /* a segment of the parameter block */
    SYN_VALUE_GRAD   /* a segment of the gradient block */
} syn_value_kind;

typedef struct syn_value {
    syn_shape shape;
    bool batched;
    bool integer;  /* int32 elements, else real */
    bool wide;     /* reals, also where a plan keeps tensors as halves: see syn_value_half */
    bool keep;     /* shares its memory with nothing and stays readable after the step */
    syn_value_kind kind;
    int param;     /* PARAM, GRAD: number of the net's parameter */
    int alias;     /* the value this is a view of, or -1 */
    int producer;  /* node, or -1 */
    int layer;     /* the net's layer whose output this is, or -1 */
    int grad;      /* value holding the loss's gradient, or -1 */
} syn_value;

typedef struct syn_graph syn_graph;
typedef struct syn_node syn_node;
typedef struct syn_emit syn_emit;

/* Whether an output may take the memory of an input of the same size that dies with the launch that
 * first writes the output: as soon as an element is written, no work-item reads the input there. */
typedef enum syn_in_place {
    SYN_IN_PLACE_NOT,
    SYN_IN_PLACE_ALL,
    SYN_IN_PLACE_BATCHED /* outputs with the batch axis */
} syn_in_place;

/* One kind of node. Rows of src/op/ops.inc. */
typedef struct syn_op {
    const char *name;
    /* Add nodes that turn dout (value per output, -1: none) into din (value per input; leave -1
     * where there is none or need[i] is false). NULL: not differentiable. */
    syn_status (*grad)(syn_graph *g, int node, const int *dout, const bool *need, int *din);
    /* Describe the calls that compute the node. NULL: a view, nothing runs. */
    syn_status (*emit)(syn_emit *e, const syn_node *node);
    syn_in_place in_place;
    bool epilogue; /* what it stores may go through a map first, where the kernel can */
} syn_op;

/* One instruction of a map program: an element-wise function applied to earlier results. */
typedef struct syn_fn syn_fn;
typedef struct syn_ins {
    const syn_fn *fn;
    int form;          /* 0: forward; k: derivative with respect to operand k-1, times src[0] = dy (-1: alone) */
    int src[4];        /* operands: temps; forward: x (a, b); derivative: dy, operands ..., y; -1 unused */
    double attr[4];
    uint32_t stream;   /* of random functions */
    int bits;          /* its mask: 0 drawn; k > 0: drawn and kept in output k; k < 0: read from input -k */
} syn_ins;
/* Temps 0 .. n_in-1 are the node's inputs, n_in + i is the result of instruction i. */
typedef struct syn_prog {
    syn_ins *ins;
    int n_ins, cap;
    int out[SYN_MAX_OUT]; /* temp stored in each output */
} syn_prog;

struct syn_node {
    const syn_op *op;
    int in[SYN_MAX_IN], n_in;
    int out[SYN_MAX_OUT], n_out;
    int layer;        /* layer of the net it belongs to, or -1: for naming the guilty */
    bool backward;
    int i[4];         /* attributes by op: transpositions, offsets */
    double r[5];      /* of losses the last one is SYN_LOSS_SCALE */
    const double *list; /* by op: numbers that live as long as the net */
    syn_prog *prog;   /* map nodes */
    bool again;       /* a map of the backward pass that makes what the forward pass made */
    int beside;       /* ... and the value whose map it shall run with if possible, else 0 */
    int map;          /* of an op with an epilogue: the map node that may be it, else 0 */
    bool passes_on;   /* such a map also stores what it is given, for others read it */
};

struct syn_graph {
    syn_value *value;
    syn_node *node;
    int n_values, cap_values, n_nodes, cap_nodes;
    int layer;        /* given to nodes made from here on */
    bool backward;
    /* Fed values, -1: not read here. x by the net's inputs, target by its losses, both in order of description. */
    int x[SYN_MAX_ENDS], target[SYN_MAX_ENDS], weights; /* weights: of the samples */
    int n_losses, loss[SYN_MAX_ENDS], hits[SYN_MAX_ENDS]; /* values by row; hits (0/1) -1: none */
    int n_outputs, output[SYN_MAX_ENDS]; /* values predict returns */
    bool passes;      /* Monte Carlo prediction: see syn_emit */
    bool failed;      /* out of memory while building */
};

void syn_graph_init(syn_graph *g);
void syn_graph_free(syn_graph *g);

/* A new value; -1 when memory ran out (g->failed is set, and later calls do nothing harmful). */
int syn_graph_value(syn_graph *g, syn_shape shape, bool batched);
int syn_graph_like(syn_graph *g, int value); /* same shape */
/* A node over `in`, with n_out outputs already made; returns its number or -1. */
int syn_graph_node(syn_graph *g, const syn_op *op, const int *in, int n_in, const int *out, int n_out);
/* Losses are results: node i makes them. Their gradients are scaled by r[SYN_LOSS_SCALE], 1 at first. */
enum { SYN_LOSS_SCALE = 4 };
void syn_graph_add_loss(syn_graph *g, int node, int loss, int hits);
bool syn_graph_is_result(const syn_graph *g, int value); /* a loss, hits or an output */
int64_t syn_value_count(const syn_graph *g, int value); /* elements without the batch axis */
int64_t syn_value_cols(const syn_graph *g, int value);  /* last axis */
int syn_value_root(const syn_graph *g, int value);      /* through aliases */
/* Kept as halves in a plan of dtype: activations and their gradients, and the weights that kernels read. Not
 * losses, targets and statistics (`wide`), nor what has no batch axis: gradients of weights, and maps of them. */
bool syn_value_half(const syn_graph *g, int value, syn_dtype dtype);
int64_t syn_value_size(const syn_graph *g, int value, syn_dtype dtype); /* bytes of an element */

/* Gradient pass (grad.c): from the gradients of the graph's losses, and of loss_node (-1: none besides), to every value that `wanted` (by value
 * number, n_values entries) or that leads to one. Sets value.grad, and tags gradients of PARAM
 * values as GRAD. `copy` and `add` make the helper nodes: y = x, y = a + b. */
typedef struct syn_grad_ops {
    int (*copy)(syn_graph *g, int x);
    int (*add)(syn_graph *g, int a, int b);
} syn_grad_ops;
syn_status syn_graph_grad(syn_graph *g, int loss_node, const bool *wanted, const syn_grad_ops *ops);

/* Recomputation (recompute.c), before fusing: the first `most` outputs of forward maps that the
 * backward pass reads and could make itself, from parameters and values it reads anyway, are made
 * there, in front of their first reader. joined: in the launch of a map there that reads the same,
 * where there is one. count: how many could be. */
syn_status syn_graph_recompute(syn_graph *g, const syn_op *map, int most, bool joined, int *count);
/* Fuse pass (fuse.c): chains of map nodes become one node each. map is the op of map nodes. */
syn_status syn_graph_fuse(syn_graph *g, const syn_op *map);
/* Epilogue pass (epilogue.c), after fusing: which map may run where its input is stored. */
void syn_graph_epilogues(syn_graph *g, const syn_op *map);
/* Drop nodes whose outputs nobody reads. */
syn_status syn_graph_prune(syn_graph *g);

/* Text of all nodes (print.c). */
void syn_graph_print(const syn_graph *g, syn_text *t);

/* What an op's emit sees: the graph, the device's profile, the batch, and where calls go. */
struct syn_emit {
    const syn_graph *graph;
    const syn_profile *profile;
    syn_dtype dtype;
    int rows;  /* of the batch */
    bool train;
    bool micro; /* several gradients make a step: masks differ between them */
    bool passes; /* Monte Carlo prediction: masks differ between passes */
    /* Takes the call (its text and defs too) whatever the result. scratch: bytes. */
    syn_status (*call)(syn_emit *e, syn_call *call, int64_t scratch);
    /* Makes the map node behind the node being emitted (node.map) the epilogue of a call that has all its other
     * arguments, and the map's first output in place of `given`. Follow up with `call`. */
    syn_status (*epilogue)(syn_emit *e, syn_call *call, int map, int given);
    /* C[m x n] = op(A) op(B) by the best provider. */
    syn_status (*gemm)(syn_emit *e, int64_t m, int64_t n, int64_t k, bool ta, bool tb, int a, int b, int c);
};
int64_t syn_emit_count(const syn_emit *e, int value); /* elements with the batch axis */
int64_t syn_emit_rows(const syn_emit *e, int value);  /* count / last axis */
double syn_emit_bytes(const syn_emit *e, int value);
const char *syn_emit_type(const syn_emit *e, int value); /* of its elements in kernels: "cell" or "real" */
static inline int syn_emit_vec(const syn_emit *e) {
    return e->dtype == SYN_DOUBLE ? e->profile->vec_double : e->profile->vec_float;
}
/* Bytes of a real: what a kernel computes in, and keeps its scratch in. */
static inline int64_t syn_emit_real(const syn_emit *e) { return e->dtype == SYN_DOUBLE ? 8 : 4; }

#endif
