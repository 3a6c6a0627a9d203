/* The lists of a plan: one for each mode and batch size, made when first asked for. */
#include "plan/machinery.h"
#include "plan/phases.h"
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

static syn_status check_size(const syn_plan *plan, const syn_graph *g, const syn_node *n, int value,
                             int rows) {
    const int64_t each = syn_value_count(g, value), times = g->value[value].batched ? rows : 1;
    if (each >= 0 && each <= SYN_MOST_ELEMENTS / times) return SYN_OK;
    const char *name = n->layer >= 0 ? plan->state->net->layer[n->layer].name : n->op->name;
    return syn_fail(
        SYN_E_SHAPE,
        "%s: %lld rows of %lld values in one tensor; 2^31 - 65536 elements are possible: use a "
        "smaller batch or layer",
        name, (long long)times, (long long)each);
}

syn_status syn_plan_emit(syn_plan *plan, syn_mode mode, int rows, syn_list *l) {
    const bool train = mode == SYN_MODE_TRAIN;
    const syn_graph *g = &plan->graph[mode];
    for (int i = 0; i < g->n_nodes; i++) {
        const syn_node *n = &g->node[i];
        for (int k = 0; k < n->n_in; k++) SYN_TRY(check_size(plan, g, n, n->in[k], rows));
        for (int k = 0; k < n->n_out; k++) SYN_TRY(check_size(plan, g, n, n->out[k], rows));
    }
    SYN_TRY(syn_list_emit(l, plan->ctx, g, plan->dtype, rows, train, plan->frame.accumulate > 1,
                          train ? &plan->left : NULL));
    if (train && !plan->left.decided) SYN_TRY(syn_machinery_ranges(plan));
    SYN_TRY(syn_machinery_append(plan, mode, l));
    if (plan->fuse) syn_phases_mark(l, syn_ctx_profile_of(plan->ctx));
    return syn_list_place(l, syn_ctx_profile_of(plan->ctx), plan->dtype);
}

syn_status syn_plan_bind_list(syn_plan *plan, syn_list *l) {
    const syn_binding b = { .ctx = plan->ctx,
                            .kernels = &plan->kernels,
                            .slab = plan->slab,
                            .param = plan->dtype == SYN_HALF ? plan->state->half_segment
                                                             : plan->state->segment,
                            .grad = plan->grad,
                            .block = plan->block,
                            .tables = &plan->tables };
    return syn_list_bind(l, &b, plan->dtype);
}

syn_status syn_plan_add_list(syn_plan *plan, syn_mode mode, int rows, syn_list **out) {
    if (!syn_grow(&plan->list, &plan->cap_lists, plan->n_lists + 1, sizeof *plan->list) ||
        !syn_grow(&plan->list_mode, &plan->cap_modes, plan->n_lists + 1, sizeof *plan->list_mode))
        return syn_no_memory(sizeof *plan->list);
    syn_list *l = calloc(1, sizeof *l);
    if (!l) return syn_no_memory(sizeof *l);
    plan->list[plan->n_lists] = l;
    plan->list_mode[plan->n_lists++] = mode;
    *out = l;
    SYN_TRY(syn_plan_emit(plan, mode, rows, l));
    SYN_TRY(syn_list_want(l, &plan->kernels));
    for (int i = 0; i < l->n_slabs; i++) { /* the arena serves the largest list */
        if (i >= plan->n_slabs) plan->n_slabs = i + 1;
        if (l->slab_bytes[i] > plan->slab_bytes[i]) plan->slab_bytes[i] = l->slab_bytes[i];
    }
    return SYN_OK;
}

/* A smaller batch may ask for more where its GEMM splits. Earlier lists stay bound to what they
 * had. */
static syn_status grow_arena(syn_plan *plan, const int64_t *had, int n_had) {
    for (int i = 0; i < plan->n_slabs; i++) {
        if (plan->slab_bytes[i] <= had[i]) continue;
        syn_buffer *larger = NULL;
        syn_status status =
            syn_grow(&plan->outgrown, &plan->cap_outgrown, plan->n_outgrown + 1,
                     sizeof *plan->outgrown)
                ? syn_buffer_create(&larger, plan->ctx, plan->slab_bytes[i], "the arena")
                : syn_no_memory(sizeof *plan->outgrown);
        if (status != SYN_OK) {
            for (int k = i; k < plan->n_slabs; k++) plan->slab_bytes[k] = had[k];
            plan->n_slabs = i < n_had ? n_had : i;
            return status;
        }
        plan->outgrown[plan->n_outgrown++] = plan->slab[i];
        plan->slab[i] = larger;
    }
    return SYN_OK;
}

static syn_status make_list(syn_plan *plan, syn_mode mode, int rows, syn_list **list) {
    const int n_had = plan->n_slabs;
    int64_t had[SYN_MAX_SLABS];
    memcpy(had, plan->slab_bytes, sizeof had);
    SYN_TRY(syn_plan_add_list(plan, mode, rows, list));
    SYN_TRY(grow_arena(plan, had, n_had));
    SYN_TRY(syn_kernels_build(&plan->kernels));
    return syn_plan_bind_list(plan, *list);
}

syn_status syn_plan_list(syn_plan *plan, syn_mode mode, int rows, syn_list **list) {
    for (int i = 0; i < plan->n_lists; i++)
        if (plan->list_mode[i] == mode && plan->list[i]->rows == rows) {
            *list = plan->list[i];
            return SYN_OK;
        }
    if (!plan->has_graph[mode])
        return syn_fail(SYN_E_ARGUMENT, "the plan has no loss: it predicts, nothing else");
    const int n = plan->n_lists;
    syn_status status = make_list(plan, mode, rows, list);
    while (status != SYN_OK && plan->n_lists > n) { /* who asks again shall not find half a list */
        syn_list_free(plan->list[--plan->n_lists]);
        free(plan->list[plan->n_lists]);
        *list = NULL;
    }
    return status;
}
