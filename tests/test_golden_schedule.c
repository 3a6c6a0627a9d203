/* Every schedule at every step of 200 against the values PyTorch and Keras give; performance scheduling
 * by its rules. */
#include "io/safetensors.h"
#include "optim/schedule.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The case's options but for the initial rate, which *lr gets. */
static json_t *own_options(json_t *given, double *lr) {
    json_t *own = json_deep_copy(given);
    *lr = json_number_value(json_object_get(own, "lr"));
    json_object_del(own, "lr");
    return own;
}

static const syn_st_tensor *tensor_of(const syn_st *file, const char *name, const char *part) {
    char key[128];
    snprintf(key, sizeof key, "%s/%s", name, part);
    return syn_st_find(file, key);
}

/* Every epoch's metric is judged at its end. */
static void check_performance(const syn_st *file, const char *name, const syn_schedule *s, double lr) {
    const syn_st_tensor *metric = tensor_of(file, name, "metric"), *want = tensor_of(file, name, "lr");
    const syn_schedule_performance_opts *o = syn_schedule_plateau(s);
    syn_plateau memory;
    ck_assert_ptr_nonnull(o);
    syn_plateau_start(&memory, lr);
    const syn_schedule_run run = { .lr = lr, .plateau = &memory };
    for (int64_t t = 0; t < want->shape.dim[0]; ++t) {
        double got = -1;
        ck_assert_int_eq(syn_schedule_value(s, &run, t, &got, NULL), SYN_OK);
        ck_assert_msg(fabs(got - syn_st_value(want, t)) <= 1e-12 * lr, "%s: epoch %d: lr %.17g, not %.17g",
                      name, (int)t, got, syn_st_value(want, t));
        bool falls = t + 1 < want->shape.dim[0] && syn_st_value(want, t + 1) < syn_st_value(want, t);
        bool fell = syn_plateau_judge(&memory, o, syn_st_value(metric, t));
        ck_assert_msg(fell == falls || t + 1 == want->shape.dim[0], "%s: epoch %d", name, (int)t);
    }
}

static double worst; /* of all cases, in peak rates */

static void check_case(const syn_st *file, json_t *item) {
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *kind = json_string_value(json_object_get(item, "schedule"));
    bool torch = !strcmp(json_string_value(json_object_get(item, "framework")), "torch");
    double lr, peak = 0;
    json_t *options = own_options(json_object_get(item, "schedule_options"), &lr);
    json_t *spec_json = json_pack("{s:o}", kind, options);
    syn_schedule s;
    syn_status status = syn_spec_read(syn_schedules(), &s, spec_json, name);
    ck_assert_msg(status == SYN_OK, "%s", syn_error_text());
    json_decref(spec_json);
    const syn_schedule_run run = { .lr = lr,
                                   .steps = json_integer_value(json_object_get(item, "steps")),
                                   .epoch_steps = json_integer_value(json_object_get(item, "epoch_steps")) };
    status = syn_schedule_check(&s, torch ? SYN_TORCH : SYN_KERAS, &run);
    ck_assert_msg(status == SYN_OK, "%s: %s", name, syn_error_text());
    if (!strcmp(kind, "performance")) {
        check_performance(file, name, &s, lr);
        return;
    }
    const syn_st_tensor *want = tensor_of(file, name, "lr"), *momentum = tensor_of(file, name, "momentum");
    ck_assert_msg(want && want->shape.rank == 1 && want->shape.dim[0] == run.steps, "%s", name);
    for (int64_t t = 0; t < run.steps; ++t) peak = fmax(peak, syn_st_value(want, t));
    for (int64_t t = 0; t < run.steps; ++t) {
        double got = -1, m = -1;
        status = syn_schedule_in(&s, &run, t, &got, &m);
        ck_assert_msg(status == SYN_OK, "%s: step %d: %s", name, (int)t, syn_error_text());
        worst = fmax(worst, fabs(got - syn_st_value(want, t)) / peak);
        ck_assert_msg(fabs(got - syn_st_value(want, t)) <= 1e-12 * peak,
                      "%s: step %d: lr %.17g, not %.17g", name, (int)t, got, syn_st_value(want, t));
        if (!momentum) ck_assert_msg(isnan(m), "%s: drives the momentum", name);
        else
            ck_assert_msg(fabs(m - syn_st_value(momentum, t)) <= 1e-12,
                          "%s: step %d: momentum %.17g, not %.17g", name, (int)t, m,
                          syn_st_value(momentum, t));
    }
}

/* Every case, and of every row at least one. */
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
        check_case(file, item);
        for (int r = 0; r < table->n; ++r) seen[r] += !strcmp(kind, table->row[r]->name);
    }
    printf("schedules: %d golden cases, largest error %.1e peak rates\n", (int)json_array_size(cases),
           worst);
    for (int r = 0; r < table->n; ++r)
        ck_assert_msg(seen[r] > 0, "no golden case of %s", table->row[r]->name);
    json_decref(cases);
    syn_st_close(file);
}
END_TEST

static syn_status check(syn_schedule *s, syn_preset preset) {
    return syn_schedule_check(s, preset, &(syn_schedule_run){ .lr = 1 });
}

static void fails(syn_status status, const char *text) {
    ck_assert_int_eq(status, SYN_E_ARGUMENT);
    ck_assert_msg(strstr(syn_error_text(), text) != NULL, "\"%s\" lacks \"%s\"", syn_error_text(), text);
}

/* The judgements at which a flat metric reduces. */
static void flat(syn_preset preset, const int *want, size_t n) {
    syn_schedule s = syn_schedule_performance(&(syn_schedule_performance_opts){
        .patience = 2, .cooldown = 2, .factor = .5 });
    syn_plateau memory;
    size_t found = 0;
    ck_assert_int_eq(check(&s, preset), SYN_OK);
    syn_plateau_start(&memory, 1);
    const syn_schedule_performance_opts *o = syn_schedule_plateau(&s);
    for (int t = 1; t <= want[n - 1]; ++t)
        if (syn_plateau_judge(&memory, o, 2.5)) {
            ck_assert_int_lt((int)found, (int)n);
            ck_assert_int_eq(t, want[found++]);
            ck_assert(memory.lr == pow(.5, (double)found));
        }
    ck_assert_uint_eq(found, n);
}

START_TEST(performance) {
    flat(SYN_KERAS, (const int[]){ 3, 6, 9, 12 }, 4);
    flat(SYN_TORCH, (const int[]){ 4, 9, 14 }, 3);
    syn_schedule s = syn_schedule_performance(&(syn_schedule_performance_opts){
        .monitor = SYN_MONITOR_ACCURACY, .patience = 1, .factor = .25, .min_lr = .2 });
    ck_assert_int_eq(check(&s, SYN_KERAS), SYN_OK);
    const syn_schedule_performance_opts *o = syn_schedule_plateau(&s);
    ck_assert(o->threshold == 1e-4 && o->threshold_mode == SYN_ABSOLUTE && o->min_change == 0);
    syn_plateau m;
    syn_plateau_start(&m, 1);
    ck_assert(!syn_plateau_judge(&m, o, .5) && !syn_plateau_judge(&m, o, .6)); /* accuracy rises: better */
    ck_assert(syn_plateau_judge(&m, o, .60005) && m.lr == .25);
    ck_assert(syn_plateau_judge(&m, o, NAN) && m.lr == .2 && m.best == .6);
    ck_assert(!syn_plateau_judge(&m, o, .5) && m.lr == .2);
    s = syn_schedule_performance(&(syn_schedule_performance_opts){ .patience = 1.5 });
    fails(check(&s, SYN_KERAS), "patience is 1.5");
    s = syn_schedule_performance(&(syn_schedule_performance_opts){ .every_steps = 5 });
    fails(check(&s, SYN_KERAS), "every_steps goes with loss and accuracy");
    json_t *j = json_pack("{s:{s:s}}", "performance", "monitor", "val_los");
    fails(syn_spec_read(syn_schedules(), &s, j, NULL), "did you mean 'val_loss'?");
    json_decref(j);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("golden_schedule");
    TCase *tc = tcase_create("golden_schedule");
    tcase_add_test(tc, golden);
    tcase_add_test(tc, performance);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
