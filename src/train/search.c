/* L-BFGS and gradient descent. Losses and products are scalars on the host, in double; the vectors stay on the
 * device (plan/search.h). The order of iterations, trials and tests is that of torch.optim.LBFGS 2.13. */
#include "train/search.h"

#include "plan/search.h"

#include <math.h>

enum { HERE = SYN_SEARCH_HERE, THERE = SYN_SEARCH_THERE, BEFORE = SYN_SEARCH_BEFORE, D = SYN_SEARCH_DIRECTION };

/* A point of the line: how far, what the objective is there, and which vector holds its gradient. */
typedef struct point {
    double t, f, slope; /* slope: gradient . direction */
    double most, sum;   /* of |g| */
    int vector;
} point;

typedef struct search {
    syn_plan *plan;
    const syn_search_rules *rules;
    syn_search_memory *m;
    syn_source *source;
    syn_list *list;        /* any training list */
    syn_snapshot fresh;    /* control and metrics in front of each evaluation */
    syn_snapshot first;    /* behind the first one */
    double start_slope;    /* of the line searched now */
    int evaluations;       /* of this step */
} search;

syn_status syn_search_check(const syn_plan *plan, int64_t rows) {
    int64_t step = (int64_t)plan->batch * plan->frame.accumulate;
    if (step == rows || (plan->frame.accumulate == 1 && plan->batch >= rows)) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "%s takes the whole training set in every step: there are %lld rows, and a step has "
                                    "%lld; give batch: all (with accumulate: k, in k equal parts)",
                    plan->optim.spec.def->name, (long long)rows, (long long)step);
}

/* ---- evaluations ---- */

static double objective(const search *s, const syn_snapshot *at, double penalty) {
    double loss, accuracy;
    syn_plan_loss_of(s->plan, at, &loss, &accuracy);
    return loss + penalty;
}

/* Loss and gradient where the weights stand: all micro-batches from the same step number, so that dropout's
 * masks are the same in every evaluation of a step. *at gets what they left on the device. */
static syn_status run_batches(search *s, syn_snapshot *at) {
    syn_plan *plan = s->plan;
    int64_t rows = syn_data_rows(s->source->data);
    SYN_TRY(syn_plan_restore(plan, &s->fresh));
    s->source->cursor = 0;
    for (int64_t row = 0; row < rows; row += plan->batch) {
        int64_t n = rows - row < plan->batch ? rows - row : plan->batch;
        SYN_TRY(syn_plan_list(plan, SYN_MODE_TRAIN, (int)n, &s->list));
        SYN_TRY(syn_source_feed(s->source, s->list));
        SYN_TRY(syn_plan_enqueue_gradient(plan, s->list));
    }
    s->evaluations++;
    return syn_plan_snapshot(plan, at);
}

/* The step's first: what is not finite here ends the run. */
static syn_status evaluate_start(search *s, point *p) {
    syn_plan *plan = s->plan;
    double sums[SYN_SEARCH_SUMS];
    int guilty;
    syn_snapshot *at = &s->first;
    SYN_TRY(syn_plan_snapshot(plan, &s->fresh));
    SYN_TRY(run_batches(s, at));
    SYN_TRY(syn_plan_check_latch(plan, at, s->source));
    SYN_TRY(syn_search_take(plan, s->list, HERE, HERE, sums, &guilty));
    *p = (point){ .f = objective(s, at, sums[SYN_SEARCH_PENALTY]), .most = sums[SYN_SEARCH_MOST],
                  .sum = sums[SYN_SEARCH_SUM], .vector = HERE };
    at->metrics[SYN_METRIC_NORM] = at->metrics[SYN_METRIC_NORMS] = sqrt(sums[SYN_SEARCH_SQUARE]);
    at->metrics[SYN_METRIC_PENALTY] = at->metrics[SYN_METRIC_PENALTIES] = sums[SYN_SEARCH_PENALTY];
    at->ctl[SYN_CTL_NORM_STEPS] = 1;
    if (guilty < 0 && isfinite(p->f)) return SYN_OK;
    return syn_fail(SYN_E_NONFINITE, "the %s%s is not finite at step %lld; another initialiser may help",
                    guilty < 0 ? "objective" : "gradient of ",
                    guilty < 0 ? "" : plan->state->net->param[guilty].name, (long long)plan->step + 1);
}

/* At distance t of the line; what is not finite counts as infinitely high. */
static syn_status evaluate(search *s, double t, int vector, point *p) {
    syn_snapshot at;
    double sums[SYN_SEARCH_SUMS];
    SYN_TRY(syn_search_place(s->plan, s->list, false, t));
    SYN_TRY(run_batches(s, &at));
    SYN_TRY(syn_search_take(s->plan, s->list, vector, D, sums, NULL));
    *p = (point){ .t = t, .f = objective(s, &at, sums[SYN_SEARCH_PENALTY]), .slope = sums[SYN_SEARCH_DOT],
                  .most = sums[SYN_SEARCH_MOST], .sum = sums[SYN_SEARCH_SUM], .vector = vector };
    if (!isfinite(p->f) || !isfinite(p->slope)) p->f = INFINITY;
    return SYN_OK;
}

/* ---- the line search ---- */

/* Where the cubic through two values and slopes is lowest, in [lo, hi]; its middle where there is none. */
static double cubic(const point *a, const point *b, double lo, double hi) {
    double d = a->slope + b->slope - 3 * (a->f - b->f) / (a->t - b->t), square = d * d - a->slope * b->slope;
    if (!(square >= 0) || !isfinite(a->f) || !isfinite(b->f)) return (lo + hi) / 2;
    double root = sqrt(square);
    double t = a->t <= b->t ? b->t - (b->t - a->t) * ((b->slope + root - d) / (b->slope - a->slope + 2 * root))
                            : a->t - (a->t - b->t) * ((a->slope + root - d) / (a->slope - b->slope + 2 * root));
    t = t > lo ? t : lo;
    return t < hi ? t : hi;
}

static bool too_high(const search *s, const point *start, const point *p) {
    return p->f > start->f + s->rules->c1 * p->t * s->start_slope;
}
static bool flat_enough(const search *s, const point *p) {
    return fabs(p->slope) <= -s->rules->c2 * s->start_slope;
}

/* Of the two vectors of trial points, the one that does not hold this point's gradient. */
static int other_vector(const point *kept) { return kept->vector == HERE ? THERE : HERE; }

static int lower(const point end[2]) { return end[0].f <= end[1].f ? 0 : 1; }

/* Next trial inside of a bracket: the cubic's, kept off the ends when it comes close to one twice. */
static double inside(const point end[2], bool *close) {
    double lo = fmin(end[0].t, end[1].t), hi = fmax(end[0].t, end[1].t), margin = .1 * (hi - lo);
    double t = cubic(&end[0], &end[1], lo, hi);
    bool again = *close;
    *close = false;
    if (fmin(hi - t, t - lo) >= margin) return t;
    if (again || t >= hi || t <= lo) return fabs(t - hi) < fabs(t - lo) ? hi - margin : lo + margin;
    *close = true;
    return t;
}

/* Narrows a bracket until its lower end suits (Nocedal and Wright 2006, algorithm 3.6). The gradient of the
 * higher end is never wanted again, so two vectors are enough. */
static syn_status zoom(search *s, const point *start, point end[2], double most, int limit, point *found) {
    int low = lower(end);
    bool done = false, close = false;
    for (; !done && limit > 0 && fabs(end[1].t - end[0].t) * most >= s->rules->tolerance_change; limit--) {
        point p;
        SYN_TRY(evaluate(s, inside(end, &close), other_vector(&end[low]), &p));
        if (too_high(s, start, &p) || p.f >= end[low].f) {
            end[1 - low] = p;
            low = lower(end);
            continue;
        }
        done = flat_enough(s, &p);
        if (!done && p.slope * (end[1 - low].t - end[low].t) >= 0) end[1 - low] = end[low];
        end[low] = p;
    }
    *found = end[low];
    return SYN_OK;
}

/* From start along the direction, whose largest element is `most`: t first, `limit` trials behind it. Stretches
 * until a bracket or a point that suits is found (algorithm 3.5). */
static syn_status strong_wolfe(search *s, const point *start, double t, double most, int limit, point *found) {
    point end[2] = { *start };
    int trials = 0;
    SYN_TRY(evaluate(s, t, HERE, &end[1]));
    for (; trials < limit; trials++) {
        point *p = &end[1], *before = &end[0];
        if (too_high(s, start, p) || (trials > 1 && p->f >= before->f)) break;
        if (flat_enough(s, p)) {
            *found = *p;
            return SYN_OK;
        }
        if (p->slope >= 0) break;
        t = cubic(before, p, p->t + .01 * (p->t - before->t), p->t * 10);
        *before = *p;
        SYN_TRY(evaluate(s, t, other_vector(before), p));
    }
    if (trials == limit) end[0] = *start;
    return zoom(s, start, end, most, limit - trials, found);
}

/* ---- directions ---- */

static int change_of(const search *s, int k) {
    return SYN_SEARCH_PAIRS + 2 * ((s->m->first + k) % (s->rules->history + 1));
}
static int step_of(const search *s, int k) { return change_of(s, k) + 1; }
static double *ro_of(const search *s, int k) { return &s->m->ro[(s->m->first + k) % (s->rules->history + 1)]; }

/* The pair of the last step, if it tells of a curvature, into the ring. */
static syn_status remember(search *s, const point *here) {
    syn_search_memory *m = s->m;
    int y = change_of(s, m->n), d = step_of(s, m->n);
    double yy, ys;
    SYN_TRY(syn_search_combine(s->plan, s->list, y, 1, here->vector, -1, BEFORE, y, &yy, NULL));
    SYN_TRY(syn_search_combine(s->plan, s->list, d, m->t, D, 0, D, y, &ys, NULL));
    if (!(ys > 1e-10)) return SYN_OK;
    *ro_of(s, m->n) = 1 / ys;
    m->scale = ys / yy;
    if (++m->n <= s->rules->history) return SYN_OK;
    m->n--;
    m->first = (m->first + 1) % (s->rules->history + 1);
    return SYN_OK;
}

/* The two loops (Nocedal and Wright 2006, algorithm 7.4): each launch also takes the product that the next one
 * needs. */
static syn_status two_loops(search *s, const point *here, double *slope, double *most) {
    enum { MOST_PAIRS = 1000 };
    double al[MOST_PAIRS], dot = 0;
    int n = s->m->n;
    syn_plan *plan = s->plan;
    SYN_TRY(syn_search_combine(plan, s->list, D, -1, here->vector, 0, here->vector, n ? step_of(s, n - 1) : D, &dot,
                               NULL));
    for (int k = n - 1; k >= 0; k--) {
        al[k] = dot * *ro_of(s, k);
        SYN_TRY(syn_search_combine(plan, s->list, D, 1, D, -al[k], change_of(s, k), k ? step_of(s, k - 1) : D, &dot,
                                   NULL));
    }
    SYN_TRY(syn_search_combine(plan, s->list, D, s->m->scale, D, 0, D, n ? change_of(s, 0) : here->vector, &dot, most));
    for (int k = 0; k < n; k++) {
        double be = dot * *ro_of(s, k);
        SYN_TRY(syn_search_combine(plan, s->list, D, 1, D, al[k] - be, step_of(s, k),
                                   k + 1 < n ? change_of(s, k + 1) : here->vector, &dot, most));
    }
    *slope = dot;
    return SYN_OK;
}

static syn_status direction(search *s, const point *here, double *slope, double *most) {
    bool steepest = s->rules->history == 0 || s->m->iterations == 1;
    if (!steepest) SYN_TRY(remember(s, here));
    if (steepest)
        SYN_TRY(syn_search_combine(s->plan, s->list, D, -1, here->vector, 0, here->vector, here->vector, slope, most));
    else
        SYN_TRY(two_loops(s, here, slope, most));
    if (here->vector == BEFORE) return SYN_OK;
    return syn_search_combine(s->plan, s->list, BEFORE, 1, here->vector, 0, here->vector, D, NULL, NULL);
}

/* ---- steps ---- */

/* Without a search: t is the step. The last iteration of a step needs no evaluation. */
static syn_status fixed(search *s, double t, bool last, point *here) {
    SYN_TRY(syn_search_place(s->plan, s->list, false, t));
    here->t = t;
    if (last) return SYN_OK;
    SYN_TRY(evaluate(s, t, HERE, here));
    if (isfinite(here->f)) return SYN_OK;
    return syn_fail(SYN_E_NONFINITE, "loss or gradient is not finite at step %lld; a lower lr or line_search: "
                                     "strong_wolfe may help", (long long)s->plan->step + 1);
}

static double first_trial(const search *s, const point *here, double slope) {
    double lr = s->plan->lr;
    if (s->m->iterations == 1) return fmin(1, 1 / here->sum) * lr;
    return s->rules->history ? lr : s->m->t * s->m->slope / slope;
}

static syn_status iterate(search *s, point *here) {
    const syn_search_rules *r = s->rules;
    for (int n = 1;; n++) {
        double slope, most, f = here->f;
        s->m->iterations++;
        SYN_TRY(direction(s, here, &slope, &most));
        double t = first_trial(s, here, slope);
        point start = *here;
        start.t = 0;
        start.vector = BEFORE;
        start.slope = s->start_slope = slope;
        s->m->t = t;
        if (slope > -r->tolerance_change) return SYN_OK;
        SYN_TRY(syn_search_place(s->plan, s->list, true, 0));
        if (r->wolfe) {
            SYN_TRY(strong_wolfe(s, &start, t, most, r->max_eval - s->evaluations, here));
            SYN_TRY(syn_search_place(s->plan, s->list, false, here->t));
        } else {
            SYN_TRY(fixed(s, t, n == r->max_iter, here));
        }
        s->m->t = here->t;
        s->m->slope = slope;
        if (n == r->max_iter || s->evaluations >= r->max_eval || here->most <= r->tolerance_grad ||
            fabs(here->t) * most <= r->tolerance_change || fabs(here->f - f) < r->tolerance_change)
            return SYN_OK;
    }
}

syn_status syn_search_step(syn_plan *plan, syn_source *source) {
    search s = { .plan = plan, .rules = &plan->optim.search, .m = &plan->search, .source = source };
    const syn_schedule_run run = syn_plan_run(plan);
    point here;
    SYN_TRY(syn_schedule_value(&plan->schedule, &run, plan->step, &plan->lr, &plan->momentum));
    plan->momentum = NAN;
    SYN_TRY(evaluate_start(&s, &here));
    if (here.most > s.rules->tolerance_grad) SYN_TRY(iterate(&s, &here));
    plan->step++;
    s.first.ctl[SYN_CTL_STEP] = (uint32_t)plan->step;
    s.first.ctl[SYN_CTL_GRADS] = 0;
    return syn_plan_restore(plan, &s.first);
}
