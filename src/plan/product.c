#include "plan/product.h"

#include "op/map.h"
#include "op/map_text.h"
#include "plan/phases.h"
#include "plan/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* On CPUs a product is a phase among others: so many operations in a launch that the launch does not count. */
enum { ENOUGH = 20000000, MOST_TIMES = 64 };

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

static bool choose(const syn_product *p, const syn_epilogue *epilogue, int out,
                   syn_gemm_plan *plan) {
    syn_gemm with = p->gemm;
    with.variant = &p->choice.variant;
    with.epilogue = epilogue;
    return syn_gemm_plan_with(p->ctx, provider_number(p->choice.provider), &with,
                              syn_in(p->value[0]), syn_in(p->value[1]), syn_out(out), plan);
}

/* The map as the product's epilogue; *can: whether the kernel takes it. */
static syn_status choose_with_map(syn_product *p, syn_gemm_plan *plan, bool *can) {
    const syn_emit e = {
        .graph = &p->graph, .profile = syn_ctx_profile_of(p->ctx), .dtype = p->gemm.dtype, .rows = 1
    };
    syn_epilogue epilogue;
    SYN_TRY(syn_map_epilogue((syn_emit *)(uintptr_t)&e, &p->graph.node[0], p->value[2], &epilogue));
    const bool taken = choose(p, &epilogue, p->result, plan);
    syn_epilogue_free(&epilogue);
    *can = taken && plan->epilogue;
    if (taken && !*can) syn_gemm_plan_free(plan);
    return SYN_OK;
}

/* Launches of the list from `at` on come first. */
static syn_status turn(syn_list *l, int at) {
    const size_t n = (size_t)l->n_items, k = (size_t)at;
    syn_item *item = malloc(n * sizeof *item);
    if (!item) return syn_no_memory(n * sizeof *item);
    memcpy(item, l->item + k, (n - k) * sizeof *item);
    memcpy(item + n - k, l->item, k * sizeof *item);
    memcpy(l->item, item, n * sizeof *item);
    free(item);
    return SYN_OK;
}

/* The list of a product's calls; *taken: whether the choice is possible as it stands. */
static syn_status emit(syn_product *p, bool map, bool *taken) {
    syn_gemm_plan plan;
    bool with = false;
    if (map) SYN_TRY(choose_with_map(p, &plan, &with));
    *taken = with || choose(p, NULL, p->value[2], &plan);
    if (!*taken) return SYN_OK;
    *taken = syn_gemm_variant_same(&plan.variant, &p->choice.variant);
    if (!*taken) {
        syn_gemm_plan_free(&plan);
        return SYN_OK;
    }
    p->list = (syn_list){ .graph = &p->graph, .rows = 1 };
    syn_status status = map && !with ? syn_list_emit(&p->list, p->ctx, &p->graph, p->gemm.dtype, 1,
                                                     true, false, NULL)
                                     : SYN_OK;
    if (status != SYN_OK) {
        syn_gemm_plan_free(&plan);
        return status;
    }
    const int first = p->list.n_items;
    SYN_TRY(syn_list_append_gemm(&p->list, &p->gemm, &plan, -1, syn_in(p->value[0]),
                                 syn_in(p->value[1]), syn_out(with ? p->result : p->value[2])));
    return first ? turn(&p->list, first) : SYN_OK;
}

static syn_status fill(syn_product *p, int v, double (*number)(int64_t i, void *user), void *user) {
    const int64_t n = syn_shape_count(&p->graph.value[v].shape);
    double *x = malloc((size_t)n * sizeof *x);
    if (!x) return syn_no_memory((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = number(i, user);
    syn_status status = syn_reals_write(p->list.value[v], p->gemm.dtype, 0, x, n);
    free(x);
    return status;
}

static double next(int64_t i, void *rng) {
    (void)i;
    return syn_product_number(rng);
}
static double nothing(int64_t i, void *user) {
    (void)i;
    (void)user;
    return 0;
}
static double spoilt(int64_t i, void *user) {
    (void)i;
    (void)user;
    return NAN;
}

static syn_status bind(syn_product *p, int bias) {
    const syn_gemm *g = &p->gemm;
    const double flops = 2. * g->m * g->n * g->k;
    syn_phases_mark(&p->list, syn_ctx_profile_of(p->ctx));
    p->list.times = flops < ENOUGH / MOST_TIMES ? MOST_TIMES : 1 + (int)(ENOUGH / flops);
    SYN_TRY(syn_list_place(&p->list, syn_ctx_profile_of(p->ctx), g->dtype));
    SYN_TRY(syn_list_want(&p->list, &p->kernels));
    SYN_TRY(syn_kernels_build(&p->kernels));
    for (int i = 0; i < p->list.n_slabs; i++)
        SYN_TRY(syn_buffer_create(&p->slab[i], p->ctx, p->list.slab_bytes[i], "a product"));
    const syn_binding b = { .ctx = p->ctx, .kernels = &p->kernels, .slab = p->slab, .tables = &p->room };
    SYN_TRY(syn_list_bind(&p->list, &b, g->dtype));
    for (int i = 0; i < 2; i++) {
        syn_rng r;
        syn_rng_start(&r, 1, SYN_RNG_TEST, (uint32_t)i);
        SYN_TRY(fill(p, p->value[i], next, &r));
    }
    return bias >= 0 ? fill(p, bias, nothing, NULL) : SYN_OK;
}

syn_status syn_product_open(syn_product *p, syn_ctx *ctx, const syn_gemm *g,
                            const syn_tuned *choice, bool map, bool *taken) {
    *p = (syn_product){ .ctx = ctx, .gemm = *g, .choice = *choice, .seconds = INFINITY };
    syn_graph_init(&p->graph);
    syn_kernels_init(&p->kernels, ctx, g->dtype);
    *taken = false;
    const syn_shape shape[4] = { SYN_SHAPE(g->m, g->k), SYN_SHAPE(g->k, g->n),
                                 SYN_SHAPE(g->m, g->n), SYN_SHAPE(g->n) };
    int v[4];
    for (int i = 0; i < 4; i++)
        v[i] = i == 3 && !map ? -1 : syn_graph_value(&p->graph, shape[i], false);
    for (int i = 0; i < 3; i++) p->value[i] = v[i];
    p->result = map ? syn_map_add(&p->graph, v[2], v[3]) : v[2];
    if (p->graph.failed || p->result < 0) return syn_no_memory(64);
    for (int i = 0; i < p->graph.n_values; i++) p->graph.value[i].keep = true;
    SYN_TRY(emit(p, map, taken));
    return *taken ? bind(p, v[3]) : SYN_OK;
}

syn_status syn_product_run(syn_product *p) {
    return syn_list_run(&p->list, p->ctx, 0, p->list.n_items);
}

syn_status syn_product_spoil(syn_product *p) { return fill(p, p->result, spoilt, NULL); }

syn_status syn_product_time(syn_product *p, double *seconds) {
    const double run = p->seconds * p->list.times;
    int times = isfinite(run) && run > 0 ? (int)fmin(2e-3 / run + 1, 200) : 2;
    double start = syn_seconds();
    for (int i = 0; i < times; i++) SYN_TRY(syn_product_run(p));
    SYN_TRY(syn_ctx_finish(p->ctx));
    *seconds = (syn_seconds() - start) / times / p->list.times;
    if (*seconds < p->seconds) p->seconds = *seconds;
    return SYN_OK;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

syn_status syn_product_duel(syn_product *one, syn_product *other, int turns, double *ratio) {
    double v[SYN_LAST_DUEL], a, b, least_a = INFINITY, least_b = INFINITY;
    for (int t = -1; t < turns; t++) { /* once to warm up */
        SYN_TRY(syn_product_time(one, &a));
        SYN_TRY(syn_product_time(other, &b));
        if (t < 0) continue;
        v[t] = b / a;
        least_a = fmin(least_a, a);
        least_b = fmin(least_b, b);
        if (t == 1 && v[0] > 1.3 && v[1] > 1.3) turns = 2; /* hopeless */
    }
    qsort(v, (size_t)turns, sizeof *v, compare_doubles);
    const double median = v[turns / 2], least = least_b / least_a;
    *ratio = median > 1 && least > 1   ? fmin(median, least)
             : median < 1 && least < 1 ? fmax(median, least)
                                       : 1;
    return SYN_OK;
}
