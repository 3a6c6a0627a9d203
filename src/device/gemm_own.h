/* Our own GEMM kernels: row-major C[m×n] = op(A) op(B), all leading dimensions packed
 * (op(A) is m×k: A is stored m×k, or k×m when ta; op(B) is k×n: B is stored k×n, or n×k when tb). */
#ifndef SYN_DEVICE_GEMM_OWN_H
#define SYN_DEVICE_GEMM_OWN_H

#include "base/launch.h"
#include "base/profile.h"

/* How a kernel computes a product, where a provider leaves the choice to measurement. */
typedef struct syn_gemm_variant {
    int rows, vectors; /* of a tile: rows x whole vectors (cpu); rows x rows elements a work-item (gpu) */
    bool packed;       /* the side read as vectors is packed first (cpu; else, where it is transposed, each
                          work-item packs what it reads for itself) */
    bool swap;         /* computes C' = B' A' (cpu, B transposed) */
    int chunk;         /* depth of a part, 0: not split */
} syn_gemm_variant;
static inline bool syn_gemm_variant_same(const syn_gemm_variant *a, const syn_gemm_variant *b) {
    return a->rows == b->rows && a->vectors == b->vectors && a->packed == b->packed && a->swap == b->swap &&
           a->chunk == b->chunk;
}

typedef struct syn_gemm {
    int m, n, k;
    bool ta, tb;
    bool accumulate; /* C += instead of C = */
    syn_dtype dtype; /* float or double */
    bool half[3];    /* A, B, C are kept as halves */
    const syn_gemm_variant *variant; /* NULL: the provider's own choice. One that is not possible is left out, too */
    const syn_epilogue *epilogue; /* NULL: none; a provider may leave it out, see syn_gemm_plan.epilogue */
    int norm, norm_base; /* 1 to 3: also the partial norms of C's tiles, into the plan's block from norm_base on: p
                            of NORM_GATHER (cl/base/row.cl). A provider may leave it out, see syn_gemm_plan.norms */
} syn_gemm;

#define SYN_GEMM_MAX_CALLS 4

/* The calls that compute a product over arguments a, b, c (values, or any buffers), and the scratch bytes they need.
 * n_calls 0: a library does. */
typedef struct syn_gemm_plan {
    syn_call call[SYN_GEMM_MAX_CALLS];
    int n_calls;
    int64_t scratch;
    bool epilogue;      /* the last call runs g.epilogue */
    int norms;          /* how many partial norms the last call leaves */
    syn_gemm_variant variant; /* what was chosen; of zeros where there is no choice */
    bool no_memory;     /* refused for want of it, not by its rule */
    const char *kernel; /* name printed by `syncline plan`: "tile 8x32 k512" */
} syn_gemm_plan;

/* false: this kernel family does not want the shape. */
bool syn_gemm_cpu_plan(const syn_gemm *g, const syn_profile *p, syn_arg a, syn_arg b, syn_arg c,
                       syn_gemm_plan *out);
bool syn_gemm_gpu_plan(const syn_gemm *g, const syn_profile *p, syn_arg a, syn_arg b, syn_arg c,
                       syn_gemm_plan *out);
void syn_gemm_plan_free(syn_gemm_plan *plan);

#endif
