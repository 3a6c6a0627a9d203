/* Stepping: scalars ahead of the device, batches from memory, the two halves of a step, the latch. */
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HALF = SYN_SCALAR_ROWS / 2 };

static syn_status schedule_at(void *user, int64_t t, double *lr, double *momentum) {
    const syn_plan *plan = user;
    const syn_schedule_run run = syn_plan_run(plan);
    return syn_schedule_value(&plan->schedule, &run, t - 1, lr, momentum);
}

/* Scalars of the steps [block * HALF, ...), one half of the ring, written before the first of them
 * runs. Steps past the schedule's end are left out; asking for one is the error. */
static syn_status write_block(syn_plan *plan, int64_t number) {
    int n = SYN_FRAME_SCALARS + plan->optim.n_scalars;
    float *f = plan->table[number & 1];
    double *d = plan->table[number & 1], row[SYN_FRAME_SCALARS + SYN_MAX_SCALARS];
    const syn_schedule_run run = syn_plan_run(plan);
    SYN_TRY(syn_optim_reach(&plan->optim, number * HALF + 1, schedule_at, plan));
    for (int i = 0; i < HALF; i++) {
        int64_t t = number * HALF + i;
        double lr, momentum;
        syn_status status = syn_schedule_value(&plan->schedule, &run, t, &lr, &momentum);
        if (status != SYN_OK && t <= plan->step) return status;
        if (status != SYN_OK) break;
        syn_frame_scalars(&plan->frame, t + 1, lr, row);
        syn_optim_scalars(&plan->optim, t + 1, lr, momentum, row + SYN_FRAME_SCALARS);
        for (int k = 0; k < n; k++)
            if (plan->dtype == SYN_DOUBLE) d[i * n + k] = row[k];
            else f[i * n + k] = (float)row[k];
    }
    int64_t bytes = (int64_t)HALF * n * syn_plan_real(plan);
    SYN_TRY(syn_buffer_write(plan->block[SYN_BLOCK_SCALARS], (number & 1) * bytes, f, bytes, false));
    plan->table_block = number;
    return SYN_OK;
}

static syn_status need_scalars(syn_plan *plan) {
    const int64_t number = plan->step / HALF;
    if (number == plan->table_block) return SYN_OK;
    /* Begun afresh: steps that were skipped leave the device some steps behind. */
    if (plan->table_block < 0 && number > 0) SYN_TRY(write_block(plan, number - 1));
    return write_block(plan, number);
}

/* Steps that were skipped leave the device behind, which reads the row of the step that it is at: the host looks
 * where that is before rows are written over. */
static syn_status catch_up(syn_plan *plan) {
    const syn_frame *f = &plan->frame;
    const bool may_skip = f->on_nonfinite == SYN_NONFINITE_SKIP || (f->half && f->loss_scale == 0);
    uint32_t step;
    if (!may_skip || plan->step == 0 || plan->step % HALF) return SYN_OK;
    SYN_TRY(syn_buffer_read(plan->block[SYN_BLOCK_CONTROL], SYN_CTL_STEP * 4, &step, sizeof step, true));
    if (step == plan->step) return SYN_OK;
    plan->step = step;
    plan->table_block = -1;
    return SYN_OK;
}

/* Before an update is enqueued: the step's row is on the device, and the step is counted. */
static syn_status begin_update(syn_plan *plan) {
    if (syn_optim_searches(&plan->optim))
        return syn_fail(SYN_E_ARGUMENT, "%s takes several gradients of the whole training set a step: train with "
                                        "syn_fit", plan->optim.spec.def->name);
    if (plan->swapped)
        return syn_fail(SYN_E_ARGUMENT, "the moving average stands in the weights' place; call syn_ema_swap first");
    const syn_schedule_run run = syn_plan_run(plan);
    SYN_TRY(catch_up(plan));
    SYN_TRY(syn_schedule_value(&plan->schedule, &run, plan->step, &plan->lr, &plan->momentum));
    if (isnan(plan->momentum)) plan->momentum = plan->optim.momentum;
    SYN_TRY(need_scalars(plan));
    plan->state->stale |= plan->dtype != SYN_HALF;
    plan->step++;
    return SYN_OK;
}

/* A mark every few steps; the host waits for the mark of some steps back. */
syn_status syn_plan_pace(syn_plan *plan) {
    enum { EVERY = 4 };
    if (++plan->n_marks % EVERY) return SYN_OK;
    syn_event **mark = &plan->mark[plan->n_marks / EVERY % (int64_t)SYN_COUNT(plan->mark)];
    if (*mark) SYN_TRY(syn_event_wait(*mark));
    syn_event_release(*mark);
    *mark = NULL;
    SYN_TRY(syn_ctx_mark(plan->ctx, mark));
    return syn_ctx_flush(plan->ctx);
}

static syn_status run_item(syn_plan *plan, syn_list *list, int item) {
    return syn_list_run(list, plan->ctx, list->n_nodes_items + item, 1);
}

/* The graph, at the weights, or ahead of them where the optimizer says so. */
static syn_status run_nodes(syn_plan *plan, syn_list *list) {
    bool ahead = syn_optim_looks_ahead(&plan->optim);
    plan->last = list;
    plan->overrun = false;
    SYN_TRY(syn_state_refresh(plan->state));
    if (ahead) SYN_TRY(run_item(plan, list, SYN_ITEM_AHEAD));
    SYN_TRY(syn_list_run(list, plan->ctx, 0, list->n_nodes_items));
    return ahead ? run_item(plan, list, SYN_ITEM_BACK) : SYN_OK;
}

static syn_status run_pieces(syn_plan *plan, syn_list *list, syn_part part) {
    int piece[SYN_MAX_PIECES][2], n = syn_plan_pieces(plan, part, piece);
    for (int i = 0; i < n; i++)
        SYN_TRY(syn_list_run(list, plan->ctx, list->n_nodes_items + piece[i][0], piece[i][1]));
    return SYN_OK;
}

syn_status syn_plan_enqueue_step(syn_plan *plan, syn_list *list) {
    if (plan->frame.accumulate > 1) {
        SYN_TRY(syn_plan_enqueue_gradient(plan, list));
        return syn_plan_enqueue_update(plan, list);
    }
    SYN_TRY(begin_update(plan));
    SYN_TRY(run_nodes(plan, list));
    return run_pieces(plan, list, SYN_PART_STEP);
}

syn_status syn_plan_enqueue_gradient(syn_plan *plan, syn_list *list) {
    if (syn_optim_looks_ahead(&plan->optim)) SYN_TRY(need_scalars(plan));
    SYN_TRY(run_nodes(plan, list));
    return run_pieces(plan, list, SYN_PART_GRADIENT);
}

syn_status syn_plan_enqueue_update(syn_plan *plan, syn_list *list) {
    SYN_TRY(begin_update(plan));
    return run_pieces(plan, list, SYN_PART_UPDATE);
}

syn_status syn_plan_enqueue_forward(syn_plan *plan, syn_list *list) {
    plan->overrun = true;
    SYN_TRY(syn_state_refresh(plan->state));
    return syn_list_run(list, plan->ctx, 0, list->n_items);
}

/* ---- batches in the caller's memory ---- */

static syn_status check_rows(const syn_plan *plan, const syn_array *a, int64_t count, const char *what) {
    if (!a || !a->data) return syn_fail(SYN_E_ARGUMENT, "%s must be given", what);
    int64_t n = syn_shape_count(&a->shape), rows = a->shape.rank ? a->shape.dim[0] : 0;
    if (rows < 1 || rows > plan->batch)
        return syn_fail(SYN_E_SHAPE, "%s has %lld rows, the plan takes 1 to %d", what, (long long)rows,
                        plan->batch);
    if (n != rows * count)
        return syn_fail(SYN_E_SHAPE, "%s has %lld values a row, the plan wants %lld", what,
                        (long long)(n / rows), (long long)count);
    return SYN_OK;
}

/* Labels in any integer type, checked and made int32. */
static syn_status check_labels(const syn_fed *f, const syn_array *y, int32_t *out) {
    for (int64_t i = 0; i < y->shape.dim[0]; i++) {
        int64_t label = -1;
        if (y->type == SYN_I32) label = ((const int32_t *)y->data)[i];
        else if (y->type == SYN_I64) label = ((const int64_t *)y->data)[i];
        else if (y->type == SYN_U8) label = ((const uint8_t *)y->data)[i];
        else if (y->type == SYN_I8) label = ((const int8_t *)y->data)[i];
        else return syn_fail(SYN_E_ARGUMENT, "labels must be integers, got %s", syn_type_name(y->type));
        if ((label < 0 || label >= f->classes) && (f->ignored < 0 || label != f->ignored))
            return syn_fail(SYN_E_ARGUMENT, "label %lld in row %lld: the net has classes 0 to %lld",
                            (long long)label, (long long)i, (long long)f->classes - 1);
        out[i] = (int32_t)label;
    }
    return SYN_OK;
}

syn_status syn_plan_check_batch(const syn_plan *plan, syn_mode mode, bool x, int n_x, bool y, int n_y, bool weights) {
    if (!x) return syn_fail(SYN_E_ARGUMENT, "x must be given");
    if (n_x != plan->n_inputs)
        return syn_fail(SYN_E_ARGUMENT, "the net has %d inputs, the batch %d; syn_step_batch and its kin take "
                                        "several", plan->n_inputs, n_x);
    if (mode == SYN_MODE_INFER) return SYN_OK;
    if (plan->loss < 0) return syn_fail(SYN_E_ARGUMENT, "the plan has no loss: it predicts, nothing else");
    if (!y) return syn_fail(SYN_E_ARGUMENT, "y must be given");
    if (n_y != plan->n_losses)
        return syn_fail(SYN_E_ARGUMENT, "the plan has %d losses, the batch %d targets; syn_step_batch and its kin "
                                        "take several", plan->n_losses, n_y);
    if (weights && !plan->weighted)
        return syn_fail(SYN_E_ARGUMENT, "the batch has weights of the samples, and the plan takes none; make it "
                                        "with sample_weights");
    return SYN_OK;
}

static syn_status check_batch(const syn_plan *plan, syn_mode mode, const syn_batch *b) {
    if (!b) return syn_fail(SYN_E_ARGUMENT, "the batch must be given");
    return syn_plan_check_batch(plan, mode, b->x != NULL, b->n_x, b->y != NULL, b->n_y, b->weights != NULL);
}

/* Rows of one fed value: checked, labels made int32 in memory of the plan. */
static syn_status take_rows(syn_plan *plan, const syn_fed *f, const syn_array *a, int64_t rows,
                            const void **data, syn_type *type) {
    static const char *const what[] = { "x", "y", "weights" };
    SYN_TRY(check_rows(plan, a, f->count, what[f->kind]));
    if (a->shape.dim[0] != rows)
        return syn_fail(SYN_E_SHAPE, "x has %lld rows, %s %lld", (long long)rows, what[f->kind],
                        (long long)a->shape.dim[0]);
    *data = a->data;
    *type = a->type;
    if (!f->labels) {
        if (a->type == SYN_F64 && !syn_ctx_profile_of(plan->ctx)->fp64)
            return syn_fail(SYN_E_ARGUMENT, "%s is f64, and the device has no fp64; pass f32", what[f->kind]);
        return SYN_OK;
    }
    size_t bytes = (size_t)plan->batch * sizeof *plan->host_labels;
    if (!plan->host_labels) plan->host_labels = malloc(bytes * (size_t)plan->n_losses);
    if (!plan->host_labels) return syn_no_memory(bytes);
    int32_t *own = plan->host_labels + (size_t)f->index * (size_t)plan->batch;
    *data = own;
    *type = SYN_I32;
    return check_labels(f, a, own);
}

static syn_status feed(syn_plan *plan, syn_mode mode, const syn_batch *b, syn_list **list) {
    const void *data[SYN_MAX_FED] = { NULL };
    syn_type type[SYN_MAX_FED] = { 0 };
    bool there[SYN_MAX_FED] = { false };
    SYN_TRY(check_batch(plan, mode, b));
    int64_t rows = b->x[0].shape.rank ? b->x[0].shape.dim[0] : 0;
    for (int k = 0; k < plan->n_fed; k++) {
        const syn_fed *f = &plan->fed[k];
        const syn_array *a = f->kind == SYN_FED_INPUT ? &b->x[k] : f->kind == SYN_FED_TARGET ? b->y + f->index
                                                                                              : b->weights;
        type[k] = SYN_I32;
        if (f->kind != SYN_FED_INPUT && (mode == SYN_MODE_INFER || (f->kind == SYN_FED_WEIGHTS && !a))) continue;
        there[k] = true;
        SYN_TRY(take_rows(plan, f, a, rows, &data[k], &type[k]));
    }
    SYN_TRY(syn_plan_source(&plan->direct, plan, type, there, false));
    SYN_TRY(syn_plan_list(plan, mode, (int)rows, list));
    SYN_TRY(syn_source_prepare(plan->direct, *list));
    return syn_source_feed_rows(plan->direct, *list, data);
}

/* The last batch's loss; checks the latch on the way. */
static syn_status read_loss(syn_plan *plan, int rows, double *loss) {
    syn_snapshot s;
    SYN_TRY(syn_plan_snapshot(plan, &s));
    *loss = syn_plan_loss_last(plan, &s, rows);
    return syn_plan_check_latch(plan, &s, NULL);
}

syn_status syn_gradient_batch(syn_plan *plan, const syn_batch *batch, double *loss) {
    syn_list *l;
    SYN_TRY(feed(plan, SYN_MODE_TRAIN, batch, &l));
    SYN_TRY(syn_plan_enqueue_gradient(plan, l));
    return loss ? read_loss(plan, l->rows, loss) : syn_plan_pace(plan);
}

syn_status syn_update(syn_plan *plan) {
    if (!plan->last) return syn_fail(SYN_E_ARGUMENT, "syn_update: no gradient was computed yet");
    SYN_TRY(syn_plan_enqueue_update(plan, plan->last));
    return syn_plan_pace(plan);
}

syn_status syn_step_batch(syn_plan *plan, const syn_batch *batch, double *loss) {
    syn_list *l;
    SYN_TRY(feed(plan, SYN_MODE_TRAIN, batch, &l));
    SYN_TRY(syn_plan_enqueue_step(plan, l));
    return loss ? read_loss(plan, l->rows, loss) : syn_plan_pace(plan);
}

syn_status syn_loss_batch(syn_plan *plan, const syn_batch *batch, double *loss) {
    syn_list *l;
    SYN_TRY(feed(plan, SYN_MODE_EVAL, batch, &l));
    SYN_TRY(syn_plan_enqueue_forward(plan, l));
    return read_loss(plan, l->rows, loss);
}

syn_status syn_infer_batch(syn_plan *plan, const syn_batch *batch, double *out, int64_t n) {
    syn_list *l;
    SYN_TRY(feed(plan, SYN_MODE_INFER, batch, &l));
    const syn_graph *g = l->graph;
    int64_t want = 0;
    for (int k = 0; k < g->n_outputs; k++) want += syn_value_count(g, g->output[k]) * l->rows;
    if (n != want)
        return syn_fail(SYN_E_SHAPE, "the output has %lld values, room for %lld was given", (long long)want,
                        (long long)n);
    SYN_TRY(syn_plan_enqueue_forward(plan, l));
    for (int k = 0; k < g->n_outputs; k++) {
        int64_t each = syn_value_count(g, g->output[k]) * l->rows;
        SYN_TRY(syn_value_read(l, g->output[k], plan->dtype, out, each));
        out += each;
    }
    return SYN_OK;
}

/* One input, one target. */
static syn_batch single(const syn_array *x, const syn_array *y) {
    return (syn_batch){ .x = x, .n_x = 1, .y = y, .n_y = 1 };
}

syn_status syn_gradient(syn_plan *plan, const syn_array *x, const syn_array *y, double *loss) {
    const syn_batch b = single(x, y);
    return syn_gradient_batch(plan, &b, loss);
}

syn_status syn_step(syn_plan *plan, const syn_array *x, const syn_array *y, double *loss) {
    const syn_batch b = single(x, y);
    return syn_step_batch(plan, &b, loss);
}

syn_status syn_loss(syn_plan *plan, const syn_array *x, const syn_array *y, double *loss) {
    const syn_batch b = single(x, y);
    return syn_loss_batch(plan, &b, loss);
}

syn_status syn_infer(syn_plan *plan, const syn_array *x, double *out, int64_t n) {
    const syn_batch b = single(x, NULL);
    return syn_infer_batch(plan, &b, out, n);
}

int64_t syn_plan_step(const syn_plan *plan) { return plan->step; }

/* Parameter by parameter, through the gradient's segment, which holds nothing between steps. */
syn_status syn_ema_swap(syn_plan *plan) {
    if (!(plan->frame.ema > 0)) return syn_fail(SYN_E_ARGUMENT, "syn_ema_swap: the plan keeps no moving average");
    if (!plan->step) return syn_fail(SYN_E_ARGUMENT, "syn_ema_swap: no step was taken yet");
    int64_t real = syn_plan_real(plan), slot = plan->optim.n_slots * plan->grad_length;
    syn_buffer *params = plan->state->block, *slots = plan->block[SYN_BLOCK_SLOTS];
    syn_buffer *spare = plan->block[SYN_BLOCK_GRADS];
    for (int p = 0; p < plan->state->n_params; p++) {
        int64_t at = plan->grad_offset[p], bytes = plan->state->count[p] * real;
        if (at < 0) continue;
        int64_t weights = plan->state->offset[p] * real, average = (slot + at) * real;
        SYN_TRY(syn_buffer_copy(params, weights, spare, at * real, bytes));
        SYN_TRY(syn_buffer_copy(slots, average, params, weights, bytes));
        SYN_TRY(syn_buffer_copy(spare, at * real, slots, average, bytes));
    }
    plan->state->stale = true;
    plan->swapped = !plan->swapped;
    return SYN_OK;
}
