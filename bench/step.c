/* Times training steps: milliseconds a step, samples a second, and the share of the multiply-add
 * floor, which is the time the step's multiply-adds would take at the rate the device reaches with
 * independent chains of them in registers, measured in the same process. Or, with --launches, every
 * launch of a step by itself. bench/compare.py sets the figures beside PyTorch's.
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
    bool json, launches;
} options;

typedef struct net_row {
    const char *name;
    int layers, units[3]; /* hidden layers; the last width goes on */
    const char *activation;
    double lr; /* small: no net may blow up while it is timed */
} net_row;

static const net_row nets[] = {
    { "mlp-300-100", 2, { 300, 100, 100 }, "elu", 1e-3 },
    { "mlp-1024x3", 3, { 1024, 1024, 1024 }, "elu", 1e-4 },
    { "selu-20x100", 20, { 100, 100, 100 }, "selu", 1e-4 },
    { "elu-20x100", 20, { 100, 100, 100 }, "elu", 1e-4 },
};
static const char *const optimizers[] = { "momentum", "adam", "sgd" };
static const char *const standard[][2] = { { "mlp-300-100", "momentum" },
                                           { "mlp-300-100", "adam" },
                                           { "mlp-1024x3", "adam" } };

typedef struct bench {
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_data *data;
    syn_source *source;
    syn_list *list;
    double multiply_adds; /* of a step */
    int epoch_steps, epoch_step;
} bench;

/* ---- the floor ---- */

/* Twelve chains hide the latency of two units and leave registers free on every device. */
static const char peak_text[] =
    "#define V2(t, n) t##n\n#define V1(t, n) V2(t, n)\n"
    "#if VEC == 1\n#define realv float\n#else\n#define realv V1(float, VEC)\n#endif\n"
    "#define ALL(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)\n"
    "#define START(i) realv a##i = (realv)(s + i);\n"
    "#define STEP(i) a##i = fma(a##i, m, b);\n"
    "#define SUM(i) b += a##i;\n"
    "__kernel void peak(__global float *out, const int n, const float s) {\n"
    "    realv m = (realv)(s * .5f), b = (realv)(s * .25f);\n"
    "    ALL(START)\n"
    "    for (int i = 0; i < n; i++) { ALL(STEP) }\n"
    "    ALL(SUM)\n"
    "#if VEC == 1\n    out[get_global_id(0)] = b;\n"
    "#else\n    V1(vstore, VEC)(b, get_global_id(0), out);\n#endif\n"
    "}\n";

/* Multiply-adds a second: the best of some runs, for others may use the device meanwhile. */
static syn_status run_peak(syn_ctx *ctx, syn_kernel *kernel, double a_pass, const size_t *global,
                           const size_t *local, double *best) {
    int n = 1000;
    for (int run = 0; run < 12; run++) {
        double start = syn_seconds();
        SYN_TRY(syn_kernel_value(kernel, 1, &n, sizeof n));
        SYN_TRY(syn_kernel_run(kernel, 1, global, local));
        SYN_TRY(syn_ctx_finish(ctx));
        double seconds = syn_seconds() - start;
        if (seconds < .01 && n < 1 << 28) { /* too short to tell */
            n *= 4;
            run = -1;
        } else if (run > 0) {
            *best = fmax(*best, a_pass * n / seconds);
        }
    }
    return SYN_OK;
}

static syn_status measure_width(syn_ctx *ctx, int width, bool cpu, double *best) {
    size_t local[1] = { cpu ? 1 : 256 };
    const int units = syn_ctx_profile_of(ctx)->compute_units;
    size_t global[1] = { (size_t)units * (cpu ? 4 : 16) * local[0] };
    float s = .5f;
    syn_buffer *out;
    syn_program *program = NULL;
    syn_kernel *kernel = NULL;
    SYN_TRY(syn_buffer_create(&out, ctx, (int64_t)global[0] * width * 4, "the peak's results"));
    char *text = syn_format("#define VEC %d\n%s", width, peak_text);
    syn_status status = text ? syn_program_build(&program, ctx, text, "-cl-std=CL1.2")
                             : syn_no_memory(sizeof peak_text);
    if (status == SYN_OK) status = syn_kernel_create(&kernel, program, "peak");
    if (status == SYN_OK) status = syn_kernel_buffer(kernel, 0, out);
    if (status == SYN_OK) status = syn_kernel_value(kernel, 2, &s, sizeof s);
    if (status == SYN_OK)
        status = run_peak(ctx, kernel, 12.0 * width * (double)global[0], global, local, best);
    free(text);
    syn_kernel_destroy(kernel);
    syn_program_destroy(program);
    syn_buffer_destroy(out);
    return status;
}

/* Of the vector widths that are fastest somewhere. */
static syn_status measure_peak(syn_ctx *ctx, double *best) {
    static const int widths[] = { 1, 4, 8, 16 };
    syn_device_info device;
    syn_ctx_device(ctx, &device);
    for (size_t i = 0; i < SYN_COUNT(widths); i++)
        SYN_TRY(measure_width(ctx, widths[i], device.cpu, best));
    return SYN_OK;
}

/* ---- what is timed ---- */

static syn_status describe(bench *b, const net_row *row, const char *optimizer, int batch) {
    SYN_TRY(syn_net_create(&b->net, 42));
    syn_tensor x = syn_input(b->net, SYN_SHAPE(FEATURES));
    int width = FEATURES;
    b->multiply_adds = 0;
    for (int i = 0; i <= row->layers; i++) {
        int units = i < row->layers ? row->units[i < 3 ? i : 2] : CLASSES;
        x = syn_dense(x, &(syn_dense_opts){ .units = units, .init = syn_init_lecun_normal(NULL) });
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
        SYN_TRY(syn_plan_check_latch(b->plan, &s, b->source, b->plan->batch));
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

/* ---- launch by launch ---- */

/* "cpu gemm_tile 128 x 300 x 784 ta" (m, n, k of the whole product), "map elu mask", "colsum". */
static void name_item(const bench *b, const syn_item *item, char *what, size_t size) {
    const syn_graph *g = b->list->graph;
    const syn_node *n = item->node >= 0 ? &g->node[item->node] : NULL;
    if (n && n->op == &syn_op_gemm) {
        bool batched = g->value[n->out[0]].batched;
        int64_t rows = b->list->rows, cols = syn_value_cols(g, n->out[0]);
        int64_t m = batched ? rows : syn_value_cols(g, n->in[0]);
        int64_t k = n->i[0] ? rows : syn_value_cols(g, n->in[0]);
        const char *entry = item->call.entry ? item->call.entry : "library";
        snprintf(what, size, "%s %s %lld x %lld x %lld%s%s", item->provider, entry, (long long)m,
                 (long long)cols, (long long)k, n->i[0] ? " ta" : "", n->i[1] ? " tb" : "");
        return;
    }
    size_t at = (size_t)snprintf(what, size, "%s", item->call.entry ? item->call.entry : "?");
    for (int i = 0; n && n->prog && i < n->prog->n_ins && at < size; i++)
        at += (size_t)snprintf(what + at, size - at, " %s%s", n->prog->ins[i].fn->row.name,
                               n->prog->ins[i].form ? "'" : "");
}

static const char *layer_of(const bench *b, const syn_item *item) {
    int layer = item->node >= 0 ? b->list->graph->node[item->node].layer : -1;
    return layer >= 0 ? b->net->layer[layer].name : "";
}

/* A launch alone, many times, on the values it meets in a step: those before it run first, and it
 * is repeated a few times only between them, for a launch may work in place. */
static syn_status time_item(bench *b, syn_item *items, int at, double *seconds) {
    enum { TURNS = 25, REPEATS = 12 };
    double turn[TURNS], ignored;
    for (int t = 0; t < TURNS; t++) {
        if (t == 0) SYN_TRY(run_steps(b, 1, &ignored));
        if (items == b->list->item && at < b->list->n_nodes_items) {
            SYN_TRY(syn_source_feed(b->source, b->list));
            SYN_TRY(syn_list_run(b->list, b->ctx, 0, at));
        }
        SYN_TRY(syn_item_run(&items[at], b->list, b->ctx));
        SYN_TRY(syn_ctx_finish(b->ctx));
        double start = syn_seconds();
        for (int i = 0; i < REPEATS; i++) SYN_TRY(syn_item_run(&items[at], b->list, b->ctx));
        SYN_TRY(syn_ctx_finish(b->ctx));
        turn[t] = (syn_seconds() - start) / REPEATS;
    }
    *seconds = bench_median(turn, TURNS);
    b->epoch_step = b->epoch_steps; /* the cursor may have moved */
    return SYN_OK;
}

static syn_status print_item(bench *b, syn_item *items, int at, double peak, double *sum) {
    char what[128];
    double seconds;
    SYN_TRY(time_item(b, items, at, &seconds));
    name_item(b, &items[at], what, sizeof what);
    double rate = items[at].call.flops / seconds;
    const syn_node *n = items[at].node < 0 ? NULL : &b->list->graph->node[items[at].node];
    const char *way = !n ? "=" : n->backward ? "<" : ">";
    printf("%s %-52s %-14s %10.1f %10.1f %7.1f %8.1f\n", way, what, layer_of(b, &items[at]),
           seconds * 1e6, rate / 1e9, rate / peak * 50, items[at].call.bytes / seconds / 1e9);
    *sum += seconds;
    return SYN_OK;
}

static syn_status print_launches(bench *b, double seconds, double peak) {
    double step, mean, sum = 0;
    SYN_TRY(measure_step(b, seconds, &step, &mean));
    printf("  %-52s %-14s %10s %10s %7s %8s\n", "launch", "layer", "us", "GFLOP/s", "% peak",
           "GB/s");
    for (int i = 0; i < b->source->n_feeds; i++)
        for (int k = 0; k < b->source->feed[i].n && b->source->feed[i].list == b->list; k++)
            SYN_TRY(print_item(b, b->source->feed[i].item, k, peak, &sum));
    for (int i = 0; i < b->list->n_items; i++)
        if (syn_plan_item_in_step(b->plan, i - b->list->n_nodes_items))
            SYN_TRY(print_item(b, b->list->item, i, peak, &sum));
    printf("  sum of launches %.1f us; a whole step %.1f us\n", sum * 1e6, step * 1e6);
    return SYN_OK;
}

/* ---- the command ---- */

static syn_status run_case(bench *b, const options *o, const net_row *row, const char *optimizer) {
    char name[64];
    double peak = 0, step, mean;
    snprintf(name, sizeof name, "%s/%s", row->name, optimizer);
    SYN_TRY(open_case(b, row, optimizer, o->batch));
    SYN_TRY(measure_peak(b->ctx, &peak));
    if (o->launches) {
        printf("%s, %d rows, peak %.1f GFLOP/s\n", name, o->batch, peak * 2 / 1e9);
        return print_launches(b, o->seconds, peak);
    }
    SYN_TRY(measure_step(b, o->seconds, &step, &mean));
    SYN_TRY(measure_peak(b->ctx, &peak)); /* once more: the faster one is the floor */
    double share = b->multiply_adds / peak / step;
    const char *form =
        o->json
            ? "{\"name\": \"%s\", \"ms\": %.6g, \"mean_ms\": %.6g, \"samples_per_second\": %.6g, "
              "\"share_of_floor\": %.4g, \"peak_gflops\": %.5g, \"batch\": %d}\n"
            : "%-22s %9.3f %9.3f %12.0f %9.3f %9.1f %7d\n";
    printf(form, name, step * 1e3, mean * 1e3, o->batch / step, share, peak * 2 / 1e9, o->batch);
    fflush(stdout);
    return SYN_OK;
}

static const net_row *find_net(const char *name) {
    for (size_t i = 0; i < SYN_COUNT(nets); i++)
        if (strcmp(nets[i].name, name) == 0) return &nets[i];
    return NULL;
}

static syn_status run(bench *b, const options *o, const float *x, const int32_t *y) {
    const syn_array rows = { x, SYN_F32, SYN_SHAPE(ROWS, FEATURES) };
    const syn_array labels = { y, SYN_I32, SYN_SHAPE(ROWS) };
    SYN_TRY(syn_data_from_arrays(&b->data, &rows, &labels));
    if (!o->json && !o->launches)
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
    o->launches = cli_get(call, "launches") != NULL;
    int code = cli_whole(call, "batch", 128, 1, ROWS, &batch);
    o->batch = (int)batch;
    if (code == CLI_OK) code = cli_real(call, "seconds", 2, 1e-3, 3600, &o->seconds);
    if (code != CLI_OK) return code;
    bool known = !o->optimizer;
    for (size_t i = 0; !known && i < SYN_COUNT(optimizers); i++)
        known = strcmp(optimizers[i], o->optimizer) == 0;
    if (!known)
        return cli_usage(call, "--optimizer is '%s', expected momentum, adam or sgd", o->optimizer);
    if (o->net && !find_net(o->net))
        return cli_usage(
            call, "--net is '%s', expected mlp-300-100, mlp-1024x3, selu-20x100 or elu-20x100",
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
    syn_data_destroy(b.data);
    syn_ctx_destroy(b.ctx);
    free(x);
    free(y);
    return status == SYN_OK ? CLI_OK : cli_fail();
}
