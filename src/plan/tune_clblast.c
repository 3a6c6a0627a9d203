/* CLBlast with each setting of its parameters against the best of our kernels. A setting holds for
 * all products of the type, so the one with the least time over all of them wins, each product with
 * the faster of the two. */
#include "plan/tune_race.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Seconds that a setting takes to be built, as far as nothing says more. */
#define BUILD 10
/* Where tuned parameters are nowhere this near to our kernels, others are not worth building. */
#define NEAR 1.5

typedef struct setting {
    syn_clblast_set set;
    double *seconds; /* by product; INFINITY: not measured, or not possible */
    double total;    /* of a step, each product with CLBlast or our kernel; INFINITY: out */
    double spent;
} setting;

typedef struct sets {
    const syn_race *race;
    syn_dtype dtype;
    setting *of;
    int n, now; /* now: the one in use so far */
} sets;

static const char *quoted(const setting *s, char *text, size_t size) {
    snprintf(text, size, "clblast '%s'", s->set.name);
    return text;
}

static bool is_of(const sets *s, const syn_racer *x) { return x->r->gemm.dtype == s->dtype; }

/* Sets to try: what is installed while it can be had, what is in use, then the rows. */
static syn_status list_sets(sets *s) {
    enum { MOST = 32 };
    syn_clblast_set list[MOST];
    syn_device_info device;
    const syn_clblast_set *row;
    int n = 0;
    syn_ctx_device(s->race->ctx, &device);
    const bool told = syn_clblast_told(s->race->ctx, s->dtype);
    syn_tuning_clblast(s->race->ctx, s->dtype, &list[n++]);
    s->now = 0;
    for (int i = 0; n < MOST && (row = syn_clblast_row(&device, i)) != NULL; i++) {
        if (syn_clblast_fault(row, s->dtype, syn_ctx_profile_of(s->race->ctx)) ||
            syn_clblast_set_same(row, &list[s->now]))
            continue;
        if (row->installed && told) continue;
        if (row->installed) { /* first, or never */
            list[n] = list[0];
            list[0] = *row;
            s->now = n++;
        } else {
            list[n++] = *row;
        }
    }
    s->of = calloc((size_t)n, sizeof *s->of);
    if (!s->of) return syn_no_memory((size_t)n * sizeof *s->of);
    for (s->n = 0; s->n < n; s->n++) {
        setting *t = &s->of[s->n];
        t->set = list[s->n];
        t->total = INFINITY;
        t->seconds = malloc((size_t)s->race->n * sizeof *t->seconds);
        if (!t->seconds) return syn_no_memory((size_t)s->race->n * sizeof *t->seconds);
        for (int k = 0; k < s->race->n; k++) t->seconds[k] = INFINITY;
    }
    return SYN_OK;
}

/* CLBlast, as it is told, against our best for the product. *right: it may win. */
static syn_status measure(const sets *s, const setting *t, syn_racer *x, int turns, double *seconds,
                          bool *right) {
    syn_tuned library = x->r->before;
    char name[64];
    syn_product p, own = { 0 };
    double ratio = 1;
    bool taken = false;
    library.provider = syn_gemm_library();
    library.variant = (syn_gemm_variant){ 0 };
    *right = syn_race_open(s->race, x, &library, quoted(t, name, sizeof name), &p);
    if (!*right) return SYN_OK;
    syn_status status = syn_product_time(&p, &ratio);
    if (status == SYN_OK && x->own.provider) {
        status = syn_product_open(&own, s->race->ctx, &x->r->gemm, &x->own, x->r->map, &taken);
        if (status == SYN_OK && taken) status = syn_product_duel(&own, &p, turns, &ratio);
    }
    *seconds = taken ? ratio * x->own_seconds : p.seconds;
    syn_product_close(&own);
    syn_product_close(&p);
    return status;
}

/* A setting that is wrong or fails for one product is out for all. */
static syn_status try_set(sets *s, setting *t, bool needed) {
    const syn_race *race = s->race;
    char name[64];
    const double start = syn_seconds();
    double total = 0;
    t->total = INFINITY;
    syn_tuning_try_clblast(race->ctx, s->dtype, &t->set);
    if (syn_clblast_tell(race->ctx, s->dtype) != SYN_OK) {
        syn_race_note(race, "out: %s", syn_error_text());
        return SYN_OK;
    }
    for (int i = 0; i < race->n; i++) {
        syn_racer *x = &race->racer[i];
        bool right = true;
        if (!is_of(s, x)) continue;
        const int dropped = x->r->dropped;
        const bool must = needed && syn_tuned_library(&x->r->before);
        if (must || syn_seconds() < race->end)
            SYN_TRY(measure(s, t, x, SYN_DUEL, &t->seconds[i], &right));
        if (x->r->dropped > dropped) return SYN_OK;
        total += x->r->calls * fmin(x->own_seconds, t->seconds[i]);
    }
    t->spent = syn_seconds() - start;
    if (isfinite(total)) t->total = total;
    syn_race_note(
        race,
        "%s: %.1f us a step, with our kernels where they are faster; %.1f s to build and measure",
        quoted(t, name, sizeof name), total * 1e6, t->spent);
    return SYN_OK;
}

static bool is_near(const sets *s, const setting *t) {
    bool any = false, near = false;
    for (int i = 0; i < s->race->n; i++) {
        any |= isfinite(t->seconds[i]);
        near |= isfinite(t->seconds[i]) && t->seconds[i] < NEAR * s->race->racer[i].own_seconds;
    }
    return near || !any;
}

static syn_status try_all(sets *s) {
    const syn_race *race = s->race;
    bool needed = false, near = true;
    int left = 0, tuned = 0;
    double cost = BUILD;
    syn_text late = { 0 };
    for (int i = 0; i < race->n; i++)
        needed |= is_of(s, &race->racer[i]) && syn_tuned_library(&race->racer[i].r->before);
    syn_status status = SYN_OK;
    for (int i = 0; status == SYN_OK && i < s->n; i++) {
        setting *t = &s->of[i];
        if (!near && !(needed && i == s->now)) {
            left++;
            continue;
        }
        if (!(needed && i == s->now) && race->end - syn_seconds() < cost) {
            syn_text_add(&late, "%s '%s'", late.len ? "," : "", t->set.name);
            continue;
        }
        status = try_set(s, t, needed && i == s->now);
        cost = fmax(cost, t->spent);
        if (!t->set.installed && !tuned++) near = is_near(s, t);
    }
    if (left)
        syn_race_note(race,
                      "clblast is nowhere near our kernels: %d other settings of it are left out",
                      left);
    if (late.len) syn_race_note(race, "not tried for want of time: clblast%s", syn_text_str(&late));
    syn_text_free(&late);
    return status;
}

/* The best setting; one that is new must win again, for each was measured at its own time. */
static syn_status choose_set(sets *s, int *best) {
    *best = s->now;
    for (int i = 0; i < s->n; i++)
        if (s->of[i].total < (*best == s->now ? .98 : 1) * s->of[*best].total) *best = i;
    setting *now = &s->of[s->now], *t = &s->of[*best];
    if (*best == s->now || now->set.installed || t->set.installed || !isfinite(now->total))
        return SYN_OK;
    SYN_TRY(try_set(s, now, true));
    SYN_TRY(try_set(s, t, true));
    if (!(t->total < .98 * now->total)) *best = s->now;
    return SYN_OK;
}

/* The winners once more, then what they are kept as. */
static syn_status settle(sets *s, int best) {
    const syn_race *race = s->race;
    const setting *t = &s->of[best];
    syn_tuning_try_clblast(race->ctx, s->dtype, &t->set);
    const bool again =
        syn_clblast_tell(race->ctx, s->dtype) == SYN_OK; /* not to what was installed */
    for (int i = 0; i < race->n; i++) {
        syn_racer *x = &race->racer[i];
        double seconds = t->seconds[i];
        bool right = true;
        if (!is_of(s, x)) continue;
        /* What stands, stands in a draw. */
        const double bar =
            (best == s->now && syn_tuned_library(&x->r->before) ? 1.03 : .97) * x->own_seconds;
        if (seconds < bar && again && x->own.provider)
            SYN_TRY(measure(s, t, x, SYN_LAST_DUEL, &seconds, &right));
        x->by_library = right && seconds < bar;
        x->r->is = seconds;
        if (best == s->now) x->library = seconds;
    }
    return SYN_OK;
}

syn_status syn_race_clblast(const syn_race *race, syn_dtype dtype) {
    sets s = { .race = race, .dtype = dtype };
    int best = 0, dropped = 0, with = 0;
    syn_status status = syn_ctx_gemm_banned(race->ctx, syn_gemm_library()) ? SYN_OK : list_sets(&s);
    if (status == SYN_OK) status = try_all(&s);
    best = s.now;
    if (status == SYN_OK && s.n) status = choose_set(&s, &best);
    for (int i = 0; s.n && i < race->n; i++)
        if (is_of(&s, &race->racer[i])) race->racer[i].library = s.of[s.now].seconds[i];
    if (status == SYN_OK && s.n && isfinite(s.of[best].total)) status = settle(&s, best);
    syn_tuning_try_clblast(race->ctx, dtype, NULL);
    for (int i = 0; i < race->n; i++)
        with += is_of(&s, &race->racer[i]) && race->racer[i].by_library;
    if (status == SYN_OK && s.n && isfinite(s.of[best].total) && with) {
        dropped = syn_tuning_set_clblast(race->ctx, dtype, &s.of[best].set);
        syn_race_note(race, "CLBlast's parameters: '%s'%s%s%s", s.of[best].set.name,
                      best == s.now ? "" : ", before '",
                      best == s.now ? ", as before" : s.of[s.now].set.name,
                      best == s.now ? "" : "'");
        if (dropped)
            syn_race_note(
                race,
                "%d earlier choice%s of CLBlast, measured with other parameters, %s forgotten",
                dropped, dropped == 1 ? "" : "s", dropped == 1 ? "is" : "are");
    }
    for (int i = 0; i < s.n; i++) free(s.of[i].seconds);
    free(s.of);
    return status;
}
