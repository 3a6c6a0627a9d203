/* Checks before the first step, and the sums behind them. */
#include "plan/machinery.h"

#include <string.h>

static int64_t buffer_sum(const syn_plan *plan) {
    int64_t sum = 0;
    for (int i = 0; i < plan->n_slabs; i++) sum += plan->slab_bytes[i];
    return sum;
}

bool syn_plan_item_in_step(const syn_plan *plan, int machinery) {
    bool sums = plan->frame.accumulate > 1;
    if (machinery == SYN_ITEM_SUM || machinery == SYN_ITEM_ADVANCE || machinery == SYN_ITEM_ACCUMULATE)
        return sums;
    if (machinery == SYN_ITEM_BOTH) return !sums;
    return machinery != SYN_ITEM_NORM || syn_frame_needs_norm(&plan->frame);
}

void syn_plan_sums(const syn_plan *plan, syn_plan_sizes *z) {
    int64_t real = syn_plan_real(plan);
    *z = (syn_plan_sizes){ .params = plan->state->length * real, .arena = buffer_sum(plan),
                           .other = syn_machinery_bytes(plan) };
    if (plan->has_graph[SYN_MODE_TRAIN]) {
        z->grads = plan->grad_length * real;
        /* Zero-byte blocks are one byte on the device. */
        z->slots = syn_plan_slots(plan) ? plan->grad_length * real * syn_plan_slots(plan) : 1;
    }
    z->peak = z->params + z->grads + z->slots + z->arena + z->other;
    for (int i = 0; i < plan->n_lists && plan->has_graph[SYN_MODE_TRAIN]; i++) {
        if (plan->list_mode[i] != SYN_MODE_TRAIN || plan->list[i]->rows != plan->batch) continue;
        const syn_list *l = plan->list[i];
        z->launches = (l->graph->x >= 0) + (l->graph->target >= 0);
        for (int k = 0; k < l->n_items; k++) {
            if (!syn_plan_item_in_step(plan, k - l->n_nodes_items)) continue;
            z->launches++;
            z->flops += l->item[k].call.flops;
            z->bytes += l->item[k].call.bytes;
        }
    }
}

void syn_plan_measure(const syn_plan *plan, syn_plan_sizes *sizes) { syn_plan_sums(plan, sizes); }

syn_status syn_plan_check_memory(const syn_plan *plan) {
    syn_plan_sizes z;
    syn_device_info device;
    syn_plan_sums(plan, &z);
    syn_ctx_device(plan->ctx, &device);
    int64_t limit = plan->memory_limit ? plan->memory_limit : device.global_bytes;
    int64_t used = syn_ctx_bytes(plan->ctx) - (plan->state->bound ? z.params : 0);
    if (z.peak + used <= limit) return SYN_OK;
    return syn_fail(SYN_E_MEMORY, "the plan needs %.1f MiB (parameters %.1f, gradients %.1f, optimizer "
                                  "%.1f, activations %.1f) and %.1f MiB are in use; the limit of %s is "
                                  "%.1f MiB: %.1f MiB too much; a batch below %d would help",
                    (double)z.peak / 1048576, (double)z.params / 1048576, (double)z.grads / 1048576,
                    (double)z.slots / 1048576, (double)z.arena / 1048576, (double)used / 1048576,
                    plan->memory_limit ? "memory_limit" : device.name, (double)limit / 1048576,
                    (double)(z.peak + used - limit) / 1048576, plan->batch);
}

/* Where the label that is left out is no class, the others are checked here. */
static syn_status check_labels(const syn_plan *plan, const syn_data *data) {
    if (plan->ignored < plan->classes || !syn_data_has_labels(data))
        return syn_data_check_labels(data, plan->classes);
    const int32_t *y = syn_data_y(data);
    for (int64_t i = 0; i < syn_data_rows(data); i++)
        if ((y[i] < 0 || y[i] >= plan->classes) && y[i] != plan->ignored)
            return syn_fail(SYN_E_ARGUMENT, "row %lld has label %ld; there are classes 0 to %lld, and %lld is left "
                                            "out", (long long)i, (long)y[i], (long long)plan->classes - 1,
                            (long long)plan->ignored);
    return SYN_OK;
}

syn_status syn_plan_check_data(const syn_plan *plan, const syn_data *data) {
    syn_shape x = syn_data_x_shape(data), y = syn_data_y_shape(data);
    if (syn_shape_count(&x) != plan->x_count) {
        char got[96];
        syn_shape_print(&x, got, sizeof got);
        return syn_fail(SYN_E_SHAPE, "the data has samples of shape %s, %lld values; the net's input has %lld",
                        got, (long long)syn_shape_count(&x), (long long)plan->x_count);
    }
    if (plan->loss < 0 || !syn_data_has_y(data)) return SYN_OK;
    if (plan->labels) return check_labels(plan, data);
    int64_t count = y.rank ? syn_shape_count(&y) : 1;
    if (count == plan->y_count) return SYN_OK;
    return syn_fail(SYN_E_SHAPE, "the data has targets of %lld values, the loss compares %lld",
                    (long long)count, (long long)plan->y_count);
}
