/* Initialisers: moments, limits and truncation of every row, fans, presets, seeds and streams. */
#include "layer/init.h"
#include "optim/schedule.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1000, COLS = 1000, DRAWS = ROWS * COLS };
static double out[DRAWS];

static void draw(const syn_init *init, syn_preset preset, uint64_t seed, uint32_t stream,
                 double fan_in, double fan_out, int64_t rows, int64_t cols, double *to) {
    syn_status s = syn_init_draw(init, preset, seed, stream, fan_in, fan_out, rows, cols, to);
    ck_assert_msg(s == SYN_OK, "%s", syn_error_text());
}

/* What a row must look like: density exp(-((x - mean) / dev)^2 / 2) on [lo, hi]; dev INFINITY:
 * uniform. */
typedef struct shape {
    double mean, dev, lo, hi;
} shape;

/* Moments of that density by Simpson's rule: mean, then central ones of order 2 to 4. */
static void moments(const shape *s, double m[4]) {
    enum { STEPS = 40000 };
    double lo = fmax(s->lo, s->mean - 12 * s->dev), hi = fmin(s->hi, s->mean + 12 * s->dev);
    double sum[5] = { 0 };
    for (int pass = 0; pass < 2; ++pass) {
        memset(sum, 0, sizeof sum);
        for (int i = 0; i <= STEPS; ++i) {
            double x = lo + (hi - lo) * i / STEPS, z = (x - s->mean) / s->dev;
            double w = exp(-z * z / 2) * (i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2);
            double power = pass ? x - m[0] : x;
            sum[0] += w;
            for (int k = 1; k < 5; ++k, power *= pass ? x - m[0] : x) sum[k] += w * power;
        }
        if (!pass) m[0] = sum[1] / sum[0];
    }
    for (int k = 2; k < 5; ++k) m[k - 1] = sum[k] / sum[0];
}

static void check_shape(const char *name, const shape *s, double (*values)[DRAWS]) {
    double want[4] = { 0 }, got[5] = { 0 }, low = INFINITY, high = -INFINITY, n = DRAWS;
    moments(s, want);
    for (int i = 0; i < DRAWS; ++i) {
        double x = (*values)[i], d = x - want[0], power = d;
        low = fmin(low, x);
        high = fmax(high, x);
        for (int k = 1; k < 5; ++k, power *= d) got[k] += power;
    }
    double dev = sqrt(want[1]), kurtosis = want[3] / (want[1] * want[1]);
    ck_assert_msg(fabs(got[1] / n) < 5 * dev / sqrt(n), "%s: mean off by %g", name, got[1] / n);
    ck_assert_msg(fabs(got[2] / n / want[1] - 1) < 5 * sqrt((kurtosis - 1) / n),
                  "%s: variance %g, not %g", name, got[2] / n, want[1]);
    ck_assert_msg(fabs(got[3] / n - want[2]) < 5 * sqrt(15 / n) * dev * dev * dev,
                  "%s: third moment %g, not %g", name, got[3] / n, want[2]);
    ck_assert_msg(fabs(got[4] / n / want[3] - 1) < 5 * sqrt(12 / n), "%s: fourth moment %g, not %g",
                  name, got[4] / n, want[3]);
    /* Ends are not passed, and reached where they are likely; an uncut normal goes far out. */
    ck_assert_msg(low >= s->lo && high <= s->hi, "%s: from %.17g to %.17g", name, low, high);
    double least = fmax(s->lo + 1e-3 * dev, s->mean - 4 * s->dev);
    double most = fmin(s->hi - 1e-3 * dev, s->mean + 4 * s->dev);
    ck_assert_msg(low < least && high > most, "%s: from %.17g to %.17g", name, low, high);
}

#define FAN_IN 37.0
#define FAN_OUT 85.0
#define NORMAL(mean, dev) { mean, dev, -INFINITY, INFINITY }
#define CUT(mean, dev) { mean, dev, (mean) - 2 * (dev), (mean) + 2 * (dev) }
#define UNIFORM(lo, hi) { 0, INFINITY, lo, hi }
static const double scaled = .87962566103423978;

/* Every row that is random element by element, with both presets, and options of its own. */
START_TEST(moments_of_every_row) {
    double avg = (FAN_IN + FAN_OUT) / 2;
    double gn = sqrt(1 / avg), gu = sqrt(3 / avg), hn = sqrt(2 / FAN_IN), hu = sqrt(6 / FAN_IN);
    double ln = sqrt(1 / FAN_IN), lu = sqrt(3 / FAN_IN), tl = 1 / sqrt(FAN_IN);
    syn_init own_normal = syn_init_normal(&(syn_init_normal_opts){ .mean = 3, .stddev = .5 });
    syn_init own_uniform = syn_init_uniform(&(syn_init_uniform_opts){ .low = 2, .high = 5 });
    syn_init from_zero = syn_init_uniform(&(syn_init_uniform_opts){ .low = SYN_ZERO, .high = 5 });
    syn_init whole = syn_init_he_normal(&(syn_init_he_normal_opts){ .truncated = SYN_NO });
    syn_init cut = syn_init_glorot_normal(&(syn_init_glorot_normal_opts){ .truncated = SYN_YES });
    syn_init own_cut = syn_init_truncated_normal(
        &(syn_init_truncated_normal_opts){ .mean = -1, .stddev = 3 });
    syn_init narrow = syn_init_truncated_normal(&(syn_init_truncated_normal_opts){
        .mean = 1.5, .stddev = .7, .cut = SYN_CUT_ABSOLUTE });
    syn_init wide = syn_init_truncated_normal(&(syn_init_truncated_normal_opts){
        .mean = .5, .stddev = 2.5, .cut = SYN_CUT_ABSOLUTE });
    syn_init wide_outside = syn_init_truncated_normal(&(syn_init_truncated_normal_opts){
        .mean = -4, .stddev = 2.5, .cut = SYN_CUT_ABSOLUTE });
    const struct {
        const char *name;
        const syn_init *own; /* NULL: the row's defaults */
        shape keras, torch;
    } cases[] = {
        { "glorot_normal", NULL, CUT(0, gn / scaled), NORMAL(0, gn) },
        { "glorot_uniform", NULL, UNIFORM(-gu, gu), UNIFORM(-gu, gu) },
        { "he_normal", NULL, CUT(0, hn / scaled), NORMAL(0, hn) },
        { "he_uniform", NULL, UNIFORM(-hu, hu), UNIFORM(-hu, hu) },
        { "lecun_normal", NULL, CUT(0, ln / scaled), NORMAL(0, ln) },
        { "lecun_uniform", NULL, UNIFORM(-lu, lu), UNIFORM(-lu, lu) },
        { "normal", NULL, NORMAL(0, .05), NORMAL(0, 1) },
        { "truncated_normal", NULL, CUT(0, .05), CUT(0, 1) },
        { "uniform", NULL, UNIFORM(-.05, .05), UNIFORM(0, 1) },
        { "torch_linear", NULL, UNIFORM(-tl, tl), UNIFORM(-tl, tl) },
        { "normal", &own_normal, NORMAL(3, .5), NORMAL(3, .5) },
        { "uniform", &own_uniform, UNIFORM(2, 5), UNIFORM(2, 5) },
        { "uniform", &from_zero, UNIFORM(0, 5), UNIFORM(0, 5) },
        { "he_normal", &whole, NORMAL(0, hn), NORMAL(0, hn) },
        { "glorot_normal", &cut, CUT(0, gn / scaled), CUT(0, gn / scaled) },
        { "truncated_normal", &own_cut, CUT(-1, 3), { -1, 3, -2, 2 } },
        { "truncated_normal", &narrow, { 1.5, .7, -2, 2 }, { 1.5, .7, -2, 2 } },
        { "truncated_normal", &wide, { .5, 2.5, -2, 2 }, { .5, 2.5, -2, 2 } },
        { "truncated_normal", &wide_outside, { -4, 2.5, -2, 2 }, { -4, 2.5, -2, 2 } },
    };
    for (size_t i = 0; i < SYN_COUNT(cases); ++i) {
        syn_init spec = { .def = syn_table_find(syn_inits(), cases[i].name) };
        ck_assert_ptr_nonnull(spec.def);
        if (cases[i].own) ck_assert_ptr_eq(cases[i].own->def, spec.def);
        if (cases[i].own) spec = *cases[i].own;
        for (int p = SYN_KERAS; p <= SYN_TORCH; ++p) {
            char name[64];
            snprintf(name, sizeof name, "case %zu, %s, preset %d", i, cases[i].name, p);
            draw(&spec, (syn_preset)p, 7, (uint32_t)i, FAN_IN, FAN_OUT, ROWS, COLS, out);
            check_shape(name, p == SYN_KERAS ? &cases[i].keras : &cases[i].torch, &out);
        }
    }
    /* With the rows that have tests of their own, that was the whole table. */
    static const char *const others[] = { "constant", "zeros", "ones", "orthogonal", "identity" };
    for (int r = 0; r < syn_inits()->n; ++r) {
        bool tested = false;
        for (size_t i = 0; i < SYN_COUNT(cases); ++i)
            tested |= !strcmp(syn_inits()->row[r]->name, cases[i].name);
        for (size_t i = 0; i < SYN_COUNT(others); ++i)
            tested |= !strcmp(syn_inits()->row[r]->name, others[i]);
        ck_assert_msg(tested, "no test draws %s", syn_inits()->row[r]->name);
    }
}
END_TEST

/* The rules for fans: each row's deviation follows the fan it should, and no other. */
START_TEST(fans) {
    static const struct {
        const char *name;
        double fan_in, fan_out, variance;
    } cases[] = {
        { "glorot_normal", 10, 30, .05 },   { "glorot_normal", 30, 10, .05 },
        { "glorot_uniform", 10, 30, .05 },  { "he_normal", 10, 30, .2 },
        { "he_normal", 10, 5, .2 },         { "he_uniform", 40, 1, .05 },
        { "lecun_normal", 40, 1, .025 },    { "lecun_uniform", 10, 1000, .1 },
        { "torch_linear", 12, 7, 1. / 36 },
    };
    for (size_t i = 0; i < SYN_COUNT(cases); ++i)
        for (int p = SYN_KERAS; p <= SYN_TORCH; ++p) {
            syn_init spec = { .def = syn_table_find(syn_inits(), cases[i].name) };
            double sum = 0;
            draw(&spec, (syn_preset)p, 1, 2, cases[i].fan_in, cases[i].fan_out, 400, 500, out);
            for (int k = 0; k < 200000; ++k) sum += out[k] * out[k];
            ck_assert_double_eq_tol(sum / 200000 / cases[i].variance, 1, .02);
        }
}
END_TEST

START_TEST(plain_values) {
    double v[15], want[15] = { 0 };
    syn_init five = syn_init_constant(&(syn_init_constant_opts){ .value = 5 });
    syn_init none = syn_init_constant(NULL), zero = syn_init_zeros(NULL), one = syn_init_ones(NULL);
    syn_init really = syn_init_constant(&(syn_init_constant_opts){ .value = SYN_ZERO });
    draw(&none, SYN_TORCH, 1, 1, 0, 0, 3, 5, v);
    ck_assert_mem_eq(v, want, sizeof v);
    draw(&really, SYN_KERAS, 1, 1, 0, 0, 3, 5, v);
    ck_assert_mem_eq(v, want, sizeof v); /* +0, not -0 */
    draw(&zero, SYN_KERAS, 1, 1, 0, 0, 3, 5, v);
    ck_assert_mem_eq(v, want, sizeof v);
    for (int i = 0; i < 15; ++i) want[i] = 5;
    draw(&five, SYN_KERAS, 1, 1, 0, 0, 3, 5, v);
    ck_assert_mem_eq(v, want, sizeof v);
    for (int i = 0; i < 15; ++i) want[i] = 1;
    draw(&one, SYN_KERAS, 1, 1, 0, 0, 3, 5, v);
    ck_assert_mem_eq(v, want, sizeof v);

    syn_init same = syn_init_normal(&(syn_init_normal_opts){ .mean = 2, .stddev = SYN_ZERO });
    draw(&same, SYN_KERAS, 1, 1, 0, 0, 3, 5, v);
    for (int i = 0; i < 15; ++i) ck_assert(v[i] == 2);
}
END_TEST

START_TEST(identities) {
    static const int64_t sizes[][2] = { { 4, 4 }, { 3, 5 }, { 5, 3 }, { 1, 7 }, { 7, 1 } };
    syn_init spec = syn_init_identity(&(syn_init_identity_opts){ .gain = _i ? 2.5 : 0 });
    for (size_t s = 0; s < SYN_COUNT(sizes); ++s) {
        double v[16];
        draw(&spec, SYN_KERAS, 1, 1, 0, 0, sizes[s][0], sizes[s][1], v);
        for (int64_t i = 0; i < sizes[s][0]; ++i)
            for (int64_t j = 0; j < sizes[s][1]; ++j)
                ck_assert(v[i * sizes[s][1] + j] == (i == j ? (_i ? 2.5 : 1) : 0));
    }
}
END_TEST

/* Products of the shorter side's vectors are gain^2 times the identity. */
START_TEST(orthogonal_to_rounding) {
    static const int64_t sizes[][2] = { { 1, 1 },   { 1, 5 },    { 5, 1 },    { 2, 2 },
                                        { 64, 64 }, { 100, 37 }, { 37, 100 }, { 400, 400 } };
    for (size_t s = 0; s < SYN_COUNT(sizes); ++s)
        for (int g = 0; g < 2; ++g) {
            int64_t rows = sizes[s][0], cols = sizes[s][1], count = rows < cols ? rows : cols;
            int64_t length = rows < cols ? cols : rows;
            int64_t step = rows < cols ? cols : 1, inner = rows < cols ? 1 : cols;
            double gain = g ? 1.5 : 1, worst = 0;
            syn_init spec = syn_init_orthogonal(&(syn_init_orthogonal_opts){ .gain = g ? 1.5 : 0 });
            draw(&spec, SYN_KERAS, 3, (uint32_t)s, 0, 0, rows, cols, out);
            for (int64_t a = 0; a < count; ++a)
                for (int64_t b = 0; b <= a; ++b) {
                    double dot = 0;
                    for (int64_t k = 0; k < length; ++k)
                        dot += out[a * step + k * inner] * out[b * step + k * inner];
                    worst = fmax(worst, fabs(dot / (gain * gain) - (a == b)));
                }
            /* projecting once instead of twice leaves 1e-13 at 64 x 64 */
            ck_assert_msg(worst < 2e-14, "%d x %d: %g", (int)rows, (int)cols, worst);
        }
}
END_TEST

/* Uniform over the group: entries have mean 0 and variance 1/n and are uncorrelated, and rotations
 * are as many as reflections. */
START_TEST(orthogonal_is_uniform) {
    enum { N = 3, MATRICES = 20000 };
    syn_init spec = syn_init_orthogonal(NULL);
    double mean[9] = { 0 }, square[9] = { 0 }, fourth[9] = { 0 }, trace = 0, n = MATRICES;
    int reflections = 0;
    for (uint32_t i = 0; i < MATRICES; ++i) {
        double q[9];
        if (syn_init_draw(&spec, SYN_KERAS, 11, i, 0, 0, N, N, q) != SYN_OK) ck_abort();
        for (int k = 0; k < 9; ++k) {
            mean[k] += q[k];
            square[k] += q[k] * q[k];
            fourth[k] += q[k] * q[k] * q[k] * q[k];
        }
        trace += (q[0] + q[4] + q[8]) * (q[0] + q[4] + q[8]);
        reflections += q[0] * (q[4] * q[8] - q[5] * q[7]) - q[1] * (q[3] * q[8] - q[5] * q[6]) +
                           q[2] * (q[3] * q[7] - q[4] * q[6]) < 0;
    }
    for (int k = 0; k < 9; ++k) {
        ck_assert_double_eq_tol(mean[k] / n, 0, 5 * sqrt(1 / 3. / n));
        ck_assert_double_eq_tol(square[k] / n, 1 / 3., 5 * sqrt((1 / 5. - 1 / 9.) / n));
        ck_assert_double_eq_tol(fourth[k] / n, 1 / 5., 5 * sqrt((1 / 9. - 1 / 25.) / n));
    }
    ck_assert_double_eq_tol(trace / n, 1, 5 * sqrt(2 / n)); /* E tr^2 = 1 on O(n) */
    ck_assert_double_eq_tol(reflections / n, .5, 2.5 / sqrt(n));
}
END_TEST

/* Equal arguments, equal bytes; another seed or stream, other and uncorrelated values. */
START_TEST(seeds_and_streams) {
    enum { N = 10000 };
    static const struct {
        uint64_t seed;
        uint32_t stream;
    } key[] = { { 1, 0 }, { 1, 1 }, { 2, 0 }, { 2, 1 }, { 1 + (1ull << 32), 0 }, { 0, 0 } };
    static double v[SYN_COUNT(key)][N], again[N];
    for (int r = 0; r < syn_inits()->n; ++r) {
        syn_init spec = { .def = syn_inits()->row[r] };
        if (!strcmp(spec.def->name, "constant") || !strcmp(spec.def->name, "zeros") ||
            !strcmp(spec.def->name, "ones") || !strcmp(spec.def->name, "identity"))
            continue;
        for (size_t k = 0; k < SYN_COUNT(key); ++k) {
            double norm = 0;
            draw(&spec, SYN_KERAS, key[k].seed, key[k].stream, 10, 10, 100, N / 100, v[k]);
            draw(&spec, SYN_KERAS, key[k].seed, key[k].stream, 10, 10, 100, N / 100, again);
            ck_assert_mem_eq(v[k], again, sizeof again);
            for (int i = 0; i < N; ++i) norm += v[k][i] * v[k][i];
            for (size_t j = 0; j < k; ++j) {
                double dot = 0;
                int same = 0;
                for (int i = 0; i < N; ++i) {
                    dot += v[k][i] * v[j][i];
                    same += v[k][i] == v[j][i];
                }
                ck_assert_int_eq(same, 0);
                ck_assert_msg(fabs(dot / norm) < 5 / sqrt(N), "%s: keys %zu and %zu: %g",
                              spec.def->name, j, k, dot / norm);
            }
        }
        if (!strcmp(spec.def->name, "orthogonal")) continue;
        draw(&spec, SYN_KERAS, 1, 1, 10, 10, 3, 7, again); /* a small draw begins a large one */
        ck_assert_mem_eq(again, v[1], 21 * sizeof again[0]);
    }
}
END_TEST

static void fails(const syn_init *init, double fan_in, double fan_out, int64_t rows, int64_t cols,
                  double *to, syn_status status, const char *text) {
    ck_assert_int_eq(syn_init_draw(init, SYN_KERAS, 1, 1, fan_in, fan_out, rows, cols, to), status);
    ck_assert_msg(strstr(syn_error_text(), text) != NULL, "\"%s\" lacks \"%s\"", syn_error_text(),
                  text);
}

START_TEST(errors) {
    double v[4] = { 9, 9, 9, 9 };
    syn_init none = { .def = NULL }, he = syn_init_he_normal(NULL);
    syn_init glorot = syn_init_glorot_uniform(NULL), zeros = syn_init_zeros(NULL);
    syn_init foreign = syn_schedule_constant(NULL);
    syn_init negative = syn_init_normal(&(syn_init_normal_opts){ .stddev = -1 });
    syn_init crossed = syn_init_uniform(&(syn_init_uniform_opts){ .low = 2, .high = 1 });
    syn_init choice = syn_init_he_normal(&(syn_init_he_normal_opts){ .truncated = 3 });
    syn_init preset = syn_init_ones(&(syn_init_ones_opts){ .preset = (syn_preset)9 });
    syn_init far = syn_init_truncated_normal(&(syn_init_truncated_normal_opts){
        .mean = 10, .stddev = 1, .cut = SYN_CUT_ABSOLUTE }); /* would reject for ever */
    fails(NULL, 1, 1, 2, 2, v, SYN_E_ARGUMENT, "no initialiser");
    fails(&none, 1, 1, 2, 2, v, SYN_E_ARGUMENT, "no initialiser");
    fails(&foreign, 1, 1, 2, 2, v, SYN_E_ARGUMENT, "schedule");
    fails(&he, 0, 1, 2, 2, v, SYN_E_ARGUMENT, "he_normal: fan_in 0");
    fails(&he, NAN, 1, 2, 2, v, SYN_E_ARGUMENT, "he_normal: fan_in");
    fails(&glorot, 1, -1, 2, 2, v, SYN_E_ARGUMENT, "glorot_uniform: fan_in 1 and fan_out -1");
    fails(&glorot, 1, INFINITY, 2, 2, v, SYN_E_ARGUMENT, "glorot_uniform");
    fails(&negative, 1, 1, 2, 2, v, SYN_E_ARGUMENT, "stddev");
    fails(&crossed, 1, 1, 2, 2, v, SYN_E_ARGUMENT, "uniform: low 2 is above high 1");
    fails(&choice, 1, 1, 2, 2, v, SYN_E_ARGUMENT, "truncated");
    fails(&preset, 1, 1, 2, 2, v, SYN_E_ARGUMENT, "preset");
    fails(&far, 1, 1, 2, 2, v, SYN_E_ARGUMENT, "outside of [-2, 2]");
    fails(&he, 1, 1, 2, 2, NULL, SYN_E_ARGUMENT, "NULL");
    fails(&zeros, 1, 1, -1, 2, v, SYN_E_SHAPE, "-1 x 2");
    fails(&zeros, 1, 1, INT64_MAX / 2, 3, v, SYN_E_SHAPE, "cannot draw");
    for (int i = 0; i < 4; ++i) ck_assert(v[i] == 9);
    draw(&he, SYN_KERAS, 1, 1, 1, 1, 0, 5, NULL); /* nothing to draw is no error */
}
END_TEST

int main(void) {
    Suite *suite = suite_create("init");
    TCase *tc = tcase_create("init");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, moments_of_every_row);
    tcase_add_test(tc, fans);
    tcase_add_test(tc, plain_values);
    tcase_add_loop_test(tc, identities, 0, 2);
    tcase_add_test(tc, orthogonal_to_rounding);
    tcase_add_test(tc, orthogonal_is_uniform);
    tcase_add_test(tc, seeds_and_streams);
    tcase_add_test(tc, errors);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
