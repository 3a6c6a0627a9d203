#include "plan/product.h"

#include "base/rng.h"
#include "plan/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void syn_product_close(syn_product *p) {
    if (!p->ctx) return;
    (void)syn_ctx_finish(p->ctx);
    syn_list_free(&p->list);
    syn_kernels_free(&p->kernels);
    for (int i = 0; i < SYN_MAX_SLABS; i++) syn_buffer_destroy(p->slab[i]);
    syn_graph_free(&p->graph);
    *p = (syn_product){ 0 };
}

void syn_product_move(syn_product *to, syn_product *from) {
    *to = *from;
    to->list.graph = &to->graph; /* a list points at its graph */
    *from = (syn_product){ 0 };
}

static int provider_number(const char *name) {
    for (int i = 0; i < syn_gemm_providers(); i++)
        if (strcmp(syn_gemm_provider(i), name) == 0) return i;
    return -1;
}

/* The list of a product's calls; *taken: whether the choice is possible as it stands. */
static syn_status emit(syn_product *p, bool *taken) {
    const syn_gemm *g = &p->gemm;
    syn_gemm with = *g;
    syn_gemm_plan plan;
    with.variant = &p->choice.variant;
    *taken =
        syn_gemm_plan_with(p->ctx, provider_number(p->choice.provider), &with, syn_in(p->value[0]),
                           syn_in(p->value[1]), syn_out(p->value[2]), &plan);
    if (!*taken) return SYN_OK;
    *taken = syn_gemm_variant_same(&plan.variant, &p->choice.variant);
    p->list = (syn_list){ .graph = &p->graph, .rows = 1 };
    return syn_list_append_gemm(&p->list, g, &plan, -1, syn_in(p->value[0]), syn_in(p->value[1]),
                                syn_out(p->value[2]));
}

static syn_status fill(syn_product *p, int v, int64_t n) {
    double *x = malloc((size_t)n * sizeof *x);
    if (!x) return syn_no_memory((size_t)n * sizeof *x);
    syn_rng r;
    syn_rng_start(&r, 1, SYN_RNG_TEST, (uint32_t)v);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(syn_rng_uniform(&r) - .5);
    syn_status status = syn_reals_write(p->list.value[p->value[v]], p->gemm.dtype, 0, x, n);
    free(x);
    return status;
}

static syn_status bind(syn_product *p) {
    const syn_gemm *g = &p->gemm;
    SYN_TRY(syn_list_place(&p->list, syn_ctx_profile_of(p->ctx), g->dtype));
    SYN_TRY(syn_list_want(&p->list, &p->kernels));
    SYN_TRY(syn_kernels_build(&p->kernels));
    for (int i = 0; i < p->list.n_slabs; i++)
        SYN_TRY(syn_buffer_create(&p->slab[i], p->ctx, p->list.slab_bytes[i], "a product"));
    const syn_binding b = { .ctx = p->ctx, .kernels = &p->kernels, .slab = p->slab };
    SYN_TRY(syn_list_bind(&p->list, &b, g->dtype));
    SYN_TRY(fill(p, 0, (int64_t)g->m * g->k));
    return fill(p, 1, (int64_t)g->k * g->n);
}

syn_status syn_product_open(syn_product *p, syn_ctx *ctx, const syn_gemm *g,
                            const syn_tuned *choice, bool *taken) {
    *p = (syn_product){ .ctx = ctx, .gemm = *g, .choice = *choice, .seconds = INFINITY };
    syn_graph_init(&p->graph);
    syn_kernels_init(&p->kernels, ctx, g->dtype);
    const syn_shape shape[3] = { SYN_SHAPE(g->m, g->k), SYN_SHAPE(g->k, g->n),
                                 SYN_SHAPE(g->m, g->n) };
    for (int i = 0; i < 3; i++) {
        p->value[i] = syn_graph_value(&p->graph, shape[i], false);
        if (p->value[i] < 0) return syn_no_memory(64);
        p->graph.value[p->value[i]].keep = true;
    }
    SYN_TRY(emit(p, taken));
    return *taken ? bind(p) : SYN_OK;
}

syn_status syn_product_read(syn_product *p, double *c) {
    SYN_TRY(syn_list_run(&p->list, p->ctx, 0, p->list.n_items));
    return syn_reals_read(p->list.value[p->value[2]], p->gemm.dtype, 0, c,
                          (int64_t)p->gemm.m * p->gemm.n);
}

syn_status syn_product_time(syn_product *p, double *seconds) {
    int times = isfinite(p->seconds) && p->seconds > 0 ? (int)fmin(2e-3 / p->seconds + 1, 200) : 2;
    double start = syn_seconds();
    for (int i = 0; i < times; i++) SYN_TRY(syn_list_run(&p->list, p->ctx, 0, p->list.n_items));
    SYN_TRY(syn_ctx_finish(p->ctx));
    *seconds = (syn_seconds() - start) / times;
    if (*seconds < p->seconds) p->seconds = *seconds;
    return SYN_OK;
}
