/* The self-test: maps against host evaluation of their own expressions, GEMM providers against plain
 * loops. Everything in double where the device has it, and in float. */
#include "plan/selftest.h"

#include "base/expr.h"
#include "io/safetensors.h"
#include "op/map.h"
#include "plan/kernels.h"
#include "plan/selftest_case.h"
#include "plan/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct report {
    void (*line)(const char *text, bool ok, void *user);
    void *user;
    int checks, failed;
} report;

static void say(report *r, bool ok, const char *fmt, ...) SYN_PRINTF(3, 4);
static void say(report *r, bool ok, const char *fmt, ...) {
    syn_text t = { 0 };
    va_list ap;
    va_start(ap, fmt);
    syn_text_addv(&t, fmt, ap);
    va_end(ap);
    r->checks++;
    r->failed += !ok;
    if (r->line) r->line(syn_text_str(&t), ok, r->user);
    syn_text_free(&t);
}

/* Sizes: one element, a prime, around the vectors and tiles, a training shape; the last has whole tiles and rests each
 * way, and is all that the first use of a device looks at. */
static const struct {
    int m, n, k;
} shapes[] = { { 1, 1, 1 }, { 7, 13, 5 }, { 17, 33, 31 }, { 64, 48, 100 }, { 128, 100, 300 }, { 67, 75, 50 } };

static syn_status test_gemms(syn_ctx *ctx, syn_dtype dtype, bool all, report *r) {
    for (int p = 0; p < syn_gemm_providers(); p++) {
        if (!all && !syn_selftest_uses(ctx, p)) continue;
        double worst = 0;
        int cases = 0;
        for (size_t s = all ? 0 : SYN_COUNT(shapes) - 1; s < SYN_COUNT(shapes); s++)
            for (int t = 0; t < 3; t++) {
                syn_gemm g = { .m = shapes[s].m, .n = shapes[s].n, .k = shapes[s].k,
                               .ta = t == 1, .tb = t == 2, .dtype = dtype == SYN_HALF ? SYN_FLOAT : dtype };
                for (int i = 0; i < 3; i++) g.half[i] = dtype == SYN_HALF;
                double error = 0;
                bool taken = false;
                SYN_TRY(syn_selftest_gemm(ctx, p, &g, &taken, &error));
                if (!taken) continue;
                cases++;
                if (!(error <= worst)) worst = error;
            }
        if (!cases) continue;
        double limit = dtype == SYN_DOUBLE ? 1e-13 : dtype == SYN_HALF ? 5e-4 : 1e-5; /* of halves: their rounding */
        bool ok = worst <= limit;
        say(r, ok, "gemm %-8s %-6s %2d shapes, error %.1e", syn_gemm_provider(p), syn_dtype_name(dtype), cases, worst);
        if (ok) continue;
        syn_ctx_ban_gemm(ctx, syn_gemm_provider(p));
        syn_ctx_log(ctx, SYN_LOG_WARN, "GEMM of %s is wrong on this driver (error %.1e); it is not used",
                    syn_gemm_provider(p), worst);
    }
    return SYN_OK;
}

static syn_status test_maps(syn_ctx *ctx, syn_dtype dtype, report *r) {
    int n = 0, all = syn_fn_count();
    const syn_fn **fn = malloc(((size_t)all + 1) * sizeof *fn);
    double *error = calloc((size_t)all + 1, sizeof *error);
    for (int i = 0; fn && i < all; i++)
        if (!syn_fn_at(i)->hidden) fn[n++] = syn_fn_at(i);
    syn_status status = fn && error ? syn_selftest_maps(ctx, fn, n, dtype, error) : syn_no_memory((size_t)all * 8);
    for (int i = 0; status == SYN_OK && i < n; i++)
        say(r, error[i] <= (dtype == SYN_DOUBLE ? 1e-13 : 2e-6), "map  %-12s %-6s error %.1e", fn[i]->row.name,
            dtype == SYN_DOUBLE ? "double" : "float", error[i]);
    free(fn);
    free(error);
    return status;
}

static syn_status run_all(syn_ctx *ctx, bool all, report *r) {
    for (int d = 0; d < (syn_ctx_profile_of(ctx)->fp64 && all ? 2 : 1); d++) {
        SYN_TRY(test_gemms(ctx, (syn_dtype)d, all, r));
        SYN_TRY(test_maps(ctx, (syn_dtype)d, r));
        if (!all) continue;
        double error = 0;
        SYN_TRY(syn_selftest_random(ctx, (syn_dtype)d, &error));
        say(r, error == 0, "random bits  %-6s %s", d ? "double" : "float",
            error == 0 ? "equal to the host's" : "differ from the host's");
    }
    return all ? test_gemms(ctx, SYN_HALF, all, r) : SYN_OK;
}

syn_status syn_selftest(syn_ctx *ctx, void (*line)(const char *text, bool ok, void *user), void *user,
                        int *checks, int *failed) {
    report r = { .line = line, .user = user };
    syn_status status = run_all(ctx, true, &r);
    if (checks) *checks = r.checks;
    if (failed) *failed = r.failed;
    return status;
}

/* ---- the short one, remembered ---- */

static bool remembered(syn_ctx *ctx, const char *path) {
    char *text = NULL;
    size_t size;
    if (!path || syn_file_read(path, &text, &size) != SYN_OK) return false;
    bool passed = strcmp(text, "passed\n") == 0;
    /* "failed: clblast": the same providers are left out again. Anything else is tested anew. */
    static const char failed[] = "failed: ";
    if (strncmp(text, failed, sizeof failed - 1) == 0)
        for (int p = 0; p < syn_gemm_providers(); p++)
            if (strstr(text, syn_gemm_provider(p))) {
                syn_ctx_ban_gemm(ctx, syn_gemm_provider(p));
                passed = true;
            }
    free(text);
    return passed;
}

syn_status syn_selftest_once(syn_ctx *ctx) {
    if (!syn_ctx_claim_selftest(ctx) || getenv("SYNCLINE_NO_SELFTEST")) return SYN_OK;
    char *path = syn_ctx_cache_file(ctx, "selftest");
    if (remembered(ctx, path)) {
        free(path);
        return SYN_OK;
    }
    report r = { 0 };
    syn_status status = run_all(ctx, false, &r);
    if (status == SYN_OK) {
        syn_text t = { 0 };
        if (!r.failed) syn_text_add(&t, "passed\n");
        else {
            syn_text_add(&t, "failed:");
            for (int p = 0; p < syn_gemm_providers(); p++)
                if (syn_ctx_gemm_banned(ctx, syn_gemm_provider(p)))
                    syn_text_add(&t, " %s", syn_gemm_provider(p));
            syn_text_add(&t, "\n");
            syn_ctx_log(ctx, SYN_LOG_WARN, "%d of %d checks of the self-test failed on this device; "
                                           "`syncline selftest` shows them", r.failed, r.checks);
        }
        /* A verdict that cannot be kept is found again next time. */
        if (path) (void)syn_file_replace(path, syn_text_str(&t), t.len);
        syn_text_free(&t);
    }
    free(path);
    return status;
}
