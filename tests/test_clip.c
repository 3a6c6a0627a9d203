/* Clipping by norms: a step, whose norms are left by the products that make the gradients, is what a gradient
 * and an update by hand are, which read them; for every norm, over full and smaller batches. */
#include "suite.h"

#include "plan/plan.h"

#include <math.h>

enum { IN = 21, HIDDEN = 37, CLASSES = 10, ROWS = 24, STEPS = 3, N_PARAMS = 6, MOST = HIDDEN * HIDDEN };

typedef struct world {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
} world;

static double x[ROWS * IN];
static int32_t label[ROWS];

static void open_world(world *w, syn_plan_opts o) {
    ok(syn_net_create(&w->net, 3));
    syn_tensor t = syn_input(w->net, SYN_SHAPE(IN));
    for (int i = 0; i < 2; i++) t = syn_elu(syn_dense(t, &(syn_dense_opts){ .units = HIDDEN }), 1);
    o.loss = syn_softmax_xent(syn_dense(t, &(syn_dense_opts){ .units = CLASSES }));
    o.batch = ROWS;
    o.optim = syn_sgd(&(syn_sgd_opts){ .lr = 2 });
    ok(syn_state_create(&w->state, test_ctx(), w->net));
    ok(syn_plan_create(&w->plan, w->state, &o));
}

static void close_world(world *w) {
    syn_plan_destroy(w->plan);
    syn_state_destroy(w->state);
    syn_net_destroy(w->net);
}

static int64_t param(const world *w, int i, syn_param_info *p) {
    syn_net_param_info(w->net, i, p);
    return syn_shape_count(&p->shape);
}

/* The norm of all gradients as the host adds them up. */
static double host_norm(const world *w, int kind) {
    double all = 0, g[MOST];
    for (int i = 0; i < N_PARAMS; i++) {
        syn_param_info p;
        int64_t n = param(w, i, &p);
        ok(syn_grad_read(w->plan, p.name, g, n));
        for (int64_t k = 0; k < n; k++)
            all = kind == 3 ? fmax(all, fabs(g[k])) : all + (kind == 1 ? fabs(g[k]) : g[k] * g[k]);
    }
    return kind == 2 ? sqrt(all) : all;
}

static void compare(const world *step, const world *hand, double limit, const char *what) {
    double a[MOST], b[MOST];
    for (int i = 0; i < N_PARAMS; i++) {
        syn_param_info p;
        int64_t n = param(step, i, &p);
        ok(syn_param_read(step->state, p.name, a, n));
        ok(syn_param_read(hand->state, p.name, b, n));
        CLOSE(a, b, n, limit, "%s: %s", what, p.name);
    }
}

static const struct {
    const char *name;
    syn_clip_opts clip;
} kinds[] = {
    { "global, 1", { .global_norm = .5, .p = 1 } },
    { "global, 2", { .global_norm = .02, .p = 2 } },
    { "global, largest", { .global_norm = .001, .p = 3 } },
    { "each", { .norm = .01 } },
};

static void one_kind(int kind, syn_dtype dtype) {
    const int rows[STEPS] = { ROWS, 7, ROWS };
    const double limit = dtype == SYN_DOUBLE ? 1e-13 : 1e-5;
    const syn_plan_opts o = { .dtype = dtype, .clip = kinds[kind].clip };
    world step, hand, free_one;
    syn_snapshot s;
    open_world(&step, o);
    open_world(&hand, o);
    open_world(&free_one, (syn_plan_opts){ .dtype = dtype });
    ck_assert_int_eq(step.plan->left.count > 0, syn_ctx_profile_of(test_ctx())->cpu);
    for (int t = 0; t < STEPS; t++) {
        const syn_array xs = f64(x, SYN_SHAPE(rows[t], IN)), ys = i32(label, rows[t]);
        double a, b;
        ok(syn_step(step.plan, &xs, &ys, &a));
        ok(syn_plan_snapshot(step.plan, &s));
        double want = host_norm(&step, step.plan->frame.clip.p);
        CLOSE(&s.metrics[SYN_METRIC_NORM], &want, 1, limit, "%s: norm", kinds[kind].name);
        ok(syn_gradient(hand.plan, &xs, &ys, &b));
        ok(syn_update(hand.plan));
        CLOSE(&a, &b, 1, limit, "%s: loss", kinds[kind].name);
        compare(&step, &hand, limit, kinds[kind].name);
        ok(syn_step(free_one.plan, &xs, &ys, NULL));
    }
    double got[MOST], plain[MOST];
    ok(syn_param_read(step.state, "dense_1/kernel", got, IN * HIDDEN));
    ok(syn_param_read(free_one.state, "dense_1/kernel", plain, IN * HIDDEN));
    ck_assert_msg(norm_error(got, plain, IN * HIDDEN) > 1e-3, "%s clips nothing", kinds[kind].name);
    close_world(&free_one);
    close_world(&hand);
    close_world(&step);
}

START_TEST(test_step_and_by_hand) {
    for (size_t k = 0; k < SYN_COUNT(kinds); k++) one_kind((int)k, SYN_DOUBLE);
    one_kind(1, SYN_FLOAT);
}
END_TEST

/* Gradients that a caller writes between are the ones that count. */
START_TEST(test_written) {
    world w;
    syn_snapshot s;
    double ones[IN * HIDDEN];
    for (int i = 0; i < IN * HIDDEN; i++) ones[i] = i % 2 ? 1 : -1;
    open_world(&w, (syn_plan_opts){ .dtype = SYN_DOUBLE, .clip.global_norm = 1 });
    const syn_array xs = f64(x, SYN_SHAPE(ROWS, IN)), ys = i32(label, ROWS);
    ok(syn_gradient(w.plan, &xs, &ys, NULL));
    ok(syn_grad_write(w.plan, "dense_1/kernel", ones, IN * HIDDEN));
    const double want = host_norm(&w, 2);
    ck_assert(want > sqrt(IN * HIDDEN));
    ok(syn_update(w.plan));
    ok(syn_plan_snapshot(w.plan, &s));
    CLOSE(&s.metrics[SYN_METRIC_NORM], &want, 1, 1e-13, "norm of written gradients");
    close_world(&w);
}
END_TEST

/* What is added to a gradient before it is clipped, products do not see. */
START_TEST(test_more_than_the_gradient) {
    const syn_plan_opts o[] = {
        { .clip.global_norm = .1, .penalty.l2 = .01 },
        { .clip.global_norm = .1, .accumulate = 2 },
        { .clip = { .global_norm = .1, .order = 2 }, .decay.coupled = .01 },
    };
    for (size_t i = 0; i < SYN_COUNT(o); i++) {
        world w;
        open_world(&w, o[i]);
        ck_assert_int_eq(w.plan->left.count, 0);
        ck_assert_int_eq(w.plan->n_rest, w.plan->n_parts);
        close_world(&w);
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = { test_step_and_by_hand, test_written, test_more_than_the_gradient };
    fill_random(x, ROWS * IN, 77, -1, 1);
    for (int i = 0; i < ROWS; i++) label[i] = i % CLASSES;
    return run_suite("clip", tests, SYN_COUNT(tests));
}
