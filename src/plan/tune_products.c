/* The products of a plan, as the tuner and `syncline plan` list them. */
#include "plan/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int dearest_first(const void *a, const void *b) {
    const syn_tune_result *x = a, *y = b;
    double p = x->calls * (double)x->gemm.m * x->gemm.n * x->gemm.k,
           q = y->calls * (double)y->gemm.m * y->gemm.n * y->gemm.k;
    return (p < q) - (p > q);
}

static syn_status add_product(syn_tune_result **list, int *n, int *cap, const syn_item *item,
                              const syn_graph *graph) {
    const syn_gemm *g = &item->gemm;
    int at = 0;
    if (!item->lead) return SYN_OK;
    for (; at < *n; at++) {
        const syn_gemm *h = &(*list)[at].gemm;
        if (h->m == g->m && h->n == g->n && h->k == g->k && h->ta == g->ta && h->tb == g->tb) break;
    }
    if (at == *n) {
        if (!syn_grow(list, cap, *n + 1, sizeof **list)) return syn_no_memory(sizeof **list);
        (*list)[(*n)++] = (syn_tune_result){ .gemm = *g };
        (*list)[at].gemm.epilogue = NULL;
        (*list)[at].gemm.norm = 0;
        memset((*list)[at].gemm.half, 0, sizeof g->half); /* measured in float, for both */
        (*list)[at].before =
            (syn_tuned){ g->m, g->n, g->k, g->ta, g->tb, g->dtype, item->provider, item->chosen };
        (*list)[at].from = item->from;
    }
    (*list)[at].calls++;
    (*list)[at].map |= item->node >= 0 && graph->node[item->node].map != 0;
    return SYN_OK;
}

syn_status syn_tune_products(const syn_plan *plan, syn_tune_result **out, int *n) {
    syn_tune_result *list = NULL;
    int cap = 0;
    *out = NULL;
    *n = 0;
    for (int i = 0; i < plan->n_lists; i++) {
        const syn_list *l = plan->list[i];
        if (l->rows != plan->batch ||
            plan->list_mode[i] != (plan->loss < 0 ? SYN_MODE_INFER : SYN_MODE_TRAIN))
            continue;
        for (int k = 0; k < l->n_items; k++) {
            const syn_item *item = &l->item[k];
            syn_status status = add_product(&list, n, &cap, item, l->graph);
            if (status != SYN_OK) {
                free(list);
                return status;
            }
        }
    }
    if (*n) qsort(list, (size_t)*n, sizeof *list, dearest_first);
    *out = list;
    return SYN_OK;
}

const char *syn_tune_shape(const syn_gemm *g, char *text, size_t size) {
    snprintf(text, size, "%d x %d x %d%s%s", g->m, g->n, g->k, g->ta ? " ta" : "",
             g->tb ? " tb" : "");
    return text;
}

void syn_tune_text(const syn_tuned *t, char *text, size_t size) {
    const syn_gemm_variant *v = &t->variant;
    if (!v->rows) {
        snprintf(text, size, "%s", t->provider);
        return;
    }
    char chunk[32] = "";
    if (v->chunk) snprintf(chunk, sizeof chunk, " chunk %d", v->chunk);
    if (v->vectors)
        snprintf(text, size, "%s %dx%d%s%s%s", t->provider, v->rows, v->vectors,
                 v->packed ? " packed" : "", v->swap ? " swapped" : "", chunk);
    else
        snprintf(text, size, "%s %dx%d%s", t->provider, v->rows, v->rows, chunk);
}

syn_status syn_plan_print_products(const syn_plan *plan, syn_text *t) {
    syn_tune_result *list;
    syn_clblast_set set;
    char shape[64], by[64];
    int n;
    bool library = false;
    SYN_TRY(syn_tune_products(plan, &list, &n));
    if (n)
        syn_text_add(t, "\n%-27s %5s  %-22s %s\n", "matrix products, m x n x k", "calls", "by",
                     "from");
    for (int i = 0; i < n; i++) {
        syn_tune_text(&list[i].before, by, sizeof by);
        syn_text_add(t, "  %-25s %5d  %-22s %s\n",
                     syn_tune_shape(&list[i].gemm, shape, sizeof shape), list[i].calls, by,
                     list[i].from);
        library |= list[i].before.provider == syn_gemm_library();
    }
    if (library) {
        const bool table = syn_tuning_clblast(plan->ctx, list[0].gemm.dtype, &set);
        syn_text_add(t, "  %-31s  %-22s %s\n", "CLBlast's parameters", set.name,
                     table ? syn_tuning_from(plan->ctx) : "own rule");
    }
    free(list);
    return SYN_OK;
}
