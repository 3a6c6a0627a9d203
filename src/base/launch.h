/* A kernel call as plain data: which template, specialised by which macros, over which values.
 * Ops and GEMM kernels describe calls; the plan turns them into one program and bound launches.
 *
 * Conventions of kernel templates (files under cl/):
 *   - the assembler puts cl/base/ *.cl in front once (real, LOAD/STORE, vectors, Philox);
 *   - every instance is the template's text between "#define INSTANCE n", the call's `defs` and the
 *     matching #undefs; identical (source, defs) pairs share one instance;
 *   - a kernel is written KERNEL(name)(...): the instance number is appended to the name. Helper
 *     functions of a template are written FN(name)(...), for the same reason;
 *   - as phases (plan/phases.h) KERNEL(name) becomes a function and get_global_id a macro: on CPUs templates use
 *     get_global_id, get_global_size and no other work-item function, in the kernel itself;
 *   - numbers that differ between batch sizes are kernel arguments (ints), all else is a macro. */
#ifndef SYN_BASE_LAUNCH_H
#define SYN_BASE_LAUNCH_H

#include "base/base.h"

#include <stdlib.h>

typedef enum syn_arg_kind {
    SYN_ARG_NONE,
    SYN_ARG_VALUE,   /* buffer of graph value `value` */
    SYN_ARG_SCRATCH, /* bytes [offset ...) of this call's scratch, from the arena; offset aligned to
                        syn_profile.align */
    SYN_ARG_INT,     /* cl_int */
    SYN_ARG_REAL,    /* real: float or double as the plan's dtype */
    SYN_ARG_BLOCK    /* one of the plan's own blocks, see syn_block */
} syn_arg_kind;

typedef enum syn_block {
    SYN_BLOCK_CONTROL, /* step counter, cursor, latch: see cl/base/control.cl */
    SYN_BLOCK_METRICS, /* sums over an epoch: see cl/base/control.cl */
    SYN_BLOCK_SCALARS, /* rows of step scalars */
    SYN_BLOCK_PARAMS,
    SYN_BLOCK_HALVES,  /* the parameters again, as halves: what kernels of the net read in plans of dtype half */
    SYN_BLOCK_GRADS,
    SYN_BLOCK_SLOTS,
    SYN_BLOCK_TILES,
    SYN_BLOCK_X,       /* data set or staging: stored rows of one input, target or the weights */
    SYN_BLOCK_PERM,    /* shuffled row numbers of this epoch */
    SYN_BLOCK_SUMS,    /* accumulated gradients; the gradients themselves when nothing accumulates */
    SYN_BLOCK_FACTORS, /* per parameter: lr factor, decay, l1, l2 */
    SYN_BLOCK_PARTS,   /* pieces whose norms are summed: (first tile, tiles, parameter, number) */
    SYN_BLOCK_REST,    /* those of them whose norm no product leaves */
    SYN_BLOCK_RANGES,  /* per parameter: (first part, parts, 0, 0) */
    SYN_BLOCK_STEP_RANGES, /* the same where products leave norms */
    SYN_BLOCK_PARTIAL, /* partial norms, then partial penalties, then norms that products leave */
    SYN_BLOCK_NORMS,   /* clipping factor of each parameter */
    SYN_BLOCK_TRUST,   /* partial sums of squares of weights, then of updates */
    SYN_BLOCK_SHIFT,   /* standardisation: per-feature mean */
    SYN_BLOCK_SCALE,   /* standardisation: per-feature 1/deviation */
    SYN_BLOCKS
} syn_block;

typedef struct syn_arg {
    syn_arg_kind kind;
    int value;      /* graph value id, syn_block, or of SCRATCH the list's area */
    int64_t i;      /* INT: the number; SCRATCH: byte offset */
    double r;       /* REAL */
    bool writes;    /* the kernel writes this buffer (guard bytes, traces) */
} syn_arg;

#define SYN_MAX_ARGS 160

typedef struct syn_call {
    const char *source;      /* "op/colsum.cl" */
    const char *entry;       /* kernel name in the template */
    char *defs;              /* malloc'd "#define COLS 300\n..." lines, or NULL; the call owns it */
    char *text;              /* malloc'd generated template instead of `source`, or NULL */
    syn_arg arg[SYN_MAX_ARGS];
    int n_args;
    int dims;
    size_t global[3], local[3]; /* local all 0: the driver chooses */
    double flops, bytes;        /* for the plan's printing */
    bool apart;                 /* in a program of its own kind: see src/plan/kernels.h */
    bool varies;                /* arguments are set anew for a launch: never a phase */
} syn_call;

static inline void syn_call_arg(syn_call *c, syn_arg a) {
    if (c->n_args < SYN_MAX_ARGS) c->arg[c->n_args++] = a;
}
static inline syn_arg syn_in(int value) { return (syn_arg){ .kind = SYN_ARG_VALUE, .value = value }; }
static inline syn_arg syn_out(int value) {
    return (syn_arg){ .kind = SYN_ARG_VALUE, .value = value, .writes = true };
}
static inline syn_arg syn_int(int64_t i) { return (syn_arg){ .kind = SYN_ARG_INT, .i = i }; }
static inline syn_arg syn_real(double r) { return (syn_arg){ .kind = SYN_ARG_REAL, .r = r }; }
static inline syn_arg syn_scratch(int64_t offset) {
    return (syn_arg){ .kind = SYN_ARG_SCRATCH, .i = offset, .writes = true };
}
static inline syn_arg syn_block_arg(syn_block b, bool writes) {
    return (syn_arg){ .kind = SYN_ARG_BLOCK, .value = (int)b, .writes = writes };
}

/* A map that runs in a product's kernel, on elements of C before they are stored. `text` defines
 *   FN(epilogue)(realv acc, int row, int col, int left, __global TYPE *o0 EPILOGUE_PARAMS)
 * for min(left, SYN_VEC) elements from (row, col) on; o0 takes C's place. EPILOGUE_PARAMS is `params`, EPILOGUE_ARGS
 * the same names, and arg what is bound to them. */
typedef struct syn_epilogue {
    char *text, *params, *args; /* malloc'd */
    syn_arg arg[SYN_MAX_ARGS];
    int n_args;
    double flops, bytes; /* of it alone, o0 left out */
} syn_epilogue;
static inline void syn_epilogue_free(syn_epilogue *e) {
    free(e->text);
    free(e->params);
    free(e->args);
    *e = (syn_epilogue){ 0 };
}

#endif
