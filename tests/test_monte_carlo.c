/* Monte Carlo prediction: moments against the exact ones of a linear net, the same numbers on every call and in
 * every batch size, and training that does not notice. */
#include "suite.h"

#include "layer/layer.h"

#include <math.h>

/* Five deviations of a mean of n: once in a million tests by chance, and the draws are fixed. */
static void near(const char *what, double got, double want, double deviation, double n) {
    double allowed = 5 * deviation / sqrt(n) + 1e-6;
    ck_assert_msg(fabs(got - want) <= allowed, "%s is %.6f, should be %.6f within %.6f", what, got, want, allowed);
}

typedef struct model {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_data *data;
} model;

enum { MC_ROWS = 37, MC_IN = 6, MC_OUT = 4 };

static void model_open(model *m, double rate, bool classes, int batch) {
    static double x[MC_ROWS * MC_IN], y[MC_ROWS * MC_OUT];
    static int32_t label[MC_ROWS];
    fill_random(x, MC_ROWS * MC_IN, 7, -1, 1);
    fill_random(y, MC_ROWS * MC_OUT, 8, -1, 1);
    for (int i = 0; i < MC_ROWS; i++) label[i] = i % MC_OUT;
    ok(syn_net_create(&m->net, 12));
    syn_tensor t = syn_dropout(syn_input(m->net, SYN_SHAPE(MC_IN)), rate);
    t = syn_dense(t, &(syn_dense_opts){ .units = MC_OUT });
    syn_tensor loss = classes ? syn_softmax_xent(t) : syn_mse(t);
    ok(syn_state_create(&m->state, test_ctx(), m->net));
    ok(syn_plan_create(&m->plan, m->state, &(syn_plan_opts){ .loss = loss, .batch = batch }));
    const syn_array xs = f64(x, SYN_SHAPE(MC_ROWS, MC_IN));
    const syn_array ys = classes ? i32(label, MC_ROWS) : f64(y, SYN_SHAPE(MC_ROWS, MC_OUT));
    ok(syn_data_from_arrays(&m->data, &xs, &ys));
}

static void model_close(model *m) {
    syn_data_destroy(m->data);
    syn_plan_destroy(m->plan);
    syn_state_destroy(m->state);
    syn_net_destroy(m->net);
}

/* A linear net: the mean is the test pass, the variance p / (1 - p) sum (w x)^2. */
START_TEST(test_mc_moments) {
    enum { PASSES = 2000, N = MC_ROWS * MC_OUT };
    model m;
    double mean[N], deviation[N], plain_y[N], *w, error = 0;
    int64_t n;
    model_open(&m, .4, false, 16);
    ok(syn_predict_mc(m.plan, m.data, test_small() ? 3 : PASSES, mean, deviation, NULL, NULL));
    ok(syn_predict(m.plan, m.data, plain_y, N));
    w = param_values(m.state, "dense_1/kernel", &n);
    const double *x = syn_data_x(m.data);
    for (int r = 0; r < MC_ROWS; r++)
        for (int c = 0; c < MC_OUT; c++) {
            double variance = 0;
            for (int k = 0; k < MC_IN; k++)
                variance += pow(w[k * MC_OUT + c] * x[r * MC_IN + k], 2) * .4 / .6;
            int i = r * MC_OUT + c;
            if (test_small()) continue;
            near("mean of passes", mean[i], plain_y[i], sqrt(variance), PASSES);
            near("deviation of passes", deviation[i], sqrt(variance), sqrt(variance), PASSES);
            error = fmax(error, fabs(deviation[i] / sqrt(variance) - 1));
        }
    printf("Monte Carlo: deviations within %.1f %% of the exact ones\n", 100 * error);
    free(w);
    model_close(&m);
}
END_TEST

START_TEST(test_mc_repeats) {
    enum { N = MC_ROWS * MC_OUT };
    model a, b, none;
    double first[4][N], again[4][N], still[2][N];
    model_open(&a, .4, true, 16);
    model_open(&b, .4, true, 5);
    ok(syn_predict_mc(a.plan, a.data, 20, first[0], first[1], first[2], first[3]));
    ok(syn_predict_mc(a.plan, a.data, 20, again[0], again[1], again[2], again[3]));
    ck_assert(memcmp(first[0], again[0], sizeof first[0]) == 0 && memcmp(first[1], again[1], sizeof first[1]) == 0);
    ck_assert(memcmp(first[2], again[2], MC_ROWS * sizeof(double)) == 0);
    ck_assert(memcmp(first[3], again[3], MC_ROWS * sizeof(double)) == 0);
    ok(syn_predict_mc(b.plan, b.data, 20, again[0], again[1], again[2], again[3]));
    CLOSE(again[0], first[0], N, 1e-6, "means in other batches");
    CLOSE(again[1], first[1], N, 1e-6, "deviations in other batches");
    for (int r = 0; r < MC_ROWS; r++) {
        double h = 0, sum = 0;
        for (int c = 0; c < MC_OUT; c++) {
            h -= first[0][r * MC_OUT + c] * log(first[0][r * MC_OUT + c]);
            sum += first[0][r * MC_OUT + c];
        }
        ck_assert(fabs(sum - 1) < 1e-5 && fabs(h - first[2][r]) < 1e-9);
        ck_assert(first[3][r] > 0 && first[3][r] < first[2][r] && first[2][r] <= log(MC_OUT) + 1e-9);
    }
    model_open(&none, 0, true, 16);
    ok(syn_predict_mc(none.plan, none.data, 5, again[0], again[1], again[2], again[3]));
    ok(syn_predict(none.plan, none.data, still[0], N));
    for (int i = 0; i < N; i++) ck_assert(again[0][i] == still[0][i] && again[1][i] == 0);
    for (int r = 0; r < MC_ROWS; r++) ck_assert(again[3][r] < 1e-7);
    model_close(&a);
    model_close(&b);
    model_close(&none);
}
END_TEST

/* Training goes on as if nothing was predicted in between. */
START_TEST(test_mc_leaves_training_alone) {
    double mean[MC_ROWS * MC_OUT], *w[2];
    int64_t n;
    for (int k = 0; k < 2; k++) {
        model m;
        model_open(&m, .4, true, 16);
        ok(syn_fit(m.plan, m.data, NULL));
        if (k) ok(syn_predict_mc(m.plan, m.data, 3, mean, NULL, NULL, NULL));
        ok(syn_fit(m.plan, m.data, NULL));
        w[k] = param_values(m.state, "dense_1/kernel", &n);
        model_close(&m);
    }
    ck_assert(memcmp(w[0], w[1], (size_t)n * sizeof **w) == 0);
    free(w[0]);
    free(w[1]);
}
END_TEST

START_TEST(test_mc_refuses) {
    model m;
    double y[MC_ROWS * MC_OUT];
    model_open(&m, .4, false, 16);
    refused(syn_predict_mc(m.plan, m.data, 0, y, NULL, NULL, NULL), SYN_E_ARGUMENT, "passes");
    refused(syn_predict_mc(m.plan, m.data, 2, NULL, NULL, NULL, NULL), SYN_E_ARGUMENT, "mean");
    refused(syn_predict_mc(m.plan, m.data, 2, y, NULL, y, NULL), SYN_E_ARGUMENT, "probabilities");
    model_close(&m);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_mc_moments, test_mc_repeats, test_mc_leaves_training_alone,
                                  test_mc_refuses };
    return run_suite("monte_carlo", test, SYN_COUNT(test));
}
