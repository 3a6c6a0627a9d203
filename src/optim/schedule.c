/* Learning-rate schedules: their table, and what all of them share: warm-up, units, lengths. The
 * formulas are in the files beside this one. */
#include "optim/schedule.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#define SYN_ROW_PREFIX(name, suffix) syn_schedule_##name##suffix
#define SYN_ROW_KIND "schedule"
#define SYN_ROW_PARTS syn_schedules
#include "base/rows_def.inc"
#include <syncline/schedules.inc>
#include <syncline/rows_end.inc>

#define SYN_REAL(...)
#define SYN_INT(...)
#define SYN_FLAG(...)
#define SYN_CHOICE(...)
#define SYN_LIST(...)
#define SYN_PARTS(...)
#define SYN_ROW_END(name)
#define SYN_ROW(name, doc)                                                                         \
    syn_schedule syn_schedule_##name(const syn_schedule_##name##_opts *opts) {                     \
        syn_schedule spec;                                                                         \
        syn_spec_set(&spec, syn_schedule_##name##_def(), opts);                                    \
        return spec;                                                                               \
    }
#include <syncline/schedules.inc>
#undef SYN_ROW

/* The table, in the order of schedules.inc; the offsets are those of the options all rows have. */
#define SYN_ROW(name, doc)                                                                         \
    { syn_schedule_##name##_def, &syn_schedule_##name##_kind,                                      \
      offsetof(syn_schedule_##name##_opts, warmup),                                                \
      offsetof(syn_schedule_##name##_opts, warmup_from), offsetof(syn_schedule_##name##_opts, per) },
static const struct row {
    const syn_def *(*def)(void);
    const syn_schedule_kind *kind;
    size_t warmup, warmup_from, per;
} rows[] = {
#include <syncline/schedules.inc>
};
#include <syncline/rows_end.inc>

static const syn_def *defs[SYN_COUNT(rows)];
static const syn_table table = { .kind = "schedule", .row = defs, .n = (int)SYN_COUNT(rows) };
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_table(void) {
    for (size_t i = 0; i < SYN_COUNT(rows); ++i) defs[i] = rows[i].def();
}

const syn_table *syn_schedules(void) {
    pthread_once(&once, fill_table);
    return &table;
}

static const struct row *row_of(const syn_schedule *s) {
    for (size_t i = 0; i < SYN_COUNT(rows); ++i)
        if (rows[i].def() == s->def) return &rows[i];
    return NULL;
}

syn_status syn_schedule_begin(syn_schedule_use *u, const syn_schedule *s, const syn_schedule_run *run,
                              int64_t steps, bool epochs) {
    const struct row *row = row_of(s);
    if (!row)
        return syn_fail(SYN_E_ARGUMENT, "%s is of kind %s, not a schedule", s->def->name, s->def->kind);
    int warmup, per;
    *u = (syn_schedule_use){ .kind = row->kind, .opts = s->u.opts, .run = run, .unit = 1, .epochs = epochs };
    memcpy(&warmup, s->u.opts + row->warmup, sizeof warmup);
    memcpy(&u->warmup_from, s->u.opts + row->warmup_from, sizeof u->warmup_from);
    memcpy(&per, s->u.opts + row->per, sizeof per);
    u->warmup = warmup;
    if (per == SYN_PER_EPOCH && !epochs) {
        u->epochs = true;
        u->unit = run->epoch_steps;
        steps = u->unit > 0 ? syn_ceil_div(steps, u->unit) : 0;
    }
    if (steps > 0) u->steps = steps > warmup ? steps - warmup : 1; /* 1: a run cut short in the warm-up */
    if (u->kind->check) {
        syn_status status = u->kind->check(u);
        if (status != SYN_OK) return syn_fail_in(status, "%s", s->def->name);
    }
    u->end = u->total > 0 ? (u->total + warmup) * u->unit : 0;
    return SYN_OK;
}

syn_schedule_point syn_schedule_eval(const syn_schedule_use *u, int64_t t) {
    if (u->unit > 1) t /= u->unit;
    if (t >= u->warmup) return u->kind->at(u, t - u->warmup);
    syn_schedule_point p = u->kind->at(u, 0);
    p.lr *= u->warmup_from + (1 - u->warmup_from) * (double)t / (double)u->warmup;
    return p;
}

const syn_schedule_performance_opts *syn_schedule_plateau(const syn_schedule *s) {
    const struct row *row = s->def ? row_of(s) : NULL;
    const void *opts = s->u.opts;
    if (row && row->kind == &syn_schedule_performance_kind) return opts;
    const syn_schedule_performance_opts *found = NULL;
    const syn_schedule_sequence_opts *o = opts;
    for (int i = 0; row && row->kind == &syn_schedule_sequence_kind && i < o->parts.n && !found; i++)
        found = syn_schedule_plateau(&o->parts.spec[i]);
    return found;
}

const syn_schedule_performance_opts *syn_schedule_judged(const syn_schedule *s, const syn_schedule_run *run,
                                                         int64_t t) {
    syn_schedule_use u;
    if (!syn_schedule_plateau(s) || syn_schedule_begin(&u, s, run, run->steps, false) != SYN_OK) return NULL;
    return syn_schedule_eval(&u, t).judged;
}

static syn_status check_run(const syn_schedule *s, const syn_schedule_run *run) {
    const char *name = s->def->name;
    if (!(run->lr >= 0) || isinf(run->lr))
        return syn_fail(SYN_E_ARGUMENT, "%s: the optimizer's lr is %g, allowed 0 and up", name, run->lr);
    if (run->steps < 0 || run->epoch_steps < 0)
        return syn_fail(SYN_E_ARGUMENT, "%s: a run cannot have %lld steps, %lld an epoch", name,
                        (long long)run->steps, (long long)run->epoch_steps);
    return SYN_OK;
}

/* None given: constant. */
static syn_status resolve(syn_schedule *s, syn_preset preset, const syn_schedule_run *run) {
    if (!s->def) *s = syn_schedule_constant(NULL);
    SYN_TRY(check_run(s, run));
    return row_of(s) ? syn_options_resolve(s->def, s->u.opts, preset, s->def->name) : SYN_OK;
}

syn_status syn_schedule_check(syn_schedule *s, syn_preset preset, const syn_schedule_run *run) {
    syn_schedule_use u;
    if (!s) return syn_fail(SYN_E_ARGUMENT, "there is no schedule to check");
    SYN_TRY(resolve(s, preset, run));
    SYN_TRY(syn_schedule_begin(&u, s, run, run->steps, false));
    if (u.end == 0 || run->steps <= u.end) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT,
                    "%s: ends after %lld steps, but the run has %lld: give it as many, or none",
                    s->def->name, (long long)u.end, (long long)run->steps);
}

syn_status syn_schedule_value(const syn_schedule *s, const syn_schedule_run *run, int64_t t, double *lr,
                              double *momentum) {
    syn_schedule_use u;
    SYN_TRY(syn_schedule_begin(&u, s, run, run->steps, false));
    if (u.unit == 0)
        return syn_fail(SYN_E_ARGUMENT, "%s: per epoch: the steps of an epoch are unknown; give "
                                        "epoch_steps to the plan", s->def->name);
    if (t < 0 || (u.end > 0 && t >= u.end))
        return syn_fail(SYN_E_ARGUMENT, "%s: step %lld is outside of the schedule's %lld steps",
                        s->def->name, (long long)t, (long long)(u.end > 0 ? u.end : INT64_MAX));
    syn_schedule_point p = syn_schedule_eval(&u, t);
    if (lr) *lr = p.lr;
    if (momentum) *momentum = p.momentum;
    return SYN_OK;
}

syn_status syn_schedule_in(const syn_schedule *s, const syn_schedule_run *run, int64_t t, double *lr,
                           double *momentum) {
    syn_schedule spec = { .def = NULL };
    if (s) spec = *s;
    SYN_TRY(resolve(&spec, SYN_PRESET_DEFAULT, run));
    return syn_schedule_value(&spec, run, t, lr, momentum);
}

syn_status syn_schedule_at(const syn_schedule *s, double base_lr, int64_t steps, int64_t t, double *lr,
                           double *momentum) {
    return syn_schedule_in(s, &(syn_schedule_run){ .lr = base_lr, .steps = steps }, t, lr, momentum);
}
