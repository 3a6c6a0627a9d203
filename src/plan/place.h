/* Placing buffers in the arena by lifetime. No device. */
#ifndef SYN_PLAN_PLACE_H
#define SYN_PLAN_PLACE_H

#include "base/base.h"

typedef struct syn_place {
    int64_t bytes;   /* 0: needs no memory */
    int first, last; /* launches during which it lives, both included */
    int slab;        /* result */
    int64_t offset;
} syn_place;

/* Gives each a slab and an offset (multiples of align) so that no two that live at one moment overlap.
 * gap bytes are left behind each. Slabs are at most max_slab bytes; slab_bytes gets their sizes,
 * n_slabs at most max_slabs. SYN_E_MEMORY when one does not fit. */
syn_status syn_place_all(syn_place *p, int n, int64_t align, int64_t gap, int64_t max_slab,
                         int64_t *slab_bytes, int max_slabs, int *n_slabs);

#endif
