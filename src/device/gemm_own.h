/* Our own GEMM kernels: row-major C[m×n] = op(A) op(B), all leading dimensions packed
 * (op(A) is m×k: A is stored m×k, or k×m when ta; op(B) is k×n: B is stored k×n, or n×k when tb). */
#ifndef SYN_DEVICE_GEMM_OWN_H
#define SYN_DEVICE_GEMM_OWN_H

#include "base/launch.h"
#include "base/profile.h"

typedef struct syn_gemm {
    int m, n, k;
    bool ta, tb;
    bool accumulate; /* C += instead of C = */
    syn_dtype dtype;
    const syn_epilogue *epilogue; /* NULL: none; a provider may leave it out, see syn_gemm_plan.epilogue */
    /* n, k (and m when `m_fixed`) never vary between batch sizes: kernels may bake them in */
} syn_gemm;

#define SYN_GEMM_MAX_CALLS 4

/* Describe the calls that compute g with arguments a, b, c (SYN_ARG_VALUE or any buffer arg), and
 * the scratch bytes they need. Returns the number of calls. */
typedef struct syn_gemm_plan {
    syn_call call[SYN_GEMM_MAX_CALLS];
    int n_calls;
    int64_t scratch;
    bool epilogue;      /* the last call runs g.epilogue */
    const char *kernel; /* name printed by `syncline plan`: "tile 8x32 k512" */
} syn_gemm_plan;

/* false: this kernel family does not want the shape. */
bool syn_gemm_cpu_plan(const syn_gemm *g, const syn_profile *p, syn_arg a, syn_arg b, syn_arg c,
                       syn_gemm_plan *out);
bool syn_gemm_gpu_plan(const syn_gemm *g, const syn_profile *p, syn_arg a, syn_arg b, syn_arg c,
                       syn_gemm_plan *out);

#endif
