/* Norms of gradients that the products which write them leave behind, so that nothing reads them again:
 * tiles of a register-tile product have their elements at hand. Where a weight gradient comes from another
 * kernel, and where more than the gradient counts (penalties, coupled decay, micro-batches), the norm kernel
 * reads it.
 *
 * The plan's first training list decides, by parameter; the lists of other batch sizes follow with the same
 * tiles, so one table of ranges serves them all. */
#ifndef SYN_PLAN_NORMS_H
#define SYN_PLAN_NORMS_H

#include "device/device.h"

typedef struct syn_left_norm {
    syn_gemm_variant variant;
    const char *provider, *from;
    int base, count; /* partial norms; count 0: none */
} syn_left_norm;

typedef struct syn_left_norms {
    int p;           /* of NORM_GATHER (cl/base/row.cl); 0: products leave none */
    bool decided;
    int from, count; /* of all partial norms */
    syn_left_norm *of; /* by parameter */
} syn_left_norms;

/* The product of parameter `param`'s gradient, chosen; left may be NULL. */
syn_status syn_norms_choose(syn_left_norms *left, int param, const syn_ctx *ctx, const syn_gemm *g, syn_arg a, syn_arg b,
                            syn_arg c, syn_gemm_choice *choice);

#endif
