/* syncline tune: measures the GEMM kernels for an experiment's shapes, and keeps the choices for
 * this device. */
#include "cli/session.h"

#include "io/safetensors.h"
#include "plan/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct totals {
    double was, is;
    int late; /* candidates that time did not suffice for */
    bool head;
} totals;

static void print_note(const char *text, void *user) {
    (void)user;
    printf("%s\n", text);
    fflush(stdout);
}

static void print_result(const syn_tune_result *r, void *user) {
    totals *t = user;
    double flops = 2.0 * r->gemm.m * r->gemm.n * r->gemm.k;
    char shape[64], before[64], after[64];
    if (!t->head)
        printf("\n%-24s %5s  %-28s %9s %8s  %-28s %9s %8s %6s %6s\n", "m x n x k", "calls",
               "before", "us", "GFLOP/s", "after", "us", "GFLOP/s", "ratio", "tried");
    t->head = true;
    syn_tune_shape(&r->gemm, shape, sizeof shape);
    syn_tune_text(&r->before, before, sizeof before);
    syn_tune_text(&r->after, after, sizeof after);
    if (!(r->is > 0))
        printf("%-24s %5d  %-28s left as it is\n", shape, r->calls, before);
    else
        printf("%-24s %5d  %-28s %9.1f %8.1f  %-28s %9.1f %8.1f %6.2f %6d\n", shape, r->calls,
               before, r->was * 1e6, flops / r->was / 1e9,
               strcmp(before, after) ? after : "the same", r->is * 1e6, flops / r->is / 1e9,
               r->was / r->is, r->tried);
    t->late += r->untried;
    t->was += r->calls * r->was;
    t->is += r->calls * r->is;
}

/* What is tuned without FILE: the layers most nets here have, in batches of 128. */
static syn_status usual(syn_tune_result **list, int *n) {
    static const int wide[][2] = { { 784, 300 }, { 300, 100 },  { 100, 100 },
                                   { 100, 10 },  { 784, 1024 }, { 1024, 1024 } };
    *n = 0;
    *list = calloc(3 * SYN_COUNT(wide), sizeof **list);
    if (!*list) return syn_no_memory(3 * SYN_COUNT(wide) * sizeof **list);
    for (size_t i = 0; i < SYN_COUNT(wide); i++) {
        const int in = wide[i][0], out = wide[i][1], batch = 128;
        const syn_gemm g[3] = { { .m = batch, .n = out, .k = in },
                                { .m = batch, .n = in, .k = out, .tb = true },
                                { .m = in, .n = out, .k = batch, .ta = true } };
        for (int k = 0; k < 3; k++) (*list)[(*n)++] = (syn_tune_result){ .gemm = g[k], .calls = 1 };
    }
    return SYN_OK;
}

static syn_status keep(const syn_ctx *ctx) {
    char *path = syn_tuning_path(ctx), *json = path ? syn_tuning_json(ctx, false) : NULL;
    syn_status status =
        json   ? syn_file_replace(path, json, strlen(json))
        : path ? syn_no_memory(4096)
               : syn_fail(SYN_E_IO,
                          "there is no folder to keep the choices in; set HOME or XDG_CACHE_HOME");
    if (status == SYN_OK) printf("%-12s %d, in %s\n", "choices", syn_tuning_count(ctx), path);
    free(json);
    free(path);
    return status;
}

static syn_status products(cli_experiment *e, cli_session *s, const cli_call *call,
                           syn_tune_result **list, int *n) {
    const char *set[CLI_MAX_GIVEN];
    if (!call->n_operands) {
        SYN_TRY(cli_session_context(s, cli_get(call, "device")));
        return usual(list, n);
    }
    SYN_TRY(cli_experiment_read(e, call->operand[0], set, cli_sets(call, set)));
    SYN_TRY(cli_experiment_data(e));
    SYN_TRY(cli_experiment_net(e));
    SYN_TRY(cli_session_train(s, e, cli_get(call, "device")));
    return syn_tune_products(s->plan, list, n);
}

static syn_status run(cli_experiment *e, cli_session *s, const cli_call *call, double seconds,
                      syn_tune_result **list) {
    int n;
    totals t = { 0 };
    SYN_TRY(products(e, s, call, list, &n));
    char *device = cli_device_text(&s->device);
    printf("%s, %s profile; about %.0f s\n", device ? device : "?", syn_ctx_profile(s->ctx),
           seconds);
    free(device);
    fflush(stdout);
    SYN_TRY(
        syn_tune(s->ctx, *list, n,
                 &(syn_tune_opts){
                     .seconds = seconds, .note = print_note, .result = print_result, .user = &t }));
    if (t.is > 0)
        printf("\n%-12s %.1f us a step before, %.1f after: %.2f times as fast\n", "products",
               t.was * 1e6, t.is * 1e6, t.was / t.is);
    if (t.late)
        printf("%-12s %d of our kernels were not tried for want of time; --seconds gives more\n",
               "", t.late);
    return keep(s->ctx);
}

int cli_tune(const cli_call *call) {
    double seconds;
    int code = cli_real(call, "seconds", 60, 1, 86400, &seconds);
    if (code != CLI_OK) return code;
    cli_experiment e = { 0 };
    cli_session s = { 0 };
    syn_tune_result *list = NULL;
    code = run(&e, &s, call, seconds, &list) == SYN_OK ? CLI_OK : cli_fail();
    free(list);
    cli_session_close(&s);
    cli_experiment_free(&e);
    return code;
}
