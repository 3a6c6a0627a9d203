/* Greedy by size: the largest first, each at the lowest offset free during its life. */
#include "plan/place.h"

#include <stdlib.h>

static int larger_first(const void *a, const void *b) {
    const syn_place *x = *(const syn_place *const *)a, *y = *(const syn_place *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x < y ? -1 : x > y; /* equal sizes: in order, so that placement repeats */
}

static bool meet(const syn_place *a, const syn_place *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* Lowest offset in `slab` where p fits among the placed ones. Tries 0 and the end of each neighbour. */
static int64_t lowest(syn_place *const *placed, int n, const syn_place *p, int slab, int64_t align,
                      int64_t gap, int64_t max_slab) {
    int64_t best = -1;
    for (int c = -1; c < n; c++) {
        if (c >= 0 && (placed[c]->slab != slab || !meet(placed[c], p))) continue;
        int64_t at = c < 0 ? 0 : syn_round_up(placed[c]->offset + placed[c]->bytes + gap, align);
        if (at + p->bytes + gap > max_slab || (best >= 0 && at >= best)) continue;
        bool is_free = true;
        for (int i = 0; i < n && is_free; i++) {
            const syn_place *q = placed[i];
            is_free = q->slab != slab || !meet(q, p) || q->offset + q->bytes + gap <= at ||
                      at + p->bytes + gap <= q->offset;
        }
        if (is_free) best = at;
    }
    return best;
}

syn_status syn_place_all(syn_place *p, int n, int64_t align, int64_t gap, int64_t max_slab,
                         int64_t *slab_bytes, int max_slabs, int *n_slabs) {
    *n_slabs = 0;
    syn_place **order = malloc(((size_t)n + 1) * sizeof *order);
    if (!order) return syn_no_memory((size_t)n * sizeof *order);
    int count = 0;
    for (int i = 0; i < n; i++)
        if (p[i].bytes > 0) order[count++] = &p[i];
    if (count) qsort(order, (size_t)count, sizeof *order, larger_first);
    syn_status status = SYN_OK;
    for (int i = 0; i < count && status == SYN_OK; i++) {
        syn_place *q = order[i];
        int64_t at = -1;
        int slab = 0;
        for (; slab < max_slabs && at < 0; slab++) {
            if (slab == *n_slabs) slab_bytes[(*n_slabs)++] = 0;
            at = lowest(order, i, q, slab, align, gap, max_slab);
            if (at >= 0) break;
        }
        if (at < 0) {
            status = syn_fail(SYN_E_MEMORY, "a buffer of %lld bytes does not fit: the largest single "
                                            "allocation is %lld; a smaller batch would help",
                              (long long)q->bytes, (long long)max_slab);
            break;
        }
        q->slab = slab;
        q->offset = at;
        if (at + q->bytes + gap > slab_bytes[slab]) slab_bytes[slab] = at + q->bytes + gap;
    }
    free(order);
    return status;
}
