/* Reading and writing by name: gradients, slots, activations. */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

static syn_status gradient(syn_plan *plan, const char *name, int64_t n, int *p) {
    if (!plan->has_graph[SYN_MODE_TRAIN])
        return syn_fail(SYN_E_ARGUMENT, "the plan has no loss, and so no gradients");
    *p = syn_state_param(plan->state, name);
    if (*p < 0) return SYN_E_ARGUMENT;
    if (plan->grad_offset[*p] < 0)
        return syn_fail(SYN_E_ARGUMENT, "%s is not trained by this plan", name);
    if (plan->state->count[*p] == n) return SYN_OK;
    return syn_fail(SYN_E_SHAPE, "%s has %lld elements, got %lld", name,
                    (long long)plan->state->count[*p], (long long)n);
}

syn_status syn_grad_read(syn_plan *plan, const char *param, double *out, int64_t n) {
    int p = -1;
    double scale;
    SYN_TRY(gradient(plan, param, n, &p));
    SYN_TRY(syn_plan_gradient_scale(plan, &scale));
    SYN_TRY(syn_reals_read(plan->block[SYN_BLOCK_GRADS], plan->dtype, plan->grad_offset[p], out, n));
    for (int64_t i = 0; i < n && scale != 1; i++) out[i] /= scale;
    return SYN_OK;
}

syn_status syn_grad_write(syn_plan *plan, const char *param, const double *in, int64_t n) {
    int p = -1;
    double scale;
    SYN_TRY(gradient(plan, param, n, &p));
    SYN_TRY(syn_plan_gradient_scale(plan, &scale));
    if (scale == 1) return syn_reals_write(plan->block[SYN_BLOCK_GRADS], plan->dtype, plan->grad_offset[p], in, n);
    double *scaled = malloc((size_t)n * sizeof *scaled + 1);
    if (!scaled) return syn_no_memory((size_t)n * sizeof *scaled);
    for (int64_t i = 0; i < n; i++) scaled[i] = in[i] * scale;
    syn_status status = syn_reals_write(plan->block[SYN_BLOCK_GRADS], plan->dtype, plan->grad_offset[p], scaled, n);
    free(scaled);
    return status;
}

const char *syn_plan_slot_name(const syn_plan *plan, int k) {
    if (k >= plan->optim.n_slots) return "ema";
    return syn_optim_searches(&plan->optim) ? syn_search_name(k) : plan->optim.slot[k];
}

syn_status syn_slot_read(syn_plan *plan, const char *slot, const char *param, double *out, int64_t n) {
    int p = -1;
    SYN_TRY(gradient(plan, param, n, &p));
    for (int k = 0; k < syn_plan_slots(plan); k++)
        if (strcmp(syn_plan_slot_name(plan, k), slot) == 0)
            return syn_reals_read(plan->block[SYN_BLOCK_SLOTS], plan->dtype,
                                  k * plan->grad_length + plan->grad_offset[p], out, n);
    return syn_fail(SYN_E_ARGUMENT, "%s has no slot '%s'", plan->optim.spec.def->name, slot);
}

/* The value of a layer's output (or its gradient) in the list run last. */
static syn_status activation(syn_plan *plan, const char *layer, bool grad, int64_t n,
                             int *of) {
    syn_tensor t = syn_net_find(plan->state->net, layer);
    if (!t.net) {
        const syn_net *net = plan->state->net;
        const char *near = syn_nearest(layer, &net->layer[0].name, (size_t)net->n_layers, sizeof *net->layer);
        return syn_fail(SYN_E_ARGUMENT, near ? "no layer '%s'; did you mean '%s'?" : "no layer '%s'", layer,
                        near);
    }
    if (!plan->keep)
        return syn_fail(SYN_E_ARGUMENT, "activations share memory; make the plan with keep to read them");
    if (!plan->last) return syn_fail(SYN_E_ARGUMENT, "no training step was run yet");
    if (plan->overrun)
        return syn_fail(SYN_E_ARGUMENT, "an evaluation or prediction ran since the last training step, in the "
                                        "same memory; read activations before it");
    const syn_graph *g = plan->last->graph;
    int value = -1;
    for (int v = 0; v < g->n_values && value < 0; v++)
        if (g->value[v].layer == t.layer) value = v;
    if (value >= 0 && grad) value = g->value[value].grad;
    *of = value;
    if (value < 0 || !plan->last->value[syn_value_root(g, value)])
        return syn_fail(SYN_E_ARGUMENT, "%s has no %s of its own in this plan", layer,
                        grad ? "gradient" : "output");
    int64_t want = syn_value_count(g, value) * (g->value[value].batched ? plan->last->rows : 1);
    if (want == n) return SYN_OK;
    return syn_fail(SYN_E_SHAPE, "%s has %lld values in a batch of %d, got %lld", layer, (long long)want,
                    plan->last->rows, (long long)n);
}

syn_status syn_activation_read(syn_plan *plan, const char *layer, double *out, int64_t n) {
    int value = -1;
    SYN_TRY(activation(plan, layer, false, n, &value));
    return syn_value_read(plan->last, value, plan->dtype, out, n);
}

syn_status syn_activation_write(syn_plan *plan, const char *layer, const double *in, int64_t n) {
    int value = -1;
    SYN_TRY(activation(plan, layer, false, n, &value));
    return syn_value_write(plan->last, value, plan->dtype, in, n);
}

syn_status syn_activation_grad_read(syn_plan *plan, const char *layer, double *out, int64_t n) {
    int value = -1;
    double scale;
    SYN_TRY(activation(plan, layer, true, n, &value));
    SYN_TRY(syn_plan_gradient_scale(plan, &scale));
    SYN_TRY(syn_value_read(plan->last, value, plan->dtype, out, n));
    for (int64_t i = 0; i < n && scale != 1; i++) out[i] /= scale;
    return SYN_OK;
}
