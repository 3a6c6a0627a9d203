/* What the host code knows of a device: plain data, read once (src/device/context.c). */
#ifndef SYN_BASE_PROFILE_H
#define SYN_BASE_PROFILE_H

#include <syncline/base.h>

typedef enum syn_masks {
    SYN_MASKS_DRAWN, /* none */
    SYN_MASKS_BITS,  /* those that are bits */
    SYN_MASKS_KEPT,  /* and those that are numbers */
    SYN_MASKS_WAYS
} syn_masks;

typedef struct syn_profile {
    bool cpu;            /* barrier-free kernels over whole vectors, else work-group tiles */
    bool fp64;           /* double is there */
    int vec_float;       /* floats in the widest vector: 16 on AVX-512, 1 on most GPUs */
    int vec_double;      /* doubles, likewise */
    int compute_units;   /* for launch sizes only; never partitions a reduction */
    int max_group;       /* largest work-group */
    int64_t local_bytes;
    int64_t global_bytes;
    int64_t max_alloc;   /* largest single allocation, bytes */
    int align;           /* base alignment of sub-buffers, bytes; at least 512 */
    syn_masks masks;     /* which random masks are kept for the backward pass; others are drawn again */
} syn_profile;

#endif
