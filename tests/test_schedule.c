/* Schedules: closed forms, errors, and the values PyTorch and Keras give. */
#include "io/safetensors.h"
#include "layer/init.h"
#include "optim/schedule.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double momentum_at; /* of the last lr_at */
static double lr_at(const syn_schedule *s, double base, int64_t steps, int64_t t) {
    double lr = -1;
    momentum_at = -1;
    syn_status status = syn_schedule_at(s, base, steps, t, &lr, &momentum_at);
    ck_assert_msg(status == SYN_OK, "step %d: %s", (int)t, syn_error_text());
    return lr;
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

    fails(syn_schedule_check(NULL, SYN_KERAS, .1, 10), "no schedule");
    fails(syn_schedule_check(&bare, SYN_KERAS, .1, 10), "exponential: give s");
    fails(syn_schedule_check(&cycle, SYN_KERAS, .1, 0), "one_cycle: the length");
    fails(syn_schedule_check(&short_cycle, SYN_KERAS, .1, 51),
          "one_cycle: ends after 50 steps, but the run has 51");
}
END_TEST

START_TEST(check_resolves) {
    syn_schedule none = { .def = NULL }, s = syn_schedule_one_cycle(NULL);
    ck_assert_int_eq(syn_schedule_check(&none, SYN_TORCH, .1, 0), SYN_OK);
    ck_assert_str_eq(none.def->name, "constant");
    ck_assert_int_eq(syn_schedule_check(&s, SYN_TORCH, .1, 60), SYN_OK);
    syn_schedule_one_cycle_opts o;
    memcpy(&o, s.u.opts, sizeof o);
    ck_assert(o.preset == SYN_TORCH && o.pct == .3 && o.div == 25 && o.final_div == 1e4);
    ck_assert_int_eq(syn_schedule_check(&s, SYN_TORCH, .1, 60), SYN_OK); /* twice is once */
    near(lr_at(&s, .1, 60, 17), .1);
    s = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .steps = 50 });
    ck_assert_int_eq(syn_schedule_check(&s, SYN_KERAS, .1, 50), SYN_OK);
    ck_assert_int_eq(syn_schedule_check(&s, SYN_KERAS, .1, 0), SYN_OK);
}
END_TEST

/* The case's options in this library's words; *lr gets the initial rate. */
static json_t *own_options(json_t *given, double *lr) {
    json_t *own = json_deep_copy(given);
    *lr = json_number_value(json_object_get(own, "lr"));
    json_object_del(own, "lr");
    static const char *const renamed[][2] = { { "momentum_high", "max_momentum" },
                                              { "momentum_low", "base_momentum" } };
    for (size_t i = 0; i < SYN_COUNT(renamed); ++i) {
        json_t *value = json_object_get(own, renamed[i][0]);
        if (!value) continue;
        json_object_set(own, renamed[i][1], value);
        json_object_del(own, renamed[i][0]);
    }
    return own;
}

static void check_case(const syn_st *file, json_t *item) {
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *kind = json_string_value(json_object_get(item, "schedule"));
    bool torch = !strcmp(json_string_value(json_object_get(item, "framework")), "torch");
    int64_t steps = json_integer_value(json_object_get(item, "steps"));
    double lr, peak = 0;
    json_t *options = own_options(json_object_get(item, "schedule_options"), &lr);
    json_t *spec_json = json_pack("{s:o}", kind, options);
    syn_schedule s;
    syn_status status = syn_spec_read(syn_schedules(), &s, spec_json, name);
    ck_assert_msg(status == SYN_OK, "%s", syn_error_text());
    json_decref(spec_json);
    status = syn_schedule_check(&s, torch ? SYN_TORCH : SYN_KERAS, lr, steps);
    ck_assert_msg(status == SYN_OK, "%s: %s", name, syn_error_text());

    char key[128];
    snprintf(key, sizeof key, "%s/lr", name);
    const syn_st_tensor *want = syn_st_find(file, key);
    snprintf(key, sizeof key, "%s/momentum", name);
    const syn_st_tensor *momentum = syn_st_find(file, key);
    ck_assert_msg(want && want->shape.rank == 1 && want->shape.dim[0] == steps, "%s", name);
    for (int64_t t = 0; t < steps; ++t) peak = fmax(peak, syn_st_value(want, t));
    for (int64_t t = 0; t < steps; ++t) {
        double got = lr_at(&s, lr, steps, t);
        ck_assert_msg(fabs(got - syn_st_value(want, t)) <= 1e-12 * peak,
                      "%s: step %d: lr %.17g, not %.17g", name, (int)t, got, syn_st_value(want, t));
        if (!momentum) ck_assert_msg(isnan(momentum_at), "%s: drives the momentum", name);
        else
            ck_assert_msg(fabs(momentum_at - syn_st_value(momentum, t)) <= 1e-12,
                          "%s: step %d: momentum %.17g, not %.17g", name, (int)t, momentum_at,
                          syn_st_value(momentum, t));
    }
}

/* Cases of schedules that have no row yet are passed over; every row has at least one. */
START_TEST(golden) {
    const char *root = getenv("SYNCLINE_SOURCE_ROOT");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/golden/schedules.safetensors", root ? root : ".");
    syn_st *file;
    ck_assert_msg(syn_st_open(&file, path) == SYN_OK, "%s", syn_error_text());
    json_t *cases = json_loads(syn_st_get_meta(file, "cases"), 0, NULL);
    ck_assert(json_array_size(cases) > 0);
    int seen[64] = { 0 };
    const syn_table *table = syn_schedules();
    ck_assert_int_le(table->n, 64);
    for (size_t i = 0; i < json_array_size(cases); ++i) {
        json_t *item = json_array_get(cases, i);
        const char *kind = json_string_value(json_object_get(item, "schedule"));
        for (int r = 0; r < table->n; ++r)
            if (!strcmp(kind, table->row[r]->name)) {
                check_case(file, item);
                ++seen[r];
            }
    }
    for (int r = 0; r < table->n; ++r)
        ck_assert_msg(seen[r] > 0, "no golden case of %s", table->row[r]->name);
    json_decref(cases);
    syn_st_close(file);
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
    tcase_add_test(tc, check_resolves);
    tcase_add_test(tc, golden);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
