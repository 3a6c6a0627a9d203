/* Initial weights, drawn in double from Philox keyed by (seed, stream). */
#include "layer/init.h"

#include "base/rng.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define SYN_ROW_PREFIX(name, suffix) syn_init_##name##suffix
#define SYN_ROW_KIND "initialiser"
#define SYN_ROW_INITS syn_inits
#include "base/rows_def.inc"
#include <syncline/inits.inc>
#include <syncline/rows_end.inc>

/* One draw under way. */
typedef struct draw {
    const void *opts; /* the row's options, resolved */
    double fan_in, fan_out;
    int64_t rows, cols, n;
    syn_rng rng;
    double *out;
} draw;

/* The deviation of a standard normal cut at +-2. */
static const double cut_deviation = .87962566103423978;

static double variance_glorot(const draw *d) { return 2 / (d->fan_in + d->fan_out); }
static double variance_he(const draw *d) { return 2 / d->fan_in; }
static double variance_lecun(const draw *d) { return 1 / d->fan_in; }

static syn_status check_fans(const draw *d) {
    if (d->fan_in > 0 && d->fan_out > 0 && isfinite(d->fan_in) && isfinite(d->fan_out))
        return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "fan_in %g and fan_out %g must be positive", d->fan_in,
                    d->fan_out);
}

static syn_status fill(draw *d, double value) {
    for (int64_t i = 0; i < d->n; ++i) d->out[i] = value;
    return SYN_OK;
}

static syn_status fill_uniform(draw *d, double low, double high) {
    if (low > high)
        return syn_fail(SYN_E_ARGUMENT, "low %g is above high %g", low, high);
    for (int64_t i = 0; i < d->n; ++i) {
        do d->out[i] = low + (high - low) * syn_rng_uniform(&d->rng);
        while (d->out[i] >= high && low < high); /* rounding may reach high */
    }
    return SYN_OK;
}

static syn_status fill_normal(draw *d, double mean, double deviation) {
    for (int64_t i = 0; i < d->n; ++i) d->out[i] = mean + deviation * syn_rng_normal(&d->rng);
    return SYN_OK;
}

/* Cut at two deviations on either side. */
static syn_status fill_cut(draw *d, double mean, double deviation) {
    for (int64_t i = 0; i < d->n; ++i) {
        double z;
        do z = syn_rng_normal(&d->rng);
        while (fabs(z) > 2);
        d->out[i] = mean + deviation * z;
    }
    return SYN_OK;
}

/* Cut to [-2, 2], wherever the mean is. A wide normal is all but flat there: proposals are then
 * uniform, else nearly every one would be rejected. */
static syn_status fill_cut_absolute(draw *d, double mean, double deviation) {
    double nearest = fmin(fmax(mean, -2), 2);
    if (fabs(mean - nearest) > 2 * deviation)
        return syn_fail(SYN_E_ARGUMENT,
                        "mean %g lies more than two deviations (%g) outside of [-2, 2]", mean,
                        deviation);
    bool flat = deviation > 2;
    for (int64_t i = 0; i < d->n; ++i) {
        for (bool taken = false; !taken;) {
            if (flat) {
                double x = 4 * syn_rng_uniform(&d->rng) - 2, z = (x - mean) / deviation;
                double top = (nearest - mean) / deviation; /* where the density is highest */
                d->out[i] = x;
                taken = syn_rng_uniform(&d->rng) < exp((top * top - z * z) / 2);
            } else {
                d->out[i] = mean + deviation * syn_rng_normal(&d->rng);
                taken = fabs(d->out[i]) <= 2;
            }
        }
    }
    return SYN_OK;
}

static syn_status fan_normal(draw *d, double variance, int truncated) {
    SYN_TRY(check_fans(d));
    double deviation = sqrt(variance);
    if (truncated == SYN_YES) return fill_cut(d, 0, deviation / cut_deviation);
    return fill_normal(d, 0, deviation);
}

static syn_status fan_uniform(draw *d, double variance) {
    SYN_TRY(check_fans(d));
    double r = sqrt(3 * variance);
    return fill_uniform(d, -r, r);
}

static syn_status draw_glorot_normal(draw *d) {
    const syn_init_glorot_normal_opts *o = d->opts;
    return fan_normal(d, variance_glorot(d), o->truncated);
}
static syn_status draw_he_normal(draw *d) {
    const syn_init_he_normal_opts *o = d->opts;
    return fan_normal(d, variance_he(d), o->truncated);
}
static syn_status draw_lecun_normal(draw *d) {
    const syn_init_lecun_normal_opts *o = d->opts;
    return fan_normal(d, variance_lecun(d), o->truncated);
}
static syn_status draw_glorot_uniform(draw *d) { return fan_uniform(d, variance_glorot(d)); }
static syn_status draw_he_uniform(draw *d) { return fan_uniform(d, variance_he(d)); }
static syn_status draw_lecun_uniform(draw *d) { return fan_uniform(d, variance_lecun(d)); }
static syn_status draw_torch_linear(draw *d) {
    return fan_uniform(d, variance_lecun(d) / 3); /* +-1/sqrt(fan_in) */
}

static syn_status draw_normal(draw *d) {
    const syn_init_normal_opts *o = d->opts;
    return fill_normal(d, o->mean, o->stddev);
}
static syn_status draw_truncated_normal(draw *d) {
    const syn_init_truncated_normal_opts *o = d->opts;
    if (o->cut == SYN_CUT_ABSOLUTE) return fill_cut_absolute(d, o->mean, o->stddev);
    return fill_cut(d, o->mean, o->stddev);
}
static syn_status draw_uniform(draw *d) {
    const syn_init_uniform_opts *o = d->opts;
    return fill_uniform(d, o->low, o->high);
}

static syn_status draw_constant(draw *d) {
    const syn_init_constant_opts *o = d->opts;
    return fill(d, o->value + 0.0); /* a resolved zero is -0.0 */
}
static syn_status draw_zeros(draw *d) { return fill(d, 0); }
static syn_status draw_ones(draw *d) { return fill(d, 1); }

static syn_status draw_identity(draw *d) {
    const syn_init_identity_opts *o = d->opts;
    fill(d, 0);
    for (int64_t i = 0; i < d->rows && i < d->cols; ++i) d->out[i * d->cols + i] = o->gain + 0.0;
    return SYN_OK;
}

/* Eight partial sums: compilers may not vectorise a sum in one variable. This is the inner loop. */
static double dot(const double *a, const double *b, int64_t n) {
    double s[8] = { 0 };
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; ++j) s[j] += a[i + j] * b[i + j];
    for (; i < n; ++i) s[0] += a[i] * b[i];
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

/* Gram-Schmidt on normal vectors, each projected twice, which is enough for orthogonality to
 * rounding. The factor R then has a positive diagonal, so Q is uniform over the orthogonal matrices
 * as it is, without the change of signs that Householder's needs. */
static void orthonormal(syn_rng *r, double *q, int64_t count, int64_t length) {
    for (int64_t i = 0; i < count; ++i) {
        double *v = q + i * length;
        double before, after;
        do {
            for (int64_t k = 0; k < length; ++k) v[k] = syn_rng_normal(r);
            before = dot(v, v, length);
            for (int pass = 0; pass < 2; ++pass)
                for (int64_t j = 0; j < i; ++j) {
                    const double *u = q + j * length;
                    double c = dot(u, v, length);
                    for (int64_t k = 0; k < length; ++k) v[k] -= c * u[k];
                }
            after = dot(v, v, length);
        } while (!(after > 1e-20 * before)); /* dependent to rounding: draw anew */
        double scale = 1 / sqrt(after);
        for (int64_t k = 0; k < length; ++k) v[k] *= scale;
    }
}

static syn_status draw_orthogonal(draw *d) {
    const syn_init_orthogonal_opts *o = d->opts;
    bool tall = d->rows > d->cols;
    int64_t count = tall ? d->cols : d->rows, length = tall ? d->rows : d->cols;
    double *q = malloc(sizeof *q * (size_t)d->n);
    if (!q) return syn_no_memory(sizeof *q * (size_t)d->n);
    orthonormal(&d->rng, q, count, length);
    for (int64_t i = 0; i < d->rows; ++i)
        for (int64_t j = 0; j < d->cols; ++j)
            d->out[i * d->cols + j] = o->gain * (tall ? q[j * length + i] : q[i * length + j]);
    free(q);
    return SYN_OK;
}

/* The table, in the order of inits.inc. */
#define SYN_ROW(name, doc) { syn_init_##name##_def, draw_##name },
#define SYN_REAL(name, keras, torch, lo, hi, doc)
#define SYN_CHOICE(name, keras, torch, choices, doc)
#define SYN_ROW_END(name)
static const struct {
    const syn_def *(*def)(void);
    syn_status (*draw)(draw *d);
} kinds[] = {
#include <syncline/inits.inc>
};
#include <syncline/rows_end.inc>

#define SYN_ROW(name, doc)                                                                         \
    syn_init syn_init_##name(const syn_init_##name##_opts *opts) {                                 \
        syn_init spec;                                                                             \
        syn_spec_set(&spec, syn_init_##name##_def(), opts);                                        \
        return spec;                                                                               \
    }
#define SYN_REAL(name, keras, torch, lo, hi, doc)
#define SYN_CHOICE(name, keras, torch, choices, doc)
#define SYN_ROW_END(name)
#include <syncline/inits.inc>
#include <syncline/rows_end.inc>

static const syn_def *defs[SYN_COUNT(kinds)];
static const syn_table table = { .kind = "initialiser", .row = defs, .n = (int)SYN_COUNT(kinds) };
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_table(void) {
    for (size_t i = 0; i < SYN_COUNT(kinds); ++i) defs[i] = kinds[i].def();
}

const syn_table *syn_inits(void) {
    pthread_once(&once, fill_table);
    return &table;
}

syn_status syn_init_draw(const syn_init *init, syn_preset preset, uint64_t seed, uint32_t stream,
                         double fan_in, double fan_out, int64_t rows, int64_t cols, double *out) {
    if (!init || !init->def) return syn_fail(SYN_E_ARGUMENT, "there is no initialiser to draw");
    const char *name = init->def->name;
    size_t k = 0;
    while (k < SYN_COUNT(kinds) && init->def != kinds[k].def()) ++k;
    if (k == SYN_COUNT(kinds))
        return syn_fail(SYN_E_ARGUMENT, "%s is of kind %s, not an initialiser", name,
                        init->def->kind);
    if (rows < 0 || cols < 0 || (cols > 0 && rows > INT64_MAX / (int64_t)sizeof(double) / cols))
        return syn_fail(SYN_E_SHAPE, "%s: cannot draw %lld x %lld values", name, (long long)rows,
                        (long long)cols);
    syn_init spec = *init;
    SYN_TRY(syn_options_resolve(spec.def, spec.u.opts, preset, name));
    draw d = { .opts = spec.u.opts, .fan_in = fan_in, .fan_out = fan_out, .rows = rows,
               .cols = cols, .n = rows * cols, .out = out };
    if (d.n == 0) return SYN_OK;
    if (!out) return syn_fail(SYN_E_ARGUMENT, "%s: out is NULL", name);
    syn_rng_start(&d.rng, seed, SYN_RNG_INIT, stream);
    syn_status status = kinds[k].draw(&d);
    return status == SYN_OK || status == SYN_E_MEMORY ? status : syn_fail_in(status, "%s", name);
}
