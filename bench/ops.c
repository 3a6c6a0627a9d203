/* Times every map and normalisation, forward and backward, beside a kernel that does nothing but
 * stream as many tensors of the same size, turn by turn in the same run. Bytes are those of the
 * tensors an op must touch at least once; the share is the stream's time over the op's. */
#include "bench.h"

#include "op/map.h"
#include "op/ops.h"
#include "plan/control.h"
#include "plan/phases.h"
#include "plan/state.h"
#include "train/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLS = 1024, MOST_READ = 4, TURNS = 41 };

typedef struct options {
    const char *only; /* part of a name; a whole one is that op alone */
    int rows;         /* 0: both sizes */
    double seconds;   /* of an op */
    bool whole;       /* `only` is one of the names */
    bool json;
} options;

/* A list and what it needs to run. */
typedef struct bound {
    syn_kernels kernels;
    syn_graph g;
    syn_list l;
    syn_buffer *slab[SYN_MAX_SLABS], *block[SYN_BLOCKS];
    syn_phase_room room;
} bound;

/* What is timed: a graph of two values in, one node forward, one or more back; and what streams beside it. */
typedef struct bench {
    syn_ctx *ctx;
    bound op, stream[MOST_READ + 1];
    int x, dy, extra[4], n_extra;
} bench;

/* On CPUs an op runs as in a plan: as a phase, many in one launch. */
static int times_of(int rows) { return rows <= 1024 ? 64 : 4; }

/* The emitted list, placed, built and bound. */
static syn_status bind(syn_ctx *ctx, bound *b) {
    syn_list *l = &b->l;
    syn_phases_mark(l, syn_ctx_profile_of(ctx));
    l->times = times_of(l->rows);
    SYN_TRY(syn_list_place(l, syn_ctx_profile_of(ctx), SYN_FLOAT));
    SYN_TRY(syn_list_want(l, &b->kernels));
    SYN_TRY(syn_kernels_build(&b->kernels));
    for (int i = 0; i < l->n_slabs; i++) {
        SYN_TRY(syn_buffer_create(&b->slab[i], ctx, l->slab_bytes[i], "a bench"));
        SYN_TRY(syn_buffer_zero(b->slab[i]));
    }
    SYN_TRY(syn_buffer_create(&b->block[SYN_BLOCK_CONTROL], ctx, SYN_CTL_WORDS * 4, "a bench"));
    SYN_TRY(syn_buffer_zero(b->block[SYN_BLOCK_CONTROL]));
    const syn_binding binding = {
        .ctx = ctx, .kernels = &b->kernels, .slab = b->slab, .block = b->block, .tables = &b->room
    };
    return syn_list_bind(l, &binding, SYN_FLOAT);
}

static void unbind(bound *b) {
    syn_list_free(&b->l);
    for (int i = 0; i < SYN_MAX_SLABS; i++) syn_buffer_destroy(b->slab[i]);
    syn_buffer_destroy(b->block[SYN_BLOCK_CONTROL]);
    syn_graph_free(&b->g);
    syn_kernels_free(&b->kernels);
    *b = (bound){ 0 };
}

/* ---- streams ---- */

enum { RUN = 4096 }; /* floats of a CPU's work-item */

/* Sums of k tensors, k read and one written. */
static syn_status stream_call(const syn_profile *p, int k, const int *value, int64_t count, syn_call *c) {
    syn_text t = { 0 };
    if (p->vec_float > 1)
        syn_text_add(&t, "typedef float%d __attribute__((aligned(4))) FN(element);\n"
                         "#define AT(p) (*(__global FN(element) *)((p) + i))\n", p->vec_float);
    else
        syn_text_add(&t, "#define AT(p) (p)[i]\n");
    syn_text_add(&t, "KERNEL(stream)(");
    for (int i = 0; i < k; i++) syn_text_add(&t, "__global float *x%d, ", i);
    syn_text_add(&t, "__global float *y) {\nint i = (int)get_global_id(0) * %d;\n", p->cpu ? RUN : 1);
    if (p->cpu)
        syn_text_add(&t, "const int end = min(i + %d, %lld);\nfor (; i < end; i += %d)\n", RUN, (long long)count,
                     p->vec_float);
    syn_text_add(&t, "AT(y) = AT(x0)");
    for (int i = 1; i < k; i++) syn_text_add(&t, " + AT(x%d)", i);
    syn_text_add(&t, ";\n}\n#undef AT\n");
    *c = (syn_call){ .text = t.s, .entry = "stream", .dims = 1 };
    for (int i = 0; i < k; i++) syn_call_arg(c, syn_in(value[i]));
    syn_call_arg(c, syn_out(value[k]));
    c->local[0] = p->cpu ? 1 : 64;
    c->global[0] = (size_t)(p->cpu ? syn_ceil_div(count, RUN) : count);
    c->bytes = 4. * (double)count * (k + 1);
    return syn_text_status(&t);
}

static syn_status open_stream(syn_ctx *ctx, bound *b, int k, int rows) {
    int value[MOST_READ + 1];
    syn_call c;
    syn_graph_init(&b->g);
    syn_kernels_init(&b->kernels, ctx, SYN_FLOAT);
    for (int i = 0; i <= k; i++) {
        value[i] = syn_graph_value(&b->g, SYN_SHAPE(COLS), true);
        if (value[i] < 0) return syn_no_memory(sizeof *b->g.value);
        b->g.value[value[i]].keep = true;
    }
    SYN_TRY(stream_call(syn_ctx_profile_of(ctx), k, value, (int64_t)rows * COLS, &c));
    b->l = (syn_list){ .graph = &b->g, .rows = rows };
    SYN_TRY(syn_list_append(&b->l, &c));
    return bind(ctx, b);
}

/* ---- an op ---- */

static int keep(bench *b, int value) {
    if (value >= 0) b->op.g.value[value].keep = true;
    return value;
}

static int channels(bench *b, int64_t n) {
    return b->extra[b->n_extra++] = keep(b, syn_graph_value(&b->op.g, SYN_SHAPE(n), false));
}

/* Adds the node under test over b->x; returns its output. */
typedef struct op_row {
    const char *name;
    int positions; /* a sample is positions x (COLS / positions) */
    int again;     /* how often more the inputs must be read: statistics over the batch come first */
    int (*build)(bench *b);
} op_row;

static int batch(bench *b) {
    int gamma = channels(b, COLS), beta = channels(b, COLS);
    const syn_moving m = { .mode = SYN_MOVING_AVERAGE,
                           .mean = channels(b, COLS),
                           .variance = channels(b, COLS),
                           .count = -1,
                           .take = .01 };
    return syn_batch_norm_node(&b->op.g, b->x, gamma, beta, &m, 1e-3);
}
static int layer(bench *b) {
    int gamma = channels(b, COLS), beta = channels(b, COLS);
    return syn_row_norm(&b->op.g, b->x, gamma, beta, 1, COLS, 1e-3, false);
}
static int rms(bench *b) {
    return syn_row_norm(&b->op.g, b->x, channels(b, COLS), -1, 1, COLS, 1e-6, true);
}
static int group(bench *b) {
    int gamma = channels(b, COLS), beta = channels(b, COLS);
    return syn_row_norm(&b->op.g, b->x, gamma, beta, 1, COLS / 32, 1e-3, false);
}
static int narrow(bench *b) {
    int gamma = channels(b, 32), beta = channels(b, 32);
    return syn_column_norm(&b->op.g, b->x, gamma, beta, 4, 1e-3);
}
static int instance(bench *b) {
    int gamma = channels(b, 32), beta = channels(b, 32);
    return syn_column_norm(&b->op.g, b->x, gamma, beta, 1, 1e-5);
}
static int softmax(bench *b) { return syn_softmax_node(&b->op.g, b->x); }
static int log_softmax(bench *b) { return syn_log_softmax_node(&b->op.g, b->x); }
static int maxout(bench *b) { return syn_maxout_node(&b->op.g, b->x, 2); }
static int prelu(bench *b) {
    const int in[] = { b->x, channels(b, COLS) };
    return syn_map_apply(&b->op.g, syn_fn_find("prelu_of"), in, 2, NULL, 0);
}
static int drawn(bench *b, const char *name, double first, double second) {
    const double attr[SYN_MAX_ATTRS] = { first, second };
    return syn_map_apply(&b->op.g, syn_fn_find(name), &b->x, 1, attr, 7);
}
static int rrelu(bench *b) { return drawn(b, "rrelu_of", .125, 1. / 3); }
static int dropout(bench *b) { return drawn(b, "mask", .1, 0); }
static int spatial_dropout(bench *b) { return drawn(b, "mask_channels", .1, 32); }
static int alpha_dropout(bench *b) { return drawn(b, "mask_alpha", .1, 0); }
static int gaussian_dropout(bench *b) { return drawn(b, "mask_gaussian", .1, 0); }
static const op_row ops[] = {
    { "batch_norm", 1, 1, batch },
    { "layer_norm", 1, 0, layer },
    { "rms_norm", 1, 0, rms },
    { "group_norm 32 x 32", 1, 0, group },
    { "group_norm 8 x 4, 32 positions", 32, 0, narrow },
    { "instance_norm, 32 positions", 32, 0, instance },
    { "softmax", 1, 0, softmax },
    { "log_softmax", 1, 0, log_softmax },
    { "maxout of 2", 1, 0, maxout },
    { "prelu", 1, 0, prelu },
    { "rrelu", 1, 0, rrelu },
    { "dropout", 1, 0, dropout },
    { "spatial_dropout, 32 positions", 32, 0, spatial_dropout },
    { "alpha_dropout", 1, 0, alpha_dropout },
    { "gaussian_dropout", 1, 0, gaussian_dropout },
};

static syn_status fill(bench *b, int value, int64_t n, uint32_t seed) {
    double *v = malloc((size_t)n * sizeof *v);
    if (!v) return syn_no_memory((size_t)n * sizeof *v);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (seed >> 8) * 0x1p-22 - 2;
    }
    syn_status status = syn_reals_write(b->op.l.value[value], SYN_FLOAT, 0, v, n);
    free(v);
    return status;
}

static syn_status open_op(bench *b, const op_row *row, const syn_map_row *map, int rows) {
    const syn_shape shape = row && row->positions > 1
                                ? SYN_SHAPE(row->positions, COLS / row->positions)
                                : SYN_SHAPE(COLS);
    syn_graph *g = &b->op.g;
    bool wanted[64] = { false };
    b->n_extra = 0;
    syn_graph_init(g);
    syn_kernels_init(&b->op.kernels, b->ctx, SYN_FLOAT);
    b->x = keep(b, syn_graph_value(g, shape, true));
    double attr[SYN_MAX_ATTRS] = { 0 };
    int y;
    if (map) {
        const syn_fn *fn = syn_fn_find(map->name);
        SYN_TRY(syn_fn_attributes(fn, NULL, 0, SYN_KERAS, attr, map->name));
        y = syn_map_apply(g, fn, &b->x, 1, attr, 0);
    } else {
        y = row->build(b);
    }
    keep(b, y);
    int node = g->n_nodes - 1;
    if (y < 0) return syn_no_memory(sizeof *g->value);
    b->dy = keep(b, syn_graph_value(g, g->value[y].shape, true));
    if (g->failed) return syn_no_memory(sizeof *g->value);
    g->value[y].grad = b->dy;
    wanted[b->x] = true;
    for (int k = 0; k < b->n_extra && k < 2; k++) wanted[b->extra[k]] = true;
    SYN_TRY(syn_graph_grad(g, node, wanted, &syn_map_grad_ops));
    for (int v = 0; v < 64 && v < g->n_values; v++)
        if (wanted[v]) keep(b, g->value[v].grad);
    SYN_TRY(syn_map_numbers(g, syn_ctx_profile_of(b->ctx)));
    SYN_TRY(syn_map_masks(g, syn_ctx_profile_of(b->ctx), SYN_FLOAT));
    SYN_TRY(syn_list_emit(&b->op.l, b->ctx, g, SYN_FLOAT, rows, true, false, NULL));
    SYN_TRY(bind(b->ctx, &b->op));
    SYN_TRY(fill(b, b->x, (int64_t)rows * COLS, 1));
    if (b->op.l.value[b->dy]) SYN_TRY(fill(b, b->dy, rows * syn_value_count(g, b->dy), 2));
    for (int k = 0; k < b->n_extra; k++)
        SYN_TRY(fill(b, b->extra[k], syn_value_count(g, b->extra[k]), 3));
    return SYN_OK;
}

/* ---- timing ---- */

/* Whole tensors among what the items touch; the rest is small beside them. */
static void tensors(const bench *b, int first, int n, int *whole, double *bytes) {
    bool seen[256] = { false };
    *whole = 0;
    *bytes = 0;
    for (int i = first; i < first + n; i++)
        for (int k = 0; k < b->op.l.item[i].call.n_args; k++) {
            const syn_arg *a = &b->op.l.item[i].call.arg[k];
            if (a->kind != SYN_ARG_VALUE || a->value >= 256 || seen[a->value]) continue;
            seen[a->value] = true;
            const syn_value *v = &b->op.g.value[a->value];
            double size =
                4.0 * (double)syn_value_count(&b->op.g, a->value) * (v->batched ? b->op.l.rows : 1);
            *bytes += size;
            *whole += size >= 4.0 * COLS * b->op.l.rows;
        }
}

/* Seconds of the items, once. */
static syn_status run_items(bench *b, bound *what, int first, int n, int times, double *seconds) {
    SYN_TRY(syn_list_run(&what->l, b->ctx, first, n)); /* the cache is full of the other side's */
    SYN_TRY(syn_ctx_finish(b->ctx));
    double start = syn_seconds();
    for (int t = 0; t < times; t++) SYN_TRY(syn_list_run(&what->l, b->ctx, first, n));
    SYN_TRY(syn_ctx_finish(b->ctx));
    *seconds = (syn_seconds() - start) / times / what->l.times;
    return SYN_OK;
}

static syn_status measure(bench *b, const options *o, const char *name, int again, bool backward) {
    int first = 0, n = 0, whole;
    double bytes, once, op[TURNS], stream[TURNS];
    for (int i = 0; i < b->op.l.n_items; i++) {
        if (b->op.g.node[b->op.l.item[i].node].backward != backward) continue;
        if (!n++) first = i;
    }
    if (!n) return SYN_OK; /* the derivative is 1 */
    tensors(b, first, n, &whole, &bytes);
    again *= backward ? 2 : 1;
    whole += again;
    bytes += again * 4.0 * COLS * b->op.l.rows;
    int reads = whole > 1 ? whole - 1 : 1;
    if (reads > MOST_READ) reads = MOST_READ;
    SYN_TRY(run_items(b, &b->op, first, n, 2, &once));
    SYN_TRY(run_items(b, &b->op, first, n, 3, &once));
    int times = (int)(o->seconds / (2 * TURNS) / (once * b->op.l.times)) + 1;
    for (int t = 0; t < TURNS; t++) {
        SYN_TRY(run_items(b, &b->op, first, n, times, &op[t]));
        SYN_TRY(run_items(b, &b->stream[reads], 0, 1, times, &stream[t]));
    }
    /* Half a tensor, as of maxout, is half a stream's. */
    double a = bench_median(op, TURNS), s = bench_median(stream, TURNS);
    if (bytes < (reads + .6) * 4.0 * COLS * b->op.l.rows) s *= bytes / ((reads + 1) * 4.0 * COLS * b->op.l.rows);
    printf(
        o->json
            ? "{\"name\": \"%s\", \"pass\": \"%s\", \"rows\": %d, \"launches\": %d, \"us\": %.5g, "
              "\"bytes\": %.0f, \"gb_per_s\": %.4g, \"stream_us\": %.5g, \"share\": %.4g}\n"
            : "%-32s %-8s %6d %4d %10.1f %12.0f %8.2f %10.1f %7.2f\n",
        name, backward ? "backward" : "forward", b->op.l.rows, n, a * 1e6, bytes, bytes / a / 1e9,
        s * 1e6, s / a);
    fflush(stdout);
    return SYN_OK;
}

static syn_status run_op(bench *b, const options *o, const op_row *row, const syn_map_row *map,
                         int rows) {
    const char *name = map ? map->name : row->name;
    if (o->only && (o->whole ? strcmp(name, o->only) != 0 : !strstr(name, o->only))) return SYN_OK;
    syn_status status = open_op(b, row, map, rows);
    for (int back = 0; back < 2 && status == SYN_OK; back++) status = measure(b, o, name, row ? row->again : 0, back);
    (void)syn_ctx_finish(b->ctx);
    unbind(&b->op);
    return status;
}

static syn_status run(bench *b, const options *o) {
    static const int sizes[] = { 128, 4096 };
    if (!o->json)
        printf("%-32s %-8s %6s %4s %10s %12s %8s %10s %7s\n", "op, 1024 columns", "pass", "rows",
               "runs", "us", "bytes", "GB/s", "stream us", "share");
    for (size_t i = 0; i < SYN_COUNT(sizes); i++) {
        int rows = o->rows ? o->rows : sizes[i];
        syn_status status = SYN_OK;
        for (int k = 1; k <= MOST_READ && status == SYN_OK; k++) status = open_stream(b->ctx, &b->stream[k], k, rows);
        for (size_t k = 0; k < SYN_COUNT(ops) && status == SYN_OK; k++)
            status = run_op(b, o, &ops[k], NULL, rows);
        for (int m = 0; m < syn_map_count() && status == SYN_OK; m++)
            status = run_op(b, o, NULL, syn_map_at(m), rows);
        (void)syn_ctx_finish(b->ctx);
        for (int k = 1; k <= MOST_READ; k++) unbind(&b->stream[k]);
        SYN_TRY(status);
        if (o->rows) break;
    }
    return SYN_OK;
}

static bool is_name(const char *s) {
    for (size_t k = 0; k < SYN_COUNT(ops); k++)
        if (!strcmp(s, ops[k].name)) return true;
    for (int m = 0; m < syn_map_count(); m++)
        if (!strcmp(s, syn_map_at(m)->name)) return true;
    return false;
}

int bench_ops(const cli_call *call) {
    options o = { .only = cli_get(call, "only"), .json = cli_get(call, "json") != NULL };
    long rows;
    int code = cli_whole(call, "rows", 0, 1, 1 << 20, &rows);
    if (code == CLI_OK) code = cli_real(call, "seconds", .5, 1e-3, 3600, &o.seconds);
    if (code != CLI_OK) return code;
    o.rows = (int)rows;
    o.whole = o.only && is_name(o.only);
    bench b = { 0 };
    syn_status status = bench_context(call, &b.ctx);
    if (status == SYN_OK) status = run(&b, &o);
    syn_ctx_destroy(b.ctx);
    return status == SYN_OK ? CLI_OK : cli_fail();
}
