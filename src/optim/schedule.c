/* Learning-rate schedules: closed forms in double. */
#include "optim/schedule.h"

#include <math.h>
#include <pthread.h>

#define SYN_ROW_PREFIX(name, suffix) syn_schedule_##name##suffix
#define SYN_ROW_KIND "schedule"
#include "base/rows_def.inc"
#include <syncline/schedules.inc>
#include <syncline/rows_end.inc>

/* A schedule in a run. check says whether what it needs is given and how many steps it has values
 * for (0: any number); at evaluates it. */
typedef struct run {
    const void *opts; /* resolved */
    double base_lr;
    int64_t steps; /* of the run; 0: unknown */
    int64_t total; /* of the schedule, by check */
} run;
typedef struct point {
    double lr, momentum;
} point;

static syn_status check_constant(run *r) {
    r->total = 0;
    return SYN_OK;
}
static point at_constant(const run *r, int64_t t) {
    (void)t;
    return (point){ r->base_lr, NAN };
}

static syn_status check_exponential(run *r) {
    const syn_schedule_exponential_opts *o = r->opts;
    r->total = 0;
    if (o->s > 0) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "give s, the steps in which lr changes by the factor %g",
                    o->factor);
}
static point at_exponential(const run *r, int64_t t) {
    const syn_schedule_exponential_opts *o = r->opts;
    double exponent = (double)t / o->s;
    if (o->staircase) exponent = floor(exponent);
    return (point){ r->base_lr * pow(o->factor, exponent), NAN };
}

static syn_status check_one_cycle(run *r) {
    const syn_schedule_one_cycle_opts *o = r->opts;
    r->total = o->steps > 0 ? o->steps : r->steps;
    if (r->total > 0) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "the length of the cycle is unknown: give steps here, or the "
                                    "steps of the run to the plan");
}

static double between(int anneal, double from, double to, double share) {
    if (anneal == SYN_LINEAR) return from + (to - from) * share;
    return to + (from - to) / 2 * (1 + cos(3.14159265358979323846 * share));
}

/* As torch.optim.lr_scheduler.OneCycleLR: phases end at real numbers of steps, not whole ones. */
static point at_one_cycle(const run *r, int64_t t) {
    const syn_schedule_one_cycle_opts *o = r->opts;
    double n = (double)r->total, step = (double)t;
    double max = o->max > 0 ? o->max : r->base_lr;
    double first = max / o->div, last = first / o->final_div;
    double high = o->max_momentum, low = o->base_momentum;
    const struct phase {
        double end, lr[2], momentum[2];
    } two[] = {
        { o->pct * n - 1, { first, max }, { high, low } },
        { n - 1, { max, last }, { low, high } },
    }, three[] = {
        { o->pct * n - 1, { first, max }, { high, low } },
        { 2 * o->pct * n - 2, { max, first }, { low, high } },
        { n - 1, { first, last }, { high, high } },
    };
    const struct phase *p = o->three_phase ? three : two;
    const struct phase *final = o->three_phase ? &three[2] : &two[1];
    double start = 0;
    while (p < final && step > p->end) start = p++->end;
    double share = p->end == start ? 1 : (step - start) / (p->end - start);
    point at = { between(o->anneal, p->lr[0], p->lr[1], share), NAN };
    if (o->cycle_momentum == SYN_YES)
        at.momentum = between(o->anneal, p->momentum[0], p->momentum[1], share);
    return at;
}

/* The table, in the order of schedules.inc. */
#define SYN_ROW(name, doc) { syn_schedule_##name##_def, check_##name, at_##name },
#define SYN_REAL(name, keras, torch, lo, hi, doc)
#define SYN_INT(name, keras, torch, lo, hi, doc)
#define SYN_FLAG(name, doc)
#define SYN_CHOICE(name, keras, torch, choices, doc)
#define SYN_ROW_END(name)
static const struct kind {
    const syn_def *(*def)(void);
    syn_status (*check)(run *r);
    point (*at)(const run *r, int64_t t);
} kinds[] = {
#include <syncline/schedules.inc>
};
#include <syncline/rows_end.inc>

#define SYN_ROW(name, doc)                                                                         \
    syn_schedule syn_schedule_##name(const syn_schedule_##name##_opts *opts) {                     \
        syn_schedule spec;                                                                         \
        syn_spec_set(&spec, syn_schedule_##name##_def(), opts);                                    \
        return spec;                                                                               \
    }
#define SYN_REAL(name, keras, torch, lo, hi, doc)
#define SYN_INT(name, keras, torch, lo, hi, doc)
#define SYN_FLAG(name, doc)
#define SYN_CHOICE(name, keras, torch, choices, doc)
#define SYN_ROW_END(name)
#include <syncline/schedules.inc>
#include <syncline/rows_end.inc>

static const syn_def *defs[SYN_COUNT(kinds)];
static const syn_table table = { .kind = "schedule", .row = defs, .n = (int)SYN_COUNT(kinds) };
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_table(void) {
    for (size_t i = 0; i < SYN_COUNT(kinds); ++i) defs[i] = kinds[i].def();
}

const syn_table *syn_schedules(void) {
    pthread_once(&once, fill_table);
    return &table;
}

/* Resolve s in place and fill in *r and *kind. None given: constant. */
static syn_status prepare(syn_schedule *s, syn_preset preset, double base_lr, int64_t steps, run *r,
                          const struct kind **kind) {
    if (!s->def) *s = syn_schedule_constant(NULL);
    const char *name = s->def->name;
    size_t k = 0;
    while (k < SYN_COUNT(kinds) && s->def != kinds[k].def()) ++k;
    if (k == SYN_COUNT(kinds))
        return syn_fail(SYN_E_ARGUMENT, "%s is of kind %s, not a schedule", name, s->def->kind);
    if (!(base_lr >= 0) || isinf(base_lr))
        return syn_fail(SYN_E_ARGUMENT, "%s: the optimizer's lr is %g, allowed 0 and up", name,
                        base_lr);
    if (steps < 0)
        return syn_fail(SYN_E_ARGUMENT, "%s: a run cannot have %lld steps", name, (long long)steps);
    SYN_TRY(syn_options_resolve(s->def, s->u.opts, preset, name));
    *r = (run){ .opts = s->u.opts, .base_lr = base_lr, .steps = steps };
    *kind = &kinds[k];
    syn_status status = kinds[k].check(r);
    return status == SYN_OK ? status : syn_fail_in(status, "%s", name);
}

syn_status syn_schedule_check(syn_schedule *s, syn_preset preset, double base_lr, int64_t steps) {
    run r;
    const struct kind *kind;
    if (!s) return syn_fail(SYN_E_ARGUMENT, "there is no schedule to check");
    SYN_TRY(prepare(s, preset, base_lr, steps, &r, &kind));
    if (r.total == 0 || steps <= r.total) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT,
                    "%s: ends after %lld steps, but the run has %lld: give it as many, or none",
                    s->def->name, (long long)r.total, (long long)steps);
}

syn_status syn_schedule_at(const syn_schedule *s, double base_lr, int64_t steps, int64_t t,
                           double *lr, double *momentum) {
    syn_schedule spec = { .def = NULL };
    run r;
    const struct kind *kind;
    if (s) spec = *s;
    SYN_TRY(prepare(&spec, SYN_PRESET_DEFAULT, base_lr, steps, &r, &kind));
    if (t < 0 || (r.total > 0 && t >= r.total))
        return syn_fail(SYN_E_ARGUMENT, "%s: step %lld is outside of the schedule's %lld steps",
                        spec.def->name, (long long)t,
                        (long long)(r.total > 0 ? r.total : INT64_MAX));
    point p = kind->at(&r, t);
    if (lr) *lr = p.lr;
    if (momentum) *momentum = p.momentum;
    return SYN_OK;
}
