/* Training with tensors kept as halves: the loss scale, and that runs repeat, resume and take half of the memory. */
#include "suite.h"

#include "base/half.h"
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 96, IN = 6, CLASSES = 3, BATCH = 8 };

static double x[ROWS][IN];
static int32_t y[ROWS];
static syn_data *set;

static void make_data(void) {
    fill_random(&x[0][0], (int64_t)ROWS * IN, 31, -1, 1);
    for (int i = 0; i < ROWS; i++) y[i] = x[i][0] + x[i][1] > .4 ? 2 : x[i][2] * x[i][3] > 0;
    const syn_array xs = f64(&x[0][0], SYN_SHAPE(ROWS, IN)), ys = i32(y, ROWS);
    ok(syn_data_from_arrays(&set, &xs, &ys));
}

typedef struct trial {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    double loss;
} trial;

static void make(trial *t, syn_plan_opts o) {
    ok(syn_net_create(&t->net, 5));
    syn_tensor h = syn_dense(syn_input(t->net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = 24, .init = syn_init_he_normal(NULL) });
    h = syn_dropout(syn_elu(h, 1), .1);
    o.loss = syn_softmax_xent(syn_dense(h, &(syn_dense_opts){ .units = CLASSES }));
    o.batch = BATCH;
    if (!o.optim.def) o.optim = syn_adam(&(syn_adam_opts){ .lr = .01 });
    ok(syn_state_create(&t->state, test_ctx(), t->net));
    ok(syn_plan_create(&t->plan, t->state, &o));
}

static void destroy(trial *t) {
    syn_plan_destroy(t->plan);
    syn_state_destroy(t->state);
    syn_net_destroy(t->net);
}

static bool on_epoch(const syn_report *r, void *user) {
    ((trial *)user)->loss = r->loss;
    return true;
}

static void train(trial *t, int epochs, const char *resume) {
    ok(syn_fit(t->plan, set, &(syn_fit_opts){ .epochs = epochs, .on_epoch = on_epoch, .user = t, .resume = resume }));
}

static void same_weights(const trial *a, const trial *b, const char *what) {
    int64_t n = syn_buffer_bytes(a->state->block), m = syn_buffer_bytes(a->state->halves);
    char *v = malloc((size_t)n), *w = malloc((size_t)n);
    ok(syn_buffer_read(a->state->block, 0, v, n, true));
    ok(syn_buffer_read(b->state->block, 0, w, n, true));
    ck_assert_msg(!memcmp(v, w, (size_t)n), "%s: weights differ", what);
    ok(syn_buffer_read(a->state->halves, 0, v, m, true));
    ok(syn_buffer_read(b->state->halves, 0, w, m, true));
    ck_assert_msg(!memcmp(v, w, (size_t)m), "%s: halves differ", what);
    free(v);
    free(w);
}

/* The halves are the weights, rounded once. */
static void halves_follow(const trial *t) {
    const int64_t n = t->state->length;
    double *w = malloc((size_t)n * sizeof *w), *h = malloc((size_t)n * sizeof *h);
    ok(syn_reals_read(t->state->block, SYN_FLOAT, 0, w, n));
    ok(syn_halves_read(t->state->halves, h, n));
    for (int64_t i = 0; i < n; i++) ck_assert_double_eq(h[i], (double)syn_half_value(syn_half_of((float)w[i])));
    free(w);
    free(h);
}

START_TEST(test_training) {
    trial single, half, again;
    make_data();
    make(&single, (syn_plan_opts){ 0 });
    make(&half, (syn_plan_opts){ .dtype = SYN_HALF });
    make(&again, (syn_plan_opts){ .dtype = SYN_HALF });
    train(&single, 15, NULL);
    train(&half, 15, NULL);
    train(&again, 15, NULL);
    ck_assert_msg(single.loss < .5, "loss %g", single.loss);
    ck_assert_msg(fabs(half.loss - single.loss) < .02, "loss %g in half, %g in float", half.loss, single.loss);
    same_weights(&half, &again, "once more");
    halves_follow(&half);
    double scale;
    int64_t overflows;
    ok(syn_loss_scale(half.plan, &scale, &overflows));
    ck_assert_double_eq(scale, 65536);
    ck_assert_int_eq(overflows, 0);
    ok(syn_loss_scale(single.plan, &scale, NULL));
    ck_assert_double_eq(scale, 1);
    syn_metrics m;
    ok(syn_evaluate(half.plan, set, &m));
    ck_assert_msg(m.accuracy > .85, "accuracy %g", m.accuracy);
    destroy(&single);
    destroy(&half);
    destroy(&again);
    syn_data_destroy(set);
}
END_TEST

/* A power of two scales without rounding where nothing vanishes or overflows, so the factor does not show. */
START_TEST(test_static_scale) {
    trial t[2];
    make_data();
    const syn_plan_opts o = { .dtype = SYN_HALF, .clip = { .global_norm = .5 }, .optim = syn_momentum(NULL),
                              .penalty = { .l2 = .001 }, .accumulate = 2 };
    for (int i = 0; i < 2; i++) {
        syn_plan_opts with = o;
        with.loss_scale = i ? 64 : 256;
        make(&t[i], with);
        train(&t[i], 3, NULL);
    }
    ck_assert_msg(fabs(t[0].loss - t[1].loss) < 1e-3, "loss %g and %g", t[0].loss, t[1].loss);
    double scale;
    ok(syn_loss_scale(t[0].plan, &scale, NULL));
    ck_assert_double_eq(scale, 256);
    for (int i = 0; i < 2; i++) destroy(&t[i]);
    syn_data_destroy(set);
}
END_TEST

static void set_scale(trial *t, float scale, uint32_t good) {
    syn_snapshot s;
    ok(syn_plan_snapshot(t->plan, &s));
    memcpy(&s.ctl[SYN_CTL_LOSS_SCALE], &scale, sizeof scale);
    s.ctl[SYN_CTL_GOOD] = good;
    ok(syn_plan_restore(t->plan, &s));
}

static syn_status step(trial *t, double *loss) {
    const syn_array xs = f64(&x[0][0], SYN_SHAPE(BATCH, IN)), ys = i32(y, BATCH);
    return syn_step(t->plan, &xs, &ys, loss);
}

/* Gradients that overflow halve the scale, and the step changes nothing, until they fit; good steps double it. */
START_TEST(test_dynamic_scale) {
    trial t;
    double scale, loss;
    int64_t overflows, n;
    make_data();
    make(&t, (syn_plan_opts){ .dtype = SYN_HALF });
    set_scale(&t, 0x1p24f, 0);
    double *before = param_values(t.state, "dense_1/kernel", &n);
    ok(step(&t, &loss));
    double *after = param_values(t.state, "dense_1/kernel", &n);
    ck_assert(!memcmp(before, after, (size_t)n * sizeof *before));
    ok(syn_loss_scale(t.plan, &scale, &overflows));
    ck_assert_double_eq(scale, 0x1p23);
    ck_assert_int_eq(overflows, 1);
    syn_snapshot s;
    ok(syn_plan_snapshot(t.plan, &s));
    ck_assert_uint_eq(s.ctl[SYN_CTL_STEP], 0);
    ck_assert(isfinite(loss) && isfinite(s.metrics[SYN_METRIC_NORM]));
    int steps = 0;
    for (; steps < 12; steps++) {
        ok(step(&t, &loss));
        ok(syn_plan_snapshot(t.plan, &s));
        if (s.ctl[SYN_CTL_STEP]) break;
    }
    ok(syn_loss_scale(t.plan, &scale, &overflows));
    ck_assert_int_eq(overflows, steps + 1);
    ck_assert_double_eq(scale, ldexp(1, 23 - steps));
    ck_assert_msg(scale < 0x1p21 && scale > 0x1p14, "scale %g", scale);
    free(after);
    after = param_values(t.state, "dense_1/kernel", &n);
    ck_assert(memcmp(before, after, (size_t)n * sizeof *before));
    set_scale(&t, 1024, 1999);
    ok(step(&t, NULL));
    ok(syn_loss_scale(t.plan, &scale, NULL));
    ck_assert_double_eq(scale, 2048);
    set_scale(&t, 0x1p24f, 0); /* an epoch's start keeps it */
    ok(syn_plan_reset_metrics(t.plan));
    ok(syn_loss_scale(t.plan, &scale, NULL));
    ck_assert_double_eq(scale, 0x1p24);
    free(before);
    free(after);
    destroy(&t);
    syn_data_destroy(set);
}
END_TEST

/* A factor that is too large stops the run; at a scale of 1 a gradient that is not finite is the net's. */
START_TEST(test_overflow_stops) {
    trial t;
    double loss;
    make_data();
    make(&t, (syn_plan_opts){ .dtype = SYN_HALF, .loss_scale = 16777216 });
    refused(step(&t, &loss), SYN_E_NONFINITE, "the gradient of dense");
    destroy(&t);
    make(&t, (syn_plan_opts){ .dtype = SYN_HALF });
    set_scale(&t, 1, 0);
    int64_t n;
    double *w = param_values(t.state, "dense_2/bias", &n);
    w[0] = INFINITY;
    ok(syn_param_write(t.state, "dense_2/bias", w, n));
    refused(step(&t, &loss), SYN_E_NONFINITE, "dense_2");
    free(w);
    destroy(&t);
    syn_data_destroy(set);
}
END_TEST

START_TEST(test_resume) {
    trial whole, first, second;
    make_data();
    const syn_plan_opts o = { .dtype = SYN_HALF, .ema = .9 };
    make(&whole, o);
    make(&first, o);
    make(&second, o);
    set_scale(&whole, 0x1p22f, 0);
    set_scale(&first, 0x1p22f, 0);
    train(&whole, 4, NULL);
    ok(syn_fit(first.plan, set, &(syn_fit_opts){ .epochs = 4, .max_steps = 17, .checkpoint = at("half.state") }));
    train(&second, 4, at("half.state"));
    same_weights(&whole, &second, "resumed");
    double scale[2];
    int64_t overflows[2];
    ok(syn_loss_scale(whole.plan, &scale[0], &overflows[0]));
    ok(syn_loss_scale(second.plan, &scale[1], &overflows[1]));
    ck_assert_double_eq(scale[0], scale[1]);
    ck_assert_int_eq(overflows[0], overflows[1]);
    ck_assert_int_gt(overflows[0], 0);
    trial single;
    make(&single, (syn_plan_opts){ .ema = .9 });
    refused(syn_plan_resume(single.plan, at("half.state"), NULL), SYN_E_ARGUMENT, "the checkpoint is in half, the plan in float");
    ok(syn_ema_swap(whole.plan)); /* the halves follow at the next run */
    ok(step(&first, NULL));
    syn_metrics m;
    ok(syn_evaluate(whole.plan, set, &m));
    halves_follow(&whole);
    destroy(&whole);
    destroy(&first);
    destroy(&second);
    destroy(&single);
    syn_data_destroy(set);
}
END_TEST

/* Plans in half and in float share a state: the weights are float. */
START_TEST(test_shared_state) {
    trial t;
    syn_plan *single;
    double out[2][BATCH * CLASSES], before[BATCH * CLASSES];
    make_data();
    make(&t, (syn_plan_opts){ .dtype = SYN_HALF });
    const syn_array xs = f64(&x[0][0], SYN_SHAPE(BATCH, IN)), ys = i32(y, BATCH);
    ok(syn_plan_create(&single, t.state, &(syn_plan_opts){ .loss = { t.net, syn_net_layers(t.net) - 1 }, .batch = BATCH }));
    for (int i = 0; i < 5; i++) ok(syn_step(t.plan, &xs, &ys, NULL));
    for (int turn = 0; turn < 2; turn++) { /* behind the steps of either */
        ok(syn_infer(t.plan, &xs, out[0], BATCH * CLASSES));
        ok(syn_infer(single, &xs, out[1], BATCH * CLASSES));
        CLOSE(out[0], out[1], BATCH * CLASSES, 1e-2, "shared by two plans, turn %d", turn);
        if (turn) ck_assert(norm_error(out[0], before, BATCH * CLASSES) > 5e-2);
        memcpy(before, out[0], sizeof before);
        for (int i = 0; i < 20; i++) ok(syn_step(single, &xs, &ys, NULL));
    }
    syn_plan_destroy(single);
    destroy(&t);
    syn_data_destroy(set);
}
END_TEST

START_TEST(test_memory) {
    syn_plan_sizes size[2];
    for (int i = 0; i < 2; i++) {
        syn_net *net;
        syn_state *state;
        syn_plan *plan;
        ok(syn_net_create(&net, 1));
        syn_tensor h = syn_input(net, SYN_SHAPE(300));
        for (int k = 0; k < 3; k++) h = syn_dropout(syn_elu(syn_dense(h, &(syn_dense_opts){ .units = 100 }), 1), .1);
        ok(syn_state_create(&state, test_ctx(), net));
        int64_t bytes = syn_ctx_bytes(test_ctx());
        ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = syn_softmax_xent(h), .batch = 64,
                                                           .memory = SYN_MEMORY_FASTEST, /* halves are not made again */
                                                           .dtype = i ? SYN_HALF : SYN_FLOAT }));
        syn_plan_measure(plan, &size[i]);
        ck_assert_int_eq(syn_ctx_bytes(test_ctx()) - bytes, size[i].peak);
        syn_plan_destroy(plan);
        syn_state_destroy(state);
        syn_net_destroy(net);
    }
    ck_assert_msg((double)size[1].arena <= .55 * (double)size[0].arena, "%lld of %lld bytes", (long long)size[1].arena,
                  (long long)size[0].arena);
    ck_assert_int_eq(size[1].params * 2, size[0].params * 3);
    ck_assert_int_eq(size[1].grads, size[0].grads);
    ck_assert_int_eq(size[1].slots, size[0].slots);
}
END_TEST

START_TEST(test_errors) {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    ok(syn_net_create(&net, 1));
    syn_tensor loss = syn_mse(syn_dense(syn_input(net, SYN_SHAPE(2)), &(syn_dense_opts){ .units = 1 }));
    ok(syn_state_create(&state, test_ctx(), net));
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .loss_scale = 8 }), SYN_E_ARGUMENT,
            "loss_scale: is for dtype half");
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .dtype = SYN_HALF, .loss_scale = 1e9 }),
            SYN_E_ARGUMENT, "loss_scale is 1e+09, allowed 1e-6 to 16777216");
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .dtype = SYN_HALF,
                                                            .optim = syn_lbfgs(NULL) }),
            SYN_E_ARGUMENT, "dtype: half: not with lbfgs");
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .dtype = (syn_dtype)3 }), SYN_E_ARGUMENT,
            "dtype is 3, allowed 0 to 2");
    syn_state_destroy(state);
    syn_net_destroy(net);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_training, test_static_scale, test_dynamic_scale, test_overflow_stops,
                                  test_resume, test_shared_state, test_memory, test_errors };
    return run_suite("half", test, SYN_COUNT(test));
}
