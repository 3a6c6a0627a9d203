/* Checks before the first step, and the sums behind them. */
#include "plan/machinery.h"
#include "plan/phases.h"

#include <stdio.h>
#include <string.h>

static int64_t buffer_sum(const syn_plan *plan) {
    int64_t sum = 0;
    for (int i = 0; i < plan->n_slabs; i++) sum += plan->slab_bytes[i];
    return sum;
}

bool syn_plan_feeds_join(const syn_plan *plan) {
    const int others = plan->n_slabs + 2; /* the arena, the order, the small blocks */
    return plan->fuse && plan->n_fed + others <= SYN_MAX_BASES && syn_phases_are(syn_ctx_profile_of(plan->ctx));
}

static int launches_of(const syn_plan *plan, const syn_list *l) {
    int piece[SYN_MAX_PIECES][2], n = syn_plan_pieces(plan, SYN_PART_STEP, piece);
    int launches = syn_list_launches(l, 0, l->n_nodes_items) + 2 * syn_optim_looks_ahead(&plan->optim);
    for (int i = 0; i < n; i++) launches += syn_list_launches(l, l->n_nodes_items + piece[i][0], piece[i][1]);
    return launches;
}

void syn_plan_sums(const syn_plan *plan, syn_plan_sizes *z) {
    int64_t real = syn_plan_real(plan);
    *z = (syn_plan_sizes){ .params = syn_state_bytes(plan->state, plan->dtype), .arena = buffer_sum(plan),
                           .other = syn_machinery_bytes(plan) };
    if (plan->has_graph[SYN_MODE_TRAIN]) {
        z->grads = plan->grad_length * real;
        /* Zero-byte blocks are one byte on the device. */
        z->slots = syn_plan_slots(plan) ? plan->grad_length * real * syn_plan_slots(plan) : 1;
    }
    z->other += plan->tables.own;
    z->peak = z->params + z->grads + z->slots + z->arena + z->other;
    for (int i = 0; i < plan->n_lists && plan->has_graph[SYN_MODE_TRAIN]; i++) {
        if (plan->list_mode[i] != SYN_MODE_TRAIN || plan->list[i]->rows != plan->batch) continue;
        const syn_list *l = plan->list[i];
        z->phases = 0;
        for (int k = 0; k < plan->n_fed; k++) z->phases += syn_fed_value(l->graph, &plan->fed[k]) >= 0;
        z->launches = (syn_plan_feeds_join(plan) ? 1 : z->phases) + launches_of(plan, l);
        for (int k = 0; k < l->n_items; k++) {
            if (!syn_plan_item_in_step(plan, k - l->n_nodes_items)) continue;
            z->phases++;
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
    const syn_state *s = plan->state;
    int64_t used = syn_ctx_bytes(plan->ctx);
    if (s->bound) used -= syn_state_bytes(s, s->halves ? SYN_HALF : s->dtype);
    if (z.peak + used <= limit) return SYN_OK;
    int64_t over = z.peak + used - limit;
    const char *unit = z.peak + used < 1 << 23 ? "KiB" : "MiB";
    double one = z.peak + used < 1 << 23 ? 1024 : 1048576;
    char help[64] = "fewer units would help";
    if (z.arena > over && plan->batch > 1) snprintf(help, sizeof help, "a batch below %d would help", plan->batch);
    return syn_fail(SYN_E_MEMORY, "the plan needs %.1f %s (parameters %.1f, gradients %.1f, optimizer "
                                  "%.1f, activations %.1f) and %.1f %s are in use; the limit of %s is "
                                  "%.1f %s: %.1f %s too much; %s",
                    (double)z.peak / one, unit, (double)z.params / one, (double)z.grads / one,
                    (double)z.slots / one, (double)z.arena / one, (double)used / one, unit,
                    plan->memory_limit ? "memory_limit" : device.name, (double)limit / one, unit, (double)over / one,
                    unit, help);
}

typedef bool (*field_fn)(const syn_data *data, int k, syn_field_info *info);

/* The k-th of `want` inputs (targets) among the set's n: by name, or by place where names do not tell. */
static syn_status find(const syn_data *data, field_fn at, int n, int k, int want, const syn_fed *f,
                       syn_field_info *info) {
    const char *what = f->kind == SYN_FED_INPUT ? "input" : "target";
    bool named = false;
    for (int i = 0; i < n; i++) {
        at(data, i, info);
        if (info->name && strcmp(info->name, f->name) == 0) return SYN_OK;
        named |= info->name != NULL;
    }
    if (n == want && (!named || n == 1)) {
        at(data, k, info);
        return SYN_OK;
    }
    if (!named)
        return syn_fail(SYN_E_SHAPE, "the data has %d %s%s, the net %d; give one for each, in order of description, "
                                     "or by name", n, what, n == 1 ? "" : "s", want);
    syn_text names = { 0 };
    for (int i = 0; i < n; i++) {
        at(data, i, info);
        syn_text_add(&names, "%s%s", i ? ", " : "", info->name ? info->name : "one without a name");
    }
    syn_fail(SYN_E_ARGUMENT, "the data has no %s '%s', which the net wants; it has: %s", what, f->name,
             syn_text_str(&names));
    syn_text_free(&names);
    return SYN_E_ARGUMENT;
}

static syn_status check_input(const syn_fed *f, const syn_field_info *info, int want) {
    if (syn_shape_count(&info->shape) == f->count) return SYN_OK;
    char got[96];
    syn_shape_print(&info->shape, got, sizeof got);
    return syn_fail(SYN_E_SHAPE, "the data has samples of shape %s, %lld values; the net's input%s%s has %lld", got,
                    (long long)syn_shape_count(&info->shape), want > 1 ? " " : "", want > 1 ? f->name : "",
                    (long long)f->count);
}

static syn_status check_target(const syn_plan *plan, const syn_fed *f, const syn_field_info *info, int64_t rows) {
    char of[96] = "";
    if (plan->n_losses > 1) snprintf(of, sizeof of, " for %s", f->name);
    if (f->labels) {
        syn_field_info labels = *info;
        labels.name = plan->n_losses > 1 ? f->name : NULL;
        return syn_labels_check(&labels, rows, f->classes, f->ignored);
    }
    int64_t count = info->labels ? 1 : syn_shape_count(&info->shape);
    if (count == f->count) return SYN_OK;
    return syn_fail(SYN_E_SHAPE, "the data has targets of %lld values%s, the loss compares %lld", (long long)count, of,
                    (long long)f->count);
}

syn_status syn_plan_match(const syn_plan *plan, const syn_data *data, syn_field_info *from, bool *there) {
    bool targets = syn_data_has_y(data);
    for (int i = 0; i < plan->n_fed; i++) {
        const syn_fed *f = &plan->fed[i];
        there[i] = f->kind != SYN_FED_TARGET || targets;
        if (f->kind == SYN_FED_INPUT) {
            SYN_TRY(find(data, syn_data_input, syn_data_inputs(data), i, plan->n_inputs, f, &from[i]));
            SYN_TRY(check_input(f, &from[i], plan->n_inputs));
        } else if (f->kind == SYN_FED_WEIGHTS) {
            there[i] = syn_data_weights(data, &from[i]);
        } else if (targets) {
            SYN_TRY(find(data, syn_data_target, syn_data_targets(data), f->index, plan->n_losses, f, &from[i]));
            SYN_TRY(check_target(plan, f, &from[i], syn_data_rows(data)));
        }
    }
    syn_field_info weights;
    if (!plan->n_losses || plan->weighted || !syn_data_weights(data, &weights)) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "the data has weights of the samples, and the plan takes none; make it with "
                                    "sample_weights");
}
