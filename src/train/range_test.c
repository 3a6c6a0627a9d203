/* The learning-rate range test (Smith 2017): which rates a net trains at, from one short run. */
#include "train/loop.h"

#include "base/options_json.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct test {
    syn_plan *plan;
    syn_range_opts o;
    syn_source *source;
    int64_t rows, batches; /* whole batches of an epoch; the rest is left out */
    int64_t fed;
    int32_t *perm;
    syn_range *r;
} test;

/* What a test changes, as it was. */
typedef struct kept {
    syn_schedule schedule;
    double lr, step_lr, step_momentum;
    int64_t steps, bytes[2];
    syn_buffer *block[2];
    void *data[2];
    syn_snapshot snapshot;
    bool whole;
} kept;

static syn_status keep(syn_plan *plan, kept *k) {
    *k = (kept){ .schedule = plan->schedule, .lr = plan->optim.lr, .steps = plan->steps,
                 .step_lr = plan->lr, .step_momentum = plan->momentum,
                 .block = { plan->state->block, plan->block[SYN_BLOCK_SLOTS] } };
    for (int i = 0; i < 2; i++) {
        if (!k->block[i]) continue;
        k->bytes[i] = syn_buffer_bytes(k->block[i]);
        k->data[i] = malloc((size_t)k->bytes[i]);
        if (!k->data[i]) return syn_no_memory((size_t)k->bytes[i]);
        SYN_TRY(syn_buffer_read(k->block[i], 0, k->data[i], k->bytes[i], true));
    }
    SYN_TRY(syn_plan_snapshot(plan, &k->snapshot));
    k->whole = true;
    return SYN_OK;
}

static syn_status put_back(syn_plan *plan, kept *k) {
    syn_status status = k->whole ? syn_plan_restore(plan, &k->snapshot) : SYN_OK;
    for (int i = 0; i < 2; i++) {
        if (k->whole && k->data[i] && status == SYN_OK)
            status = syn_buffer_write(k->block[i], 0, k->data[i], k->bytes[i], true);
        free(k->data[i]);
    }
    plan->state->stale = true; /* the halves beside the weights */
    plan->schedule = k->schedule;
    plan->optim.lr = k->lr;
    plan->steps = k->steps;
    plan->step = 0;
    plan->lr = k->step_lr;
    plan->momentum = k->step_momentum;
    plan->table_block = -1;
    return status;
}

static syn_status check(const syn_plan *plan, syn_data *data, syn_range_opts *o) {
    if (plan->loss < 0) return syn_fail(SYN_E_ARGUMENT, "syn_range_test: the plan has no loss");
    if (!syn_data_has_y(data)) return syn_fail(SYN_E_ARGUMENT, "syn_range_test: the data has no targets");
    if (plan->step)
        return syn_fail(SYN_E_ARGUMENT, "syn_range_test: the plan has taken steps; make a new one");
    if (syn_optim_searches(&plan->optim))
        return syn_fail(SYN_E_ARGUMENT, "syn_range_test: %s finds its rate by itself", plan->optim.spec.def->name);
    if (!o->from) o->from = 1e-7;
    if (!o->to) o->to = 10;
    if (!o->steps) o->steps = 100;
    if (!o->smoothing) o->smoothing = .95;
    if (o->smoothing <= SYN_TINY) o->smoothing = 0;
    if (!o->stop) o->stop = 4;
    if (!(o->from > 0 && o->to > o->from && isfinite(o->to)))
        return syn_fail(SYN_E_ARGUMENT, "syn_range_test: from %g to %g; both must be positive, and to the "
                                        "larger one", o->from, o->to);
    if (o->steps < 10)
        return syn_fail(SYN_E_ARGUMENT, "syn_range_test: steps is %d, allowed 10 and up", o->steps);
    if (!(o->smoothing >= 0 && o->smoothing < 1))
        return syn_fail(SYN_E_ARGUMENT, "syn_range_test: smoothing is %g, allowed 0 to below 1", o->smoothing);
    if (!(o->stop > 1)) return syn_fail(SYN_E_ARGUMENT, "syn_range_test: stop is %g, allowed above 1", o->stop);
    return SYN_OK;
}

static syn_status feed(test *t, syn_list *l) {
    if (t->fed % t->batches == 0) {
        uint64_t seed = t->o.seed ? t->o.seed : t->plan->state->net->seed;
        if (!t->o.no_shuffle) syn_shuffle(seed, (int)(t->fed / t->batches), t->perm, (int32_t)t->rows);
        SYN_TRY(syn_source_order(t->source, t->o.no_shuffle ? NULL : t->perm));
        SYN_TRY(syn_plan_reset_metrics(t->plan));
        t->source->cursor = 0;
    }
    t->fed++;
    return syn_source_feed(t->source, l);
}

/* One step; its mean loss over the micro-batches. */
static syn_status step(test *t, syn_list *l, double *loss) {
    syn_plan *plan = t->plan;
    int k = plan->frame.accumulate;
    syn_snapshot s;
    *loss = 0;
    for (int i = 0; i < k; i++) {
        SYN_TRY(feed(t, l));
        SYN_TRY(k > 1 ? syn_plan_enqueue_gradient(plan, l) : syn_plan_enqueue_step(plan, l));
        SYN_TRY(syn_plan_snapshot(plan, &s));
        *loss += syn_plan_loss_last(plan, &s, l->rows) / k;
        if (s.ctl[SYN_CTL_LATCH] || s.ctl[SYN_CTL_SKIPPED]) *loss = NAN; /* a gradient was not finite */
    }
    return k > 1 ? syn_plan_enqueue_update(plan, l) : SYN_OK;
}

static syn_status climb(test *t) {
    syn_range *r = t->r;
    syn_list *l;
    double average = 0, weight = 0, lowest = INFINITY;
    SYN_TRY(syn_plan_list(t->plan, SYN_MODE_TRAIN, t->rows < t->plan->batch ? (int)t->rows : t->plan->batch, &l));
    SYN_TRY(syn_source_prepare(t->source, l));
    for (int i = 0; i < t->o.steps; i++) {
        double loss;
        SYN_TRY(step(t, l, &loss));
        if (!isfinite(loss)) {
            r->diverged = true;
            break;
        }
        average = t->o.smoothing * average + (1 - t->o.smoothing) * loss;
        weight = t->o.smoothing * weight + (1 - t->o.smoothing); /* the average starts from nothing */
        r->lr[i] = t->plan->lr;
        r->loss[i] = loss;
        r->smooth[i] = average / weight;
        r->n = i + 1;
        if (r->smooth[i] < lowest) {
            lowest = r->smooth[i];
            r->turning = r->lr[i];
        }
        if (r->smooth[i] > t->o.stop * lowest) {
            r->diverged = true;
            break;
        }
    }
    if (r->n == 0) return syn_fail(SYN_E_NONFINITE, "syn_range_test: the loss is not finite from the start");
    r->max = r->turning / 10;
    r->min = r->max / 10;
    return SYN_OK;
}

/* The schedule of the test in place of the plan's. */
static syn_status set_rates(test *t) {
    syn_plan *plan = t->plan;
    const syn_schedule_run run = { .lr = t->o.from };
    plan->schedule = syn_schedule_exponential(&(syn_schedule_exponential_opts){
        .s = t->o.steps - 1, .factor = t->o.to / t->o.from });
    plan->optim.lr = t->o.from;
    plan->steps = t->o.steps;
    plan->table_block = -1;
    return syn_schedule_check(&plan->schedule, plan->preset, &run);
}

static syn_status run(test *t, syn_data *data) {
    size_t n = (size_t)t->o.steps;
    t->rows = syn_data_rows(data);
    t->batches = t->rows < t->plan->batch ? 1 : t->rows / t->plan->batch;
    t->perm = malloc((size_t)t->rows * sizeof *t->perm);
    t->r->lr = calloc(n, sizeof(double));
    t->r->loss = calloc(n, sizeof(double));
    t->r->smooth = calloc(n, sizeof(double));
    if (!t->perm || !t->r->lr || !t->r->loss || !t->r->smooth)
        return syn_no_memory((size_t)t->rows * sizeof *t->perm + 3 * n * sizeof(double));
    SYN_TRY(syn_source_open(&t->source, t->plan, data));
    SYN_TRY(set_rates(t));
    return climb(t);
}

syn_status syn_range_test(syn_plan *plan, syn_data *train, const syn_range_opts *opts, syn_range *result) {
    kept k;
    if (!plan || !train || !result)
        return syn_fail(SYN_E_ARGUMENT, "syn_range_test: plan, data and result must be given");
    *result = (syn_range){ .n = 0 };
    test t = { .plan = plan, .r = result };
    if (opts) t.o = *opts;
    SYN_TRY(check(plan, train, &t.o));
    syn_status status = keep(plan, &k);
    if (status == SYN_OK) status = run(&t, train);
    char *text = status == SYN_OK ? NULL : syn_strdup(syn_error_text());
    syn_status back = put_back(plan, &k);
    if (status != SYN_OK) syn_fail(status, "%s", text ? text : "the range test failed");
    free(text);
    syn_source_close(t.source);
    free(t.perm);
    if (status == SYN_OK) status = back;
    if (status != SYN_OK) syn_range_free(result);
    return status;
}

void syn_range_free(syn_range *r) {
    if (!r) return;
    free(r->lr);
    free(r->loss);
    free(r->smooth);
    *r = (syn_range){ .n = 0 };
}
