/* Our own kernels against each other. */
#include "plan/tune_race.h"

#include <math.h>
#include <string.h>

/* Tiles, the good ones first; 0 x 0: what the provider chooses by itself. */
static const struct {
    const char *provider;
    int rows, vectors;
} tile[] = {
    { "cpu", 0, 0 }, { "cpu", 8, 2 }, { "cpu", 4, 4 },  { "cpu", 6, 4 }, { "cpu", 12, 2 },
    { "cpu", 8, 3 }, { "cpu", 5, 4 }, { "cpu", 14, 1 }, { "cpu", 6, 2 }, { "cpu", 4, 3 },
    { "cpu", 4, 2 }, { "gpu", 0, 0 }, { "gpu", 4, 0 },  { "gpu", 8, 0 }, { "gpu", 2, 0 },
};

/* Providers of the other kind of device: their tiles are tried where their own choice is this near.
 */
#define NEAR 1.5

enum { MOST = 24 };

typedef struct own_race {
    const syn_race *race;
    syn_racer *x;
    syn_product best;
    syn_tuned seen[2 * MOST]; /* measured or dropped */
    int n_seen;
    double end;
} own_race;

static bool seen(own_race *o, const syn_tuned *t) {
    for (int i = 0; i < o->n_seen; i++)
        if (syn_tuned_same(&o->seen[i], t)) return true;
    if (o->n_seen < (int)SYN_COUNT(o->seen)) o->seen[o->n_seen++] = *t;
    return false;
}

/* *ratio: of its time to that of the best before it. */
static syn_status challenge(own_race *o, const syn_tuned *candidate, double *ratio) {
    syn_product p;
    char name[64];
    *ratio = INFINITY;
    if (seen(o, candidate)) return SYN_OK;
    if (o->best.ctx && syn_seconds() >= o->end) {
        o->x->r->untried++;
        return SYN_OK;
    }
    syn_tune_text(candidate, name, sizeof name);
    if (!syn_race_open(o->race, o->x, candidate, name, &p)) return SYN_OK;
    double unused;
    syn_status status = SYN_OK;
    if (o->best.ctx)
        status = syn_product_duel(&o->best, &p, SYN_DUEL, ratio);
    else
        status = syn_product_time(&p, &unused);
    if (status == SYN_OK && (!o->best.ctx || *ratio < .98)) {
        syn_product_close(&o->best);
        syn_product_move(&o->best, &p);
    }
    syn_product_close(&p);
    return status;
}

/* The choice a provider makes by itself; false: it does not take the shape. */
static bool own_choice(const own_race *o, const char *provider, syn_tuned *t) {
    syn_gemm_plan plan;
    *t = o->x->r->before;
    for (int i = 0; i < syn_gemm_providers(); i++) {
        if (strcmp(syn_gemm_provider(i), provider) != 0) continue;
        if (syn_ctx_gemm_banned(o->race->ctx, provider) ||
            !syn_gemm_plan_with(o->race->ctx, i, &o->x->r->gemm, syn_in(0), syn_in(1), syn_out(2),
                                &plan))
            return false;
        syn_gemm_plan_free(&plan);
        t->provider = syn_gemm_provider(i);
        t->variant = plan.variant;
        return true;
    }
    return false;
}

static syn_status tiles(own_race *o, const char *provider, bool foreign) {
    syn_tuned t;
    if (!own_choice(o, provider, &t)) return SYN_OK;
    const syn_gemm_variant own = t.variant;
    for (size_t i = 0; i < SYN_COUNT(tile); i++) {
        double ratio;
        if (strcmp(tile[i].provider, provider) != 0) continue;
        t.variant = own;
        if (tile[i].rows) {
            t.variant.rows = tile[i].rows;
            t.variant.vectors = tile[i].vectors;
        }
        SYN_TRY(challenge(o, &t, &ratio));
        if (foreign && !tile[i].rows && ratio > NEAR) break;
    }
    return SYN_OK;
}

/* Packing, the other way round, and the depth in parts, with the best tile. */
static syn_status shapes(own_race *o) {
    static const int parts[] = { 2, 4, 8, 16, 32 };
    const syn_gemm *g = &o->x->r->gemm;
    syn_tuned list[MOST];
    int n = 0;
    const syn_tuned now = o->best.choice;
    const bool cpu = strcmp(now.provider, "cpu") == 0;
    for (int i = 0; i < 3; i++) list[i] = now;
    list[n].variant.packed = !now.variant.packed;
    n += cpu;
    list[n].variant.swap = !now.variant.swap;
    n += cpu && g->tb && !g->ta;
    list[n] = now;
    list[n].variant.chunk = 0;
    n += now.variant.chunk != 0;
    for (size_t i = 0; i < SYN_COUNT(parts); i++) {
        list[n] = now;
        list[n].variant.chunk = (int)syn_round_up(syn_ceil_div(g->k, parts[i]), 16);
        n += list[n].variant.chunk >= 128 && list[n].variant.chunk < g->k;
    }
    double unused;
    for (int i = 0; i < n; i++) SYN_TRY(challenge(o, &list[i], &unused));
    return SYN_OK;
}

/* The winner once more against what stood before: chance must not win. */
static syn_status again(own_race *o) {
    syn_racer *x = o->x;
    syn_product first;
    double ratio = 1;
    x->own = o->best.choice;
    x->own_seconds = o->best.seconds;
    if (syn_tuned_library(&x->r->before)) return SYN_OK;
    x->was = x->own_seconds;
    if (syn_tuned_same(&x->own, &x->r->before)) return SYN_OK;
    char name[64];
    syn_tune_text(&x->r->before, name, sizeof name);
    if (!syn_race_open(o->race, x, &x->r->before, name, &first)) return SYN_OK;
    x->r->tried--; /* it was counted */
    syn_status status = syn_product_duel(&o->best, &first, SYN_LAST_DUEL, &ratio);
    syn_product_close(&first);
    if (ratio > 1.03)
        x->was = ratio * x->own_seconds;
    else
        x->own = x->r->before;
    return status;
}

syn_status syn_race_own(const syn_race *race, syn_racer *x, double end) {
    own_race o = { .race = race, .x = x, .end = end };
    const bool cpu = syn_ctx_profile_of(race->ctx)->cpu;
    double unused;
    x->own_seconds = INFINITY;
    syn_status status =
        syn_tuned_library(&x->r->before) ? SYN_OK : challenge(&o, &x->r->before, &unused);
    if (status == SYN_OK) status = tiles(&o, cpu ? "cpu" : "gpu", false);
    if (status == SYN_OK && o.best.ctx) status = shapes(&o);
    if (status == SYN_OK) status = tiles(&o, cpu ? "gpu" : "cpu", true);
    if (status == SYN_OK && o.best.ctx) status = again(&o);
    syn_product_close(&o.best);
    return status;
}
