/* Batches and results in a caller's own device buffers (syncline/opencl.h). */
#include "plan/plan.h"

#include <syncline/opencl.h>

/* The caller's memory as a buffer; a misaligned offset is copied, for sub-buffers need alignment. */
static syn_status take(syn_plan *plan, const syn_cl_array *a, int64_t count, const char *what,
                       syn_buffer **out) {
    *out = NULL;
    if (!a || !a->mem) return syn_fail(SYN_E_ARGUMENT, "%s must be given", what);
    int64_t n = syn_shape_count(&a->shape), rows = a->shape.rank ? a->shape.dim[0] : 0;
    if (rows < 1 || rows > plan->batch || n != rows * count)
        return syn_fail(SYN_E_SHAPE, "%s: the plan takes 1 to %d rows of %lld values", what, plan->batch,
                        (long long)count);
    int64_t bytes = n * (int64_t)syn_type_size(a->type), offset = (int64_t)a->offset;
    if (offset % syn_ctx_profile_of(plan->ctx)->align == 0)
        return syn_buffer_wrap(out, plan->ctx, a->mem, offset, bytes);
    syn_buffer *whole;
    SYN_TRY(syn_buffer_wrap(&whole, plan->ctx, a->mem, 0, offset + bytes));
    syn_status status = syn_buffer_create(out, plan->ctx, bytes, what);
    if (status == SYN_OK) status = syn_buffer_copy(whole, offset, *out, 0, bytes);
    syn_buffer_destroy(whole);
    return status;
}

static syn_status feed(syn_plan *plan, syn_mode mode, const syn_cl_array *x, const syn_cl_array *y,
                       syn_list **list) {
    syn_buffer *bx, *by = NULL;
    syn_source *source;
    if (plan->loss < 0 && mode == SYN_MODE_TRAIN)
        return syn_fail(SYN_E_ARGUMENT, "the plan has no loss: it predicts, nothing else");
    SYN_TRY(take(plan, x, plan->x_count, "x", &bx));
    if (mode == SYN_MODE_TRAIN) {
        syn_status status = take(plan, y, plan->y_count, "y", &by);
        if (status == SYN_OK && y->shape.dim[0] != x->shape.dim[0])
            status = syn_fail(SYN_E_SHAPE, "x has %lld rows, y %lld", (long long)x->shape.dim[0],
                              (long long)y->shape.dim[0]);
        if (status != SYN_OK) {
            syn_buffer_destroy(bx);
            syn_buffer_destroy(by);
            return status;
        }
    }
    SYN_TRY(syn_source_over(&source, plan, bx, x->type, by, by ? y->type : SYN_I32));
    syn_status status = syn_plan_list(plan, mode, (int)x->shape.dim[0], list);
    if (status == SYN_OK) status = syn_source_prepare(source, *list);
    if (status == SYN_OK) status = syn_source_feed_over(source, *list);
    syn_source_close(source);
    return status;
}

static syn_status mark(syn_plan *plan, cl_event *event) {
    if (!event) return syn_ctx_flush(plan->ctx);
    syn_event *e;
    SYN_TRY(syn_ctx_mark(plan->ctx, &e));
    syn_event_take(e, event);
    return syn_ctx_flush(plan->ctx);
}

syn_status syn_step_cl(syn_plan *plan, const syn_cl_array *x, const syn_cl_array *y, cl_event *event) {
    syn_list *l;
    SYN_TRY(feed(plan, SYN_MODE_TRAIN, x, y, &l));
    SYN_TRY(syn_plan_enqueue_step(plan, l));
    SYN_TRY(syn_plan_pace(plan)); /* pending writes of step scalars read the host's table */
    return mark(plan, event);
}

syn_status syn_infer_cl(syn_plan *plan, const syn_cl_array *x, cl_mem out, size_t offset,
                        cl_event *event) {
    syn_list *l;
    syn_buffer *to;
    SYN_TRY(feed(plan, SYN_MODE_INFER, x, NULL, &l));
    SYN_TRY(syn_plan_enqueue_forward(plan, l));
    const syn_graph *g = l->graph;
    int64_t bytes = syn_value_count(g, g->output) * l->rows * syn_plan_real(plan);
    SYN_TRY(syn_buffer_wrap(&to, plan->ctx, out, 0, (int64_t)offset + bytes));
    syn_status status = syn_buffer_copy(l->value[syn_value_root(g, g->output)], 0, to, (int64_t)offset, bytes);
    syn_buffer_destroy(to);
    return status == SYN_OK ? mark(plan, event) : status;
}
