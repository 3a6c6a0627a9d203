#include "plan/tune.h"

#include "base/rng.h"
#include "plan/product.h"
#include "plan/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the reference ---- */

/* Some elements, corners and edges among them, by plain loops in double: what every result is held
 * to first. The rest of a result is held to the whole result that passed. */
static syn_status check_elements(const syn_product *p, const double *c, bool *right) {
    enum { PROBES = 64 };
    const syn_gemm *g = &p->gemm;
    int64_t na = (int64_t)g->m * g->k, nb = (int64_t)g->k * g->n;
    double *a = malloc((size_t)(na + nb) * sizeof *a);
    if (!a) return syn_no_memory((size_t)(na + nb) * sizeof *a);
    double *b = a + na;
    syn_status status = syn_reals_read(p->list.value[p->value[0]], g->dtype, 0, a, na);
    if (status == SYN_OK) status = syn_reals_read(p->list.value[p->value[1]], g->dtype, 0, b, nb);
    syn_rng r;
    syn_rng_start(&r, 2, SYN_RNG_TEST, 0);
    *right = true;
    const double limit = (g->dtype == SYN_DOUBLE ? 1e-13 : 1e-5) * sqrt((double)g->k);
    for (int t = 0; status == SYN_OK && t < PROBES; t++) {
        int64_t i = t < 4 ? (t & 1) * (g->m - 1) : (int64_t)syn_rng_below(&r, (uint32_t)g->m);
        int64_t j = t < 4 ? (t >> 1) * (g->n - 1) : (int64_t)syn_rng_below(&r, (uint32_t)g->n);
        double sum = 0;
        for (int64_t k = 0; k < g->k; k++)
            sum += a[g->ta ? k * g->m + i : i * g->k + k] * b[g->tb ? j * g->k + k : k * g->n + j];
        if (!(fabs(c[i * g->n + j] - sum) <= limit)) *right = false;
    }
    free(a);
    return status;
}

static double difference(const double *x, const double *y, int64_t n) {
    double d = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        d += (x[i] - y[i]) * (x[i] - y[i]);
        norm += y[i] * y[i];
    }
    return isfinite(d) ? sqrt(d / (norm > 0 ? norm : 1)) : INFINITY;
}

/* ---- candidates ---- */

enum { MOST = 24 };

static int add(syn_tuned *list, int n, const syn_tuned *like, syn_gemm_variant v) {
    if (n == MOST) return n;
    list[n] = *like;
    list[n].variant = v;
    return n + 1;
}

/* Tiles first, with the rest as it is; then packing, the other way round, and the depth in parts,
 * with the best tile. */
static int tiles(const syn_tuned *now, syn_tuned *list) {
    static const int cpu[][2] = { { 8, 2 }, { 4, 4 },  { 6, 4 }, { 12, 2 }, { 8, 3 },
                                  { 5, 4 }, { 14, 1 }, { 6, 2 }, { 4, 3 },  { 4, 2 } };
    static const int gpu[] = { 2, 4, 8 };
    int n = 0;
    syn_gemm_variant v = now->variant;
    for (size_t i = 0; strcmp(now->provider, "cpu") == 0 && i < SYN_COUNT(cpu); i++) {
        v.rows = cpu[i][0];
        v.vectors = cpu[i][1];
        n = add(list, n, now, v);
    }
    for (size_t i = 0; strcmp(now->provider, "gpu") == 0 && i < SYN_COUNT(gpu); i++) {
        v.rows = gpu[i];
        n = add(list, n, now, v);
    }
    return n;
}

static int shapes(const syn_tuned *now, const syn_gemm *g, syn_tuned *list) {
    static const int parts[] = { 2, 4, 8, 16, 32 };
    bool cpu = strcmp(now->provider, "cpu") == 0;
    int n = 0;
    syn_gemm_variant v = now->variant;
    v.packed = !v.packed;
    if (cpu) n = add(list, n, now, v);
    v = now->variant;
    v.swap = !v.swap;
    if (cpu && g->tb && !g->ta) n = add(list, n, now, v);
    v = now->variant;
    v.chunk = 0;
    if (now->variant.chunk) n = add(list, n, now, v);
    for (size_t i = 0; v.rows && i < SYN_COUNT(parts); i++) {
        v.chunk = (int)syn_round_up(syn_ceil_div(g->k, parts[i]), 16);
        if (v.chunk >= 128 && v.chunk < g->k && v.chunk != now->variant.chunk)
            n = add(list, n, now, v);
    }
    return n;
}

/* ---- the race ---- */

typedef struct race {
    syn_ctx *ctx;
    syn_tune_result *r;
    syn_product best;
    double *want, *got; /* results: of the first choice, of a candidate */
    double end;         /* of its time */
} race;

enum { TURNS = 7, LAST_TURNS = 11 };

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What `other` takes over what the best takes, in turns: of the median of the ratios and the ratio
 * of the least times the one nearer to 1, and 1 where they contradict each other. Other work on the
 * machine moves one of them, seldom both. */
static syn_status duel(race *x, syn_product *other, int turns, double *ratio) {
    double v[LAST_TURNS], a, b, least_a = INFINITY, least_b = INFINITY;
    for (int t = -1; t < turns; t++) { /* once to warm up */
        SYN_TRY(syn_product_time(&x->best, &a));
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

static syn_status challenge(race *x, const syn_tuned *candidate, double margin) {
    syn_product p;
    bool taken = false;
    double ratio = 1;
    int64_t n = (int64_t)x->r->gemm.m * x->r->gemm.n;
    syn_status status = syn_product_open(&p, x->ctx, &x->r->gemm, candidate, &taken);
    if (status == SYN_OK && taken) status = syn_product_read(&p, x->got);
    bool right = status == SYN_OK && taken &&
                 difference(x->got, x->want, n) <= (x->r->gemm.dtype == SYN_DOUBLE ? 1e-13 : 1e-5);
    if (status == SYN_OK && taken) {
        x->r->tried++;
        x->r->wrong += !right;
    }
    if (right) status = duel(x, &p, TURNS, &ratio);
    if (status == SYN_OK && right && ratio < margin) {
        syn_product_close(&x->best);
        syn_product_move(&x->best, &p);
        return SYN_OK;
    }
    syn_product_close(&p);
    return status;
}

static bool same(const syn_tuned *a, const syn_tuned *b) {
    return a->provider == b->provider && syn_gemm_variant_same(&a->variant, &b->variant);
}

static syn_status challenge_all(race *x, const syn_tuned *list, int n) {
    for (int i = 0; i < n && syn_seconds() < x->end; i++)
        if (!same(&list[i], &x->best.choice)) SYN_TRY(challenge(x, &list[i], .98));
    return SYN_OK;
}

/* Candidates, then the winner once more against what stood before: chance must not win. */
static syn_status run_race(race *x) {
    syn_tune_result *r = x->r;
    syn_tuned list[MOST];
    bool taken, right = false;
    SYN_TRY(syn_product_open(&x->best, x->ctx, &r->gemm, &r->before, &taken));
    if (!taken) return SYN_OK; /* nothing to vary: a library's */
    SYN_TRY(syn_product_read(&x->best, x->want));
    SYN_TRY(check_elements(&x->best, x->want, &right));
    if (!right)
        return syn_fail(
            SYN_E_DEVICE,
            "the product of %d x %d x %d is wrong on this device; syncline selftest tells more",
            r->gemm.m, r->gemm.n, r->gemm.k);
    double unused;
    SYN_TRY(syn_product_time(&x->best, &unused));
    SYN_TRY(challenge_all(x, list, tiles(&x->best.choice, list)));
    SYN_TRY(challenge_all(x, list, shapes(&x->best.choice, &r->gemm, list)));
    r->was = r->is = x->best.seconds;
    if (same(&x->best.choice, &r->before)) return SYN_OK;
    syn_product first;
    double ratio = 1;
    syn_status status = syn_product_open(&first, x->ctx, &r->gemm, &r->before, &taken);
    if (status == SYN_OK) status = duel(x, &first, LAST_TURNS, &ratio);
    syn_product_close(&first);
    r->was = ratio * r->is;
    if (status == SYN_OK && ratio > 1.03)
        r->after = x->best.choice;
    else
        r->was = r->is;
    return status;
}

static syn_status tune_one(syn_ctx *ctx, syn_tune_result *r, double end) {
    size_t n = (size_t)r->gemm.m * (size_t)r->gemm.n;
    race x = { .ctx = ctx,
               .r = r,
               .end = end,
               .want = malloc(n * sizeof *x.want),
               .got = malloc(n * sizeof *x.got) };
    syn_status status = x.want && x.got ? run_race(&x) : syn_no_memory(2 * n * sizeof *x.want);
    syn_product_close(&x.best);
    free(x.want);
    free(x.got);
    if (status == SYN_OK && !same(&r->after, &r->before)) status = syn_tuning_set(ctx, &r->after);
    return status;
}

syn_status syn_tune(syn_ctx *ctx, syn_tune_result *list, int n, const syn_tune_opts *o) {
    double start = syn_seconds(), weight = 0, done = 0;
    for (int i = 0; i < n; i++)
        weight += sqrt(list[i].calls * (double)list[i].gemm.m * list[i].gemm.n * list[i].gemm.k);
    for (int i = 0; i < n; i++) {
        syn_tune_result *r = &list[i];
        syn_gemm_choice choice;
        SYN_TRY(syn_gemm_choose(ctx, &r->gemm, syn_in(0), syn_in(1), syn_out(2), &choice));
        for (int k = 0; k < choice.plan.n_calls; k++) {
            free(choice.plan.call[k].defs);
            free(choice.plan.call[k].text);
        }
        r->before = (syn_tuned){ r->gemm.m,  r->gemm.n,     r->gemm.k,       r->gemm.ta,
                                 r->gemm.tb, r->gemm.dtype, choice.provider, choice.plan.variant };
        r->after = r->before;
        /* Its share of the time, and what others left. */
        done += sqrt(r->calls * (double)r->gemm.m * r->gemm.n * r->gemm.k);
        SYN_TRY(tune_one(ctx, r, start + o->seconds * done / weight));
        if (o->result) o->result(r, o->user);
    }
    return SYN_OK;
}

/* ---- products of a plan ---- */

static int dearest_first(const void *a, const void *b) {
    const syn_tune_result *x = a, *y = b;
    double p = x->calls * (double)x->gemm.m * x->gemm.n * x->gemm.k,
           q = y->calls * (double)y->gemm.m * y->gemm.n * y->gemm.k;
    return (p < q) - (p > q);
}

static syn_status add_product(syn_tune_result **list, int *n, int *cap, const syn_item *item) {
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
        memset((*list)[at].gemm.half, 0, sizeof g->half); /* measured in float, for both */
    }
    (*list)[at].calls++;
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
            syn_status status = item->n_parts ? SYN_OK : add_product(&list, n, &cap, item);
            for (int p = 0; status == SYN_OK && p < item->n_parts; p++) status = add_product(&list, n, &cap, &item->part[p]);
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
