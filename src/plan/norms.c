#include "plan/norms.h"

#include <string.h>

/* A list of another batch size: the tiles are those of the first. */
static syn_status follow(const syn_left_norm *first, const syn_ctx *ctx, const syn_gemm *g, syn_arg a, syn_arg b, syn_arg c,
                         syn_gemm_choice *choice) {
    syn_gemm with = *g;
    with.variant = &first->variant;
    with.norm_base = first->base;
    for (int i = 0; i < syn_gemm_providers(); i++) {
        if (strcmp(syn_gemm_provider(i), first->provider) != 0) continue;
        const bool taken = syn_gemm_plan_with(ctx, i, &with, a, b, c, &choice->plan);
        if (taken && choice->plan.norms == first->count) {
            choice->provider = first->provider;
            choice->from = first->from;
            return SYN_OK;
        }
        if (choice->plan.no_memory) return syn_no_memory(4096);
        syn_gemm_plan_free(&choice->plan);
    }
    return syn_fail(SYN_E_DEVICE, "a product of %d x %d x %d does not leave the norms it did with other rows", g->m, g->n,
                    g->k);
}

syn_status syn_norms_choose(syn_left_norms *left, int param, const syn_ctx *ctx, const syn_gemm *g, syn_arg a, syn_arg b,
                            syn_arg c, syn_gemm_choice *choice) {
    if (!left || !left->p) return syn_gemm_choose(ctx, g, a, b, c, choice);
    syn_left_norm *one = &left->of[param];
    syn_gemm with = *g;
    with.norm = left->p;
    with.norm_base = left->from + left->count;
    if (left->decided && one->count) return follow(one, ctx, &with, a, b, c, choice);
    if (left->decided) return syn_gemm_choose(ctx, g, a, b, c, choice);
    SYN_TRY(syn_gemm_choose(ctx, &with, a, b, c, choice));
    *one = (syn_left_norm){ .variant = choice->plan.variant, .provider = choice->provider, .from = choice->from, .base = with.norm_base,
                            .count = choice->plan.norms };
    left->count += one->count;
    return SYN_OK;
}
