/* Parts: what the norm kernel takes by work-item, and whose norms the products leave. */
#include "plan/machinery.h"

#include <stdlib.h>
#include <string.h>

/* Products see the gradient alone: not what is added to it before it is clipped, nor a sum of several. */
static bool leaves_norms(const syn_plan *plan) {
    const syn_frame *f = &plan->frame;
    return syn_frame_needs_norm(f) && !f->penalties && !(f->decay.coupled > 0 && f->clip.order == 2) && f->accumulate <= 1 &&
           !syn_optim_searches(&plan->optim);
}

/* Parts: runs of tiles of one parameter, about SYN_NORM_PARTS in all. */
syn_status syn_machinery_parts(syn_plan *plan) {
    int each = (int)syn_ceil_div(plan->n_tiles, SYN_NORM_PARTS), n_params = plan->state->n_params;
    plan->part = malloc(((size_t)plan->n_tiles + 1) * 4 * sizeof *plan->part);
    plan->range = calloc(((size_t)n_params + 1) * 4, sizeof *plan->range);
    if (!plan->part || !plan->range) return syn_no_memory((size_t)plan->n_tiles * 16);
    for (int t = 0; t < plan->n_tiles;) {
        int p = plan->tile[t * 4 + 3], n = 0;
        while (n < each && t + n < plan->n_tiles && plan->tile[(t + n) * 4 + 3] == p) n++;
        int32_t *part = plan->part + plan->n_parts * 4, *range = plan->range + p * 4;
        part[0] = t;
        part[1] = n;
        part[2] = p;
        part[3] = plan->n_parts;
        if (range[1]++ == 0) range[0] = plan->n_parts;
        plan->n_parts++;
        t += n;
    }
    plan->left.of = calloc((size_t)n_params + 1, sizeof *plan->left.of);
    if (!plan->left.of) return syn_no_memory((size_t)n_params * sizeof *plan->left.of);
    plan->left.p = leaves_norms(plan) ? plan->frame.clip.p : 0;
    plan->left.from = 2 * plan->n_parts;
    return SYN_OK;
}

syn_status syn_machinery_ranges(syn_plan *plan) {
    const int n = plan->state->n_params;
    syn_left_norms *left = &plan->left;
    left->decided = true;
    plan->rest = malloc(((size_t)plan->n_parts + 1) * 4 * sizeof *plan->rest);
    plan->step_range = malloc(((size_t)n + 1) * 4 * sizeof *plan->step_range);
    if (!plan->rest || !plan->step_range) return syn_no_memory((size_t)plan->n_parts * 16);
    memcpy(plan->step_range, plan->range, (size_t)n * 4 * sizeof *plan->step_range);
    for (int p = 0; p < n; p++) {
        if (!left->of[p].count) continue;
        plan->step_range[p * 4] = left->of[p].base;
        plan->step_range[p * 4 + 1] = left->of[p].count;
    }
    for (int k = 0; k < plan->n_parts; k++)
        if (!left->of[plan->part[k * 4 + 2]].count)
            memcpy(plan->rest + plan->n_rest++ * 4, plan->part + k * 4, 4 * sizeof *plan->rest);
    return SYN_OK;
}

double syn_machinery_part_bytes(const syn_plan *plan, const int32_t *part, int n) {
    double elements = 0;
    for (int k = 0; k < n; k++)
        for (int t = part[k * 4]; t < part[k * 4] + part[k * 4 + 1]; t++) elements += plan->tile[t * 4 + 2];
    return elements * (double)syn_plan_real(plan);
}
