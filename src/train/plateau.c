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
    return (syn_window){ .loss = s->metrics[SYN_METRIC_LOSS] + s->metrics[SYN_METRIC_CARRY],
                         .penalties = s->metrics[SYN_METRIC_PENALTIES],
                         .rows = s->ctl[SYN_CTL_ROWS],
                         .batches = s->ctl[SYN_CTL_BATCHES],
                         .hits = s->ctl[SYN_CTL_HITS],
                         .norm_steps = s->ctl[SYN_CTL_NORM_STEPS] };
}

static syn_window minus(const syn_window *a, const syn_window *b) {
    return (syn_window){ .loss = a->loss - b->loss, .penalties = a->penalties - b->penalties,
                         .rows = a->rows - b->rows, .batches = a->batches - b->batches,
                         .hits = a->hits - b->hits, .norm_steps = a->norm_steps - b->norm_steps };
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
    since.metrics[SYN_METRIC_LOSS] = d.loss;
    since.ctl[SYN_CTL_ROWS] = (uint32_t)d.rows;
    since.ctl[SYN_CTL_BATCHES] = (uint32_t)d.batches;
    since.ctl[SYN_CTL_HITS] = (uint32_t)d.hits;
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
static double real_of(const json_t *from, const char *key) {
    const char *text = json_string_value(json_object_get(from, key));
    return text ? strtod(text, NULL) : NAN;
}
static int64_t whole_of(const json_t *from, const char *key) {
    return json_integer_value(json_object_get(from, key));
}

json_t *syn_plateau_write(const syn_plan *plan, const syn_window *w) {
    const syn_plateau *p = &plan->plateau;
    if (!syn_schedule_plateau(&plan->schedule)) return NULL;
    return json_pack("{s:o, s:o, s:I, s:I, s:b, s:o, s:o, s:I, s:I, s:I, s:I}", "lr", real(p->lr), "best",
                     real(p->best), "wait", (json_int_t)p->wait, "cooldown", (json_int_t)p->cooldown,
                     "started", (int)p->started, "loss", real(w->loss), "penalties", real(w->penalties),
                     "rows", (json_int_t)w->rows, "batches", (json_int_t)w->batches, "hits",
                     (json_int_t)w->hits, "norm_steps", (json_int_t)w->norm_steps);
}

syn_status syn_plateau_read(syn_plan *plan, syn_window *w, json_t *from) {
    if (!syn_schedule_plateau(&plan->schedule)) return SYN_OK;
    if (!json_is_object(from))
        return syn_fail(SYN_E_FORMAT, "no memory of performance scheduling is recorded");
    plan->plateau = (syn_plateau){ .lr = real_of(from, "lr"), .best = real_of(from, "best"),
                                   .wait = whole_of(from, "wait"), .cooldown = whole_of(from, "cooldown"),
                                   .started = json_is_true(json_object_get(from, "started")) };
    *w = (syn_window){ .loss = real_of(from, "loss"), .penalties = real_of(from, "penalties"),
                       .rows = whole_of(from, "rows"), .batches = whole_of(from, "batches"),
                       .hits = whole_of(from, "hits"), .norm_steps = whole_of(from, "norm_steps") };
    if (!(plan->plateau.lr >= 0)) return syn_fail(SYN_E_FORMAT, "the memory of performance scheduling is broken");
    plan->table_block = -1;
    return SYN_OK;
}
