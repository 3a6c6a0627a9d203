/* Schedules: closed forms, warm-up, units, sequences, errors. test_golden_schedule.c compares with PyTorch
 * and Keras. */
#include "layer/init.h"
#include "optim/schedule.h"

#include <check.h>
#include <math.h>
#include <string.h>

static double momentum_at; /* of the last lr_at */
static double lr_at(const syn_schedule *s, double base, int64_t steps, int64_t t) {
    double lr = -1;
    momentum_at = -1;
    syn_status status = syn_schedule_at(s, base, steps, t, &lr, &momentum_at);
    ck_assert_msg(status == SYN_OK, "step %d: %s", (int)t, syn_error_text());
    return lr;
}

static syn_status check(syn_schedule *s, syn_preset preset, double lr, int64_t steps) {
    return syn_schedule_check(s, preset, &(syn_schedule_run){ .lr = lr, .steps = steps });
}

static void near(double got, double want) {
    ck_assert_msg(fabs(got - want) <= 1e-14 * fabs(want), "%.17g, not %.17g", got, want);
}

START_TEST(constant) {
    syn_schedule s = syn_schedule_constant(NULL), none = { .def = NULL };
    for (int64_t t = 0; t < 1000; t += 37) {
        ck_assert(lr_at(&s, .3, 0, t) == .3 && isnan(momentum_at));
        ck_assert(lr_at(&none, .3, 10, t) == .3 && isnan(momentum_at));
        ck_assert(lr_at(NULL, .3, 10, t) == .3 && isnan(momentum_at));
    }
    ck_assert(lr_at(&s, 0, 0, 5) == 0);
    ck_assert_int_eq(syn_schedule_at(&s, .3, 0, 5, NULL, NULL), SYN_OK);
}
END_TEST

START_TEST(exponential) {
    syn_schedule s = syn_schedule_exponential(&(syn_schedule_exponential_opts){ .s = 20 });
    near(lr_at(&s, .5, 0, 0), .5);
    ck_assert(isnan(momentum_at));
    near(lr_at(&s, .5, 0, 10), .5 * sqrt(.1));
    near(lr_at(&s, .5, 0, 20), .05);
    near(lr_at(&s, .5, 0, 60), .0005);
    s = syn_schedule_exponential(
        &(syn_schedule_exponential_opts){ .s = 2.5, .factor = .5, .staircase = true });
    static const double want[] = { 8, 8, 8, 4, 4, 2, 2, 2, 1, 1, .5 };
    for (int t = 0; t < 11; ++t) near(lr_at(&s, 8, 0, t), want[t]);
}
END_TEST

/* 10 steps, half of them rising: phases end at steps 4 and 9, so values are plain fractions. */
START_TEST(one_cycle_linear) {
    syn_schedule s = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){
        .max = 1, .pct = .5, .div = 5, .final_div = 4, .anneal = SYN_LINEAR });
    static const double lr[] = { .2, .4, .6, .8, 1, .81, .62, .43, .24, .05 };
    static const double momentum[] = { .95, .925, .9, .875, .85, .87, .89, .91, .93, .95 };
    for (int t = 0; t < 10; ++t) {
        ck_assert_double_eq_tol(lr_at(&s, 123, 10, t), lr[t], 1e-15);
        ck_assert_double_eq_tol(momentum_at, momentum[t], 1e-15);
    }
    /* .3 of 20 rises to step 5, falls to 10, and goes down to 19 */
    s = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){
        .max = 2, .div = 4, .final_div = 10, .steps = 20, .three_phase = true,
        .anneal = SYN_LINEAR, .base_momentum = .5, .max_momentum = .9 });
    static const double at[][3] = { { 0, .5, .9 },  { 1, .8, .82 },  { 5, 2, .5 },
                                    { 6, 1.7, .58 }, { 10, .5, .9 }, { 11, .45, .9 },
                                    { 15, .25, .9 }, { 19, .05, .9 } };
    for (size_t i = 0; i < SYN_COUNT(at); ++i) {
        ck_assert_double_eq_tol(lr_at(&s, 123, 0, (int64_t)at[i][0]), at[i][1], 1e-14);
        ck_assert_double_eq_tol(momentum_at, at[i][2], 1e-14);
    }
}
END_TEST

START_TEST(one_cycle_cos) {
    syn_schedule s = syn_schedule_one_cycle(NULL);
    double pi = acos(-1), max = .4, first = max / 25, last = first / 1e4;
    /* 100 steps: up to step 29, down to step 99; max is the optimizer's lr by default */
    for (int t = 0; t < 100; ++t) {
        double up = (1 - cos(pi * t / 29)) / 2, down = (1 - cos(pi * (t - 29) / 70)) / 2;
        double want = t <= 29 ? first + (max - first) * up : max + (last - max) * down;
        ck_assert_double_eq_tol(lr_at(&s, max, 100, t), want, 1e-14 * max);
        ck_assert_double_eq_tol(momentum_at, t <= 29 ? .95 - .1 * up : .85 + .1 * down, 1e-14);
    }
    near(lr_at(&s, max, 100, 0), max / 25);
    near(lr_at(&s, max, 100, 29), max);
    near(lr_at(&s, max, 100, 99), max / 25e4);
    /* its own peak and length win over the run's */
    s = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){
        .max = .8, .steps = 200, .cycle_momentum = SYN_NO });
    near(lr_at(&s, max, 100, 59), .8);
    ck_assert(isnan(momentum_at));
    near(lr_at(&s, max, 0, 199), .8 / 25e4);
}
END_TEST

/* Short runs, and shares that leave a phase without a step: every value stays within the ends. */
START_TEST(one_cycle_edges) {
    static const double shares[] = { SYN_ZERO, .01, .1, .25, .3, 1. / 3, .5, .6, .9, 1 };
    for (int n = 1; n <= 24; ++n)
        for (size_t p = 0; p < SYN_COUNT(shares); ++p)
            for (int k = 0; k < 4; ++k) {
                syn_schedule s = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){
                    .pct = shares[p], .three_phase = k & 1, .anneal = 1 + (k >> 1) });
                for (int t = 0; t < n; ++t) {
                    double lr = lr_at(&s, 1, n, t);
                    ck_assert_msg(lr >= 1 / 25e4 * .999 && lr <= 1.001, "%d of %d, pct %g: %g", t,
                                  n, shares[p], lr);
                    ck_assert(momentum_at >= .849 && momentum_at <= .951);
                }
                ck_assert_int_eq(syn_schedule_at(&s, 1, n, n, NULL, NULL), SYN_E_ARGUMENT);
            }
}
END_TEST

static void fails(syn_status status, const char *text) {
    ck_assert_int_eq(status, SYN_E_ARGUMENT);
    ck_assert_msg(strstr(syn_error_text(), text) != NULL, "\"%s\" lacks \"%s\"", syn_error_text(),
                  text);
}

START_TEST(errors) {
    double lr = 7;
    syn_schedule constant_ = syn_schedule_constant(NULL), foreign = syn_init_zeros(NULL);
    syn_schedule bare = syn_schedule_exponential(NULL), cycle = syn_schedule_one_cycle(NULL);
    syn_schedule short_cycle =
        syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .steps = 50 });
    syn_schedule share = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .pct = 1.5 });
    fails(syn_schedule_at(&bare, .1, 100, 0, &lr, NULL), "exponential: give s");
    fails(syn_schedule_at(&cycle, .1, 0, 0, &lr, NULL), "one_cycle: the length");
    fails(syn_schedule_at(&cycle, .1, 100, 100, &lr, NULL), "one_cycle: step 100");
    fails(syn_schedule_at(&cycle, .1, 100, -1, &lr, NULL), "one_cycle: step -1");
    fails(syn_schedule_at(&constant_, .1, 100, -1, &lr, NULL), "constant: step -1");
    fails(syn_schedule_at(&short_cycle, .1, 100, 50, &lr, NULL), "one_cycle: step 50");
    fails(syn_schedule_at(&share, .1, 100, 0, &lr, NULL), "pct");
    fails(syn_schedule_at(&foreign, .1, 100, 0, &lr, NULL), "initialiser");
    fails(syn_schedule_at(&constant_, -1, 100, 0, &lr, NULL), "lr is -1");
    fails(syn_schedule_at(&constant_, NAN, 100, 0, &lr, NULL), "lr is");
    fails(syn_schedule_at(&constant_, INFINITY, 100, 0, &lr, NULL), "lr is");
    fails(syn_schedule_at(&constant_, .1, -5, 0, &lr, NULL), "-5 steps");
    ck_assert(lr == 7);

    fails(check(NULL, SYN_KERAS, .1, 10), "no schedule");
    fails(check(&bare, SYN_KERAS, .1, 10), "exponential: give s");
    fails(check(&cycle, SYN_KERAS, .1, 0), "one_cycle: the length");
    fails(check(&short_cycle, SYN_KERAS, .1, 51),
          "one_cycle: ends after 50 steps, but the run has 51");
    syn_schedule other[] = {
        syn_schedule_piecewise(&(syn_schedule_piecewise_opts){ .boundaries = SYN_NUMBERS(5, 5) }),
        syn_schedule_piecewise(&(syn_schedule_piecewise_opts){
            .boundaries = SYN_NUMBERS(5, 6), .values = SYN_NUMBERS(1, 2) }),
        syn_schedule_piecewise(&(syn_schedule_piecewise_opts){ .boundaries = SYN_NUMBERS(-1) }),
        syn_schedule_cosine(&(syn_schedule_cosine_opts){ .floor = .1, .end = .1 }),
        syn_schedule_cosine(NULL),
        syn_schedule_cosine_restarts(NULL),
        syn_schedule_cyclic(NULL),
        syn_schedule_polynomial(NULL),
        syn_schedule_exp_decay(NULL),
        syn_schedule_inverse_time(NULL),
        syn_schedule_step(NULL),
        syn_schedule_piecewise(NULL),
        syn_schedule_constant(&(syn_schedule_constant_opts){ .warmup = -3 }),
    };
    static const char *const why[] = {
        "boundaries must rise, but 5 follows 5", "2 boundaries want 3 values", "boundaries is -1, allowed",
        "one of floor", "cosine: the length", "give steps", "give max", "polynomial: the length", "give k",
        "give k", "give every", "give boundaries", "warmup is -3, allowed 0 and up",
    };
    for (size_t i = 0; i < SYN_COUNT(other); ++i) fails(check(&other[i], SYN_KERAS, .1, 0), why[i]);
}
END_TEST

/* Formulas that no framework has as a class. */
START_TEST(formulas) {
    syn_schedule s = syn_schedule_power(&(syn_schedule_power_opts){ .s = 13, .c = 1.7 });
    for (int t = 0; t < 200; ++t) near(lr_at(&s, .3, 200, t), .3 / pow(1 + t / 13., 1.7));
    s = syn_schedule_power(&(syn_schedule_power_opts){ .s = 13, .c = SYN_ZERO });
    near(lr_at(&s, .3, 200, 99), .3);
    s = syn_schedule_exp_decay(&(syn_schedule_exp_decay_opts){ .k = .03 });
    for (int t = 0; t < 200; ++t) near(lr_at(&s, .3, 200, t), .3 * exp(-.03 * t));
    s = syn_schedule_piecewise(&(syn_schedule_piecewise_opts){ .boundaries = SYN_NUMBERS(3, 5.5) });
    static const double inclusive[] = { 1, 1, 1, 1, .1, .1, .01, .01 };
    for (int t = 0; t < 8; ++t) near(lr_at(&s, 1, 0, t), inclusive[t]);
    s = syn_schedule_piecewise(&(syn_schedule_piecewise_opts){
        .boundaries = SYN_NUMBERS(3, 5), .values = SYN_NUMBERS(4, 3, 2), .boundary = SYN_MILESTONE });
    static const double milestone[] = { 4, 4, 4, 3, 3, 2, 2 };
    for (int t = 0; t < 7; ++t) near(lr_at(&s, 1, 0, t), milestone[t]);
    s = syn_schedule_cosine(NULL); /* as long as the run */
    near(lr_at(&s, .4, 80, 40), .2);
    near(lr_at(&s, .4, 80, 20), .4 * (1 + sqrt(.5)) / 2);
}
END_TEST

/* max/10 to max and back in straight lines, the last tenth (and one step) down to max/10/1000. */
START_TEST(one_cycle_geron) {
    static const int lengths[] = { 200, 199, 100, 57, 11, 3, 2 };
    for (size_t k = 0; k < SYN_COUNT(lengths); ++k) {
        int n = lengths[k], half = (n - (n / 10 + 1)) / 2;
        syn_schedule s = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){
            .max = .5, .form = SYN_CYCLE_GERON });
        for (int t = 0; t < n; ++t) {
            double lr, momentum;
            if (t < half) {
                lr = (.5 - .05) * t / half + .05;
                momentum = .95 - .1 * t / half;
            } else if (t < 2 * half) {
                lr = (.05 - .5) * (t - half) / half + .5;
                momentum = .85 + .1 * (t - half) / half;
            } else {
                lr = (.00005 - .05) * (t - 2 * half) / (n - 2 * half) + .05;
                momentum = .95;
            }
            double got = lr_at(&s, 123, n, t);
            if (half == 0 && t == 0) continue; /* no rise: the phases meet at step 0 */
            ck_assert_double_eq_tol(got, lr, 1e-12 * .5);
            ck_assert_double_eq_tol(momentum_at, momentum, 1e-12);
        }
        fails(syn_schedule_at(&s, .1, n, n, NULL, NULL), "outside");
    }
}
END_TEST

/* In front of every row: a straight line to the schedule's first value, then the schedule. */
START_TEST(warm_up) {
    syn_schedule plain = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .max = .4 });
    syn_schedule warm = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){
        .max = .4, .warmup = 20, .warmup_from = .25 });
    for (int t = 0; t < 100; ++t) {
        double want = lr_at(&plain, 1, 80, t < 20 ? 0 : t - 20), momentum = momentum_at;
        if (t < 20) want *= .25 + .75 * t / 20;
        near(lr_at(&warm, 1, 100, t), want);
        ck_assert(momentum_at == momentum);
    }
    fails(syn_schedule_at(&warm, 1, 100, 100, NULL, NULL), "100 steps");
    ck_assert_int_eq(syn_schedule_at(&warm, 1, 10, 9, NULL, NULL), SYN_OK); /* cut short within */
    warm = syn_schedule_constant(&(syn_schedule_constant_opts){ .warmup = 4 });
    near(lr_at(&warm, 1, 0, 1), .25);
    ck_assert(lr_at(&warm, 1, 0, 0) == 0 && lr_at(&warm, 1, 0, 4) == 1);
    warm = syn_schedule_constant(&(syn_schedule_constant_opts){ .preset = SYN_TORCH, .warmup = 4 });
    near(lr_at(&warm, 1, 0, 0), 1. / 3);
    /* all rows have it, under the same names */
    for (int i = 0; i < syn_schedules()->n; ++i) {
        int found = 0;
        const syn_def *def = syn_schedules()->row[i];
        for (int k = 0; k < def->n_options; ++k)
            found += !strcmp(def->option[k].name, "warmup") || !strcmp(def->option[k].name, "warmup_from") ||
                     !strcmp(def->option[k].name, "per");
        ck_assert_int_eq(found, 3);
    }
}
END_TEST

START_TEST(per_epoch) {
    syn_schedule s = syn_schedule_step(&(syn_schedule_step_opts){
        .every = 2, .factor = .5, .per = SYN_PER_EPOCH, .warmup = 2, .warmup_from = .5 });
    syn_schedule_run run = { .lr = 8, .steps = 95, .epoch_steps = 10 };
    static const double epoch[] = { 4, 6, 8, 8, 4, 4, 2, 2, 1, 1 };
    for (int t = 0; t < 95; ++t) {
        double lr = -1;
        ck_assert_int_eq(syn_schedule_in(&s, &run, t, &lr, NULL), SYN_OK);
        near(lr, epoch[t / 10]);
    }
    fails(syn_schedule_at(&s, 8, 95, 0, NULL, NULL), "epoch_steps");
    /* lengths are epochs: those of the run by default, the last one begun counted */
    s = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .max = 1, .per = SYN_PER_EPOCH });
    syn_schedule ten = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .max = 1, .steps = 10 });
    for (int t = 0; t < 95; ++t) {
        double lr = -1;
        ck_assert_int_eq(syn_schedule_in(&s, &run, t, &lr, NULL), SYN_OK);
        near(lr, lr_at(&ten, 1, 10, t / 10));
    }
    s = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .steps = 9, .per = SYN_PER_EPOCH });
    fails(syn_schedule_check(&s, SYN_KERAS, &run), "ends after 90 steps, but the run has 95");
}
END_TEST

START_TEST(sequences) {
    syn_schedule s = syn_schedule_sequence(&(syn_schedule_sequence_opts){
        .parts = SYN_SPECS(syn_schedule_constant(&(syn_schedule_constant_opts){ .warmup = 10 }),
                           syn_schedule_exponential(&(syn_schedule_exponential_opts){ .s = 20 }),
                           syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .max = .7 })),
        .lengths = SYN_NUMBERS(30, 40) });
    syn_schedule cycle = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .max = .7 });
    for (int t = 0; t < 100; ++t) {
        double want = t < 10 ? t / 10. : t < 30 ? 1 : pow(.1, (t - 30) / 20.);
        if (t >= 70) want = lr_at(&cycle, 1, 30, t - 70); /* what is left of the run */
        double m = momentum_at;
        ck_assert_double_eq_tol(lr_at(&s, 1, 100, t), want, 1e-15);
        ck_assert(t < 70 ? isnan(momentum_at) : momentum_at == m);
    }
    fails(syn_schedule_at(&s, 1, 100, 100, NULL, NULL), "step 100");
    /* a sequence is a plain value, and writing, reading and resolving it changes nothing */
    ck_assert_int_eq(check(&s, SYN_TORCH, 1, 100), SYN_OK);
    json_t *j = syn_spec_write(&s);
    syn_schedule back;
    ck_assert_int_eq(syn_spec_read(syn_schedules(), &back, j, NULL), SYN_OK);
    json_decref(j);
    ck_assert_int_eq(check(&back, SYN_KERAS, 1, 100), SYN_OK); /* its parts keep their preset */
    ck_assert(!memcmp(&s, &back, sizeof s));

    syn_schedule sum = syn_schedule_sequence(&(syn_schedule_sequence_opts){
        .parts = SYN_SPECS(syn_schedule_constant(NULL), s), .lengths = SYN_NUMBERS(5, 90) });
    near(lr_at(&sum, 1, 95, 94), lr_at(&s, 1, 90, 89));
    fails(syn_schedule_at(&sum, 1, 95, 95, NULL, NULL), "95 steps");
    fails(check(&sum, SYN_KERAS, 1, 96), "sequence: ends after 95 steps, but the run has 96");

    syn_schedule bad = syn_schedule_sequence(NULL);
    fails(check(&bad, SYN_KERAS, 1, 10), "sequence: give parts");
    bad = syn_schedule_sequence(&(syn_schedule_sequence_opts){ .parts = SYN_SPECS(s, s) });
    fails(check(&bad, SYN_KERAS, 1, 10), "2 parts want 1 lengths");
    bad = syn_schedule_sequence(&(syn_schedule_sequence_opts){
        .parts = SYN_SPECS(s, s), .lengths = SYN_NUMBERS(1.5) });
    fails(check(&bad, SYN_KERAS, 1, 10), "whole numbers, not 1.5");
    bad = syn_schedule_sequence(&(syn_schedule_sequence_opts){
        .parts = SYN_SPECS(syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .steps = 20 }), s),
        .lengths = SYN_NUMBERS(30) });
    fails(check(&bad, SYN_KERAS, 1, 99), "sequence: part 1: one_cycle: ends after 20 steps, but has 30");
    bad = syn_schedule_sequence(&(syn_schedule_sequence_opts){
        .parts = SYN_SPECS(syn_schedule_power(NULL)) });
    fails(check(&bad, SYN_KERAS, 1, 99), "sequence: part 1: power: give s");
    bad = syn_schedule_sequence(&(syn_schedule_sequence_opts){
        .parts = SYN_SPECS(syn_schedule_power(&(syn_schedule_power_opts){ .s = -1 })) });
    fails(check(&bad, SYN_KERAS, 1, 99), "sequence: parts: power: s is -1");
    bad = syn_schedule_sequence(&(syn_schedule_sequence_opts){
        .parts = SYN_SPECS(syn_schedule_performance(NULL), syn_schedule_performance(NULL)),
        .lengths = SYN_NUMBERS(9) });
    fails(check(&bad, SYN_KERAS, 1, 99), "one performance part");
    syn_schedule foreign = syn_schedule_sequence(&(syn_schedule_sequence_opts){
        .parts = SYN_SPECS(syn_init_zeros(NULL)) });
    fails(check(&foreign, SYN_KERAS, 1, 99), "initialiser");
}
END_TEST

START_TEST(check_resolves) {
    syn_schedule none = { .def = NULL }, s = syn_schedule_one_cycle(NULL);
    ck_assert_int_eq(check(&none, SYN_TORCH, .1, 0), SYN_OK);
    ck_assert_str_eq(none.def->name, "constant");
    ck_assert_int_eq(check(&s, SYN_TORCH, .1, 60), SYN_OK);
    syn_schedule_one_cycle_opts o;
    memcpy(&o, s.u.opts, sizeof o);
    ck_assert(o.preset == SYN_TORCH && o.pct == .3 && o.div == 25 && o.final_div == 1e4);
    ck_assert_int_eq(check(&s, SYN_TORCH, .1, 60), SYN_OK); /* twice is once */
    near(lr_at(&s, .1, 60, 17), .1);
    s = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .steps = 50 });
    ck_assert_int_eq(check(&s, SYN_KERAS, .1, 50), SYN_OK);
    ck_assert_int_eq(check(&s, SYN_KERAS, .1, 0), SYN_OK);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("schedule");
    TCase *tc = tcase_create("schedule");
    tcase_add_test(tc, constant);
    tcase_add_test(tc, exponential);
    tcase_add_test(tc, one_cycle_linear);
    tcase_add_test(tc, one_cycle_cos);
    tcase_add_test(tc, one_cycle_edges);
    tcase_add_test(tc, errors);
    tcase_add_test(tc, formulas);
    tcase_add_test(tc, one_cycle_geron);
    tcase_add_test(tc, warm_up);
    tcase_add_test(tc, per_epoch);
    tcase_add_test(tc, sequences);
    tcase_add_test(tc, check_resolves);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
