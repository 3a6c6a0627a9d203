#include "plan/selftest_case.h"

#include "base/expr.h"
#include "base/half.h"
#include "base/rng.h"
#include "op/map_text.h"
#include "plan/control.h"
#include "plan/list.h"
#include "plan/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool syn_selftest_uses(const syn_ctx *ctx, int provider) {
    return syn_gemm_provider_serves(provider, syn_ctx_profile_of(ctx));
}

/* A little of everything a list needs, around one graph. */
typedef struct bench {
    syn_ctx *ctx;
    syn_dtype dtype;
    syn_graph g;
    syn_list l;
    syn_kernels kernels;
    syn_buffer *slab[SYN_MAX_SLABS], *block[SYN_BLOCKS];
} bench;

static void bench_free(bench *b) {
    (void)syn_ctx_finish(b->ctx);
    syn_list_free(&b->l);
    syn_kernels_free(&b->kernels);
    for (int i = 0; i < SYN_MAX_SLABS; i++) syn_buffer_destroy(b->slab[i]);
    for (int i = 0; i < SYN_BLOCKS; i++) syn_buffer_destroy(b->block[i]);
    syn_graph_free(&b->g);
}

/* Place, build, allocate (filled with `fill` bytes) and bind what b->l holds. */
static syn_status bench_bind(bench *b, int fill) {
    SYN_TRY(syn_list_place(&b->l, syn_ctx_profile_of(b->ctx), b->dtype));
    SYN_TRY(syn_list_want(&b->l, &b->kernels));
    SYN_TRY(syn_kernels_build(&b->kernels));
    for (int i = 0; i < b->l.n_slabs; i++) {
        int64_t bytes = b->l.slab_bytes[i];
        SYN_TRY(syn_buffer_create(&b->slab[i], b->ctx, bytes, "a test"));
        char *bytes_of = malloc((size_t)bytes);
        if (!bytes_of) return syn_no_memory((size_t)bytes);
        memset(bytes_of, fill, (size_t)bytes);
        syn_status status = syn_buffer_write(b->slab[i], 0, bytes_of, bytes, true);
        free(bytes_of);
        SYN_TRY(status);
    }
    const syn_binding binding = { .ctx = b->ctx, .kernels = &b->kernels, .slab = b->slab, .block = b->block };
    return syn_list_bind(&b->l, &binding, b->dtype);
}

static int add_value(bench *b, int64_t rows, int64_t cols) {
    int v = syn_graph_value(&b->g, SYN_SHAPE(rows, cols), false);
    if (v >= 0) b->g.value[v].keep = true;
    return v;
}

/* ---- GEMM ---- */

static double element(const double *x, bool t, int rows, int cols, int r, int c) {
    return t ? x[(size_t)c * (size_t)rows + (size_t)r] : x[(size_t)r * (size_t)cols + (size_t)c];
}

static void reference(const syn_gemm *g, const double *a, const double *b, const double *old, double *c) {
    for (int i = 0; i < g->m; i++)
        for (int j = 0; j < g->n; j++) {
            double sum = 0;
            for (int k = 0; k < g->k; k++)
                sum += element(a, g->ta, g->m, g->k, i, k) * element(b, g->tb, g->k, g->n, k, j);
            size_t at = (size_t)i * (size_t)g->n + (size_t)j;
            c[at] = sum + (g->accumulate ? old[at] : 0);
        }
}

static syn_status emit_gemm(bench *b, int provider, const syn_gemm *g, const int v[3], bool *taken) {
    syn_gemm_plan plan;
    *taken = syn_gemm_plan_with(b->ctx, provider, g, syn_in(v[0]), syn_in(v[1]), syn_out(v[2]), &plan);
    if (!*taken) return plan.no_memory ? syn_no_memory(4096) : SYN_OK;
    b->l = (syn_list){ .graph = &b->g, .rows = 1, .guard = 512 };
    return syn_list_append_gemm(&b->l, g, &plan, -1, syn_in(v[0]), syn_in(v[1]), syn_out(v[2]));
}

/* Bytes behind C that changed, within its slab. */
static syn_status guards_hold(bench *b, int value, bool *hold) {
    const syn_place *p = &b->l.place[value];
    int64_t gap = b->l.guard;
    unsigned char *bytes = malloc((size_t)gap + 1);
    *hold = true;
    if (!bytes) return syn_no_memory((size_t)gap);
    syn_status status = syn_buffer_read(b->slab[p->slab], p->offset + p->bytes, bytes, gap, true);
    for (int64_t i = 0; status == SYN_OK && i < gap; i++) *hold &= bytes[i] == 0xa5;
    free(bytes);
    return status;
}

static double norm_error(const double *got, const double *want, int64_t n) {
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += (got[i] - want[i]) * (got[i] - want[i]);
        norm += want[i] * want[i];
    }
    double error = norm > 0 ? sqrt(difference / norm) : sqrt(difference);
    return isnan(error) ? INFINITY : error;
}

static syn_status run_gemm(bench *b, const syn_gemm *g, const int v[3], double *x, double *error) {
    int64_t na = (int64_t)g->m * g->k, nb = (int64_t)g->k * g->n, nc = (int64_t)g->m * g->n;
    double *a = x, *bb = a + na, *old = bb + nb, *want = old + nc, *got = want + nc;
    syn_rng r;
    syn_rng_start(&r, 1, SYN_RNG_TEST, 0);
    /* Values a float, or a half, holds exactly, so that all types see the same product. */
    for (int64_t i = 0; i < na + nb + nc; i++) {
        x[i] = (float)(syn_rng_uniform(&r) - .5);
        if (b->dtype == SYN_HALF) x[i] = (double)syn_half_value(syn_half_of((float)x[i]));
    }
    SYN_TRY(bench_bind(b, 0xa5));
    SYN_TRY(syn_value_write(&b->l, v[0], b->dtype, a, na));
    SYN_TRY(syn_value_write(&b->l, v[1], b->dtype, bb, nb));
    SYN_TRY(syn_value_write(&b->l, v[2], b->dtype, old, nc));
    SYN_TRY(syn_list_run(&b->l, b->ctx, 0, b->l.n_items));
    SYN_TRY(syn_value_read(&b->l, v[2], b->dtype, got, nc));
    reference(g, a, bb, old, want);
    *error = norm_error(got, want, nc);
    bool hold;
    SYN_TRY(guards_hold(b, v[2], &hold));
    if (!hold) *error = INFINITY;
    return SYN_OK;
}

syn_status syn_selftest_gemm(syn_ctx *ctx, int provider, const syn_gemm *g, bool *taken, double *error) {
    bench b = { .ctx = ctx, .dtype = g->half[0] || g->half[1] || g->half[2] ? SYN_HALF : g->dtype };
    syn_graph_init(&b.g);
    syn_kernels_init(&b.kernels, ctx, b.dtype);
    int v[3] = { add_value(&b, g->m, g->k), add_value(&b, g->k, g->n), add_value(&b, g->m, g->n) };
    for (int i = 0; v[2] >= 0 && i < 3; i++) b.g.value[v[i]].batched = g->half[i]; /* of one row */
    size_t n = (size_t)g->m * (size_t)g->k + (size_t)g->k * (size_t)g->n + 3 * (size_t)g->m * (size_t)g->n;
    double *x = malloc(n * sizeof *x);
    syn_status status = x && v[2] >= 0 ? SYN_OK : syn_no_memory(n * sizeof *x);
    if (status == SYN_OK) status = emit_gemm(&b, provider, g, v, taken);
    if (status == SYN_OK && *taken) status = run_gemm(&b, g, v, x, error);
    free(x);
    bench_free(&b);
    return status;
}

/* ---- maps ---- */

enum { ROWS = 5, COLS = 37 };

static syn_status host_map(const syn_fn *fn, const double *attr, double x, double *y, double *dx) {
    syn_var var[2 + SYN_MAX_ATTRS] = { { "x", x } };
    int n = 1;
    for (int a = 0; a < syn_fn_attrs(fn); a++) var[n++] = (syn_var){ fn->row.attr[a].name, attr[a] };
    SYN_TRY(syn_expr_eval(fn->row.forward, var, n, y));
    var[n++] = (syn_var){ "y", *y };
    return syn_expr_eval(fn->row.derivative, var, n, dx);
}

typedef struct map_case {
    const syn_fn *fn;
    double attr[SYN_MAX_ATTRS];
    int y, dx;
} map_case;

static syn_status compare_map(bench *b, const map_case *m, const double *in, double *error) {
    double got_y[ROWS * COLS], got_dx[ROWS * COLS];
    SYN_TRY(syn_reals_read(b->l.value[m->y], b->dtype, 0, got_y, ROWS * COLS));
    SYN_TRY(syn_reals_read(b->l.value[m->dx], b->dtype, 0, got_dx, ROWS * COLS));
    *error = 0;
    for (int i = 0; i < ROWS * COLS; i++) {
        double want_y, want_dx;
        SYN_TRY(host_map(m->fn, m->attr, in[i], &want_y, &want_dx));
        want_dx *= in[i]; /* dy is x itself */
        double e = fmax(fabs(got_y[i] - want_y) / fmax(1, fabs(want_y)),
                        fabs(got_dx[i] - want_dx) / fmax(1, fabs(want_dx)));
        if (!(e <= *error)) *error = isnan(e) ? INFINITY : e;
    }
    return SYN_OK;
}

/* The function and its derivative, kept. */
static syn_status add_map(bench *b, int x, map_case *m) {
    bool need = true;
    SYN_TRY(syn_fn_attributes(m->fn, NULL, 0, SYN_KERAS, m->attr, m->fn->row.name));
    m->dx = -1;
    m->y = x < 0 ? -1 : syn_map_apply(&b->g, m->fn, &x, 1, m->attr, 0);
    if (m->y < 0) return syn_no_memory(64);
    SYN_TRY(syn_op_map.grad(&b->g, b->g.n_nodes - 1, &x, &need, &m->dx));
    if (m->dx < 0) return syn_no_memory(64);
    b->g.value[m->y].keep = b->g.value[m->dx].keep = true;
    return SYN_OK;
}

static syn_status run_maps(bench *b, int x, const map_case *m, int n, double *error) {
    double in[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++) in[i] = (float)((i - ROWS * COLS / 2) * .0437);
    SYN_TRY(syn_graph_fuse(&b->g, &syn_op_map)); /* half as many kernels */
    SYN_TRY(syn_list_emit(&b->l, b->ctx, &b->g, b->dtype, 1, true, false, NULL));
    SYN_TRY(bench_bind(b, 0));
    SYN_TRY(syn_reals_write(b->l.value[x], b->dtype, 0, in, ROWS * COLS));
    SYN_TRY(syn_list_run(&b->l, b->ctx, 0, b->l.n_items));
    for (int i = 0; i < n; i++) SYN_TRY(compare_map(b, &m[i], in, &error[i]));
    return SYN_OK;
}

syn_status syn_selftest_maps(syn_ctx *ctx, const syn_fn *const *fn, int n, syn_dtype dtype, double *error) {
    bench b = { .ctx = ctx, .dtype = dtype };
    map_case *m = calloc((size_t)n + 1, sizeof *m);
    if (!m) return syn_no_memory((size_t)n * sizeof *m);
    syn_graph_init(&b.g);
    syn_kernels_init(&b.kernels, ctx, dtype);
    int x = add_value(&b, ROWS, COLS);
    syn_status status = SYN_OK;
    for (int i = 0; status == SYN_OK && i < n; i++) {
        m[i].fn = fn[i];
        status = add_map(&b, x, &m[i]);
    }
    if (status == SYN_OK) status = run_maps(&b, x, m, n, error);
    bench_free(&b);
    free(m);
    return status;
}

/* ---- random bits ---- */

static syn_status compare_mask(bench *b, int x, int y, const uint32_t key[2], double rate, double *error) {
    double ones[ROWS * COLS], got[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++) ones[i] = 1;
    SYN_TRY(syn_reals_write(b->l.value[x], b->dtype, 0, ones, ROWS * COLS));
    SYN_TRY(syn_list_run(&b->l, b->ctx, 0, b->l.n_items));
    SYN_TRY(syn_reals_read(b->l.value[y], b->dtype, 0, got, ROWS * COLS));
    *error = 0;
    for (int i = 0; i < ROWS * COLS; i++) {
        uint32_t row = (uint32_t)(i / COLS), col = (uint32_t)(i % COLS), word[4];
        syn_philox((uint32_t[]){ col / 4, row, 9, 3 }, key, word);
        bool kept = word[col % 4] >= (uint32_t)(rate * 4294967296.0);
        *error += kept != (got[i] != 0);
    }
    return SYN_OK;
}

syn_status syn_selftest_random(syn_ctx *ctx, syn_dtype dtype, double *error) {
    bench b = { .ctx = ctx, .dtype = dtype };
    syn_graph_init(&b.g);
    syn_kernels_init(&b.kernels, ctx, dtype);
    const double rate = .4, attr[] = { rate, 0 };
    const uint32_t key[2] = { 42, 7 };
    uint32_t ctl[SYN_CTL_WORDS] = { [SYN_CTL_STEP] = 9, [SYN_CTL_KEY] = key[0], [SYN_CTL_KEY + 1] = key[1] };
    int x = add_value(&b, ROWS, COLS);
    int y = x < 0 ? -1 : syn_map_apply(&b.g, syn_fn_find("mask"), &x, 1, attr, 3);
    if (y >= 0) b.g.value[y].keep = true;
    syn_status status = y >= 0 ? SYN_OK : syn_no_memory(64);
    if (status == SYN_OK)
        status = syn_buffer_create(&b.block[SYN_BLOCK_CONTROL], ctx, sizeof ctl, "a test");
    if (status == SYN_OK) status = syn_buffer_write(b.block[SYN_BLOCK_CONTROL], 0, ctl, sizeof ctl, true);
    if (status == SYN_OK) status = syn_list_emit(&b.l, ctx, &b.g, dtype, 1, true, false, NULL);
    if (status == SYN_OK) status = bench_bind(&b, 0);
    if (status == SYN_OK) status = compare_mask(&b, x, y, key, rate, error);
    bench_free(&b);
    return status;
}
