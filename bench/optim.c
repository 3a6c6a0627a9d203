/* Times the update launch of every optimizer over ten million weights, beside a plain stream kernel
 * that reads and writes as much in the same buffers, by turns: milliseconds, bytes moved, GB/s, and
 * the share of the stream's GB/s. Then whole training steps with and without clipping by global norm,
 * by turns: what clipping adds, in percent of the update. It is steps that are timed because most of a
 * norm is taken where the gradient is made.
 *
 * LAMB and LARS have two launches, one of which only reads; both are timed and counted. */
#include "bench.h"

#include "optim/optim.h"
#include "plan/plan.h"
#include "train/loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct options {
    const char *optimizer; /* NULL: all */
    double weights, seconds;
    bool json;
} options;

typedef struct bench {
    const options *o;
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_tensor loss;
    int width; /* of two square layers */
    double *values;
} bench;

typedef struct timed {
    syn_plan *plan;
    syn_list *list;
    syn_program *program;
    syn_kernel *kernel; /* the stream */
    size_t global, local;
} timed;

/* ---- the stream ---- */

/* RUN elements a work-item (CPU) or work-group (GPU); SLOTS blocks read and written besides the
 * first, which stay above 0, for optimizers go on with them. */
static const char stream_text[] =
    "#define V2(t, n) t##n\n#define V1(t, n) V2(t, n)\n"
    "#if VEC == 1\n#define element float\n#define LOAD(p, i) (p)[i]\n#define STORE(v, p, i) (p)[i] "
    "= (v)\n"
    "#else\n#define element V1(float, VEC)\ntypedef element __attribute__((aligned(4))) packed;\n"
    "#define LOAD(p, i) (*(__global const packed *)((p) + (i)))\n"
    "#define STORE(v, p, i) (*(__global packed *)((p) + (i)) = (v))\n#endif\n"
    "__kernel void stream(__global float *w, __global const float *g, __global float *slot, const "
    "int n) {\n"
    "#if VEC == 1\n"
    "    const int first = (int)get_group_id(0) * RUN + (int)get_local_id(0), stride = "
    "(int)get_local_size(0);\n"
    "    const int end = min(((int)get_group_id(0) + 1) * RUN, n);\n"
    "#else\n"
    "    const int first = (int)get_global_id(0) * RUN, stride = VEC;\n"
    "    const int end = min(first + RUN, n / VEC * VEC);\n"
    "#endif\n"
    "    for (int i = first; i < end; i += stride) {\n"
    "        const element v = LOAD(g, i);\n"
    "        STORE(.5f * LOAD(w, i) + v, w, i);\n"
    "#if SLOTS > 0\n        STORE(.5f * LOAD(slot, i) + v * v, slot, i);\n#endif\n"
    "#if SLOTS > 1\n        STORE(.5f * LOAD(slot + n, i) + v * v, slot + n, i);\n#endif\n"
    "#if SLOTS > 2\n        STORE(.5f * LOAD(slot + 2 * (size_t)n, i) + v * v, slot + 2 * "
    "(size_t)n, i);\n#endif\n"
    "#if SLOTS > 3\n        STORE(.5f * LOAD(slot + 3 * (size_t)n, i) + v * v, slot + 3 * "
    "(size_t)n, i);\n#endif\n"
    "    }\n"
    "}\n";

static syn_status make_stream(const bench *b, timed *t) {
    const syn_profile *p = syn_ctx_profile_of(b->ctx);
    int run = 2048, n = (int)t->plan->grad_length;
    char *text = syn_format("#define VEC %d\n#define RUN %d\n#define SLOTS %d\n%s",
                            p->cpu ? p->vec_float : 1, run, t->plan->optim.n_slots, stream_text);
    syn_status status = text ? syn_program_build(&t->program, b->ctx, text, "-cl-std=CL1.2")
                             : syn_no_memory(sizeof stream_text);
    free(text);
    SYN_TRY(status);
    SYN_TRY(syn_kernel_create(&t->kernel, t->program, "stream"));
    const syn_block block[] = { SYN_BLOCK_PARAMS, SYN_BLOCK_GRADS, SYN_BLOCK_SLOTS };
    for (int i = 0; i < 3; i++) SYN_TRY(syn_kernel_buffer(t->kernel, i, t->plan->block[block[i]]));
    SYN_TRY(syn_kernel_value(t->kernel, 3, &n, sizeof n));
    t->local = p->cpu ? 1 : 128;
    t->global = (size_t)syn_ceil_div(n, run) * t->local;
    return SYN_OK;
}

static double stream_bytes(const timed *t) {
    return (double)t->plan->grad_length * 4 * (3 + 2.0 * t->plan->optim.n_slots);
}

/* ---- what is timed ---- */

static syn_status describe(bench *b) {
    b->width = (int)((sqrt(1 + 2 * b->o->weights) - 1) / 2);
    SYN_TRY(syn_net_create(&b->net, 42));
    syn_tensor x = syn_input(b->net, SYN_SHAPE(b->width));
    for (int i = 0; i < 2; i++) x = syn_dense(x, &(syn_dense_opts){ .units = b->width });
    b->loss = syn_mse(x);
    SYN_TRY(syn_state_create(&b->state, b->ctx, b->net));
    int64_t n = (int64_t)b->width * b->width;
    b->values = malloc((size_t)n * sizeof *b->values);
    if (!b->values) return syn_no_memory((size_t)n * sizeof *b->values);
    uint32_t word = 42;
    for (int64_t i = 0; i < n; i++) {
        word = word * 1664525u + 1013904223u;
        b->values[i] = ((double)(word >> 8) * 0x1p-23 - 1) * 1e-2;
    }
    return SYN_OK;
}

/* A latch would stop the updates, and nothing would be timed. */
static syn_status latched(const timed *t) {
    syn_snapshot s;
    SYN_TRY(syn_plan_snapshot(t->plan, &s));
    return syn_plan_check_latch(t->plan, &s, NULL);
}

/* A plan with gradients in place and some steps behind it, so that no first-step convention is
 * timed. */
static syn_status open_plan(bench *b, const char *optimizer, double clip, timed *t) {
    syn_plan_opts o = { .loss = b->loss, .batch = 1, .clip.global_norm = clip };
    SYN_TRY(syn_optim_named(&o.optim, optimizer, 0));
    SYN_TRY(syn_plan_create(&t->plan, b->state, &o));
    const syn_array row = { b->values, SYN_F64, SYN_SHAPE(1, b->width) };
    for (int p = 0; p < b->state->n_params; p++) /* whatever the last optimizer left */
        SYN_TRY(syn_param_write(b->state, b->net->param[p].name, b->values, b->state->count[p]));
    SYN_TRY(syn_gradient(t->plan, &row, &row, NULL));
    for (int p = 0; p < b->state->n_params; p++)
        SYN_TRY(syn_grad_write(t->plan, b->net->param[p].name, b->values, b->state->count[p]));
    t->list = t->plan->last;
    for (int i = 0; i < 8; i++) SYN_TRY(syn_plan_enqueue_update(t->plan, t->list));
    return latched(t);
}

static void close_plan(timed *t) {
    syn_kernel_destroy(t->kernel);
    syn_program_destroy(t->program);
    syn_plan_destroy(t->plan);
    *t = (timed){ 0 };
}

typedef enum what { LAUNCH, STREAM, STEP } what;

static syn_status run_once(const bench *b, timed *t, what w) {
    int machinery = t->list->n_nodes_items;
    if (w == STREAM) return syn_kernel_run(t->kernel, 1, &t->global, &t->local);
    if (w == STEP) return syn_plan_enqueue_step(t->plan, t->list);
    if (t->plan->optim.impl->norms)
        SYN_TRY(syn_list_run(t->list, b->ctx, machinery + SYN_ITEM_TRUST, 1));
    return syn_list_run(t->list, b->ctx, machinery + SYN_ITEM_UPDATE, 1);
}

static syn_status time_one(const bench *b, timed *t, what w, double *least) {
    double start = syn_seconds();
    SYN_TRY(run_once(b, t, w));
    SYN_TRY(syn_ctx_finish(b->ctx));
    *least = fmin(*least, syn_seconds() - start);
    return SYN_OK;
}

/* The fastest of each, by turns: others may use the machine meanwhile. */
static syn_status by_turns(const bench *b, timed *first, what one, timed *second, what two,
                           double *a, double *c) {
    double ignored = INFINITY;
    SYN_TRY(time_one(b, first, one, &ignored));
    SYN_TRY(time_one(b, second, two, &ignored));
    *a = *c = INFINITY;
    int turns = 0;
    for (double start = syn_seconds(); turns < 10 || syn_seconds() - start < b->o->seconds;
         turns++) {
        SYN_TRY(time_one(b, first, one, a));
        SYN_TRY(time_one(b, second, two, c));
    }
    return SYN_OK;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What a step takes longer with clipping: the median over pairs, for steps are long beside it. */
static syn_status step_difference(const bench *b, timed *plain, timed *clipped, double *median) {
    enum { PAIRS = 1001 };
    static double difference[PAIRS];
    int n = 0;
    for (double start = syn_seconds(); n < PAIRS && (n < 10 || syn_seconds() - start < 2 * b->o->seconds); n++) {
        double p = INFINITY, c = INFINITY;
        SYN_TRY(time_one(b, plain, STEP, &p));
        SYN_TRY(time_one(b, clipped, STEP, &c));
        difference[n] = c - p;
    }
    qsort(difference, (size_t)n, sizeof *difference, by_size);
    *median = difference[n / 2];
    return SYN_OK;
}

static syn_status measure(bench *b, const char *name, timed *plain, timed *clipped) {
    double seconds, stream, added;
    SYN_TRY(open_plan(b, name, 0, plain));
    SYN_TRY(make_stream(b, plain));
    SYN_TRY(by_turns(b, plain, LAUNCH, plain, STREAM, &seconds, &stream));
    SYN_TRY(open_plan(b, name, 1, clipped));
    SYN_TRY(step_difference(b, plain, clipped, &added));
    SYN_TRY(latched(plain));
    SYN_TRY(latched(clipped));
    const syn_item *item = &plain->list->item[plain->list->n_nodes_items];
    double bytes = item[SYN_ITEM_UPDATE].call.bytes;
    if (plain->plan->optim.impl->norms) bytes += item[SYN_ITEM_TRUST].call.bytes;
    double rate = bytes / seconds, stream_rate = stream_bytes(plain) / stream;
    const char *form =
        b->o->json ? "{\"optimizer\": \"%s\", \"slots\": %d, \"weights\": %.0f, \"ms\": %.5g, "
                     "\"bytes\": %.0f, "
                     "\"gb_per_s\": %.5g, \"stream_gb_per_s\": %.5g, \"share_of_stream\": %.4g, "
                     "\"clip_percent\": %.4g}\n"
                   : "%-10s %5d %10.0f %9.3f %12.0f %8.1f %8.1f %9.3f %9.1f\n";
    printf(form, name, plain->plan->optim.n_slots, (double)plain->plan->grad_length, seconds * 1e3,
           bytes, rate / 1e9, stream_rate / 1e9, rate / stream_rate, added / seconds * 100);
    fflush(stdout);
    return SYN_OK;
}

static syn_status run(bench *b) {
    SYN_TRY(describe(b));
    if (!b->o->json)
        printf("%-10s %5s %10s %9s %12s %8s %8s %9s %9s\n", "optimizer", "slots", "weights", "ms",
               "bytes", "GB/s", "stream", "of stream", "clip +%");
    const syn_table *all = syn_optims();
    for (int i = 0; i < all->n; i++) {
        if (b->o->optimizer && strcmp(b->o->optimizer, all->row[i]->name) != 0) continue;
        if (syn_optim_impl_of(all->row[i])->search) continue; /* no one update: line searches */
        timed plain = { 0 }, clipped = { 0 };
        syn_status status = measure(b, all->row[i]->name, &plain, &clipped);
        close_plan(&plain);
        close_plan(&clipped);
        SYN_TRY(status);
    }
    return SYN_OK;
}

int bench_optim(const cli_call *call) {
    options o = { .optimizer = cli_get(call, "optimizer"), .json = cli_get(call, "json") != NULL };
    if (o.optimizer && !syn_table_find(syn_optims(), o.optimizer))
        return cli_usage(call, "%s", syn_error_text());
    int code = cli_real(call, "weights", 1e7, 1000, 4e8, &o.weights);
    if (code == CLI_OK) code = cli_real(call, "seconds", 1, 1e-3, 3600, &o.seconds);
    if (code != CLI_OK) return code;
    bench b = { .o = &o };
    syn_status status = bench_context(call, &b.ctx);
    if (status == SYN_OK) status = run(&b);
    syn_state_destroy(b.state);
    syn_net_destroy(b.net);
    syn_ctx_destroy(b.ctx);
    free(b.values);
    return status == SYN_OK ? CLI_OK : cli_fail();
}
