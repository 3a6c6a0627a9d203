/* Schedules that fall and rise: cosines, cycles. */
#include "optim/schedule.h"

#include <math.h>

typedef syn_schedule_use use;
typedef syn_schedule_point point;

static const double pi = 3.14159265358979323846;

/* ---- cosine ---- */

static syn_status check_floor(double floor_, double end) {
    if (!(floor_ > 0 && end > 0)) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "give one of floor, a share of lr, and end, a rate");
}

static syn_status check_cosine(use *u) {
    const syn_schedule_cosine_opts *o = u->opts;
    SYN_TRY(check_floor(o->floor, o->end));
    if (o->steps > 0 || u->steps > 0) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "the length of the cosine is unknown: give steps here, or the "
                                    "steps of the run to the plan");
}

static point at_cosine(const use *u, int64_t t) {
    const syn_schedule_cosine_opts *o = u->opts;
    double n = (double)(o->steps > 0 ? o->steps : u->steps), share = (double)t / n;
    double high = u->run->lr, low = o->end > 0 ? o->end : o->floor * high;
    if (o->after == SYN_STAY) share = fmin(share, 1);
    return (point){ .lr = low + (high - low) * .5 * (1 + cos(pi * share)), .momentum = NAN };
}
const syn_schedule_kind syn_schedule_cosine_kind = { check_cosine, at_cosine };

static syn_status check_cosine_restarts(use *u) {
    const syn_schedule_cosine_restarts_opts *o = u->opts;
    SYN_TRY(check_floor(o->floor, o->end));
    if (o->steps > 0) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "give steps, those to the first restart");
}

/* Restarts are found by adding periods up: a logarithm would miss some by rounding. */
static point at_cosine_restarts(const use *u, int64_t t) {
    const syn_schedule_cosine_restarts_opts *o = u->opts;
    double period = o->steps, step = (double)t, restarts = 0;
    if (o->t_mul == 1) {
        restarts = floor(step / period);
        step -= restarts * period;
    } else {
        for (; step >= period; period *= o->t_mul, restarts++) step -= period;
    }
    double low = o->end > 0 ? o->end : o->floor * u->run->lr;
    double high = (u->run->lr - low) * pow(o->m_mul, restarts);
    return (point){ .lr = low + high * .5 * (1 + cos(pi * step / period)), .momentum = NAN };
}
const syn_schedule_kind syn_schedule_cosine_restarts_kind = { check_cosine_restarts, at_cosine_restarts };

/* ---- cyclic ---- */

static syn_status check_cyclic(use *u) {
    const syn_schedule_cyclic_opts *o = u->opts;
    if (o->max > 0) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "give max, the highest rate; the lowest is the optimizer's lr");
}

static point at_cyclic(const use *u, int64_t t) {
    const syn_schedule_cyclic_opts *o = u->opts;
    int64_t up = o->up, down = o->down > 0 ? o->down : up, cycle = t / (up + down), at = t % (up + down);
    double share = at <= up ? (double)at / (double)up : (double)(up + down - at) / (double)down;
    if (o->mode == SYN_TRIANGULAR2) share *= pow(.5, (double)cycle);
    if (o->mode == SYN_EXP_RANGE) share *= pow(o->gamma, (double)t);
    point p = { .lr = u->run->lr + (o->max - u->run->lr) * share, .momentum = NAN };
    if (o->cycle_momentum == SYN_YES)
        p.momentum = o->max_momentum - (o->max_momentum - o->base_momentum) * share;
    return p;
}
const syn_schedule_kind syn_schedule_cyclic_kind = { check_cyclic, at_cyclic };

/* ---- one_cycle ---- */

static syn_status check_one_cycle(use *u) {
    const syn_schedule_one_cycle_opts *o = u->opts;
    u->total = o->steps > 0 ? o->steps : u->steps;
    if (u->total > 0) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "the length of the cycle is unknown: give steps here, or the "
                                    "steps of the run to the plan");
}

static double between(int anneal, double from, double to, double share) {
    if (anneal == SYN_LINEAR) return from + (to - from) * share;
    return to + (from - to) / 2 * (1 + cos(pi * share));
}

/* From one end to the next; time is real. */
typedef struct phase {
    double end, lr[2], momentum[2];
} phase;

static point in_phases(const phase *p, int n, double step, int anneal) {
    double start = 0;
    for (const phase *last = p + n - 1; p < last && step > p->end; p++) start = p->end;
    double share = p->end == start ? 1 : (step - start) / (p->end - start);
    return (point){ .lr = between(anneal, p->lr[0], p->lr[1], share),
                    .momentum = between(anneal, p->momentum[0], p->momentum[1], share) };
}

/* As torch.optim.lr_scheduler.OneCycleLR: phases end at real numbers of steps, not whole ones. */
static point torch_cycle(const syn_schedule_one_cycle_opts *o, double n, double max, double step) {
    double first = max / o->div, last = first / o->final_div;
    double high = o->max_momentum, low = o->base_momentum;
    const phase two[] = {
        { o->pct * n - 1, { first, max }, { high, low } },
        { n - 1, { max, last }, { low, high } },
    }, three[] = {
        { o->pct * n - 1, { first, max }, { high, low } },
        { 2 * o->pct * n - 2, { max, first }, { low, high } },
        { n - 1, { first, last }, { high, high } },
    };
    return o->three_phase ? in_phases(three, 3, step, o->anneal) : in_phases(two, 2, step, o->anneal);
}

/* As in Geron's book: whole numbers of steps, and the last phase would end at the step behind the run. */
static point geron_cycle(const syn_schedule_one_cycle_opts *o, double n, double max, double step) {
    double half = floor((n - (floor(n / 10) + 1)) / 2), first = max / 10;
    double high = o->max_momentum, low = o->base_momentum;
    const phase all[] = {
        { half, { first, max }, { high, low } },
        { 2 * half, { max, first }, { low, high } },
        { n, { first, first / 1000 }, { high, high } },
    };
    return in_phases(all, 3, step, SYN_LINEAR);
}

static point at_one_cycle(const use *u, int64_t t) {
    const syn_schedule_one_cycle_opts *o = u->opts;
    double max = o->max > 0 ? o->max : u->run->lr;
    point p = (o->form == SYN_CYCLE_GERON ? geron_cycle : torch_cycle)(o, (double)u->total, max, (double)t);
    if (o->cycle_momentum != SYN_YES) p.momentum = NAN;
    return p;
}
const syn_schedule_kind syn_schedule_one_cycle_kind = { check_one_cycle, at_one_cycle };
