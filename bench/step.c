/* Times training steps: milliseconds a step, samples a second, and the share of the multiply-add
 * floor, which is the time the step's multiply-adds would take at the rate the device reaches with
 * independent chains of them in registers, measured in the same process. bench/compare.py sets the
 * figures beside PyTorch's.
 *
 * The data set (8192 random rows of 784 floats) lies on the device, and batches go the way syn_fit
 * sends them. A step's time is the median over blocks of steps. */
#include "bench.h"

#include "train/loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = 784, CLASSES = 10, ROWS = 8192 };

typedef struct options {
    const char *net, *optimizer; /* NULL: the standard cases */
    int batch;
    double seconds;
    bool json;
} options;

typedef struct net_row {
    const char *name;
    int layers, units[3]; /* hidden layers; the last width goes on */
    const char *activation;
    bool normalised; /* batch_norm in front of each activation */
    double lr;       /* small: no net may blow up while it is timed */
} net_row;

static const net_row nets[] = {
    { "mlp-300-100", 2, { 300, 100, 100 }, "elu", false, 1e-3 },
    { "mlp-1024x3", 3, { 1024, 1024, 1024 }, "elu", false, 1e-4 },
    { "selu-20x100", 20, { 100, 100, 100 }, "selu", false, 1e-4 },
    { "elu-bn-20x100", 20, { 100, 100, 100 }, "elu", true, 1e-4 },
};
static const char *const optimizers[] = { "momentum", "adam", "nadam", "sgd" };
static const char *const standard[][2] = { { "mlp-300-100", "momentum" },
                                           { "mlp-300-100", "adam" },
                                           { "mlp-1024x3", "adam" },
                                           { "selu-20x100", "momentum" },
                                           { "elu-bn-20x100", "nadam" } };

typedef struct bench {
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_data *data;
    syn_source *source;
    syn_list *list;
    syn_peak *peak;
    double multiply_adds; /* of a step */
    int epoch_steps, epoch_step;
} bench;

/* ---- what is timed ---- */

static syn_status describe(bench *b, const net_row *row, const char *optimizer, int batch) {
    SYN_TRY(syn_net_create(&b->net, 42));
    syn_tensor x = syn_input(b->net, SYN_SHAPE(FEATURES));
    int width = FEATURES;
    b->multiply_adds = 0;
    for (int i = 0; i <= row->layers; i++) {
        int units = i < row->layers ? row->units[i < 3 ? i : 2] : CLASSES;
        const bool selu = strcmp(row->activation, "selu") == 0;
        x = syn_dense(x, &(syn_dense_opts){ .units = units,
                                            .init = selu ? syn_init_lecun_normal(NULL) : syn_init_he_normal(NULL) });
        if (i < row->layers && row->normalised) x = syn_batch_norm(x, NULL);
        if (i < row->layers) x = syn_map(x, row->activation, NULL, 0);
        /* Forward, weight gradient, and input gradient but for the first layer. */
        b->multiply_adds += (i ? 3.0 : 2.0) * width * units * batch;
        width = units;
    }
    syn_plan_opts o = { .loss = syn_softmax_xent(x), .batch = batch };
    SYN_TRY(syn_optim_named(&o.optim, optimizer, row->lr));
    SYN_TRY(syn_state_create(&b->state, b->ctx, b->net));
    return syn_plan_create(&b->plan, b->state, &o);
}

static syn_status open_case(bench *b, const net_row *row, const char *optimizer, int batch) {
    SYN_TRY(describe(b, row, optimizer, batch));
    SYN_TRY(syn_source_open(&b->source, b->plan, b->data));
    SYN_TRY(syn_plan_list(b->plan, SYN_MODE_TRAIN, batch, &b->list));
    b->epoch_steps = b->epoch_step = ROWS / batch;
    return syn_source_prepare(b->source, b->list);
}

static void close_case(bench *b) {
    syn_source_close(b->source);
    syn_plan_destroy(b->plan);
    syn_state_destroy(b->state);
    syn_net_destroy(b->net);
    b->source = NULL;
    b->plan = NULL;
    b->state = NULL;
    b->net = NULL;
}

/* Steps as syn_fit runs them; *seconds from the first to the end of the last. */
static syn_status run_steps(bench *b, int steps, double *seconds) {
    if (b->epoch_step + steps > b->epoch_steps) {
        syn_snapshot s;
        SYN_TRY(syn_plan_snapshot(b->plan, &s));
        SYN_TRY(syn_plan_check_latch(b->plan, &s, b->source));
        SYN_TRY(syn_source_order(b->source, NULL));
        SYN_TRY(syn_plan_reset_metrics(b->plan));
        b->epoch_step = 0;
    }
    b->epoch_step += steps;
    double start = syn_seconds();
    for (int i = 0; i < steps; i++) {
        SYN_TRY(syn_source_feed(b->source, b->list));
        SYN_TRY(syn_plan_enqueue_step(b->plan, b->list));
        SYN_TRY(syn_plan_pace(b->plan));
    }
    SYN_TRY(syn_ctx_finish(b->ctx));
    *seconds = syn_seconds() - start;
    return SYN_OK;
}

/* Blocks of an epoch, or of a part of one where steps are long. */
static syn_status measure_step(bench *b, double limit, double *step, double *mean) {
    enum { MOST = 4096 };
    static double blocks[MOST];
    int steps = b->epoch_steps, n = 0;
    double seconds, total = 0;
    for (double start = syn_seconds(); syn_seconds() - start < fmin(.3, limit / 4);)
        SYN_TRY(run_steps(b, steps, &seconds));
    while (steps % 2 == 0 && steps > 4 && seconds > limit / 10) {
        steps /= 2;
        seconds /= 2;
    }
    while (n < MOST && (total < limit || n < 3)) {
        SYN_TRY(run_steps(b, steps, &seconds));
        blocks[n++] = seconds / steps;
        total += seconds;
    }
    *step = bench_median(blocks, n);
    *mean = total / ((double)n * steps);
    return SYN_OK;
}

/* ---- the command ---- */

static syn_status run_case(bench *b, const options *o, const net_row *row, const char *optimizer) {
    char name[64];
    double step, mean;
    syn_ceilings c;
    snprintf(name, sizeof name, "%s/%s", row->name, optimizer);
    SYN_TRY(open_case(b, row, optimizer, o->batch));
    SYN_TRY(syn_peak_measure(b->peak, &c));
    SYN_TRY(measure_step(b, o->seconds, &step, &mean));
    SYN_TRY(syn_peak_measure(b->peak, &c)); /* once more: the faster one is the floor */
    double share = 2 * b->multiply_adds / c.flops / step;
    const char *form =
        o->json
            ? "{\"name\": \"%s\", \"ms\": %.6g, \"mean_ms\": %.6g, \"samples_per_second\": %.6g, "
              "\"share_of_floor\": %.4g, \"peak_gflops\": %.5g, \"batch\": %d}\n"
            : "%-22s %9.3f %9.3f %12.0f %9.3f %9.1f %7d\n";
    printf(form, name, step * 1e3, mean * 1e3, o->batch / step, share, c.flops / 1e9, o->batch);
    fflush(stdout);
    return SYN_OK;
}

static const net_row *find_net(const char *name) {
    for (size_t i = 0; i < SYN_COUNT(nets); i++)
        if (strcmp(nets[i].name, name) == 0) return &nets[i];
    return NULL;
}

static syn_status run(bench *b, const options *o, const float *x, const int32_t *y) {
    SYN_TRY(syn_peak_open(&b->peak, b->ctx));
    const syn_array rows = { x, SYN_F32, SYN_SHAPE(ROWS, FEATURES) };
    const syn_array labels = { y, SYN_I32, SYN_SHAPE(ROWS) };
    SYN_TRY(syn_data_from_arrays(&b->data, &rows, &labels));
    if (!o->json)
        printf("%-22s %9s %9s %12s %9s %9s %7s\n", "network/optimizer", "median ms", "mean ms",
               "samples/s", "of floor", "GFLOP/s", "batch");
    for (size_t i = 0; i < SYN_COUNT(standard); i++) {
        bool named = o->net || o->optimizer;
        const char *net = named ? o->net ? o->net : "mlp-300-100" : standard[i][0];
        const char *optimizer = named ? o->optimizer ? o->optimizer : "momentum" : standard[i][1];
        syn_status status = run_case(b, o, find_net(net), optimizer);
        close_case(b);
        SYN_TRY(status);
        if (named) break;
    }
    return SYN_OK;
}

static int options_of(const cli_call *call, options *o) {
    long batch;
    o->net = cli_get(call, "net");
    o->optimizer = cli_get(call, "optimizer");
    o->json = cli_get(call, "json") != NULL;
    int code = cli_whole(call, "batch", 128, 1, ROWS, &batch);
    o->batch = (int)batch;
    if (code == CLI_OK) code = cli_real(call, "seconds", 2, 1e-3, 3600, &o->seconds);
    if (code != CLI_OK) return code;
    bool known = !o->optimizer;
    for (size_t i = 0; !known && i < SYN_COUNT(optimizers); i++)
        known = strcmp(optimizers[i], o->optimizer) == 0;
    if (!known)
        return cli_usage(call, "--optimizer is '%s', expected momentum, adam, nadam or sgd", o->optimizer);
    if (o->net && !find_net(o->net))
        return cli_usage(
            call, "--net is '%s', expected mlp-300-100, mlp-1024x3, selu-20x100 or elu-bn-20x100",
            o->net);
    return CLI_OK;
}

int bench_step(const cli_call *call) {
    options o;
    int code = options_of(call, &o);
    if (code != CLI_OK) return code;
    float *x = malloc(sizeof *x * ROWS * FEATURES);
    int32_t *y = malloc(sizeof *y * ROWS);
    bench b = { 0 };
    syn_status status = x && y ? SYN_OK : syn_no_memory(sizeof *x * ROWS * FEATURES);
    uint32_t word = 42;
    for (int i = 0; status == SYN_OK && i < ROWS * FEATURES; i++) {
        word = word * 1664525u + 1013904223u;
        x[i] = (float)(word >> 8) * 0x1p-23f - 1;
        y[i % ROWS] = (int32_t)(word >> 16) % CLASSES;
    }
    if (status == SYN_OK) status = bench_context(call, &b.ctx);
    if (status == SYN_OK) status = run(&b, &o, x, y);
    close_case(&b);
    syn_peak_close(b.peak);
    syn_data_destroy(b.data);
    syn_ctx_destroy(b.ctx);
    free(x);
    free(y);
    return status == SYN_OK ? CLI_OK : cli_fail();
}
