/* Batches and results in a caller's own device buffers (syncline/opencl.h). */
#include "plan/plan.h"

#include <syncline/opencl.h>

enum { LENT_OUT = SYN_MAX_FED }; /* of plan->lent; the others by fed value */

static syn_status check(const syn_plan *plan, const syn_fed *f, const syn_cl_array *a, int64_t rows) {
    static const char *const what[] = { "x", "y", "weights" };
    if (!a || !a->mem) return syn_fail(SYN_E_ARGUMENT, "%s must be given", what[f->kind]);
    const int64_t n = syn_shape_count(&a->shape), own = a->shape.rank ? a->shape.dim[0] : 0;
    if (own < 1 || own > plan->batch || n != own * f->count)
        return syn_fail(SYN_E_SHAPE, "%s: the plan takes 1 to %d rows of %lld values", what[f->kind], plan->batch,
                        (long long)f->count);
    if (a->type == SYN_F64 && !syn_ctx_profile_of(plan->ctx)->fp64)
        return syn_fail(SYN_E_ARGUMENT, "%s is f64, and the device has no fp64; pass f32", what[f->kind]);
    if (own != rows)
        return syn_fail(SYN_E_SHAPE, "x has %lld rows, %s %lld", (long long)rows, what[f->kind], (long long)own);
    return SYN_OK;
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

static syn_status feed(syn_plan *plan, syn_mode mode, const syn_cl_batch *b, syn_list **list) {
    const syn_cl_array *array[SYN_MAX_FED] = { NULL };
    syn_type type[SYN_MAX_FED];
    bool there[SYN_MAX_FED];
    syn_source *source;
    SYN_TRY(syn_plan_check_batch(plan, mode, b->x != NULL, b->n_x, b->y != NULL, b->n_y, b->weights != NULL));
    const int64_t rows = b->x[0].shape.rank ? b->x[0].shape.dim[0] : 0;
    for (int k = 0; k < plan->n_fed; k++) {
        const syn_fed *f = &plan->fed[k];
        if (f->kind == SYN_FED_INPUT) array[k] = &b->x[f->index];
        else if (mode == SYN_MODE_TRAIN) array[k] = f->kind == SYN_FED_TARGET ? &b->y[f->index] : b->weights;
        there[k] = array[k] != NULL;
        type[k] = there[k] ? array[k]->type : SYN_I32;
        if (there[k]) SYN_TRY(check(plan, f, array[k], rows));
    }
    SYN_TRY(syn_plan_source(&source, plan, type, there, true));
    SYN_TRY(syn_plan_list(plan, mode, (int)rows, list));
    for (int k = 0; k < plan->n_fed; k++)
        if (there[k]) SYN_TRY(take(plan, array[k], k, plan->fed[k].name));
    return syn_source_lend(source, *list, plan->lent);
}

static syn_status mark(syn_plan *plan, cl_event *event) {
    if (!event) return syn_ctx_flush(plan->ctx);
    syn_event *e;
    SYN_TRY(syn_ctx_mark(plan->ctx, &e));
    syn_event_take(e, event);
    return syn_ctx_flush(plan->ctx);
}

static syn_status step(syn_plan *plan, const syn_cl_batch *batch) {
    syn_list *l;
    SYN_TRY(feed(plan, SYN_MODE_TRAIN, batch, &l));
    SYN_TRY(syn_plan_enqueue_step(plan, l));
    return syn_plan_pace(plan); /* pending writes of step scalars read the host's table */
}

syn_status syn_step_batch_cl(syn_plan *plan, const syn_cl_batch *batch, cl_event *event) {
    if (!batch) return syn_fail(SYN_E_ARGUMENT, "the batch must be given");
    syn_status status = step(plan, batch);
    give_back(plan);
    return status == SYN_OK ? mark(plan, event) : status;
}

static syn_status infer(syn_plan *plan, const syn_cl_batch *batch, cl_mem out, size_t offset) {
    syn_list *l;
    int64_t bytes[SYN_MAX_ENDS], all = 0;
    SYN_TRY(feed(plan, SYN_MODE_INFER, batch, &l));
    SYN_TRY(syn_plan_enqueue_forward(plan, l));
    const syn_graph *g = l->graph;
    for (int k = 0; k < g->n_outputs; k++) {
        const int v = g->output[k];
        all += bytes[k] = syn_value_count(g, v) * l->rows * syn_value_size(g, v, plan->dtype);
    }
    SYN_TRY(syn_buffer_rewrap(&plan->lent[LENT_OUT], plan->ctx, out, 0, (int64_t)offset + all));
    for (int64_t k = 0, at = (int64_t)offset; k < g->n_outputs; at += bytes[k++])
        SYN_TRY(syn_buffer_copy(l->value[syn_value_root(g, g->output[k])], 0, plan->lent[LENT_OUT], at, bytes[k]));
    return SYN_OK;
}

syn_status syn_infer_batch_cl(syn_plan *plan, const syn_cl_batch *batch, cl_mem out, size_t offset, cl_event *event) {
    if (!batch) return syn_fail(SYN_E_ARGUMENT, "the batch must be given");
    if (!out) return syn_fail(SYN_E_ARGUMENT, "out must be given");
    syn_status status = infer(plan, batch, out, offset);
    give_back(plan);
    return status == SYN_OK ? mark(plan, event) : status;
}

syn_status syn_step_cl(syn_plan *plan, const syn_cl_array *x, const syn_cl_array *y, cl_event *event) {
    const syn_cl_batch b = { .x = x, .n_x = 1, .y = y, .n_y = 1 };
    return syn_step_batch_cl(plan, &b, event);
}

syn_status syn_infer_cl(syn_plan *plan, const syn_cl_array *x, cl_mem out, size_t offset, cl_event *event) {
    const syn_cl_batch b = { .x = x, .n_x = 1 };
    return syn_infer_batch_cl(plan, &b, out, offset, event);
}
