/* Monte Carlo dropout on the UCI Boston housing set, as Gal and Ghahramani (2016) measured it: one
 * hidden layer of 50 relu units, dropout in front of both dense layers, random splits of 90 to 10,
 * 4,000 epochs of Adam on batches of 128; rate of dropout and precision tau are chosen for each
 * split by likelihood on a fifth of its training rows. Beside it the same nets' single pass without
 * dropout. */
#include "bench.h"

#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 506,
    FEATURES = 13,
    TEST = ROWS / 10,
    TRAIN = ROWS - TEST,
    HELD = TRAIN / 5,
    UNITS = 50
};
enum { PASSES = 1000, PASSES_CHOICE = 100, BATCH = 128 };

static const double rates[] = { .005, .01, .05, .1 };
static const double taus[] = { .1, .15, .2 };
static const double length_scale = 1e-2;

static double x_all[ROWS][FEATURES], y_all[ROWS];

static syn_status read_csv(const char *path) {
    char line[4096];
    FILE *f = fopen(path, "r");
    int n = 0;
    if (!f)
        return syn_fail(SYN_E_IO, "cannot open %s; Debian's package python3-sklearn has the file",
                        path);
    while (n < ROWS && fgets(line, sizeof line, f)) {
        double v[FEATURES + 1];
        char *at = line;
        int k = 0;
        for (char *end; k <= FEATURES; k++, at = end + (*end == ',')) {
            v[k] = strtod(at, &end);
            if (end == at) break;
        }
        if (k <= FEATURES) continue; /* the two lines of the head */
        memcpy(x_all[n], v, sizeof x_all[n]);
        y_all[n++] = v[FEATURES];
    }
    fclose(f);
    if (n == ROWS) return SYN_OK;
    return syn_fail(SYN_E_FORMAT, "%s has %d rows of %d numbers, not %d", path, n, FEATURES + 1,
                    ROWS);
}

/* SplitMix64, for the splits alone. */
static uint64_t next_bits(uint64_t *s) {
    uint64_t z = *s += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void shuffle(int *order, uint64_t seed) {
    for (int i = 0; i < ROWS; i++) order[i] = i;
    for (int i = ROWS - 1; i > 0; i--) {
        int k = (int)(next_bits(&seed) % (uint64_t)(i + 1)), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
}

typedef struct score {
    double rmse, likelihood;
} score;

/* A trained net, predicting in the units of the targets. */
typedef struct model {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    double mean[FEATURES], inv_dev[FEATURES], y_mean, y_dev;
} model;

static syn_status describe(model *m, syn_ctx *ctx, double rate, double decay, uint64_t seed) {
    SYN_TRY(syn_net_create(&m->net, seed));
    syn_tensor t = syn_dropout(syn_input(m->net, SYN_SHAPE(FEATURES)), rate);
    t = syn_relu(
        syn_dense(t, &(syn_dense_opts){ .units = UNITS, .init = syn_init_he_normal(NULL) }));
    t = syn_dense(syn_dropout(t, rate), &(syn_dense_opts){ .units = 1 });
    SYN_TRY(syn_state_create(&m->state, ctx, m->net));
    SYN_TRY(syn_state_standardise(m->state, m->mean, m->inv_dev, FEATURES));
    return syn_plan_create(&m->plan, m->state,
                           &(syn_plan_opts){ .loss = syn_mse(t),
                                             .batch = BATCH,
                                             .optim = syn_adam(NULL),
                                             .penalty = { .l2 = decay } });
}

static syn_status train(model *m, syn_ctx *ctx, const int *row, int n, double rate, double tau,
                        int epochs, uint64_t seed) {
    static double x[ROWS][FEATURES], y[ROWS];
    syn_data *data = NULL;
    m->y_mean = m->y_dev = 0;
    for (int i = 0; i < n; i++) m->y_mean += y_all[row[i]] / n;
    for (int i = 0; i < n; i++)
        m->y_dev += (y_all[row[i]] - m->y_mean) * (y_all[row[i]] - m->y_mean) / n;
    m->y_dev = sqrt(m->y_dev);
    for (int i = 0; i < n; i++) {
        memcpy(x[i], x_all[row[i]], sizeof x[i]);
        y[i] = (y_all[row[i]] - m->y_mean) / m->y_dev;
    }
    SYN_TRY(syn_data_from_arrays(&data, &(syn_array){ x, SYN_F64, SYN_SHAPE(n, FEATURES) },
                                 &(syn_array){ y, SYN_F64, SYN_SHAPE(n, 1) }));
    syn_status s = syn_data_moments(data, m->mean, m->inv_dev);
    /* the weight decay that stands for the prior: l^2 (1 - p) / (N tau) is its gradient's
     * coefficient */
    if (s == SYN_OK)
        s = describe(m, ctx, rate, length_scale * length_scale * (1 - rate) / (n * tau), seed);
    if (s == SYN_OK) s = syn_fit(m->plan, data, &(syn_fit_opts){ .epochs = epochs });
    syn_data_destroy(data);
    return s;
}

static void drop(model *m) {
    syn_plan_destroy(m->plan);
    syn_state_destroy(m->state);
    syn_net_destroy(m->net);
}

/* Predictions of n rows, out[i * passes + k]. Masks depend on the row, so every pass is a row of
 * its own; passes 0: one pass without dropout. */
static syn_status predict(model *m, const int *row, int n, int passes, double **out) {
    size_t each = passes ? (size_t)passes : 1, all = (size_t)n * each;
    double *x = malloc(all * FEATURES * sizeof *x);
    syn_data *data = NULL;
    *out = malloc(all * sizeof **out);
    syn_status s = x && *out ? SYN_OK : syn_no_memory(all * FEATURES * sizeof *x);
    for (size_t i = 0; s == SYN_OK && i < all; i++)
        memcpy(x + i * FEATURES, x_all[row[i / each]], sizeof x_all[0]);
    if (s == SYN_OK)
        s = syn_data_from_arrays(
            &data, &(syn_array){ x, SYN_F64, SYN_SHAPE((int64_t)all, FEATURES) }, NULL);
    if (s == SYN_OK)
        s = passes ? syn_predict_mc(m->plan, data, 1, *out, NULL, NULL, NULL)
                   : syn_predict(m->plan, data, *out, (int64_t)all);
    for (size_t i = 0; s == SYN_OK && i < all; i++) (*out)[i] = (*out)[i] * m->y_dev + m->y_mean;
    syn_data_destroy(data);
    free(x);
    return s;
}

/* RMSE of the passes' mean; mean log of the passes' mean density, each pass normal with precision
 * tau. */
static score judge(const double *out, const int *row, int n, int passes, double tau) {
    score s = { 0 };
    int each = passes ? passes : 1;
    for (int i = 0; i < n; i++) {
        const double *of = out + (size_t)i * (size_t)each;
        double mean = 0, best = INFINITY, sum = 0, y = y_all[row[i]];
        for (int k = 0; k < each; k++) {
            mean += of[k] / each;
            best = fmin(best, (y - of[k]) * (y - of[k]));
        }
        for (int k = 0; k < each; k++) sum += exp(-.5 * tau * ((y - of[k]) * (y - of[k]) - best));
        s.rmse += (y - mean) * (y - mean) / n;
        s.likelihood +=
            (log(sum / each) - .5 * tau * best + .5 * log(tau / (2 * 3.14159265358979323846))) / n;
    }
    s.rmse = sqrt(s.rmse);
    return s;
}

typedef struct choice {
    double rate, tau;
} choice;

static syn_status choose(syn_ctx *ctx, const int *row, int epochs, uint64_t seed, choice *c) {
    const int *held = row + TRAIN - HELD;
    double best = -INFINITY;
    for (size_t r = 0; r < SYN_COUNT(rates); r++) {
        model m = { 0 };
        double *out = NULL;
        syn_status status = train(&m, ctx, row, TRAIN - HELD, rates[r], taus[1], epochs, seed);
        if (status == SYN_OK) status = predict(&m, held, HELD, PASSES_CHOICE, &out);
        for (size_t t = 0; status == SYN_OK && t < SYN_COUNT(taus); t++) {
            score s = judge(out, held, HELD, PASSES_CHOICE, taus[t]);
            if (s.likelihood <= best) continue;
            best = s.likelihood;
            *c = (choice){ rates[r], taus[t] };
        }
        free(out);
        drop(&m);
        SYN_TRY(status);
    }
    return SYN_OK;
}

/* Of split i: RMSE and likelihood over the passes, and of the single pass. */
static syn_status run_split(syn_ctx *ctx, int i, int epochs, score *mc, score *single) {
    int row[ROWS];
    choice c = { rates[0], taus[0] };
    model m = { 0 };
    double *passes = NULL, *one = NULL;
    shuffle(row, (uint64_t)i + 1);
    SYN_TRY(choose(ctx, row, epochs, (uint64_t)i + 1, &c));
    syn_status s = train(&m, ctx, row, TRAIN, c.rate, c.tau, epochs, (uint64_t)i + 1001);
    if (s == SYN_OK) s = predict(&m, row + TRAIN, TEST, PASSES, &passes);
    if (s == SYN_OK) s = predict(&m, row + TRAIN, TEST, 0, &one);
    if (s == SYN_OK) {
        *mc = judge(passes, row + TRAIN, TEST, PASSES, c.tau);
        *single = judge(one, row + TRAIN, TEST, 0, c.tau);
        printf("%5d  %7g %5g %6.3f %7.3f %16.3f %7.3f\n", i + 1, c.rate, c.tau, mc->rmse,
               single->rmse, mc->likelihood, single->likelihood);
        fflush(stdout);
    }
    free(passes);
    free(one);
    drop(&m);
    return s;
}

/* Mean and standard error of one member of the scores. */
static void print_mean(const char *what, const score *s, int n, size_t offset) {
    double mean = 0, squares = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < n; i++) {
            double v;
            memcpy(&v, (const char *)&s[i] + offset, sizeof v);
            if (k)
                squares += (v - mean) * (v - mean);
            else
                mean += v / n;
        }
    printf("%-28s %7.3f +- %.3f\n", what, mean, n > 1 ? sqrt(squares / (n - 1) / n) : 0);
}

static syn_status run(const cli_call *call, int splits, int epochs, score *mc, score *single) {
    syn_ctx *ctx = NULL;
    SYN_TRY(read_csv(cli_get(call, "data")));
    syn_status status = bench_context(call, &ctx);
    if (status == SYN_OK) printf("split  dropout   tau   RMSE  single   log-likelihood  single\n");
    for (int i = 0; status == SYN_OK && i < splits; i++)
        status = run_split(ctx, i, epochs, &mc[i], &single[i]);
    syn_ctx_destroy(ctx);
    SYN_TRY(status);
    printf("\n%d splits, %d epochs, %d passes; mean and standard error\n", splits, epochs, PASSES);
    print_mean("test RMSE", mc, splits, offsetof(score, rmse));
    print_mean("  of the single pass", single, splits, offsetof(score, rmse));
    print_mean("test log-likelihood", mc, splits, offsetof(score, likelihood));
    print_mean("  of the single pass", single, splits, offsetof(score, likelihood));
    return SYN_OK;
}

int bench_boston(const cli_call *call) {
    const char *splits = cli_get(call, "splits"), *epochs = cli_get(call, "epochs");
    int n = splits ? atoi(splits) : 20, of = epochs ? atoi(epochs) : 4000;
    if (!cli_get(call, "data"))
        return cli_usage(
            call,
            "--data must be given: boston_house_prices.csv, of Debian's package python3-sklearn");
    if (n < 1 || n > 1000 || of < 1)
        return cli_usage(call, "--splits is 1 to 1000, --epochs at least 1");
    score *mc = calloc((size_t)n * 2, sizeof *mc);
    int code = mc && run(call, n, of, mc, mc + n) == SYN_OK ? CLI_OK : cli_fail();
    free(mc);
    return code;
}
