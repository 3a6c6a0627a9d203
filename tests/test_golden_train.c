/* Fifty training steps against the weights PyTorch and Keras end with, for every optimizer and schedule, and
 * with decay, clipping, penalties and rules around every optimizer. */
#include "golden.h"
#include "suite.h"

#include "optim/frame.h"
#include "optim/optim.h"
#include "optim/schedule.h"

#include <math.h>

enum { STEPS = 50, BATCH = 6, IN = 7, CLASSES = 5 };
static const double limits[] = { [SYN_FLOAT] = 1e-5, [SYN_DOUBLE] = 1e-12 };
enum { RULES = 4 };
static const char *const files[] = { "trajectories", "optimizers" };
static const char *const types[] = { "float", "double" };
static const char *const tensor_name[] = { "kernel0", "bias0", "kernel1", "bias1", "kernel2", "bias2" };
static const char *const param_name[] = { "dense_1/kernel", "dense_1/bias",   "dense_2/kernel",
                                          "dense_2/bias",   "dense_3/kernel", "dense_3/bias" };

static bool in_table(const syn_table *t, const char *name) {
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->row[i]->name, name) == 0) return true;
    return false;
}

static bool known(const json_t *c) {
    return in_table(syn_optims(), golden_text(c, "optimizer")) &&
           in_table(syn_schedules(), golden_text(c, "schedule"));
}

static syn_spec spec(const syn_table *t, const json_t *c, const char *name, const char *options) {
    syn_spec s;
    json_t *as = json_pack("{s:O}", golden_text(c, name), json_object_get(c, options));
    ok(syn_spec_read(t, &s, as, golden_text(c, "name")));
    json_decref(as);
    return s;
}

/* What stands around the optimizer, by the reader of experiment files. */
static void around(const json_t *c, syn_plan_opts *o, syn_rule rule[RULES]) {
    void *const into[] = { &o->decay, &o->penalty, &o->clip };
    for (int i = 0; i < syn_train_rows()->n; i++) {
        const syn_def *def = syn_train_rows()->row[i];
        ok(syn_options_read(def, into[i], json_object_get(c, def->name), golden_text(c, "name"), NULL));
    }
    size_t k;
    json_t *r;
    json_array_foreach(json_object_get(c, "rules"), k, r) {
        ck_assert_uint_lt(k, RULES);
        rule[k] = (syn_rule){ .match = golden_text(r, "match"),
                              .lr_factor = json_number_value(json_object_get(r, "lr_factor")) };
        o->n_rules = (int)k + 1;
    }
    o->rules = rule;
    o->preset = strcmp(golden_text(c, "framework"), "torch") == 0 ? SYN_TORCH : SYN_KERAS;
}

/* A rounding error of float turns a sign, and the weight goes the other way by a whole step. */
static bool by_signs(const json_t *c) {
    return strcmp(golden_text(c, "optimizer"), "lion") == 0 || strcmp(golden_text(c, "optimizer"), "rprop") == 0;
}

static syn_tensor net_of(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(IN));
    x = syn_elu(syn_dense(x, &(syn_dense_opts){ .units = 9 }), 1);
    x = syn_tanh(syn_dense(x, &(syn_dense_opts){ .units = 8 }));
    return syn_softmax_xent(syn_dense(x, &(syn_dense_opts){ .units = CLASSES }));
}

static double worst; /* of the optimizer under test */

static void compare(syn_state *state, const golden *gold, const json_t *c, const char *suffix,
                    syn_dtype dtype) {
    for (size_t p = 0; p < SYN_COUNT(param_name); p++) {
        char tensor[32];
        int64_t n;
        snprintf(tensor, sizeof tensor, "%s%s", tensor_name[p], suffix);
        double *got = param_values(state, param_name[p], &n);
        const double *want = golden_get(gold, c, tensor, NULL);
        worst = fmax(worst, norm_error(got, want, n));
        CLOSE(got, want, n, limits[dtype], "%s/%s in %s", golden_text(c, "name"), tensor, types[dtype]);
        free(got);
    }
}

static void train(const golden *gold, const json_t *c, syn_dtype dtype) {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    double loss[STEPS];
    int steps = test_small() ? 1 : STEPS;
    ok(syn_net_create(&net, 1));
    syn_tensor out = net_of(net);
    ok(syn_state_create(&state, test_ctx(), net));
    for (size_t p = 0; p < SYN_COUNT(param_name); p++) {
        syn_shape shape;
        const double *w = golden_find(gold, "init", tensor_name[p], &shape);
        ck_assert_ptr_nonnull(w);
        ok(syn_param_write(state, param_name[p], w, syn_shape_count(&shape)));
    }
    syn_rule rule[RULES];
    syn_plan_opts opts = { .loss = out, .batch = BATCH, .dtype = dtype, .steps = STEPS,
                                 .optim = spec(syn_optims(), c, "optimizer", "options"),
                                 .schedule = spec(syn_schedules(), c, "schedule", "schedule_options") };
    around(c, &opts, rule);
    ok(syn_plan_create(&plan, state, &opts));
    const double *x = golden_find(gold, "data", "x", NULL), *y = golden_find(gold, "data", "labels", NULL);
    for (int t = 0; t < steps; t++) {
        int32_t label[BATCH];
        for (int i = 0; i < BATCH; i++) label[i] = (int32_t)y[t * BATCH + i];
        const syn_array xs = f64(x + t * BATCH * IN, SYN_SHAPE(BATCH, IN)), ys = i32(label, BATCH);
        ok(syn_step(plan, &xs, &ys, &loss[t]));
        if (t == 0) compare(state, gold, c, "_step1", dtype);
    }
    if (steps == STEPS) {
        compare(state, gold, c, "", dtype);
        CLOSE(loss, golden_get(gold, c, "loss", NULL), STEPS, limits[dtype], "%s/loss in %s",
              golden_text(c, "name"), types[dtype]);
    }
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
}

/* Every case is a program to compile: SYNCLINE_LONG takes all of them, the suite all of the first file in
 * double and samples of the rest. The cases of one optimizer stand side by side. */
static int stride(size_t file, syn_dtype dtype) {
    if (getenv("SYNCLINE_LONG")) return 1;
    if (test_small()) return 16;
    return file == 0 ? (dtype == SYN_DOUBLE ? 1 : 3) : (dtype == SYN_DOUBLE ? 5 : 11);
}

static void train_all(syn_dtype dtype) {
    for (size_t f = 0; f < SYN_COUNT(files); f++) {
        golden gold = golden_open(files[f]);
        int skipped = 0;
        for (int i = 0; i < golden_cases(&gold); i++) skipped += !known(golden_case(&gold, i));
        for (int k = 0; k < syn_optims()->n; k++) {
            const char *name = syn_optims()->row[k]->name;
            worst = 0;
            for (int i = 0; i < golden_cases(&gold); i++) {
                const json_t *c = golden_case(&gold, i);
                if (!known(c) || strcmp(golden_text(c, "optimizer"), name) != 0) continue;
                if (dtype == SYN_FLOAT && by_signs(c)) continue;
                if (i % stride(f, dtype) == 0) train(&gold, c, dtype);
            }
            printf("%s, %s in %s: largest error %.1e\n", files[f], name, types[dtype], worst);
        }
        printf("%s: %d of %d golden cases are of optimizers or schedules not in the tables\n", files[f],
               skipped, golden_cases(&gold));
        golden_close(&gold);
    }
}

START_TEST(test_double) { train_all(SYN_DOUBLE); }
END_TEST

START_TEST(test_float) { train_all(SYN_FLOAT); }
END_TEST

/* Cases of the files but the first. */
static int cases_of(const char *key, const char *name) {
    int n = 0;
    for (size_t f = 1; f < SYN_COUNT(files); f++) {
        golden gold = golden_open(files[f]);
        for (int i = 0; i < golden_cases(&gold); i++) {
            const json_t *c = golden_case(&gold, i);
            n += known(c) && strcmp(golden_text(c, key), name) == 0;
        }
        golden_close(&gold);
    }
    return n;
}

START_TEST(test_every_row_is_golden) {
    for (int i = 0; i < syn_optims()->n; i++)
        ck_assert_msg(syn_optim_impl_of(syn_optims()->row[i])->search || /* test_golden_search.c */
                          cases_of("optimizer", syn_optims()->row[i]->name) > 0,
                      "optimizer %s has no golden trajectory; tools/golden/cells.py makes them",
                      syn_optims()->row[i]->name);
    /* of schedules, test_golden_schedule.c compares every value of every row */
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_every_row_is_golden, test_double, test_float };
    return run_suite("golden_train", test, SYN_COUNT(test));
}
