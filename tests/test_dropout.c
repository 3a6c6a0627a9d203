/* Every kind of dropout: a million draws against what the rate says, masks bit for bit those of the host's
 * Philox, and fifty layers of selu. */
#include "suite.h"

#include "base/rng.h"
#include "layer/layer.h"
#include "plan/plan.h"

#include <math.h>

enum { SEED = 77, ROWS = 1000, COLS = 1000 };

/* ---- one random layer over an input ---- */

typedef struct one {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    int64_t n;
    double *y;
} one;

static void one_open(one *o, const char *kind, const void *opts, syn_shape shape, const double *x, int rows,
                     syn_dtype dtype) {
    *o = (one){ .n = syn_shape_count(&shape) * rows };
    ok(syn_net_create(&o->net, SEED));
    syn_tensor in = syn_input(o->net, shape);
    syn_tensor y = syn_named(syn_layer(o->net, kind, &in, 1, opts), "tested");
    syn_tensor loss = syn_mse(y);
    ok(syn_net_status(o->net));
    ok(syn_state_create(&o->state, test_ctx(), o->net));
    ok(syn_plan_create(&o->plan, o->state, &(syn_plan_opts){ .loss = loss, .output = y, .batch = rows,
                                                             .dtype = dtype, .keep = true }));
    syn_shape whole = { .rank = shape.rank + 1, .dim = { rows } };
    memcpy(whole.dim + 1, shape.dim, sizeof *shape.dim * (size_t)shape.rank);
    o->y = malloc((size_t)o->n * sizeof *o->y);
    ck_assert_ptr_nonnull(o->y);
    const syn_array xs = f64(x, whole);
    ok(syn_gradient(o->plan, &xs, &xs, NULL));
    ok(syn_activation_read(o->plan, "tested", o->y, o->n));
}

static void one_close(one *o) {
    free(o->y);
    syn_plan_destroy(o->plan);
    syn_state_destroy(o->state);
    syn_net_destroy(o->net);
}

static double *filled(int64_t n, double value) {
    double *x = malloc((size_t)n * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0; i < n; i++) x[i] = value;
    return x;
}

/* ---- distributions ---- */

typedef struct moments {
    double mean, variance;
} moments;

static moments moments_of(const double *y, int64_t n) {
    moments m = { 0, 0 };
    for (int64_t i = 0; i < n; i++) m.mean += y[i] / (double)n;
    for (int64_t i = 0; i < n; i++) m.variance += (y[i] - m.mean) * (y[i] - m.mean) / (double)n;
    return m;
}

static double share_of(const double *y, int64_t n, double lo, double hi) {
    int64_t in = 0;
    for (int64_t i = 0; i < n; i++) in += y[i] >= lo && y[i] < hi;
    return (double)in / (double)n;
}

/* Five deviations of a mean of n: once in a million tests by chance, and the draws are fixed. */
static void near(const char *what, double got, double want, double deviation, double n) {
    double allowed = 5 * deviation / sqrt(n) + 1e-6;
    ck_assert_msg(fabs(got - want) <= allowed, "%s is %.6f, should be %.6f within %.6f", what, got, want, allowed);
}

static const double rates[] = { .1, .5, .9 };

static void check_kept(const one *o, double p, double kept) {
    double n = (double)o->n, share = 1 - share_of(o->y, o->n, -1e-9, 1e-9);
    near("kept share", share, 1 - p, sqrt(p * (1 - p)), n);
    moments m = moments_of(o->y, o->n);
    near("mean", m.mean, (1 - p) * kept, kept * sqrt(p * (1 - p)), n);
    /* of a two-valued variable: the variance's own deviation is that of its share */
    near("variance", m.variance, p * (1 - p) * kept * kept, kept * kept * sqrt(p * (1 - p)), n);
    for (int64_t i = 0; i < o->n; i++)
        ck_assert_msg(o->y[i] == 0 || fabs(o->y[i] - kept) <= 1e-6 * kept, "an element is %g", o->y[i]);
}

START_TEST(test_plain) {
    double *x = filled(ROWS * COLS, 1);
    for (size_t i = 0; i < SYN_COUNT(rates); i++) {
        one o;
        one_open(&o, "dropout", &(syn_dropout_opts){ .rate = rates[i] }, SYN_SHAPE(COLS), x, ROWS, SYN_FLOAT);
        check_kept(&o, rates[i], 1 / (1 - rates[i]));
        one_close(&o);
        one_open(&o, "dropout", &(syn_dropout_opts){ .rate = rates[i], .scale = 2 }, SYN_SHAPE(COLS), x, ROWS,
                 SYN_FLOAT);
        check_kept(&o, rates[i], 1);
        ok(syn_infer(o.plan, &(syn_array){ x, SYN_F64, SYN_SHAPE(ROWS, COLS) }, o.y, o.n));
        for (int64_t k = 0; k < o.n; k++) ck_assert(fabs(o.y[k] - (1 - rates[i])) < 1e-6);
        one_close(&o);
    }
    free(x);
}
END_TEST

START_TEST(test_spatial) {
    enum { PLACES = 3 };
    double *x = filled(PLACES * ROWS * COLS, 1);
    one o;
    one_open(&o, "spatial_dropout", &(syn_spatial_dropout_opts){ .rate = .3 }, SYN_SHAPE(PLACES, COLS), x, ROWS,
             SYN_FLOAT);
    for (int r = 0; r < ROWS; r++)
        for (int k = 1; k < PLACES; k++)
            ck_assert(memcmp(o.y + r * PLACES * COLS, o.y + (r * PLACES + k) * COLS, COLS * sizeof *o.y) == 0);
    for (int r = 0; r < ROWS; r++) memmove(o.y + r * COLS, o.y + r * PLACES * COLS, COLS * sizeof *o.y);
    o.n /= PLACES;
    check_kept(&o, .3, 1 / .7);
    one_close(&o);
    free(x);
}
END_TEST

START_TEST(test_alpha) {
    syn_rng r;
    syn_rng_start(&r, 5, SYN_RNG_TEST, 0);
    double *x = filled(ROWS * COLS, 0);
    for (int64_t i = 0; i < ROWS * COLS; i++) x[i] = syn_rng_normal(&r);
    for (size_t i = 0; i < SYN_COUNT(rates); i++) {
        const double p = rates[i], limit = -1.7580993408473766;
        const double a = 1 / sqrt((1 - p) * (1 + p * limit * limit)), dropped = a * limit - a * limit * p;
        one o;
        one_open(&o, "alpha_dropout", &(syn_alpha_dropout_opts){ .rate = p }, SYN_SHAPE(COLS), x, ROWS, SYN_FLOAT);
        moments m = moments_of(o.y, o.n);
        double n = (double)o.n;
        near("dropped share", share_of(o.y, o.n, dropped - 1e-6, dropped + 1e-6), p, sqrt(p * (1 - p)), n);
        near("mean", m.mean, 0, 1, n);
        near("variance", m.variance, 1, 3, n);
        one_close(&o);
    }
    free(x);
}
END_TEST

START_TEST(test_gaussian) {
    double *x = filled(ROWS * COLS, 1);
    for (size_t i = 0; i < SYN_COUNT(rates); i++) {
        const double s = sqrt(rates[i] / (1 - rates[i]));
        one o;
        one_open(&o, "gaussian_dropout", &(syn_gaussian_dropout_opts){ .rate = rates[i] }, SYN_SHAPE(COLS), x, ROWS,
                 SYN_FLOAT);
        for (int64_t k = 0; k < o.n; k++) o.y[k] = (o.y[k] - 1) / s;
        moments m = moments_of(o.y, o.n);
        double n = (double)o.n, skew = 0, kurtosis = 0;
        for (int64_t k = 0; k < o.n; k++) {
            skew += pow(o.y[k], 3) / n;
            kurtosis += pow(o.y[k], 4) / n;
        }
        near("mean", m.mean, 0, 1, n);
        near("variance", m.variance, 1, sqrt(2), n);
        near("third moment", skew, 0, sqrt(15), n);
        near("fourth moment", kurtosis, 3, sqrt(96), n);
        near("share within one deviation", share_of(o.y, o.n, -1, 1), .682689492137086, .47, n);
        near("share beyond three", 1 - share_of(o.y, o.n, -3, 3), .002699796063, .052, n);
        one_close(&o);
    }
    free(x);
}
END_TEST

START_TEST(test_rrelu) {
    double *x = filled(ROWS * COLS, -1);
    one o;
    one_open(&o, "rrelu", NULL, SYN_SHAPE(COLS), x, ROWS, SYN_FLOAT);
    for (int64_t k = 0; k < o.n; k++) o.y[k] = -o.y[k];
    moments m = moments_of(o.y, o.n);
    double width = 1. / 3 - 1. / 8;
    near("mean slope", m.mean, 11. / 48, width / sqrt(12), ROWS * COLS);
    near("variance of slopes", m.variance, width * width / 12, width * width / sqrt(180), ROWS * COLS);
    ck_assert(share_of(o.y, o.n, .125, 1. / 3 + 1e-7) == 1);
    near("lower half", share_of(o.y, o.n, 0, 11. / 48), .5, .5, ROWS * COLS);
    ok(syn_infer(o.plan, &(syn_array){ x, SYN_F64, SYN_SHAPE(ROWS, COLS) }, o.y, o.n));
    for (int64_t k = 0; k < o.n; k++) ck_assert(fabs(o.y[k] + 11. / 48) < 1e-7);
    one_close(&o);
    free(x);
}
END_TEST

/* ---- masks as the host draws them, so on every profile the same ---- */

static uint32_t word_of(int64_t row, int64_t col) {
    uint32_t word[4];
    const uint32_t key[2] = { SEED, 0 }, counter[4] = { (uint32_t)(col / 4), (uint32_t)row, 0, 1 };
    syn_philox(counter, key, word);
    return word[col % 4];
}

static double unit_of(uint32_t word) { return (double)(word >> 8) * 0x1p-24; }

static double plain(double x, int64_t r, int64_t c) { return word_of(r, c) >= 1288490188u ? x / .7 : 0; }
static double spatial(double x, int64_t r, int64_t c) { return plain(x, r / 3, c); }
static double alpha(double x, int64_t r, int64_t c) {
    const double limit = -1.7580993408473766, a = 1 / sqrt(.7 * (1 + .3 * limit * limit));
    return a * (word_of(r, c) >= 1288490188u ? x : limit) - a * limit * .3;
}
static double gaussian(double x, int64_t r, int64_t c) {
    double u = unit_of(word_of(r, 2 * c)), v = unit_of(word_of(r, 2 * c + 1));
    return x * (1 + sqrt(.3 / .7) * sqrt(-2 * log(u + 0x1p-24)) * cos(6.283185307179586477 * v));
}
static double leaky(double x, int64_t r, int64_t c) {
    return x > 0 ? x : x * (.125 + (1. / 3 - .125) * unit_of(word_of(r, c)));
}

static const struct {
    const char *kind;
    double (*want)(double x, int64_t row, int64_t col);
    bool rate;
} kinds[] = { { "dropout", plain, true },   { "spatial_dropout", spatial, true },
              { "alpha_dropout", alpha, true }, { "gaussian_dropout", gaussian, true },
              { "rrelu", leaky, false } };

START_TEST(test_masks_of_the_host) {
    static const int cols[] = { 1, 2, 3, 7, 8, 9, 16, 33, 61 };
    double worst[2] = { 0, 0 };
    for (int dtype = 0; dtype < 2; dtype++)
        for (size_t k = 0; k < SYN_COUNT(kinds); k++)
            for (size_t s = 0; s < SYN_COUNT(cols); s++) {
                if ((test_small() || (k + s) % 4) && s + 1 < SYN_COUNT(cols)) continue;
                enum { BATCH = 5, PLACES = 3 };
                int64_t n = BATCH * PLACES * cols[s];
                double *x = new_random(n, 3, -1, 1);
                /* every kind of dropout begins like this */
                const syn_spatial_dropout_opts opts = { .rate = .3 };
                union {
                    char bytes[256];
                    syn_dropout_opts dropout;
                    syn_spatial_dropout_opts spatial;
                } u = { .bytes = { 0 } };
                if (kinds[k].rate) u.spatial = opts;
                one o;
                one_open(&o, kinds[k].kind, &u, SYN_SHAPE(PLACES, cols[s]), x, BATCH, (syn_dtype)dtype);
                for (int64_t i = 0; i < n; i++) {
                    double want = kinds[k].want(x[i], i / cols[s], i % cols[s]), off = fabs(o.y[i] - want);
                    if (off > worst[dtype]) worst[dtype] = off;
                    ck_assert_msg(off <= (dtype == SYN_DOUBLE ? 1e-14 : 2e-6), "%s of %d, element %d: %.9g, host %.9g",
                                  kinds[k].kind, cols[s], (int)i, o.y[i], want);
                }
                one_close(&o);
                free(x);
            }
    printf("masks: largest difference from the host %.1e in float, %.1e in double\n", worst[0], worst[1]);
}
END_TEST

/* ---- fifty layers of selu (Klambauer et al. 2017) ---- */

/* Whether every layer keeps its mean within .1 of 0 and its variance in [.8, 1.25]. */
static bool keeps_moments(syn_init init, bool say) {
    enum { DEPTH = 50, WIDTH = 256, BATCH = 512 };
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_rng r;
    double *x = filled(BATCH * WIDTH, 0), low = 1, high = 1, off = 0;
    syn_rng_start(&r, 9, SYN_RNG_TEST, 0);
    for (int i = 0; i < BATCH * WIDTH; i++) x[i] = syn_rng_normal(&r);
    ok(syn_net_create(&net, 3));
    syn_tensor t = syn_input(net, SYN_SHAPE(WIDTH));
    for (int k = 0; k < DEPTH; k++)
        t = syn_alpha_dropout(syn_selu(syn_dense(t, &(syn_dense_opts){ .units = WIDTH, .init = init })), .1);
    syn_tensor loss = syn_mse(t);
    ok(syn_state_create(&state, test_ctx(), net));
    ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .batch = BATCH, .keep = true }));
    const syn_array xs = f64(x, SYN_SHAPE(BATCH, WIDTH));
    ok(syn_gradient(plan, &xs, &xs, NULL));
    for (int k = 1; k <= DEPTH; k++) {
        char name[64];
        snprintf(name, sizeof name, "alpha_dropout_%d", k);
        ok(syn_activation_read(plan, name, x, BATCH * WIDTH));
        moments m = moments_of(x, BATCH * WIDTH);
        low = fmin(low, m.variance);
        high = fmax(high, isfinite(m.variance) ? m.variance : INFINITY);
        off = fmax(off, isfinite(m.mean) ? fabs(m.mean) : INFINITY);
    }
    if (say) printf("selu, 50 layers: means within %.3f, variances %.3f to %.3f\n", off, low, high);
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    free(x);
    return off <= .1 && low >= .8 && high <= 1.25;
}

START_TEST(test_self_normalising) {
    if (test_small()) return;
    ck_assert(keeps_moments(syn_init_lecun_normal(NULL), true));
    ck_assert(!keeps_moments(syn_init_he_normal(NULL), true));
}
END_TEST

START_TEST(test_refuses) {
    syn_net *net;
    ok(syn_net_create(&net, 1));
    syn_spatial_dropout(syn_input(net, SYN_SHAPE(3)), .5);
    refused(syn_net_status(net), SYN_E_SHAPE, "places and channels");
    syn_net_destroy(net);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_plain, test_spatial, test_alpha, test_gaussian, test_rrelu,
                                  test_masks_of_the_host, test_self_normalising, test_refuses };
    return run_suite("dropout", test, SYN_COUNT(test));
}
