/* The table of GEMM providers and the choice among them. */
#include "device/private.h"
#include "device/tuning.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool (*plan)(const syn_gemm *g, const syn_profile *p, syn_arg a, syn_arg b, syn_arg c,
                 syn_gemm_plan *out);
    int rank[2]; /* order of choice on GPU and CPU profiles; 0: never by itself */
} providers[] = {
    { "cpu", syn_gemm_cpu_plan, { 0, 1 } },         /* register tiles: LESSONS in doc/performance.md */
    { "clblast", syn_gemm_clblast_plan, { 1, 2 } },
    { "gpu", syn_gemm_gpu_plan, { 2, 0 } },         /* local-memory tiles */
};

int syn_gemm_providers(void) { return (int)SYN_COUNT(providers); }
const char *syn_gemm_provider(int i) { return providers[i].name; }

const char *syn_gemm_library(void) {
    size_t i = 0;
    while (providers[i].plan != syn_gemm_clblast_plan) i++;
    return providers[i].name;
}

void syn_gemm_plan_free(syn_gemm_plan *plan) {
    for (int i = 0; i < plan->n_calls; i++) {
        free(plan->call[i].defs);
        free(plan->call[i].text);
    }
    plan->n_calls = 0;
}

bool syn_gemm_plan_with(const syn_ctx *ctx, int provider, const syn_gemm *g, syn_arg a, syn_arg b,
                        syn_arg c, syn_gemm_plan *plan) {
    memset(plan, 0, sizeof *plan);
    return providers[provider].plan(g, &ctx->profile, a, b, c, plan);
}

bool syn_gemm_provider_serves(int i, const syn_profile *p) { return providers[i].rank[p->cpu] == 1; }

bool syn_ctx_gemm_banned(const syn_ctx *ctx, const char *name) {
    for (size_t i = 0; i < SYN_COUNT(ctx->banned); i++) {
        const char *b = ctx->banned[i];
        if (b && strcmp(b, name) == 0) return true;
    }
    return false;
}

static syn_status chosen(const syn_ctx *ctx, const syn_gemm *g, int provider, const char *from, syn_gemm_choice *choice) {
    choice->from = from;
    choice->provider = providers[provider].name;
    const syn_tuned t = { .m = g->m, .n = g->n, .k = g->k, .ta = g->ta, .tb = g->tb, .dtype = g->dtype,
                          .provider = choice->provider, .variant = choice->plan.variant };
    syn_status status = syn_tuning_note(ctx, &t);
    if (status != SYN_OK) syn_gemm_plan_free(&choice->plan);
    return status;
}

syn_status syn_gemm_choose(const syn_ctx *ctx, const syn_gemm *g, syn_arg a, syn_arg b, syn_arg c,
                           syn_gemm_choice *choice) {
    const char *forced = getenv("SYNCLINE_GEMM");
    bool known = !forced || !*forced;
    for (size_t i = 0; !known && i < SYN_COUNT(providers); i++)
        known = strcmp(forced, providers[i].name) == 0;
    if (!known)
        return syn_fail(SYN_E_ARGUMENT, "SYNCLINE_GEMM is '%s', allowed: cpu, clblast, gpu", forced);
    syn_tuned tuned;
    const char *from = forced && *forced ? NULL : syn_tuning_find(ctx, g, &tuned);
    if (from && syn_ctx_gemm_banned(ctx, tuned.provider)) from = NULL;
    for (size_t i = 0; from && i < SYN_COUNT(providers); i++) {
        syn_gemm with = *g;
        with.variant = &tuned.variant;
        if (strcmp(providers[i].name, tuned.provider) != 0) continue;
        if (syn_gemm_plan_with(ctx, (int)i, &with, a, b, c, &choice->plan)) return chosen(ctx, g, (int)i, from, choice);
        if (choice->plan.no_memory) return syn_no_memory(4096);
    }
    from = forced && *forced ? "SYNCLINE_GEMM" : "own rule";
    for (int rank = 1; rank <= (int)SYN_COUNT(providers); rank++)
        for (size_t i = 0; i < SYN_COUNT(providers); i++) {
            bool take = forced && *forced ? rank == 1 && strcmp(forced, providers[i].name) == 0
                                          : providers[i].rank[ctx->profile.cpu] == rank &&
                                                !syn_ctx_gemm_banned(ctx, providers[i].name);
            if (take && syn_gemm_plan_with(ctx, (int)i, g, a, b, c, &choice->plan))
                return chosen(ctx, g, (int)i, from, choice);
            if (take && choice->plan.no_memory) return syn_no_memory(4096); /* not another provider: other bits */
        }
    return syn_fail(SYN_E_DEVICE, "no GEMM provider takes %d x %d x %d%s%s in %s on %s", g->m, g->n,
                    g->k, g->ta ? " ta" : "", g->tb ? " tb" : "",
                    g->dtype == SYN_DOUBLE ? "double" : "float", ctx->info.name);
}
