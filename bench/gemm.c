/* Times matrix products as plans run them: the same choice of provider and variant, the same lists
 * of phases or launches, one after the other without a wait in between. With --library a BLAS library's
 * cblas_sgemm computes the same shapes instead, so that bench/compare_gemm.py can set two of these
 * processes side by side.
 *
 * A figure is the median over blocks of runs, a block some milliseconds long and ended by a wait.
 */
#include "bench.h"

#include "plan/product.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCKS = 4096, MOST_TIMES = 4096 };
#define BLOCK_SECONDS 3e-3

typedef void sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                   int lda, const float *b, int ldb, float beta, float *c, int ldc);

typedef struct bench {
    syn_ctx *ctx;
    syn_product product;
    sgemm *library; /* NULL: products run on the device */
    float *a, *b, *c;
    syn_gemm gemm;       /* what is open; m 0: nothing */
    syn_product nothing; /* 1 x 1 x 1: what a phase or launch costs */
    syn_gemm_choice choice;
    double seconds;
    bool json, table; /* table: wants a head */
} bench;

/* ---- one product ---- */

static syn_status open_on_device(bench *b, const syn_gemm *g, syn_product *p,
                                 syn_gemm_choice *choice) {
    bool taken;
    SYN_TRY(syn_gemm_choose(b->ctx, g, syn_in(0), syn_in(1), syn_out(2), choice));
    syn_gemm_plan_free(&choice->plan);
    const syn_tuned t = {
        g->m, g->n, g->k, g->ta, g->tb, g->dtype, choice->provider, choice->plan.variant
    };
    SYN_TRY(syn_product_open(p, b->ctx, g, &t, false, &taken));
    return taken ? SYN_OK
                 : syn_fail(SYN_E_DEVICE, "%s does not take its own choice", choice->provider);
}

static float *numbers(int64_t n) {
    const size_t bytes = (size_t)syn_round_up(n * (int64_t)sizeof(float), 64);
    float *x = aligned_alloc(64, bytes);
    for (int64_t i = 0; x && i < n; i++) x[i] = (float)(i * 37 % 101) / 50 - 1;
    return x;
}

static void close_product(bench *b) {
    syn_product_close(&b->product);
    free(b->a);
    free(b->b);
    free(b->c);
    b->a = b->b = b->c = NULL;
    b->gemm.m = 0;
}

static syn_status open_product(bench *b, const syn_gemm *g) {
    close_product(b);
    if (!b->library) {
        SYN_TRY(open_on_device(b, g, &b->product, &b->choice));
    } else {
        b->a = numbers((int64_t)g->m * g->k);
        b->b = numbers((int64_t)g->k * g->n);
        b->c = numbers((int64_t)g->m * g->n);
        if (!b->a || !b->b || !b->c) return syn_no_memory(0);
    }
    b->gemm = *g;
    return SYN_OK;
}

static syn_status run_device(bench *b, syn_product *p, int times, double *seconds) {
    const double start = syn_seconds();
    for (int i = 0; i < times; i++) SYN_TRY(syn_list_run(&p->list, b->ctx, 0, p->list.n_items));
    SYN_TRY(syn_ctx_finish(b->ctx));
    *seconds = (syn_seconds() - start) / times / p->list.times;
    return SYN_OK;
}

static syn_status run(bench *b, int times, double *seconds) {
    enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 };
    const syn_gemm *g = &b->gemm;
    if (!b->library) return run_device(b, &b->product, times, seconds);
    const double start = syn_seconds();
    for (int i = 0; i < times; i++)
        b->library(ROW_MAJOR, g->ta ? TRANSPOSED : AS_IT_IS, g->tb ? TRANSPOSED : AS_IT_IS, g->m,
                   g->n, g->k, 1, b->a, g->ta ? g->m : g->k, b->b, g->tb ? g->k : g->n, 0, b->c,
                   g->n);
    *seconds = (syn_seconds() - start) / times;
    return SYN_OK;
}

/* A third of the time to warm up, at least two runs. */
static syn_status measure(bench *b, double *median) {
    static double block[BLOCKS];
    const int runs = b->library ? 1 : b->product.list.times; /* in a launch */
    double once, end = syn_seconds() + b->seconds / 3;
    int n = 0, times = 1;
    do {
        SYN_TRY(run(b, times, &once));
        times = (int)fmax(1, fmin(BLOCK_SECONDS / (once * runs), MOST_TIMES));
    } while (n++ < 1 || syn_seconds() < end);
    end += 2 * b->seconds / 3;
    n = 0;
    do SYN_TRY(run(b, times, &block[n++]));
    while (n < BLOCKS && syn_seconds() < end);
    *median = bench_median(block, n);
    return SYN_OK;
}

static syn_status measure_nothing(bench *b, double *median) {
    enum { N = 3, TIMES = 300 };
    double block[N];
    const syn_gemm g = { .m = 1, .n = 1, .k = 1 };
    syn_gemm_choice unused;
    if (!b->nothing.ctx) SYN_TRY(open_on_device(b, &g, &b->nothing, &unused));
    for (int i = -1; i < N; i++) SYN_TRY(run_device(b, &b->nothing, TIMES, &block[i < 0 ? 0 : i]));
    *median = bench_median(block, N);
    return SYN_OK;
}

/* A library's threads go on looking for work, a tenth of a second and at the cost of whoever is
 * measured next. */
static void settle(void) {
    const struct timespec pause = { 0, 5000000 };
    clock_t before, now = clock();
    do {
        before = now;
        nanosleep(&pause, NULL);
        now = clock();
    } while (now - before > CLOCKS_PER_SEC / 2000);
}

/* ---- the command ---- */

static const struct {
    const char *name;
    bool ta, tb;
} transpositions[] = {
    { "NN", false, false }, { "NT", false, true }, { "TN", true, false }, { "TT", true, true }
};

static syn_status report(bench *b, const char *trans) {
    const syn_gemm *g = &b->gemm;
    double seconds, launch = 0;
    if (b->table)
        printf("%-18s %-5s %12s %10s %8s %10s  %s\n", "m x n x k", "trans", "us", "GFLOP/s",
               "launches", "launch us", "kernel");
    b->table = false;
    SYN_TRY(measure(b, &seconds));
    if (b->library) settle();
    if (!b->library) SYN_TRY(measure_nothing(b, &launch));
    const double flops = 2.0 * g->m * g->n * g->k;
    const int launches = b->library ? 0 : b->product.list.n_items;
    const char *kernel = b->library              ? "cblas_sgemm"
                         : b->choice.plan.kernel ? b->choice.plan.kernel
                                                 : b->choice.provider;
    char shape[64], how[64] = "";
    snprintf(shape, sizeof shape, "%dx%dx%d", g->m, g->n, g->k);
    const syn_gemm_variant *v = &b->choice.plan.variant;
    if (!b->library && v->rows) snprintf(how, sizeof how, " %dx%d", v->rows, v->vectors);
    if (!b->library && v->chunk)
        snprintf(how + strlen(how), sizeof how - strlen(how), " k%d", v->chunk);
    printf(b->json ? "{\"shape\": \"%s\", \"trans\": \"%s\", \"us\": %.6g, \"gflops\": %.5g, "
                     "\"launches\": %d, "
                     "\"launch_us\": %.4g, \"kernel\": \"%s%s\"}\n"
                   : "%-18s %-5s %12.2f %10.1f %8d %10.2f  %s%s\n",
           shape, trans, seconds * 1e6, flops / seconds / 1e9, launches, launch * 1e6, kernel, how);
    fflush(stdout);
    return SYN_OK;
}

static bool shape_of(const char *s, syn_gemm *g) {
    char behind;
    const int most = 1 << 20;
    return sscanf(s, "%dx%dx%d%c", &g->m, &g->n, &g->k, &behind) == 3 && g->m > 0 && g->n > 0 &&
           g->k > 0 && g->m <= most && g->n <= most && g->k <= most &&
           (int64_t)g->m * g->k <= INT32_MAX && (int64_t)g->k * g->n <= INT32_MAX &&
           (int64_t)g->m * g->n <= INT32_MAX;
}

static bool same_gemm(const syn_gemm *x, const syn_gemm *y) {
    return x->m == y->m && x->n == y->n && x->k == y->k && x->ta == y->ta && x->tb == y->tb;
}

/* The shape in each transposition, or in the one named. */
static int measure_shape(bench *b, const cli_call *call, const char *shape, const char *trans) {
    bool known = !trans;
    for (size_t i = 0; i < SYN_COUNT(transpositions); i++) {
        if (trans ? strcmp(trans, transpositions[i].name) != 0 : i == 3) continue;
        known = true;
        syn_gemm g = { .ta = transpositions[i].ta, .tb = transpositions[i].tb };
        if (!shape_of(shape, &g))
            return cli_usage(
                call, "--shape is '%s', expected rows x columns x depth, as 128x300x784", shape);
        if (!same_gemm(&g, &b->gemm) && open_product(b, &g) != SYN_OK) return cli_fail();
        if (report(b, transpositions[i].name) != SYN_OK) return cli_fail();
    }
    return known ? CLI_OK
                 : cli_usage(call, "the transposition is '%s', expected NN, NT, TN or TT", trans);
}

/* Requests, a line each. */
static int answer(bench *b, const cli_call *call) {
    char line[128], shape[64], trans[8];
    int code = CLI_OK;
    while (code == CLI_OK && fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%63s %7s", shape, trans) != 2)
            return cli_usage(call, "the request is '%s', expected as 128x300x784 NN", line);
        code = measure_shape(b, call, shape, trans);
    }
    return code;
}

static int load_library(bench *b, const cli_call *call, const char *file) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL),
         *entry = library ? dlsym(library, "cblas_sgemm") : NULL;
    if (!entry) return cli_usage(call, "--library: %s", dlerror());
    memcpy(&b->library, &entry, sizeof entry);
    return CLI_OK;
}

int bench_gemm(const cli_call *call) {
    static const char *const standard[] = { "128x300x784", "128x100x300", "128x1024x1024",
                                            "512x512x512", "1024x1024x1024" };
    const char *shape = cli_get(call, "shape"), *library = cli_get(call, "library");
    const bool follow = shape && !strcmp(shape, "-");
    bench b = { .json = cli_get(call, "json") != NULL };
    b.table = !b.json && !follow;
    int code = cli_real(call, "seconds", .3, 1e-3, 3600, &b.seconds);
    if (code == CLI_OK && library) code = load_library(&b, call, library);
    if (code == CLI_OK && !library && bench_context(call, &b.ctx) != SYN_OK) code = cli_fail();
    if (follow && code == CLI_OK) code = answer(&b, call);
    for (size_t i = 0; !follow && code == CLI_OK && i < (shape ? 1 : SYN_COUNT(standard)); i++)
        code = measure_shape(&b, call, shape ? shape : standard[i], cli_get(call, "trans"));
    close_product(&b);
    syn_product_close(&b.nothing);
    syn_ctx_destroy(b.ctx);
    return code;
}
