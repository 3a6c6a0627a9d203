/* Fifty steps of the optimizers that search along a line, against the weights of golden/searches.py; resuming
 * them; what they refuse. In double: a search in float decides otherwise than one in double. */
#include "golden.h"
#include "suite.h"

#include "optim/frame.h"
#include "optim/optim.h"
#include "plan/plan.h"

#include <math.h>

enum { STEPS = 50, ROWS = 40, IN = 7, CLASSES = 5 };
static const char *const tensor_name[] = { "kernel0", "bias0", "kernel1", "bias1", "kernel2", "bias2" };
static const char *const param_name[] = { "dense_1/kernel", "dense_1/bias",   "dense_2/kernel",
                                          "dense_2/bias",   "dense_3/kernel", "dense_3/bias" };

typedef struct trial {
    golden gold;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_data *data;
    int32_t label[ROWS];
    double loss[STEPS];
    int stop; /* after so many steps; 0: no */
} trial;

static bool on_epoch(const syn_report *r, void *user) {
    trial *t = user;
    ck_assert_int_le(r->step, STEPS);
    t->loss[r->step - 1] = r->loss;
    return r->step != t->stop;
}

static syn_tensor net_of(syn_net *net, double dropout) {
    syn_tensor x = syn_input(net, SYN_SHAPE(IN));
    x = syn_elu(syn_dense(x, &(syn_dense_opts){ .units = 9 }), 1);
    if (dropout > 0) x = syn_dropout(x, dropout);
    x = syn_tanh(syn_dense(x, &(syn_dense_opts){ .units = 8 }));
    return syn_softmax_xent(syn_dense(x, &(syn_dense_opts){ .units = CLASSES }));
}

/* A plan over all rows, with the weights that the cases start from. */
static syn_status start(trial *t, syn_plan_opts opts, double dropout) {
    *t = (trial){ .gold = golden_open("searches") };
    ok(syn_net_create(&t->net, 1));
    opts.loss = net_of(t->net, dropout);
    ok(syn_state_create(&t->state, test_ctx(), t->net));
    for (size_t p = 0; p < SYN_COUNT(param_name); p++) {
        syn_shape shape;
        const double *w = golden_find(&t->gold, "init", tensor_name[p], &shape);
        ok(syn_param_write(t->state, param_name[p], w, syn_shape_count(&shape)));
    }
    const double *y = golden_find(&t->gold, "data", "labels", NULL);
    for (int i = 0; i < ROWS; i++) t->label[i] = (int32_t)y[i];
    const syn_array xs = f64(golden_find(&t->gold, "data", "x", NULL), SYN_SHAPE(ROWS, IN)), ys = i32(t->label, ROWS);
    ok(syn_data_from_arrays(&t->data, &xs, &ys));
    if (!opts.batch) opts.batch = ROWS / (opts.accumulate ? opts.accumulate : 1);
    opts.dtype = SYN_DOUBLE;
    return syn_plan_create(&t->plan, t->state, &opts);
}

static void end(trial *t) {
    syn_plan_destroy(t->plan);
    syn_state_destroy(t->state);
    syn_net_destroy(t->net);
    syn_data_destroy(t->data);
    golden_close(&t->gold);
}

static syn_status fit(trial *t, syn_fit_opts o) {
    o.on_epoch = on_epoch;
    o.user = t;
    return syn_fit(t->plan, t->data, &o);
}

static double compare(trial *t, const json_t *c, int steps) {
    double worst = 0;
    for (size_t p = 0; steps == STEPS && p < SYN_COUNT(param_name); p++) {
        int64_t n;
        double *got = param_values(t->state, param_name[p], &n);
        const double *want = golden_get(&t->gold, c, tensor_name[p], NULL);
        worst = fmax(worst, norm_error(got, want, n));
        CLOSE(got, want, n, 1e-12, "%s/%s", golden_text(c, "name"), tensor_name[p]);
        free(got);
    }
    CLOSE(t->loss, golden_get(&t->gold, c, "loss", NULL), steps, 1e-12, "%s/loss", golden_text(c, "name"));
    return worst;
}

static syn_optim optim_of(const json_t *c) {
    syn_spec s;
    json_t *as = json_pack("{s:O}", golden_text(c, "optimizer"), json_object_get(c, "options"));
    ok(syn_spec_read(syn_optims(), &s, as, golden_text(c, "name")));
    json_decref(as);
    return s;
}

/* All in one batch; every third also in five micro-batches, whose sums are rounded otherwise. */
START_TEST(matches_torch) {
    golden gold = golden_open("searches");
    int n = golden_cases(&gold), steps = test_small() ? 4 : STEPS;
    ck_assert_int_gt(n, 10);
    for (int i = 0; i < n; i++) {
        const json_t *c = golden_case(&gold, i);
        if (test_small() && i % 5) continue;
        syn_plan_opts o = { .optim = optim_of(c) };
        ok(syn_options_read(syn_train_rows()->row[0], &o.decay, json_object_get(c, "decay"), "decay", NULL));
        ok(syn_options_read(syn_train_rows()->row[1], &o.penalty, json_object_get(c, "penalty"), "penalty", NULL));
        const syn_rule rule = { .match = "dense_1/*", .trainable = SYN_NO };
        if (json_object_get(c, "rules")) {
            o.rules = &rule;
            o.n_rules = 1;
        }
        trial t;
        ok(start(&t, o, 0));
        ok(fit(&t, (syn_fit_opts){ .max_steps = steps }));
        ck_assert_int_eq(syn_plan_step(t.plan), steps);
        printf("%s: largest error %.1e\n", golden_text(c, "name"), compare(&t, c, steps));
        end(&t);
        if (i % 3) continue;
        o.accumulate = 5;
        ok(start(&t, o, 0));
        ok(fit(&t, (syn_fit_opts){ .max_steps = steps }));
        printf("%s in micro-batches: largest error %.1e\n", golden_text(c, "name"), compare(&t, c, steps));
        end(&t);
    }
    golden_close(&gold);
}
END_TEST

START_TEST(every_search_is_golden) {
    golden gold = golden_open("searches");
    for (int i = 0; i < syn_optims()->n; i++) {
        const char *name = syn_optims()->row[i]->name;
        int n = 0;
        for (int k = 0; k < golden_cases(&gold); k++)
            n += strcmp(golden_text(golden_case(&gold, k), "optimizer"), name) == 0;
        ck_assert_msg(n > 0 || !syn_optim_impl_of(syn_optims()->row[i])->search,
                      "optimizer %s has no golden search; tools/golden/searches.py makes them", name);
    }
    golden_close(&gold);
}
END_TEST

/* Stopped and resumed: equal bits, history, dropout's masks and all. The history of 3 has gone round. */
START_TEST(resumes_exactly) {
    const syn_optim optim[] = {
        syn_lbfgs(&(syn_lbfgs_opts){ .history = 3, .max_iter = 2 }),
        syn_gradient_descent(NULL),
        syn_lbfgs(&(syn_lbfgs_opts){ .history = 4, .max_iter = 3, .lr = .05, .line_search = SYN_NO_SEARCH }),
    };
    const char *path = at("state");
    for (size_t i = 0; i < SYN_COUNT(optim); i++) {
        const syn_plan_opts o = { .optim = optim[i], .penalty = { .l2 = .01 },
                                  .schedule = syn_schedule_step(&(syn_schedule_step_opts){ .every = 4, .factor = .9 }) };
        trial whole, part;
        ok(start(&whole, o, .2));
        ok(fit(&whole, (syn_fit_opts){ .max_steps = 9 }));
        for (int stop = 1; stop < 9; stop += 4) {
            ok(start(&part, o, .2));
            part.stop = stop;
            ck_assert_int_eq(fit(&part, (syn_fit_opts){ .max_steps = 9, .checkpoint = path }), SYN_E_STOPPED);
            end(&part);
            ok(start(&part, o, .2));
            ok(fit(&part, (syn_fit_opts){ .max_steps = 9, .resume = path }));
            ck_assert(part.loss[8] == whole.loss[8]);
            for (size_t p = 0; p < SYN_COUNT(param_name); p++) {
                int64_t n;
                double *a = param_values(whole.state, param_name[p], &n), *b = param_values(part.state, param_name[p], &n);
                ck_assert_msg(!memcmp(a, b, (size_t)n * sizeof *a), "%s, stopped at %d: %s differs",
                              optim[i].def->name, stop, param_name[p]);
                free(a);
                free(b);
            }
            end(&part);
        }
        end(&whole);
    }
}
END_TEST

/* With dropout, the objective is one function within a step: its end is lower than its start by what the
 * search promises, which noise between evaluations would spoil. Repeated, it gives the same bits. */
START_TEST(masks_stay_within_a_step) {
    trial a, b;
    const syn_plan_opts o = { .optim = syn_lbfgs(&(syn_lbfgs_opts){ .max_iter = 60, .max_eval = 400, .tolerance_grad = 1e-9,
                                                                    .tolerance_change = SYN_ZERO }) };
    ok(start(&a, o, .3));
    ok(start(&b, o, .3));
    ok(fit(&a, (syn_fit_opts){ .max_steps = 1 }));
    ok(fit(&b, (syn_fit_opts){ .max_steps = 1 }));
    int64_t n;
    double *v = param_values(a.state, param_name[0], &n), *w = param_values(b.state, param_name[0], &n);
    ck_assert(!memcmp(v, w, (size_t)n * sizeof *v));
    free(v);
    free(w);
    end(&b);
    /* The masks of step 0 once more: there the loss has fallen to almost nothing. */
    syn_snapshot s;
    ok(syn_plan_snapshot(a.plan, &s));
    s.ctl[SYN_CTL_STEP] = 0;
    ok(syn_plan_restore(a.plan, &s));
    const syn_array xs = f64(golden_find(&a.gold, "data", "x", NULL), SYN_SHAPE(ROWS, IN)), ys = i32(a.label, ROWS);
    double loss;
    ok(syn_gradient(a.plan, &xs, &ys, &loss));
    ck_assert_msg(loss < a.loss[0] / 20, "loss %g, from %g", loss, a.loss[0]);
    end(&a);
}
END_TEST

static void refuse(syn_plan_opts o, const char *text) {
    trial t;
    refused(start(&t, o, 0), SYN_E_ARGUMENT, text);
    end(&t);
}

START_TEST(what_it_refuses) {
    const syn_optim lbfgs = syn_lbfgs(NULL);
    const syn_rule half = { .match = "*", .lr_factor = .5 };
    refuse((syn_plan_opts){ .optim = lbfgs, .clip = { .norm = 1 } }, "clip: not with lbfgs");
    refuse((syn_plan_opts){ .optim = lbfgs, .decay = { .decoupled = 1 } }, "decay: decoupled: not with lbfgs");
    refuse((syn_plan_opts){ .optim = lbfgs, .ema = .9 }, "ema: not with lbfgs");
    refuse((syn_plan_opts){ .optim = lbfgs, .on_nonfinite = SYN_NONFINITE_SKIP }, "on_nonfinite: not with lbfgs");
    refuse((syn_plan_opts){ .optim = lbfgs, .rules = &half, .n_rules = 1 }, "lr_factor: not with lbfgs");
    trial t;
    ok(start(&t, (syn_plan_opts){ .optim = syn_gradient_descent(NULL), .batch = 8 }, 0));
    refused(fit(&t, (syn_fit_opts){ .epochs = 1 }), SYN_E_ARGUMENT,
            "gradient_descent takes the whole training set in every step: there are 40 rows, and a step has 8");
    const syn_array xs = f64(golden_find(&t.gold, "data", "x", NULL), SYN_SHAPE(8, IN)), ys = i32(t.label, 8);
    refused(syn_step(t.plan, &xs, &ys, NULL), SYN_E_ARGUMENT, "train with syn_fit");
    syn_range r;
    refused(syn_range_test(t.plan, t.data, NULL, &r), SYN_E_ARGUMENT, "gradient_descent finds its rate by itself");
    end(&t);
}
END_TEST

int main(void) {
    const TTest *const test[] = { every_search_is_golden, matches_torch, resumes_exactly, masks_stay_within_a_step, what_it_refuses };
    return run_suite("golden_search", test, SYN_COUNT(test));
}
