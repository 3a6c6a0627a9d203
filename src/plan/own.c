/* Batches and results in a caller's own device buffers (syncline/opencl.h). */
#include "plan/plan.h"

#include <syncline/opencl.h>

enum { LENT_X, LENT_Y, LENT_OUT }; /* of plan->lent */

static syn_status check(const syn_plan *plan, const syn_cl_array *a, int64_t count,
                        const char *what) {
    if (!a || !a->mem) return syn_fail(SYN_E_ARGUMENT, "%s must be given", what);
    int64_t n = syn_shape_count(&a->shape), rows = a->shape.rank ? a->shape.dim[0] : 0;
    if (rows >= 1 && rows <= plan->batch && n == rows * count) return SYN_OK;
    return syn_fail(SYN_E_SHAPE, "%s: the plan takes 1 to %d rows of %lld values", what,
                    plan->batch, (long long)count);
}

/* The caller's memory as a buffer, in plan->lent; a misaligned offset is copied, for sub-buffers
 * need alignment. */
static syn_status take(syn_plan *plan, const syn_cl_array *a, int which, const char *what) {
    int64_t bytes = syn_shape_count(&a->shape) * (int64_t)syn_type_size(a->type),
            offset = (int64_t)a->offset;
    syn_buffer **lent = &plan->lent[which];
    if (offset % syn_ctx_profile_of(plan->ctx)->align == 0)
        return syn_buffer_rewrap(lent, plan->ctx, a->mem, offset, bytes);
    syn_buffer *copy;
    SYN_TRY(syn_buffer_rewrap(lent, plan->ctx, a->mem, 0, offset + bytes));
    SYN_TRY(syn_buffer_create(&copy, plan->ctx, bytes, what));
    syn_status status = syn_buffer_copy(*lent, offset, copy, 0, bytes);
    syn_buffer_destroy(*lent);
    *lent = copy;
    return status;
}

/* A caller's memory is held no longer than a call; what is enqueued holds it by itself. */
static void give_back(syn_plan *plan) {
    for (size_t i = 0; i < SYN_COUNT(plan->lent); i++) {
        syn_buffer *b = plan->lent[i];
        if (b && syn_buffer_owned(b)) { /* a copy */
            syn_buffer_destroy(b);
            plan->lent[i] = NULL;
        } else if (b) {
            (void)syn_buffer_rewrap(&plan->lent[i], plan->ctx, NULL, 0, 0);
        }
    }
}

static syn_status feed(syn_plan *plan, syn_mode mode, const syn_cl_array *x, const syn_cl_array *y,
                       syn_list **list) {
    syn_source *source;
    bool train = mode == SYN_MODE_TRAIN;
    if (plan->loss < 0 && train)
        return syn_fail(SYN_E_ARGUMENT, "the plan has no loss: it predicts, nothing else");
    if (plan->n_inputs > 1 || plan->n_losses > 1 || plan->n_outputs > 1 || plan->weighted)
        return syn_fail(SYN_E_ARGUMENT, "buffers of one's own are for plans of one input and one loss, "
                                        "without weights of the samples");
    SYN_TRY(check(plan, x, plan->fed[0].count, "x"));
    if (train) {
        SYN_TRY(check(plan, y, plan->fed[1].count, "y"));
        if (y->shape.dim[0] != x->shape.dim[0])
            return syn_fail(SYN_E_SHAPE, "x has %lld rows, y %lld", (long long)x->shape.dim[0],
                            (long long)y->shape.dim[0]);
    }
    const syn_type type[] = { x->type, train ? y->type : SYN_I32 };
    const bool there[] = { true, train };
    SYN_TRY(syn_plan_source(&source, plan, type, there, true));
    SYN_TRY(syn_plan_list(plan, mode, (int)x->shape.dim[0], list));
    SYN_TRY(take(plan, x, LENT_X, "x"));
    if (train) SYN_TRY(take(plan, y, LENT_Y, "y"));
    return syn_source_lend(source, *list, plan->lent);
}

static syn_status mark(syn_plan *plan, cl_event *event) {
    if (!event) return syn_ctx_flush(plan->ctx);
    syn_event *e;
    SYN_TRY(syn_ctx_mark(plan->ctx, &e));
    syn_event_take(e, event);
    return syn_ctx_flush(plan->ctx);
}

static syn_status step(syn_plan *plan, const syn_cl_array *x, const syn_cl_array *y) {
    syn_list *l;
    SYN_TRY(feed(plan, SYN_MODE_TRAIN, x, y, &l));
    SYN_TRY(syn_plan_enqueue_step(plan, l));
    return syn_plan_pace(plan); /* pending writes of step scalars read the host's table */
}

syn_status syn_step_cl(syn_plan *plan, const syn_cl_array *x, const syn_cl_array *y,
                       cl_event *event) {
    syn_status status = step(plan, x, y);
    give_back(plan);
    return status == SYN_OK ? mark(plan, event) : status;
}

static syn_status infer(syn_plan *plan, const syn_cl_array *x, cl_mem out, size_t offset) {
    syn_list *l;
    SYN_TRY(feed(plan, SYN_MODE_INFER, x, NULL, &l));
    SYN_TRY(syn_plan_enqueue_forward(plan, l));
    const syn_graph *g = l->graph;
    int64_t bytes = syn_value_count(g, g->output[0]) * l->rows * syn_value_size(g, g->output[0], plan->dtype);
    SYN_TRY(syn_buffer_rewrap(&plan->lent[LENT_OUT], plan->ctx, out, 0, (int64_t)offset + bytes));
    return syn_buffer_copy(l->value[syn_value_root(g, g->output[0])], 0, plan->lent[LENT_OUT],
                           (int64_t)offset, bytes);
}

syn_status syn_infer_cl(syn_plan *plan, const syn_cl_array *x, cl_mem out, size_t offset,
                        cl_event *event) {
    if (!out) return syn_fail(SYN_E_ARGUMENT, "out must be given");
    syn_status status = infer(plan, x, out, offset);
    give_back(plan);
    return status == SYN_OK ? mark(plan, event) : status;
}
