/* Schedules that fall: by powers, exponentially, in steps, along a polynomial. */
#include "optim/schedule.h"

#include <math.h>

typedef syn_schedule_use use;
typedef syn_schedule_point point;

static point lr_only(double lr) { return (point){ .lr = lr, .momentum = NAN }; }

/* An option that must be given is. */
static syn_status need(double value, const char *name, const char *what) {
    if (value > 0) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "give %s, %s", name, what);
}

static double whole_if(bool staircase, double v) { return staircase ? floor(v) : v; }

/* ---- constant ---- */

static point at_constant(const use *u, int64_t t) {
    (void)t;
    return lr_only(u->run->lr);
}
const syn_schedule_kind syn_schedule_constant_kind = { .at = at_constant };

/* ---- power ---- */

static syn_status check_power(use *u) {
    const syn_schedule_power_opts *o = u->opts;
    return need(o->s, "s", "the steps in which lr halves when c is 1");
}
static point at_power(const use *u, int64_t t) {
    const syn_schedule_power_opts *o = u->opts;
    return lr_only(u->run->lr / pow(1 + (double)t / o->s, o->c));
}
const syn_schedule_kind syn_schedule_power_kind = { check_power, at_power };

/* ---- exponential ---- */

static syn_status check_exponential(use *u) {
    const syn_schedule_exponential_opts *o = u->opts;
    return need(o->s, "s", "the steps in which lr changes by one factor");
}
static point at_exponential(const use *u, int64_t t) {
    const syn_schedule_exponential_opts *o = u->opts;
    return lr_only(u->run->lr * pow(o->factor, whole_if(o->staircase, (double)t / o->s)));
}
const syn_schedule_kind syn_schedule_exponential_kind = { check_exponential, at_exponential };

/* ---- exp_decay ---- */

static syn_status check_exp_decay(use *u) {
    const syn_schedule_exp_decay_opts *o = u->opts;
    return need(o->k, "k", "the decay per step");
}
static point at_exp_decay(const use *u, int64_t t) {
    const syn_schedule_exp_decay_opts *o = u->opts;
    return lr_only(u->run->lr * exp(-o->k * (double)t));
}
const syn_schedule_kind syn_schedule_exp_decay_kind = { check_exp_decay, at_exp_decay };

/* ---- inverse_time ---- */

static syn_status check_inverse_time(use *u) {
    const syn_schedule_inverse_time_opts *o = u->opts;
    return need(o->k, "k", "the decay per s steps");
}
static point at_inverse_time(const use *u, int64_t t) {
    const syn_schedule_inverse_time_opts *o = u->opts;
    return lr_only(u->run->lr / (1 + o->k * whole_if(o->staircase, (double)t / o->s)));
}
const syn_schedule_kind syn_schedule_inverse_time_kind = { check_inverse_time, at_inverse_time };

/* ---- step ---- */

static syn_status check_step(use *u) {
    const syn_schedule_step_opts *o = u->opts;
    return need(o->every, "every", "the steps between two changes");
}
static point at_step(const use *u, int64_t t) {
    const syn_schedule_step_opts *o = u->opts;
    return lr_only(u->run->lr * pow(o->factor, (double)(t / o->every)));
}
const syn_schedule_kind syn_schedule_step_kind = { check_step, at_step };

/* ---- piecewise ---- */

static syn_status check_piecewise(use *u) {
    const syn_schedule_piecewise_opts *o = u->opts;
    const syn_numbers *b = &o->boundaries;
    SYN_TRY(need(b->n, "boundaries", "the steps at which lr changes"));
    for (int i = 1; i < b->n; i++)
        if (!(b->v[i] > b->v[i - 1]))
            return syn_fail(SYN_E_ARGUMENT, "boundaries must rise, but %g follows %g", b->v[i], b->v[i - 1]);
    if (o->values.n && o->values.n != b->n + 1)
        return syn_fail(SYN_E_ARGUMENT, "%d boundaries want %d values, one more, not %d", b->n, b->n + 1,
                        o->values.n);
    return SYN_OK;
}
static point at_piecewise(const use *u, int64_t t) {
    const syn_schedule_piecewise_opts *o = u->opts;
    const syn_numbers *b = &o->boundaries;
    int i = 0;
    while (i < b->n && (o->boundary == SYN_INCLUSIVE ? (double)t > b->v[i] : (double)t >= b->v[i])) i++;
    return lr_only(o->values.n ? o->values.v[i] : u->run->lr * pow(o->factor, i));
}
const syn_schedule_kind syn_schedule_piecewise_kind = { check_piecewise, at_piecewise };

/* ---- polynomial ---- */

static syn_status check_polynomial(use *u) {
    const syn_schedule_polynomial_opts *o = u->opts;
    if (o->steps > 0 || u->steps > 0) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "the length of the way is unknown: give steps here, or the steps "
                                    "of the run to the plan");
}
static point at_polynomial(const use *u, int64_t t) {
    const syn_schedule_polynomial_opts *o = u->opts;
    double n = (double)(o->steps > 0 ? o->steps : u->steps), step = (double)t;
    if (o->cycle && t > 0) n *= ceil(step / n);
    return lr_only((u->run->lr - o->end) * pow(1 - fmin(step, n) / n, o->power) + o->end);
}
const syn_schedule_kind syn_schedule_polynomial_kind = { check_polynomial, at_polynomial };
