/* The tuner: our kernels for each product, then CLBlast for all of them. */
#include "plan/tune_race.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void syn_race_note(const syn_race *race, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (race->o->note) race->o->note(text, race->o->user);
}

bool syn_tuned_same(const syn_tuned *a, const syn_tuned *b) {
    return a->provider == b->provider && syn_gemm_variant_same(&a->variant, &b->variant);
}

bool syn_race_open(const syn_race *race, syn_racer *x, const syn_tuned *candidate, const char *name,
                   syn_product *p) {
    bool taken, right = false;
    char shape[64];
    syn_status status = syn_product_open(p, race->ctx, &x->r->gemm, candidate, x->r->map, &taken);
    if (status == SYN_OK && taken) status = syn_product_right(p, &x->reference, &right);
    const bool possible = status != SYN_OK || taken;
    x->r->tried += possible;
    if (status == SYN_OK && right) return true;
    syn_product_close(p);
    if (!possible) return false;
    x->r->dropped++;
    syn_tune_shape(&x->r->gemm, shape, sizeof shape);
    if (status == SYN_OK)
        syn_race_note(race, "out: %s, its result of %s is wrong", name, shape);
    else
        syn_race_note(race, "out: %s, for %s: %.*s", name, shape,
                      (int)strcspn(syn_error_text(), "\n"), syn_error_text());
    return false;
}

/* ---- the whole ---- */

static syn_status choose_now(const syn_race *race, syn_racer *x) {
    syn_tune_result *r = x->r;
    syn_gemm_choice choice;
    SYN_TRY(syn_gemm_choose(race->ctx, &r->gemm, syn_in(0), syn_in(1), syn_out(2), &choice));
    syn_gemm_plan_free(&choice.plan);
    r->before = (syn_tuned){ r->gemm.m,  r->gemm.n,     r->gemm.k,       r->gemm.ta,
                             r->gemm.tb, r->gemm.dtype, choice.provider, choice.plan.variant };
    r->from = choice.from;
    r->after = r->before;
    x->own_seconds = x->library = INFINITY;
    return syn_reference_make(&x->reference, &r->gemm);
}

static double worth(const syn_tune_result *r) {
    return sqrt(r->calls * (double)r->gemm.m * r->gemm.n * r->gemm.k);
}

/* CLBlast builds its kernels anew for each setting: most of the time where it is the rule. */
static double own_share(const syn_race *race) {
    return syn_ctx_profile_of(race->ctx)->cpu ? .6 : .4;
}

static syn_status measure_all(syn_race *race, double start) {
    double weight = 0, done = 0;
    for (int i = 0; i < race->n; i++) {
        SYN_TRY(choose_now(race, &race->racer[i]));
        weight += worth(race->racer[i].r);
    }
    for (int i = 0; i < race->n; i++) { /* its share of the time, and what others left */
        done += worth(race->racer[i].r);
        SYN_TRY(syn_race_own(race, &race->racer[i],
                             start + race->o->seconds * own_share(race) * done / weight));
    }
    for (int d = 0; d < 2; d++) {
        bool any = false;
        for (int i = 0; i < race->n; i++) any |= (race->racer[i].r->gemm.dtype == SYN_DOUBLE) == d;
        if (any) SYN_TRY(syn_race_clblast(race, d ? SYN_DOUBLE : SYN_FLOAT));
    }
    return SYN_OK;
}

static syn_status finish(const syn_race *race, syn_racer *x) {
    syn_tune_result *r = x->r;
    const bool library = syn_tuned_library(&r->before);
    if (x->by_library) {
        r->after.provider = syn_gemm_library();
        r->after.variant = (syn_gemm_variant){ 0 };
    } else if (x->own.provider) {
        r->after = x->own;
        r->is = x->own_seconds;
    } else {
        r->is = 0;
        syn_race_note(race, "nothing right was measured for %d x %d x %d: it is left as it is",
                      r->gemm.m, r->gemm.n, r->gemm.k);
    }
    r->was = library ? x->library : x->was;
    if (!(r->was > 0 && isfinite(r->was)) || (syn_tuned_same(&r->after, &r->before) && !library))
        r->was = r->is;
    /* CLBlast's rows are kept with its parameters, others where they say something new. */
    const bool keep = x->by_library || !syn_tuned_same(&r->after, &r->before);
    return keep ? syn_tuning_set(race->ctx, &r->after) : SYN_OK;
}

syn_status syn_tune(syn_ctx *ctx, syn_tune_result *list, int n, const syn_tune_opts *o) {
    const double start = syn_seconds();
    syn_race race = { .ctx = ctx,
                      .o = o,
                      .n = n,
                      .racer = calloc((size_t)n + 1, sizeof *race.racer),
                      .end = start + o->seconds };
    if (!race.racer) return syn_no_memory((size_t)n * sizeof *race.racer);
    for (int i = 0; i < n; i++) race.racer[i].r = &list[i];
    syn_status status = measure_all(&race, start);
    for (int i = 0; status == SYN_OK && i < n; i++) status = finish(&race, &race.racer[i]);
    for (int i = 0; status == SYN_OK && o->result && i < n; i++) o->result(&list[i], o->user);
    for (int i = 0; i < n; i++) syn_reference_free(&race.racer[i].reference);
    free(race.racer);
    return status;
}
