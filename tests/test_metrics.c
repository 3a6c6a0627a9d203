/* What syn_evaluate counts beside the loss, against Keras, over sets that end in a smaller batch. The nets are
 * losses over the input itself, so the logits are the data's. */
#include "golden.h"
#include "suite.h"

#include <math.h>

static double worst[2];
static const double limits[] = { [SYN_FLOAT] = 1e-5, [SYN_DOUBLE] = 1e-12 };

typedef struct model {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_data *data;
} model;

static void model_open(model *m, const char *loss, const void *opts, syn_array x, syn_array y, syn_dtype dtype) {
    ok(syn_net_create(&m->net, 1));
    syn_tensor in = syn_input(m->net, SYN_SHAPE(x.shape.dim[1]));
    syn_tensor l = syn_layer(m->net, loss, &in, 1, opts);
    ok(syn_net_status(m->net));
    ok(syn_state_create(&m->state, test_ctx(), m->net));
    ok(syn_plan_create(&m->plan, m->state, &(syn_plan_opts){ .loss = l, .batch = 32, .dtype = dtype }));
    ok(syn_data_from_arrays(&m->data, &x, &y));
}

static void model_close(model *m) {
    syn_data_destroy(m->data);
    syn_plan_destroy(m->plan);
    syn_state_destroy(m->state);
    syn_net_destroy(m->net);
}

static void near(double got, double want, syn_dtype dtype, const char *what) {
    double error = fabs(got - want) / fmax(1, fabs(want));
    if (error > worst[dtype]) worst[dtype] = error;
    ck_assert_msg(error <= limits[dtype], "%s is %.12g, should be %.12g", what, got, want);
}

static double mean(const double *v, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += v[i];
    return sum / n;
}

static void classes(const golden *gold, const json_t *c, syn_dtype dtype, bool distributions) {
    syn_shape shape;
    model m;
    syn_metrics got;
    const double *x = golden_get(gold, c, "x", &shape), *target = golden_get(gold, c, "target", NULL);
    const double *precision = golden_get(gold, c, "precision", NULL), *recall = golden_get(gold, c, "recall", NULL);
    const double *f1 = golden_get(gold, c, "f1", NULL), *scores = golden_get(gold, c, "scores", NULL);
    const double *matrix = golden_get(gold, c, "confusion", NULL);
    int rows = (int)shape.dim[0], n = (int)shape.dim[1];
    int32_t *label = malloc((size_t)rows * sizeof *label);
    double *one_hot = calloc((size_t)(rows * n), sizeof *one_hot);
    int64_t *confusion = malloc((size_t)(n * n) * sizeof *confusion);
    for (int r = 0; r < rows; r++) one_hot[r * n + (label[r] = (int32_t)target[r])] = 1;
    if (distributions) model_open(&m, "categorical_cross_entropy", NULL, f64(x, shape), f64(one_hot, shape), dtype);
    else model_open(&m, "softmax_cross_entropy", NULL, f64(x, shape), i32(label, rows), dtype);
    ck_assert_int_eq(syn_plan_classes(m.plan), n);
    const syn_evaluate_opts o = { .top_k = (int)json_integer_value(json_object_get(c, "k")), .confusion = confusion,
                                  .n = n * n };
    ok(syn_evaluate_with(m.plan, m.data, &o, &got));
    for (int i = 0; i < n * n; i++) ck_assert_int_eq(confusion[i], (int64_t)matrix[i]);
    for (int k = 0; k < n; k++) {
        syn_class_score s;
        syn_class_score_of(confusion, n, k, &s);
        near(s.precision, precision[k], SYN_DOUBLE, "precision of a class");
        near(s.recall, recall[k], SYN_DOUBLE, "recall of a class");
        ck_assert(fabs(s.f1 - f1[k]) < 1e-6); /* Keras divides by the sum and 1e-7 */
    }
    ck_assert_int_eq(got.classes, n);
    near(got.accuracy, scores[0], SYN_DOUBLE, "accuracy");
    near(got.top_k, scores[1], SYN_DOUBLE, "top k");
    near(got.precision, mean(precision, n), SYN_DOUBLE, "precision");
    near(got.recall, mean(recall, n), SYN_DOUBLE, "recall");
    ck_assert(fabs(got.f1 - mean(f1, n)) < 1e-6);
    ck_assert(isnan(got.rmse) && isnan(got.r2));
    syn_metrics again;
    ok(syn_evaluate(m.plan, m.data, &again));
    ck_assert(again.accuracy == got.accuracy && again.loss == got.loss && again.f1 == got.f1);
    model_close(&m);
    free(label);
    free(one_hot);
    free(confusion);
}

static void values(const golden *gold, const json_t *c, syn_dtype dtype) {
    syn_shape shape;
    model m;
    syn_metrics got;
    const double *x = golden_get(gold, c, "x", &shape), *target = golden_get(gold, c, "target", NULL);
    const double *scores = golden_get(gold, c, "scores", NULL);
    model_open(&m, "mse", NULL, f64(x, shape), f64(target, shape), dtype);
    ok(syn_evaluate(m.plan, m.data, &got));
    /* float holds targets around 1000 to 3e-5: what they are apart from their mean is known no better */
    double noise = fabs(target[0]) > 100 && dtype == SYN_FLOAT ? 50 : 1;
    ck_assert(fabs(got.rmse - scores[0]) <= noise * limits[dtype] && fabs(got.r2 - scores[1]) <= noise * limits[dtype]);
    near(got.rmse * got.rmse, got.loss, dtype, "mse");
    ck_assert(isnan(got.accuracy) && isnan(got.f1) && got.classes == 0);
    refused(syn_evaluate_with(m.plan, m.data, &(syn_evaluate_opts){ .confusion = (int64_t[]){ 0 }, .n = 1 }, &got),
            SYN_E_SHAPE, "0 x 0 values");
    model_close(&m);
}

START_TEST(test_golden) {
    golden gold = golden_open("metrics");
    for (int i = 0; i < golden_cases(&gold); i++) {
        const json_t *c = golden_case(&gold, i);
        for (int d = 0; d < 2; d++) {
            if (strcmp(golden_text(c, "kind"), "values") == 0) values(&gold, c, (syn_dtype)d);
            else classes(&gold, c, (syn_dtype)d, i == 1);
        }
    }
    printf("metrics: worst error %.1e in float, %.1e in double\n", worst[SYN_FLOAT], worst[SYN_DOUBLE]);
    golden_close(&gold);
}
END_TEST

/* Two classes by the sign of one output, targets as bits and as signs. */
START_TEST(test_binary) {
    static const double x[] = { 3, -1, .5, -2, 1, -.1, 0, 4 }, bits[] = { 1, 0, 0, 0, 1, 1, 0, 1 };
    double signs[8];
    for (int i = 0; i < 8; i++) signs[i] = 2 * bits[i] - 1;
    for (int k = 0; k < 2; k++) {
        model m;
        syn_metrics got;
        int64_t confusion[4];
        model_open(&m, k ? "hinge" : "binary_cross_entropy", NULL, f64(x, SYN_SHAPE(8, 1)),
                   f64(k ? signs : bits, SYN_SHAPE(8, 1)), SYN_FLOAT);
        ok(syn_evaluate_with(m.plan, m.data, &(syn_evaluate_opts){ .confusion = confusion, .n = 4 }, &got));
        ck_assert(confusion[0] == 3 && confusion[1] == 1 && confusion[2] == 1 && confusion[3] == 3);
        ck_assert(got.accuracy == .75 && got.precision == .75 && got.recall == .75 && got.f1 == .75);
        ck_assert(isnan(got.top_k) && got.classes == 2);
        model_close(&m);
    }
}
END_TEST

/* Rows of an ignored label count nowhere, also where the label is no class; others must be classes. */
START_TEST(test_ignored) {
    static const double x[] = { 2, 1, 0, 0, 5, 1, 1, 0, 3, 9, 0, 0 };
    static const int32_t kept[] = { 0, 1, 0 }, with[] = { 0, 1, 255, 0 }, wrong[] = { 0, 1, 254, 0 };
    static const double y[] = { 2, 1, 0, 0, 5, 1, 9, 0, 0 };
    const syn_softmax_cross_entropy_opts o = { .ignore_index = 255 };
    model all, some;
    syn_metrics a, b;
    model_open(&all, "softmax_cross_entropy", &o, f64(x, SYN_SHAPE(4, 3)), i32(with, 4), SYN_DOUBLE);
    model_open(&some, "softmax_cross_entropy", NULL, f64(y, SYN_SHAPE(3, 3)), i32(kept, 3), SYN_DOUBLE);
    ok(syn_evaluate(all.plan, all.data, &a));
    ok(syn_evaluate(some.plan, some.data, &b));
    near(a.loss, b.loss, SYN_DOUBLE, "loss");
    ck_assert(a.accuracy == b.accuracy && a.f1 == b.f1 && a.recall == b.recall);
    double loss;
    const syn_array xs = f64(x, SYN_SHAPE(4, 3)), ys = i32(with, 4), zs = i32(wrong, 4);
    ok(syn_loss(all.plan, &xs, &ys, &loss));
    near(loss, b.loss, SYN_DOUBLE, "loss of a batch");
    refused(syn_loss(all.plan, &xs, &zs, &loss), SYN_E_ARGUMENT, "label 254");
    model_close(&some);
    syn_data_destroy(all.data);
    ok(syn_data_from_arrays(&all.data, &xs, &zs));
    refused(syn_evaluate(all.plan, all.data, &a), SYN_E_ARGUMENT, "label 254");
    model_close(&all);
}
END_TEST

static bool keep_report(const syn_report *r, void *user) {
    *(syn_report *)user = *r;
    return true;
}

/* Nor in the accuracies of training: of five rows, two right and one wrong count. */
START_TEST(test_ignored_in_training) {
    static const double x[] = { 2, 1, 0, 0, 5, 1, 1, 0, 3, 9, 0, 0, 0, 7, 0 };
    static const int32_t label[] = { 0, 1, 2, 2, 1 };
    const syn_array xs = f64(x, SYN_SHAPE(5, 3)), ys = i32(label, 5);
    for (int losses = 1; losses <= 2; losses++) {
        syn_net *net;
        syn_state *state;
        syn_plan *plan;
        syn_data *data;
        ok(syn_net_create(&net, 1));
        syn_tensor y = syn_dense(syn_input(net, SYN_SHAPE(3)), &(syn_dense_opts){ .units = 3,
                                                                                  .init = syn_init_identity(NULL) });
        syn_tensor loss[2];
        for (int k = 0; k < losses; k++)
            loss[k] = syn_layer(net, "softmax_cross_entropy", &y, 1, &(syn_softmax_cross_entropy_opts){ .ignore_index = 1 });
        ok(syn_state_create(&state, test_ctx(), net));
        ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = losses > 1 ? syn_loss_sum(loss, NULL, losses) : loss[0],
                                                           .optim = syn_sgd(&(syn_sgd_opts){ .lr = 1e-9 }), .batch = 3 }));
        const syn_data_field in = { .array = xs }, target[2] = { { .array = ys }, { .array = ys } };
        ok(syn_data_from_fields(&data, &in, 1, target, losses, NULL));
        syn_report r;
        syn_metrics m, each[2];
        ok(syn_fit(plan, data, &(syn_fit_opts){ .val = data, .on_epoch = keep_report, .user = &r }));
        ok(syn_evaluate_losses(plan, data, NULL, &m, each));
        ck_assert_msg(r.accuracy == 2. / 3 && r.val_accuracy == 2. / 3 && m.accuracy == 2. / 3, "%g in training, %g, %g",
                      r.accuracy, r.val_accuracy, m.accuracy);
        for (int k = 0; k < losses; k++) { /* what the first of two losses reads is there when it is counted */
            ck_assert(r.each[k].accuracy == 2. / 3 && r.each[k].val_accuracy == 2. / 3);
            ck_assert(each[k].accuracy == 2. / 3 && each[k].top_k == 1 && each[k].recall == .75);
        }
        syn_data_destroy(data);
        syn_plan_destroy(plan);
        syn_state_destroy(state);
        syn_net_destroy(net);
    }
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_golden, test_binary, test_ignored, test_ignored_in_training };
    return run_suite("metrics", test, SYN_COUNT(test));
}
