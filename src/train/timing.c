#include "train/timing.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 9, TRACED = 3 };

typedef struct run {
    syn_timing *t;
    int64_t epoch_steps, epoch_step;
    double wall[BLOCKS], kernels[BLOCKS], recorded[BLOCKS], apart[BLOCKS];
    double *taken; /* by launch x recorded step */
    int n_taken;
} run;

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, compare_doubles);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Steps as syn_fit runs them; *seconds from the first to the end of the last. */
static syn_status run_steps(run *r, int steps, double *seconds) {
    syn_timing *t = r->t;
    if (r->epoch_step + steps > r->epoch_steps) {
        SYN_TRY(syn_source_order(t->source, NULL));
        SYN_TRY(syn_plan_reset_metrics(t->plan));
        r->epoch_step = 0;
    }
    SYN_TRY(syn_ctx_finish(t->plan->ctx));
    r->epoch_step += steps;
    double start = syn_seconds();
    for (int i = 0; i < steps; i++) {
        SYN_TRY(syn_source_feed(t->source, t->list));
        SYN_TRY(syn_plan_enqueue_step(t->plan, t->list));
        SYN_TRY(syn_plan_pace(t->plan));
    }
    SYN_TRY(syn_ctx_finish(t->plan->ctx));
    *seconds = syn_seconds() - start;
    return SYN_OK;
}

static bool is_feed(const syn_timing *t, const void *tag) {
    for (int i = 0; i < t->source->n_feeds; i++)
        for (int k = 0; k < t->source->feed[i].feed.n_items; k++)
            if (tag == &t->source->feed[i].feed.item[k]) return true;
    return false;
}

/* Every step has the same launches: the first one's are the table. Streamed batches have two feeds
 * in turn, which count as one. */
static syn_status read_launches(run *r, const syn_span *span, int n, int steps) {
    syn_timing *t = r->t;
    t->n_launches = n / steps;
    t->launch = calloc((size_t)t->n_launches + 1, sizeof *t->launch);
    r->taken = malloc(((size_t)n * BLOCKS + 1) * sizeof *r->taken);
    if (!t->launch || !r->taken) return syn_no_memory((size_t)n * BLOCKS * sizeof *r->taken);
    for (int i = 0; i < t->n_launches; i++) {
        const syn_item *item = span[i].tag;
        t->launch[i] = (syn_timed){ .item = item, .feed = is_feed(t, item) };
        t->flops += item->call.flops;
        t->bytes += item->call.bytes;
    }
    return SYN_OK;
}

/* A block of steps, recorded; seconds a step. */
static syn_status record(run *r, bool apart, syn_span **span, int *n, double *seconds) {
    syn_timing *t = r->t;
    *span = NULL;
    SYN_TRY(syn_ctx_record_begin(t->plan->ctx));
    t->list->apart = apart;
    syn_status status = run_steps(r, t->steps, seconds);
    t->list->apart = false;
    if (status == SYN_OK) status = syn_ctx_record_take(t->plan->ctx, span, n);
    syn_ctx_record_end(t->plan->ctx);
    *seconds /= t->steps;
    return status;
}

/* As it runs always: how long kernels run. */
static syn_status record_block(run *r, int block) {
    syn_span *span;
    int n = 0;
    SYN_TRY(record(r, false, &span, &n, &r->recorded[block]));
    r->t->launched = n / r->t->steps;
    r->kernels[block] = 0;
    for (int i = 0; i < n; i++) r->kernels[block] += (span[i].end - span[i].start) / r->t->steps;
    free(span);
    return SYN_OK;
}

/* Phase by phase. */
static syn_status record_apart(run *r, int block, bool last) {
    syn_timing *t = r->t;
    syn_span *span;
    int n = 0;
    syn_status status = record(r, true, &span, &n, &r->apart[block]);
    if (status == SYN_OK && !t->launch) status = read_launches(r, span, n, t->steps);
    if (status == SYN_OK && n != t->n_launches * t->steps)
        status = syn_fail(SYN_E_DEVICE,
                          "%d launches in %d steps, and %d in the first: the device lost some", n,
                          t->steps, t->n_launches);
    if (status != SYN_OK) {
        free(span);
        return status;
    }
    for (int i = 0; i < n; i++)
        r->taken[(i % t->n_launches) * BLOCKS * t->steps + r->n_taken + i / t->n_launches] =
            span[i].end - span[i].start;
    r->n_taken += t->steps;
    if (last) {
        t->span = span;
        t->n_spans = t->n_launches * (t->steps < TRACED ? t->steps : TRACED);
    } else {
        free(span);
    }
    return SYN_OK;
}

/* Weights that are not finite would make the updates stop at once. */
static syn_status check(const run *r) {
    syn_snapshot s;
    SYN_TRY(syn_plan_snapshot(r->t->plan, &s));
    return syn_plan_check_latch(r->t->plan, &s, r->t->source);
}

static syn_status measure(run *r, syn_peak *peak, double seconds) {
    syn_timing *t = r->t;
    double block, start = syn_seconds();
    t->steps = 1;
    for (int i = 0; i < 3 || syn_seconds() - start < seconds / 8; i++) {
        if (i > 1000) break;
        SYN_TRY(run_steps(r, t->steps, &block));
        while (t->steps < r->epoch_steps && t->steps < 100 &&
               block * (t->steps + 1) / t->steps < seconds / (4 * BLOCKS))
            block += block / t->steps++;
    }
    for (int i = 0; i < BLOCKS; i++) {
        SYN_TRY(run_steps(r, t->steps, &block));
        r->wall[i] = block / t->steps;
        SYN_TRY(record_block(r, i));
        SYN_TRY(record_apart(r, i, i == BLOCKS - 1));
        if (i % 4 == 0) SYN_TRY(syn_peak_measure(peak, &t->ceilings));
    }
    t->blocks = BLOCKS;
    return check(r);
}

static void sum_up(run *r) {
    syn_timing *t = r->t;
    double sum = 0;
    for (int i = 0; i < t->n_launches; i++)
        sum += t->launch[i].median =
            median(r->taken + (size_t)i * BLOCKS * (size_t)t->steps, r->n_taken);
    for (int i = 0; i < t->n_launches; i++)
        t->launch[i].share = sum > 0 ? t->launch[i].median / sum : 0;
    t->wall = median(r->wall, BLOCKS);
    t->kernels = median(r->kernels, BLOCKS);
    t->recorded = median(r->recorded, BLOCKS);
    t->apart = median(r->apart, BLOCKS);
}

syn_status syn_timing_run(syn_timing *t, syn_plan *plan, const syn_data *data, double seconds) {
    *t = (syn_timing){ .plan = plan };
    run r = { .t = t };
    syn_peak *peak = NULL;
    if (plan->loss < 0)
        return syn_fail(SYN_E_ARGUMENT, "the plan has no loss, and so no training step");
    int64_t rows = syn_data_rows(data);
    SYN_TRY(syn_source_open(&t->source, plan, data));
    SYN_TRY(syn_plan_list(plan, SYN_MODE_TRAIN, rows < plan->batch ? (int)rows : plan->batch,
                          &t->list));
    SYN_TRY(syn_source_prepare(t->source, t->list));
    r.epoch_steps = r.epoch_step = rows / t->list->rows;
    const syn_schedule schedule = plan->schedule;
    const double lr = plan->optim.lr;
    const int64_t step = plan->step;
    syn_snapshot before;
    SYN_TRY(syn_plan_snapshot(plan, &before));
    plan->schedule = syn_schedule_constant(NULL);
    plan->optim.lr = 0;
    plan->table_block = -1;
    syn_schedule_run asked = syn_plan_run(plan);
    syn_status status = syn_schedule_check(&plan->schedule, plan->preset, &asked);
    if (status == SYN_OK) status = syn_peak_open(&peak, plan->ctx);
    if (status == SYN_OK) status = measure(&r, peak, seconds);
    if (status == SYN_OK) sum_up(&r);
    if (status == SYN_OK) status = syn_plan_restore(plan, &before);
    syn_peak_close(peak);
    free(r.taken);
    plan->schedule = schedule;
    plan->optim.lr = lr;
    plan->step = step;
    plan->table_block = -1;
    return status;
}

void syn_timing_free(syn_timing *t) {
    syn_source_close(t->source);
    free(t->launch);
    free(t->span);
    *t = (syn_timing){ 0 };
}

const char *syn_timing_layer(const syn_timing *t, const syn_timed *launch) {
    int node = launch->item->node, layer = node >= 0 ? t->list->graph->node[node].layer : -1;
    return layer >= 0 ? t->plan->state->net->layer[layer].name : "";
}
