/* The control and metrics blocks on the host, and what a tripped latch tells. */
#include "plan/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

syn_status syn_plan_snapshot(syn_plan *plan, syn_snapshot *s) {
    SYN_TRY(syn_buffer_read(plan->block[SYN_BLOCK_CONTROL], 0, s->ctl, sizeof s->ctl, true));
    return syn_reals_read(plan->block[SYN_BLOCK_METRICS], plan->dtype, 0, s->metrics, SYN_METRICS);
}

syn_status syn_plan_snapshot_ask(syn_plan *plan) {
    SYN_TRY(syn_buffer_read(plan->block[SYN_BLOCK_CONTROL], 0, plan->asked.ctl, sizeof plan->asked.ctl, false));
    SYN_TRY(syn_buffer_read(plan->block[SYN_BLOCK_METRICS], 0, plan->asked.metrics,
                            SYN_METRICS * syn_plan_real(plan), false));
    return syn_ctx_mark(plan->ctx, &plan->asked.event);
}

syn_status syn_plan_snapshot_poll(syn_plan *plan, syn_snapshot *s, bool *there) {
    *there = plan->asked.event && syn_event_done(plan->asked.event);
    if (!*there) return SYN_OK;
    SYN_TRY(syn_event_wait(plan->asked.event)); /* it is done: this reports its errors */
    syn_event_release(plan->asked.event);
    plan->asked.event = NULL;
    memcpy(s->ctl, plan->asked.ctl, sizeof s->ctl);
    float f[SYN_METRICS];
    memcpy(f, plan->asked.metrics, sizeof f);
    memcpy(s->metrics, plan->asked.metrics, sizeof s->metrics);
    for (int i = 0; plan->dtype != SYN_DOUBLE && i < SYN_METRICS; i++) s->metrics[i] = f[i];
    return SYN_OK;
}

syn_status syn_plan_restore(syn_plan *plan, const syn_snapshot *s) {
    SYN_TRY(syn_buffer_write(plan->block[SYN_BLOCK_CONTROL], 0, s->ctl, sizeof s->ctl, true));
    return syn_reals_write(plan->block[SYN_BLOCK_METRICS], plan->dtype, 0, s->metrics, SYN_METRICS);
}

syn_status syn_plan_reset_metrics(syn_plan *plan) {
    syn_snapshot s;
    SYN_TRY(syn_plan_snapshot(plan, &s));
    memset(s.metrics, 0, sizeof s.metrics);
    for (int i = SYN_CTL_CURSOR; i < SYN_CTL_KEPT; i++) s.ctl[i] = 0;
    return syn_plan_restore(plan, &s);
}

static float float_of(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

syn_status syn_loss_scale(syn_plan *plan, double *scale, int64_t *overflows) {
    syn_snapshot s;
    SYN_TRY(syn_plan_snapshot(plan, &s));
    const bool half = plan->dtype == SYN_HALF && plan->loss >= 0;
    *scale = half ? (double)float_of(s.ctl[SYN_CTL_LOSS_SCALE]) : 1;
    if (overflows) *overflows = s.ctl[SYN_CTL_OVERFLOWS];
    return SYN_OK;
}

syn_status syn_plan_gradient_scale(syn_plan *plan, double *scale) {
    *scale = 1;
    if (plan->dtype != SYN_HALF) return SYN_OK;
    syn_snapshot s;
    SYN_TRY(syn_plan_snapshot(plan, &s));
    *scale = 1 / (double)float_of(s.ctl[SYN_CTL_UNSCALE]);
    return SYN_OK;
}

/* Whether loss k is a mean over the rows, else it is a sum. */
static bool is_mean(const syn_plan *plan, int k) {
    const syn_graph *g = &plan->graph[SYN_MODE_EVAL];
    return g->node[g->value[g->loss[k]].producer].i[0];
}

void syn_plan_loss_at(const syn_plan *plan, const syn_snapshot *s, int k, double *loss, double *accuracy) {
    double rows = s->ctl[SYN_CTL_ROWS], batches = s->ctl[SYN_CTL_BATCHES];
    const double *m = s->metrics + SYN_METRIC_LOSSES + SYN_METRIC_EACH * k;
    *loss = rows > 0 ? (m[SYN_METRIC_SUM] + m[SYN_METRIC_CARRY]) / (is_mean(plan, k) ? rows : batches) : NAN;
    bool hits = plan->graph[SYN_MODE_EVAL].hits[k] >= 0;
    rows -= s->ctl[SYN_CTL_IGNORED + k];
    *accuracy = hits && rows > 0 ? s->ctl[SYN_CTL_HITS + k] / rows : NAN;
}

void syn_plan_loss_of(const syn_plan *plan, const syn_snapshot *s, double *loss, double *accuracy) {
    *loss = 0;
    *accuracy = NAN;
    for (int k = 0; k < plan->n_losses; k++) {
        double one, right;
        syn_plan_loss_at(plan, s, k, &one, &right);
        *loss += plan->loss_weight[k] * one;
        if (isnan(*accuracy)) *accuracy = right;
    }
}

double syn_plan_loss_last(const syn_plan *plan, const syn_snapshot *s, int rows) {
    double loss = 0;
    for (int k = 0; k < plan->n_losses; k++)
        loss += plan->loss_weight[k] * s->metrics[SYN_METRIC_LOSSES + SYN_METRIC_EACH * k + SYN_METRIC_LAST] /
                (is_mean(plan, k) ? rows : 1);
    return loss;
}

/* The first element of a value's buffer that is not finite; *at is -1 where there is none. */
static syn_status find_nonfinite(syn_plan *plan, const syn_list *l, int value, int64_t *at, double *what) {
    const syn_graph *g = l->graph;
    int64_t n = syn_value_count(g, value) * (g->value[value].batched ? l->rows : 1);
    double *v = malloc((size_t)n * sizeof *v + 1);
    *at = -1;
    if (!v) return syn_no_memory((size_t)n * sizeof *v);
    syn_status status = syn_value_read(l, value, plan->dtype, v, n);
    for (int64_t i = 0; status == SYN_OK && i < n && *at < 0; i++)
        if (!isfinite(*what = v[i])) *at = i;
    free(v);
    return status;
}

#define LOWER "; a lower learning rate or another initialiser may help"

static const char *layer_name(const syn_plan *plan, int layer) {
    return layer >= 0 ? plan->state->net->layer[layer].name : "the input";
}

/* What was fed: data of the set (source NULL: of the caller's batch), in its order from row `first` on. */
static syn_status find_guilty_data(syn_plan *plan, const syn_list *l, const syn_source *source, int64_t first,
                                   char *guilty, size_t size) {
    const syn_graph *g = l->graph;
    int64_t at;
    double what;
    for (int i = 0; i < plan->n_fed; i++) {
        int value = syn_fed_value(g, &plan->fed[i]);
        if (value < 0 || plan->fed[i].labels) continue;
        SYN_TRY(find_nonfinite(plan, l, value, &at, &what));
        if (at < 0) continue;
        const char *kind = plan->fed[i].kind == SYN_FED_INPUT ? "input" : plan->fed[i].kind == SYN_FED_TARGET ? "target"
                                                                                                           : "weight";
        int64_t count = syn_value_count(g, value), row = at / count;
        snprintf(guilty, size, "the %s data%s%s: row %lld%s, feature %lld is %g; remove the row or fill the gap", kind,
                 plan->n_inputs + plan->n_losses > 2 ? " of " : "",
                 plan->n_inputs + plan->n_losses > 2 ? plan->fed[i].name : "",
                 source ? (long long)source->host_perm[first + row] : (long long)row, source ? "" : " of the batch",
                 (long long)(at % count), what);
        return SYN_OK;
    }
    return SYN_OK;
}

/* Runs the launches one by one and looks at what each wrote. */
static syn_status find_guilty(syn_plan *plan, syn_list *l, char *guilty, size_t size) {
    const syn_graph *g = l->graph;
    int64_t at = -1;
    double what;
    for (int i = 0; i < l->n_nodes_items && at < 0; i++) {
        SYN_TRY(syn_list_run(l, plan->ctx, i, 1));
        const syn_item *item = &l->item[i];
        for (int k = 0; k < item->call.n_args && at < 0; k++) {
            const syn_arg *a = &item->call.arg[k];
            const syn_node *node = &g->node[item->node];
            if (a->kind != SYN_ARG_VALUE || !a->writes || g->value[a->value].integer) continue;
            SYN_TRY(find_nonfinite(plan, l, a->value, &at, &what));
            if (at >= 0)
                snprintf(guilty, size, "%s (%s%s)" LOWER, layer_name(plan, node->layer), node->op->name,
                         node->backward ? ", gradient" : "");
        }
    }
    if (at < 0) snprintf(guilty, size, "no single layer: the sum of the batch's losses overflowed" LOWER);
    return SYN_OK;
}

syn_status syn_plan_check_latch(syn_plan *plan, const syn_snapshot *s, syn_source *source) {
    const syn_net *net = plan->state->net;
    uint32_t latch = s->ctl[SYN_CTL_LATCH], gradient = s->ctl[SYN_CTL_GRAD_LATCH];
    if (!latch && !gradient) return SYN_OK;
    const uint32_t last = s->ctl[SYN_CTL_STEP]; /* counted, if it was the update that met a gradient */
    long long step = latch ? (long long)s->ctl[SYN_CTL_LATCH_STEP] + 1 : last;
    if (gradient && latch != SYN_LATCH_LOSS) {
        uint32_t p = UINT32_MAX - gradient;
        return syn_fail(SYN_E_NONFINITE, "the gradient of %s is not finite at step %lld; a lower learning "
                                         "rate, clipping or another initialiser may help",
                        p < (uint32_t)net->n_params ? net->param[p].name : "a parameter", step);
    }
    char guilty[256] = "";
    syn_list *l = plan->last;
    syn_snapshot replay = *s;
    if (l && plan->has_graph[SYN_MODE_TRAIN]) {
        /* The weights stand as they were: nothing was updated since. */
        const int64_t first = s->ctl[SYN_CTL_LATCH_CURSOR];
        replay.ctl[SYN_CTL_CURSOR] = (uint32_t)first;
        replay.ctl[SYN_CTL_STEP] = s->ctl[SYN_CTL_LATCH_STEP];
        SYN_TRY(syn_plan_restore(plan, &replay));
        if (source) {
            int64_t left = syn_data_rows(source->data) - first;
            SYN_TRY(syn_plan_list(plan, SYN_MODE_TRAIN, left < plan->batch ? (int)left : plan->batch, &l));
            SYN_TRY(syn_source_prepare(source, l));
            source->cursor = first;
            SYN_TRY(syn_source_feed(source, l));
        } else if (plan->direct) {
            /* What was fed may have been written over since: its place was free after its last reader. */
            SYN_TRY(syn_source_prepare(plan->direct, l));
            SYN_TRY(syn_source_feed_again(plan->direct, l));
        }
        SYN_TRY(find_guilty_data(plan, l, source, first, guilty, sizeof guilty));
        if (!guilty[0]) SYN_TRY(find_guilty(plan, l, guilty, sizeof guilty));
    }
    return syn_fail(SYN_E_NONFINITE, "the loss is not finite at step %lld; first guilty: %s", step,
                    guilty[0] ? guilty : "a layer" LOWER);
}
