/* The training loop over a data set. It enqueues and waits for nothing but back-pressure; what on_step
 * reports was read behind earlier steps. */
#include "train/loop.h"
#include "train/plateau.h"
#include "train/search.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct fit {
    syn_plan *plan;
    const syn_fit_opts *o;
    syn_source *train, *val;
    int64_t epochs, rows, epoch_steps, total_steps; /* batches of an epoch; optimizer steps of the run */
    int32_t *perm;
    int epoch;          /* from 0 */
    int64_t epoch_step; /* steps of this epoch enqueued */
    double before;      /* seconds of the run before a resume */
    double start, epoch_start;
    int64_t epoch_start_step;
    syn_window window; /* of performance scheduling */
    bool stopped;
    syn_report report;
} fit;

static uint64_t shuffle_seed(const fit *f) { return f->o->seed ? f->o->seed : f->plan->state->net->seed; }

static syn_status order(fit *f) {
    /* where every step takes all rows, another order would change nothing but rounding */
    if (f->o->no_shuffle || syn_optim_searches(&f->plan->optim)) return syn_source_order(f->train, NULL);
    syn_shuffle(shuffle_seed(f), f->epoch, f->perm, (int32_t)f->rows);
    return syn_source_order(f->train, f->perm);
}

static int rows_of_step(const fit *f, int64_t step) {
    int64_t left = f->rows - step * f->plan->batch;
    return left < f->plan->batch ? (int)left : f->plan->batch;
}

/* Lists and feeds of every batch size of the run, before the first step. */
static syn_status prepare(fit *f) {
    syn_list *l;
    const int rows[] = { rows_of_step(f, 0), rows_of_step(f, f->epoch_steps - 1) };
    for (size_t i = 0; i < SYN_COUNT(rows); i++) {
        SYN_TRY(syn_plan_list(f->plan, SYN_MODE_TRAIN, rows[i], &l));
        SYN_TRY(syn_source_prepare(f->train, l));
    }
    SYN_TRY(syn_collect_prepare(f->plan, f->train));
    return f->val ? syn_eval_prepare(f->plan, f->val) : SYN_OK;
}

static void fill_report(fit *f, const syn_snapshot *s) {
    syn_report *r = &f->report;
    double now = syn_seconds();
    syn_plan_loss_of(f->plan, s, &r->loss, &r->accuracy);
    r->losses = f->plan->n_losses;
    for (int k = 0; k < r->losses; k++)
        syn_plan_loss_at(f->plan, s, k, &r->each[k].loss, &r->each[k].accuracy);
    double norms = s->ctl[SYN_CTL_NORM_STEPS];
    r->grad_norm = norms > 0 ? s->metrics[SYN_METRIC_NORMS] / norms : NAN;
    r->penalty = norms > 0 ? s->metrics[SYN_METRIC_PENALTIES] / norms : 0;
    r->loss += r->penalty;
    r->skipped = s->ctl[SYN_CTL_SKIPPED];
    r->epoch = f->epoch + 1;
    r->epochs = (int)f->epochs;
    r->step = f->plan->step;
    r->steps = f->total_steps;
    r->epoch_step = f->epoch_step;
    r->epoch_steps = f->epoch_steps;
    r->lr = f->plan->lr;
    r->momentum = f->plan->momentum;
    r->seconds = f->before + now - f->start;
    r->epoch_seconds = now - f->epoch_start;
    int64_t steps = f->epoch_step - f->epoch_start_step;
    double rows = (double)steps * f->plan->batch;
    if (f->epoch_step == f->epoch_steps)
        rows -= (double)(f->epoch_steps * f->plan->batch - f->rows);
    r->samples_per_second = r->epoch_seconds > 0 ? rows / r->epoch_seconds : NAN;
}

/* Text the checkpoint carries for the loop: where in the run it stands. */
static char *place_json(const fit *f) {
    json_t *plateau = syn_plateau_write(f->plan, &f->window);
    char *memory = plateau ? json_dumps(plateau, 0) : NULL;
    char *text = syn_format("{\"epoch\": %d, \"epoch_step\": %lld, \"seconds\": %.17g, \"rows\": %lld, "
                            "\"batch\": %d, \"shuffle_seed\": %llu%s%s}",
                            f->epoch, (long long)f->epoch_step, f->before + syn_seconds() - f->start,
                            (long long)f->rows, f->plan->batch, (unsigned long long)shuffle_seed(f),
                            memory ? ", \"plateau\": " : "", memory ? memory : "");
    json_decref(plateau);
    free(memory);
    return text;
}

static syn_status checkpoint(fit *f) {
    if (!f->o->checkpoint) return SYN_OK;
    char *json = place_json(f);
    syn_status status = json ? syn_plan_save(f->plan, f->o->checkpoint, json) : syn_no_memory(256);
    free(json);
    return status;
}

static syn_status resume(fit *f) {
    char *json = NULL;
    SYN_TRY(syn_plan_resume(f->plan, f->o->resume, &json));
    json_t *place = json ? json_loads(json, 0, NULL) : NULL;
    free(json);
    if (!place) return syn_fail(SYN_E_FORMAT, "%s: no place in the run is recorded", f->o->resume);
    f->epoch = (int)json_integer_value(json_object_get(place, "epoch"));
    f->epoch_step = json_integer_value(json_object_get(place, "epoch_step"));
    f->before = json_number_value(json_object_get(place, "seconds"));
    int64_t rows = json_integer_value(json_object_get(place, "rows"));
    int batch = (int)json_integer_value(json_object_get(place, "batch"));
    syn_status status = syn_plateau_read(f->plan, &f->window, json_object_get(place, "plateau"));
    json_decref(place);
    if (status != SYN_OK) return syn_fail_in(status, "%s", f->o->resume);
    if (rows != f->rows || batch != f->plan->batch)
        return syn_fail(SYN_E_ARGUMENT, "%s: the run had %lld rows in batches of %d; now there are %lld in "
                                        "batches of %d", f->o->resume, (long long)rows, batch,
                        (long long)f->rows, f->plan->batch);
    if (f->epoch_step >= f->epoch_steps) { /* saved between two epochs */
        f->epoch++;
        f->epoch_step = 0;
    }
    return SYN_OK;
}

static bool interrupted(const fit *f) { return f->o->interrupt && *f->o->interrupt; }

static bool done(const fit *f) { return f->o->max_steps > 0 && f->plan->step >= f->o->max_steps; }

/* Progress, at most ten times a second: sums are asked for, and reported when they have come. */
static syn_status progress(fit *f, double *last) {
    if (!f->o->on_step) return SYN_OK;
    syn_snapshot s;
    bool there;
    if (!f->plan->asked.event) {
        if (syn_seconds() - *last < .1) return SYN_OK;
        *last = syn_seconds();
        return syn_plan_snapshot_ask(f->plan);
    }
    SYN_TRY(syn_plan_snapshot_poll(f->plan, &s, &there));
    if (!there) return SYN_OK;
    SYN_TRY(syn_plan_check_latch(f->plan, &s, f->train));
    fill_report(f, &s);
    if (!f->o->on_step(&f->report, f->o->user)) f->stopped = true;
    return SYN_OK;
}

/* A snapshot still on its way belongs to the epoch that ends. */
static syn_status drop_snapshot(fit *f) {
    if (!f->plan->asked.event) return SYN_OK;
    SYN_TRY(syn_event_wait(f->plan->asked.event));
    syn_event_release(f->plan->asked.event);
    f->plan->asked.event = NULL;
    return SYN_OK;
}

/* Of a run that failed: the next one asks for its own. What went wrong stays said. */
static void forget_snapshot(fit *f) {
    if (!f->plan->asked.event) return;
    (void)syn_ctx_finish(f->plan->ctx);
    syn_event_release(f->plan->asked.event);
    f->plan->asked.event = NULL;
}

/* Micro-batches gather until their step is full or the epoch ends. */
static bool between_updates(const fit *f) {
    return f->epoch_step % f->plan->frame.accumulate == 0 || f->epoch_step == f->epoch_steps;
}

static syn_status enqueue(fit *f, syn_list *l) {
    int k = f->plan->frame.accumulate;
    if (k == 1) return syn_plan_enqueue_step(f->plan, l);
    SYN_TRY(syn_plan_enqueue_gradient(f->plan, l));
    bool last = (f->epoch_step + 1) % k == 0 || f->epoch_step + 1 == f->epoch_steps;
    return last ? syn_plan_enqueue_update(f->plan, l) : SYN_OK;
}

/* The device counts steps that were skipped; the host learns of them at the end of an epoch. */
static void count_skipped(fit *f, const syn_snapshot *s) {
    uint32_t n = s->ctl[SYN_CTL_SKIPPED], guilty = s->ctl[SYN_CTL_SKIP_GUILTY];
    if (n || f->plan->dtype == SYN_HALF) {
        f->plan->step = s->ctl[SYN_CTL_STEP];
        f->plan->table_block = -1;
    }
    if (!n) return;
    const syn_net *net = f->plan->state->net;
    syn_ctx_log(f->plan->ctx, SYN_LOG_WARN, "epoch %d: %u steps were not finite and were skipped; the last "
                                            "for %s", f->epoch + 1, n,
                guilty && guilty <= (uint32_t)net->n_params ? net->param[guilty - 1].name : "its loss");
}

/* The batch under way, and its update where it ends a step; or the whole epoch in a step. */
static syn_status advance(fit *f) {
    syn_list *l;
    if (syn_optim_searches(&f->plan->optim)) {
        SYN_TRY(syn_search_step(f->plan, f->train));
        f->epoch_step = f->epoch_steps;
        return SYN_OK;
    }
    SYN_TRY(syn_plan_list(f->plan, SYN_MODE_TRAIN, rows_of_step(f, f->epoch_step), &l));
    SYN_TRY(syn_source_feed(f->train, l));
    SYN_TRY(enqueue(f, l));
    f->epoch_step++;
    return syn_plan_pace(f->plan);
}

static syn_status train_epoch(fit *f) {
    double last = syn_seconds();
    while (f->epoch_step < f->epoch_steps && !f->stopped && !done(f)) {
        SYN_TRY(advance(f));
        if (!between_updates(f)) continue;
        SYN_TRY(syn_plateau_step(f->plan, &f->window));
        if (f->o->checkpoint_every_steps > 0 && f->plan->step % f->o->checkpoint_every_steps == 0 &&
            f->epoch_step < f->epoch_steps)
            SYN_TRY(checkpoint(f));
        SYN_TRY(progress(f, &last));
        if (interrupted(f)) f->stopped = true;
    }
    return SYN_OK;
}

/* After the last step of an epoch (or of the run): metrics, validation, report. */
static syn_status end_epoch(fit *f) {
    syn_snapshot s;
    syn_metrics m, each[SYN_MAX_ENDS];
    SYN_TRY(syn_plan_snapshot(f->plan, &s));
    fill_report(f, &s);
    f->report.val_loss = f->report.val_accuracy = NAN;
    for (int k = 0; k < SYN_MAX_ENDS; k++) f->report.each[k].val_loss = f->report.each[k].val_accuracy = NAN;
    /* an epoch that was stopped at its very end is judged, too */
    bool judged = f->epoch_step == f->epoch_steps && syn_plateau_wants_val(f->plan);
    if (f->val && (!f->stopped || judged)) {
        SYN_TRY(syn_eval_run(f->plan, f->val, &m, each));
        for (int k = 0; k < f->plan->n_losses; k++) {
            f->report.each[k].val_loss = each[k].loss;
            f->report.each[k].val_accuracy = each[k].accuracy;
        }
        f->report.val_loss = m.loss;
        f->report.val_accuracy = m.accuracy;
        f->report.seconds = f->before + syn_seconds() - f->start;
    }
    if (f->epoch_step == f->epoch_steps) syn_plateau_epoch(f->plan, &f->window, &f->report, &s);
    return SYN_OK;
}

static syn_status run(fit *f) {
    int every = f->o->checkpoint_every > 0 ? f->o->checkpoint_every : 1;
    bool fresh = f->epoch_step == 0; /* else a resumed epoch's sums go on */
    for (; f->epoch < f->epochs && !f->stopped && !done(f); f->epoch++, f->epoch_step = 0, fresh = true) {
        SYN_TRY(order(f));
        if (fresh) SYN_TRY(syn_plan_reset_metrics(f->plan));
        f->train->cursor = f->epoch_step * f->plan->batch;
        f->epoch_start = syn_seconds();
        f->epoch_start_step = f->epoch_step;
        SYN_TRY(train_epoch(f));
        SYN_TRY(drop_snapshot(f));
        bool whole = f->epoch_step == f->epoch_steps;
        /* The checkpoint comes before validation changes the metrics, and after the latch was looked at. */
        syn_snapshot s;
        SYN_TRY(syn_plan_snapshot(f->plan, &s));
        SYN_TRY(syn_plan_check_latch(f->plan, &s, f->train));
        count_skipped(f, &s);
        SYN_TRY(end_epoch(f));
        /* An interrupted epoch is no epoch: it is reported when it is resumed and ends. */
        if ((whole || done(f)) && f->o->on_epoch && !f->o->on_epoch(&f->report, f->o->user)) f->stopped = true;
        bool last = f->epoch + 1 == f->epochs || f->stopped || done(f);
        if (whole && (last || (f->epoch + 1) % every == 0)) SYN_TRY(checkpoint(f));
        if (!whole) {
            if (f->val && !f->stopped) SYN_TRY(syn_plan_restore(f->plan, &s));
            SYN_TRY(checkpoint(f));
            break;
        }
    }
    if (!interrupted(f)) SYN_TRY(syn_collect_run(f->plan, f->train));
    return f->stopped ? syn_fail(SYN_E_STOPPED, "stopped after step %lld", (long long)f->plan->step) : SYN_OK;
}

/* The schedule has values for all steps there will be: the plan's own number of steps may be another. */
static syn_status check_end(const fit *f) {
    int64_t end = f->total_steps + (f->o->resume ? 0 : f->plan->step);
    if (f->o->max_steps > 0 && f->o->max_steps < end) end = f->o->max_steps;
    const syn_schedule_run asked = syn_plan_run(f->plan);
    return end > f->plan->step ? syn_schedule_value(&f->plan->schedule, &asked, end - 1, NULL, NULL) : SYN_OK;
}

static bool has_accuracy(const syn_plan *plan) {
    bool any = false;
    for (int k = 0; k < plan->n_losses; k++) any |= plan->graph[SYN_MODE_EVAL].hits[k] >= 0;
    return any;
}

static syn_status start(fit *f, syn_data *data) {
    syn_plan *plan = f->plan;
    if (plan->loss < 0) return syn_fail(SYN_E_ARGUMENT, "syn_fit: the plan has no loss");
    if (!syn_data_has_y(data)) return syn_fail(SYN_E_ARGUMENT, "syn_fit: the data has no targets");
    f->rows = syn_data_rows(data);
    f->epoch_steps = syn_ceil_div(f->rows, plan->batch);
    int64_t steps = syn_ceil_div(f->epoch_steps, plan->frame.accumulate);
    f->epochs = f->o->epochs > 0 ? f->o->epochs : f->o->max_steps > 0 ? syn_ceil_div(f->o->max_steps, steps) : 1;
    f->total_steps = f->epochs * steps;
    if (f->o->max_steps > 0 && f->o->max_steps < f->total_steps) f->total_steps = f->o->max_steps;
    if (!plan->steps) {
        plan->steps = f->total_steps;
        plan->table_block = -1;
    }
    plan->epoch_steps = syn_ceil_div(f->epoch_steps, plan->frame.accumulate);
    const syn_schedule_run asked = syn_plan_run(plan);
    SYN_TRY(syn_schedule_check(&plan->schedule, plan->preset, &asked));
    SYN_TRY(syn_schedule_check_monitor(&plan->schedule, f->o->val != NULL,
                                       has_accuracy(plan)));
    if (syn_optim_searches(&plan->optim)) SYN_TRY(syn_search_check(plan, f->rows));
    SYN_TRY(syn_source_open(&f->train, plan, data));
    if (f->o->val) SYN_TRY(syn_source_open(&f->val, plan, f->o->val));
    f->perm = malloc((size_t)f->rows * sizeof *f->perm);
    if (!f->perm) return syn_no_memory((size_t)f->rows * sizeof *f->perm);
    SYN_TRY(prepare(f));
    if (f->o->resume) SYN_TRY(resume(f));
    SYN_TRY(check_end(f));
    f->start = syn_seconds();
    f->report.epoch = f->epoch + 1;
    f->report.step = plan->step;
    if (f->o->on_start && !f->o->on_start(&f->report, f->o->user))
        return syn_fail(SYN_E_STOPPED, "stopped before the first step");
    return run(f);
}

syn_status syn_fit(syn_plan *plan, syn_data *train, const syn_fit_opts *opts) {
    const syn_fit_opts none = { 0 };
    fit f = { .plan = plan, .o = opts ? opts : &none, .report = { .val_loss = NAN, .val_accuracy = NAN } };
    if (!plan || !train) return syn_fail(SYN_E_ARGUMENT, "syn_fit: plan and data must be given");
    syn_status status = start(&f, train);
    if (status != SYN_OK) forget_snapshot(&f);
    syn_source_close(f.train);
    syn_source_close(f.val);
    free(f.perm);
    return status;
}
