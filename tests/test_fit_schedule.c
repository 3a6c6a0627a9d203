/* Schedules in training: resuming within any of them, performance scheduling, the range test. */
#include "suite.h"

#include "optim/schedule.h"
#include "plan/plan.h"

#include <math.h>

enum { ROWS = 70, VAL = 20, IN = 5, CLASSES = 3, BATCH = 8, EPOCHS = 6, EPOCH_STEPS = 9 };

static double x[ROWS + VAL][IN];
static int32_t y[ROWS + VAL];
static syn_data *all, *train, *val;

static void make_data(void) {
    if (all) return;
    fill_random(&x[0][0], (ROWS + VAL) * IN, 7, -1, 1);
    for (int i = 0; i < ROWS + VAL; i++) y[i] = x[i][0] > .3 ? 2 : x[i][1] * x[i][2] > 0;
    const syn_array xs = f64(&x[0][0], SYN_SHAPE(ROWS + VAL, IN)), ys = i32(y, ROWS + VAL);
    ok(syn_data_from_arrays(&all, &xs, &ys));
    ok(syn_data_slice(&train, all, 0, ROWS));
    ok(syn_data_slice(&val, all, ROWS, VAL));
}

typedef struct trial {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    double lr[EPOCHS + 1], val_loss[EPOCHS + 1], loss[EPOCHS + 1];
    int stop_after; /* epochs; 0: no stop */
} trial;

static bool on_epoch(const syn_report *r, void *user) {
    trial *t = user;
    t->lr[r->epoch] = r->lr;
    t->val_loss[r->epoch] = r->val_loss;
    t->loss[r->epoch] = r->loss;
    return r->epoch != t->stop_after;
}

static void start(trial *t, syn_schedule schedule, syn_optim optim) {
    make_data();
    *t = (trial){ .stop_after = 0 };
    ok(syn_net_create(&t->net, 5));
    syn_tensor h = syn_tanh(syn_dense(syn_input(t->net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = 6 }));
    h = syn_dropout(h, .1);
    syn_tensor loss = syn_softmax_xent(syn_dense(h, &(syn_dense_opts){ .units = CLASSES }));
    ok(syn_state_create(&t->state, test_ctx(), t->net));
    ok(syn_plan_create(&t->plan, t->state, &(syn_plan_opts){
        .loss = loss, .batch = BATCH, .optim = optim, .schedule = schedule,
        .steps = EPOCHS * EPOCH_STEPS }));
}

static void end(trial *t) {
    syn_plan_destroy(t->plan);
    syn_state_destroy(t->state);
    syn_net_destroy(t->net);
}

static syn_status fit(trial *t, const syn_fit_opts *more) {
    syn_fit_opts o = *more;
    if (!o.epochs) o.epochs = EPOCHS;
    o.val = val;
    o.on_epoch = on_epoch;
    o.user = t;
    return syn_fit(t->plan, train, &o);
}

static void same(trial *a, trial *b, const char *what) {
    static const char *const param[] = { "dense_1/kernel", "dense_1/bias", "dense_2/kernel", "dense_2/bias" };
    for (size_t i = 0; i < SYN_COUNT(param); i++) {
        int64_t n;
        double *v = param_values(a->state, param[i], &n), *w = param_values(b->state, param[i], &n);
        ck_assert_msg(!memcmp(v, w, (size_t)n * sizeof *v), "%s: %s differs", what, param[i]);
        free(v);
        free(w);
    }
    ck_assert(a->plan->lr == b->plan->lr);
    ck_assert(!memcmp(&a->plan->plateau.lr, &b->plan->plateau.lr, sizeof(double)));
}

#define MANY 8
static int all_schedules(syn_schedule *s) {
    int n = 0;
    s[n++] = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .max = .2, .warmup = 5 });
    s[n++] = syn_schedule_cyclic(&(syn_schedule_cyclic_opts){ .max = .4, .up = 7, .mode = SYN_EXP_RANGE,
                                                              .gamma = .98 });
    s[n++] = syn_schedule_cosine_restarts(&(syn_schedule_cosine_restarts_opts){ .steps = 1,
                                                                                .per = SYN_PER_EPOCH });
    s[n++] = syn_schedule_piecewise(&(syn_schedule_piecewise_opts){ .boundaries = SYN_NUMBERS(11, 31) });
    s[n++] = syn_schedule_performance(&(syn_schedule_performance_opts){
        .patience = 1, .factor = .7, .threshold = .05 });
    s[n++] = syn_schedule_performance(&(syn_schedule_performance_opts){
        .monitor = SYN_MONITOR_LOSS, .patience = 1, .factor = .7, .cooldown = 1, .every_steps = 4,
        .preset = SYN_TORCH });
    s[n++] = syn_schedule_performance(&(syn_schedule_performance_opts){
        .monitor = SYN_MONITOR_VAL_ACCURACY, .patience = 1, .factor = .7, .every = 2, .warmup = 12 });
    s[n++] = syn_schedule_sequence(&(syn_schedule_sequence_opts){
        .parts = SYN_SPECS(syn_schedule_polynomial(&(syn_schedule_polynomial_opts){ .steps = 40 }), s[5]),
        .lengths = SYN_NUMBERS(13) });
    ck_assert_int_eq(n, MANY);
    return n;
}

/* Stopped between epochs, within one by a checkpoint, and not at all: equal bits. */
START_TEST(resumes_exactly) {
    syn_schedule s[MANY];
    int n = all_schedules(s);
    static const int64_t stops[] = { 23, 45 };
    for (int i = 0; i < n; i++) {
        trial whole, part;
        char what[64];
        syn_optim optim = i % 2 ? syn_adam(NULL) : syn_momentum(&(syn_momentum_opts){ .lr = .1 });
        start(&whole, s[i], optim);
        ok(fit(&whole, &(syn_fit_opts){ .max_steps = 0 }));
        for (size_t k = 0; k < SYN_COUNT(stops); k++) {
            snprintf(what, sizeof what, "schedule %d stopped at %d", i, (int)stops[k]);
            const char *path = at("state");
            start(&part, s[i], optim);
            ok(fit(&part, &(syn_fit_opts){ .checkpoint = path, .max_steps = stops[k] }));
            ck_assert_int_eq(syn_plan_step(part.plan), stops[k]);
            end(&part);
            start(&part, s[i], optim);
            ok(fit(&part, &(syn_fit_opts){ .resume = path }));
            same(&whole, &part, what);
            end(&part);
        }
        end(&whole);
    }
}
END_TEST

/* The rates in the reports are those the rule gives for the losses in them. */
START_TEST(performance_follows_the_reports) {
    for (int preset = SYN_KERAS; preset <= SYN_TORCH; preset++) {
        trial t;
        syn_schedule s = syn_schedule_performance(&(syn_schedule_performance_opts){
            .preset = (syn_preset)preset, .patience = 1, .factor = .5, .threshold = .1 });
        syn_plateau m;
        start(&t, s, syn_sgd(&(syn_sgd_opts){ .lr = .05 }));
        ok(fit(&t, &(syn_fit_opts){ .epochs = 0 }));
        syn_plateau_start(&m, .05);
        for (int e = 1; e <= EPOCHS; e++) {
            ck_assert_msg(t.lr[e] == m.lr, "epoch %d: %g, not %g", e, t.lr[e], m.lr);
            syn_plateau_judge(&m, syn_schedule_plateau(&t.plan->schedule), t.val_loss[e]);
        }
        ck_assert(m.lr < .05);
        end(&t);
    }
}
END_TEST

START_TEST(epochs_change_between_epochs) {
    trial t;
    start(&t, syn_schedule_step(&(syn_schedule_step_opts){ .every = 2, .factor = .5, .per = SYN_PER_EPOCH }),
          syn_sgd(&(syn_sgd_opts){ .lr = .8 }));
    ok(fit(&t, &(syn_fit_opts){ .epochs = 0 }));
    for (int e = 1; e <= EPOCHS; e++) ck_assert(t.lr[e] == .8 * pow(.5, (e - 1) / 2));
    end(&t);
}
END_TEST

START_TEST(errors_come_before_the_first_step) {
    trial t;
    start(&t, syn_schedule_performance(NULL), syn_sgd(NULL));
    refused(syn_fit(t.plan, train, NULL), SYN_E_ARGUMENT, "no validation data; did you mean 'loss'?");
    ck_assert_int_eq(syn_plan_step(t.plan), 0);
    end(&t);
    start(&t, syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .steps = EPOCHS * EPOCH_STEPS }),
          syn_sgd(NULL));
    refused(fit(&t, &(syn_fit_opts){ .epochs = EPOCHS + 1 }), SYN_E_ARGUMENT, "one_cycle: step 62 is outside");
    ck_assert_int_eq(syn_plan_step(t.plan), 0);
    ok(fit(&t, &(syn_fit_opts){ .epochs = EPOCHS }));
    refused(fit(&t, &(syn_fit_opts){ .epochs = 1 }), SYN_E_ARGUMENT, "one_cycle: step 62 is outside");
    end(&t);
}
END_TEST

START_TEST(range_test_finds_and_forgets) {
    trial a, b;
    syn_range r;
    syn_optim optim = syn_momentum(&(syn_momentum_opts){ .lr = .05 });
    start(&a, syn_schedule_constant(NULL), optim);
    start(&b, syn_schedule_constant(NULL), optim);
    ok(syn_range_test(a.plan, train, &(syn_range_opts){ .from = 1e-4, .to = 1e4, .steps = 80 }, &r));
    ck_assert(r.diverged && r.n > 20 && r.n <= 80);
    ck_assert(r.max == r.turning / 10 && r.min == r.max / 10 && r.turning > 1e-3 && r.turning < 1e3);
    ck_assert_double_eq_tol(r.lr[0], 1e-4, 1e-18);
    ck_assert_double_eq_tol(r.lr[r.n - 1], 1e-4 * pow(1e8, (r.n - 1) / 79.), 1e-9 * r.lr[r.n - 1]);
    ck_assert(r.smooth[0] == r.loss[0]);
    syn_range_free(&r);
    same(&a, &b, "weights behind the test");
    ok(fit(&a, &(syn_fit_opts){ .epochs = 2 }));
    ok(fit(&b, &(syn_fit_opts){ .epochs = 2 }));
    same(&a, &b, "training behind the test");
    refused(syn_range_test(a.plan, train, NULL, &r), SYN_E_ARGUMENT, "has taken steps");
    end(&a);
    refused(syn_range_test(b.plan, train, &(syn_range_opts){ .from = 1, .to = .5 }, &r), SYN_E_ARGUMENT,
            "has taken steps");
    end(&b);
    start(&a, syn_schedule_constant(NULL), optim);
    refused(syn_range_test(a.plan, train, &(syn_range_opts){ .from = 1, .to = .5 }, &r), SYN_E_ARGUMENT,
            "from 1 to 0.5");
    end(&a);
}
END_TEST

int main(void) {
    const TTest *const test[] = { resumes_exactly, performance_follows_the_reports,
                                  epochs_change_between_epochs, errors_come_before_the_first_step,
                                  range_test_finds_and_forgets };
    int failed = run_suite("fit_schedule", test, SYN_COUNT(test));
    syn_data_destroy(train);
    syn_data_destroy(val);
    syn_data_destroy(all);
    return failed;
}
