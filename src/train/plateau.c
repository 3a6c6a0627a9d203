#include "train/plateau.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool syn_plateau_wants_val(const syn_plan *plan) {
    const syn_schedule_performance_opts *o = syn_schedule_plateau(&plan->schedule);
    return o && (o->monitor == SYN_MONITOR_VAL_LOSS || o->monitor == SYN_MONITOR_VAL_ACCURACY);
}

/* The rate of the steps that follow: their rows of the table are written again. */
static void judge(syn_plan *plan, const syn_schedule_performance_opts *o, double value) {
    if (syn_plateau_judge(&plan->plateau, o, value)) plan->table_block = -1;
}

/* Performance that decided the rate of the step behind us. */
static const syn_schedule_performance_opts *judged(const syn_plan *plan) {
    const syn_schedule_run run = syn_plan_run(plan);
    return plan->step > 0 ? syn_schedule_judged(&plan->schedule, &run, plan->step - 1) : NULL;
}

static syn_window sums(const syn_snapshot *s) {
    syn_window w = { .penalties = s->metrics[SYN_METRIC_PENALTIES], .rows = s->ctl[SYN_CTL_ROWS],
                     .batches = s->ctl[SYN_CTL_BATCHES], .norm_steps = s->ctl[SYN_CTL_NORM_STEPS] };
    for (int k = 0; k < SYN_MAX_ENDS; k++) {
        const double *m = s->metrics + SYN_METRIC_LOSSES + SYN_METRIC_EACH * k;
        w.loss[k] = m[SYN_METRIC_SUM] + m[SYN_METRIC_CARRY];
        w.hits[k] = s->ctl[SYN_CTL_HITS + k];
        w.ignored[k] = s->ctl[SYN_CTL_IGNORED + k];
    }
    return w;
}

static syn_window minus(const syn_window *a, const syn_window *b) {
    syn_window w = { .penalties = a->penalties - b->penalties, .rows = a->rows - b->rows,
                     .batches = a->batches - b->batches, .norm_steps = a->norm_steps - b->norm_steps };
    for (int k = 0; k < SYN_MAX_ENDS; k++) {
        w.loss[k] = a->loss[k] - b->loss[k];
        w.hits[k] = a->hits[k] - b->hits[k];
        w.ignored[k] = a->ignored[k] - b->ignored[k];
    }
    return w;
}

void syn_plateau_epoch(syn_plan *plan, syn_window *w, const syn_report *r, const syn_snapshot *s) {
    const syn_schedule_performance_opts *o = judged(plan);
    const double metric[] = { [SYN_MONITOR_LOSS] = r->loss, [SYN_MONITOR_VAL_LOSS] = r->val_loss,
                              [SYN_MONITOR_ACCURACY] = r->accuracy,
                              [SYN_MONITOR_VAL_ACCURACY] = r->val_accuracy };
    if (o && o->every_steps) { /* the sums start from 0 again: what they hold unjudged is carried over */
        const syn_window all = sums(s);
        *w = minus(w, &all);
    } else if (o && r->epoch % o->every == 0) {
        judge(plan, o, metric[o->monitor]);
    }
}

syn_status syn_plateau_step(syn_plan *plan, syn_window *w) {
    const syn_schedule_performance_opts *o = syn_schedule_plateau(&plan->schedule);
    if (!o || !o->every_steps || plan->step % o->every_steps || !judged(plan)) return SYN_OK;
    syn_snapshot s, since = { .ctl = { 0 } };
    SYN_TRY(syn_plan_snapshot(plan, &s));
    const syn_window all = sums(&s), d = minus(&all, w);
    *w = all;
    since.ctl[SYN_CTL_ROWS] = (uint32_t)d.rows;
    since.ctl[SYN_CTL_BATCHES] = (uint32_t)d.batches;
    for (int k = 0; k < SYN_MAX_ENDS; k++) {
        since.metrics[SYN_METRIC_LOSSES + SYN_METRIC_EACH * k + SYN_METRIC_SUM] = d.loss[k];
        since.ctl[SYN_CTL_HITS + k] = (uint32_t)d.hits[k];
        since.ctl[SYN_CTL_IGNORED + k] = (uint32_t)d.ignored[k];
    }
    double loss, accuracy;
    syn_plan_loss_of(plan, &since, &loss, &accuracy);
    if (d.norm_steps > 0) loss += d.penalties / (double)d.norm_steps;
    judge(plan, o, o->monitor == SYN_MONITOR_LOSS ? loss : accuracy);
    return SYN_OK;
}

/* Doubles as text in hexadecimal: exact, and any value is valid JSON. */
static json_t *real(double v) {
    char buf[48];
    snprintf(buf, sizeof buf, "%a", v);
    return json_string(buf);
}
static double real_value(const json_t *v) {
    const char *text = json_string_value(v);
    return text ? strtod(text, NULL) : NAN;
}
static double real_of(const json_t *from, const char *key) { return real_value(json_object_get(from, key)); }
static int64_t whole_of(const json_t *from, const char *key) {
    return json_integer_value(json_object_get(from, key));
}

json_t *syn_plateau_write(const syn_plan *plan, const syn_window *w) {
    const syn_plateau *p = &plan->plateau;
    if (!syn_schedule_plateau(&plan->schedule)) return NULL;
    json_t *loss = json_array(), *hits = json_array(), *ignored = json_array();
    for (int k = 0; k < plan->n_losses; k++) {
        json_array_append_new(loss, real(w->loss[k]));
        json_array_append_new(hits, json_integer(w->hits[k]));
        json_array_append_new(ignored, json_integer(w->ignored[k]));
    }
    return json_pack("{s:o, s:o, s:I, s:I, s:b, s:o, s:o, s:I, s:I, s:o, s:o, s:I}", "lr", real(p->lr), "best",
                     real(p->best), "wait", (json_int_t)p->wait, "cooldown", (json_int_t)p->cooldown,
                     "started", (int)p->started, "loss", loss, "penalties", real(w->penalties),
                     "rows", (json_int_t)w->rows, "batches", (json_int_t)w->batches, "hits", hits,
                     "ignored", ignored, "norm_steps", (json_int_t)w->norm_steps);
}

syn_status syn_plateau_read(syn_plan *plan, syn_window *w, json_t *from) {
    if (!syn_schedule_plateau(&plan->schedule)) return SYN_OK;
    if (!json_is_object(from))
        return syn_fail(SYN_E_FORMAT, "no memory of performance scheduling is recorded");
    plan->plateau = (syn_plateau){ .lr = real_of(from, "lr"), .best = real_of(from, "best"),
                                   .wait = whole_of(from, "wait"), .cooldown = whole_of(from, "cooldown"),
                                   .started = json_is_true(json_object_get(from, "started")) };
    *w = (syn_window){ .penalties = real_of(from, "penalties"), .rows = whole_of(from, "rows"),
                       .batches = whole_of(from, "batches"), .norm_steps = whole_of(from, "norm_steps") };
    for (int k = 0; k < plan->n_losses; k++) {
        w->loss[k] = real_value(json_array_get(json_object_get(from, "loss"), (size_t)k));
        w->hits[k] = json_integer_value(json_array_get(json_object_get(from, "hits"), (size_t)k));
        w->ignored[k] = json_integer_value(json_array_get(json_object_get(from, "ignored"), (size_t)k));
    }
    if (!(plan->plateau.lr >= 0)) return syn_fail(SYN_E_FORMAT, "the memory of performance scheduling is broken");
    plan->table_block = -1;
    return SYN_OK;
}
