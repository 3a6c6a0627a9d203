/* Arena placement on random sets of lifetimes, with no device. */
#include "files.h"

#include "base/rng.h"
#include "plan/place.h"

enum { MOST = 40, SLABS = 16 };

typedef struct arena {
    syn_place p[MOST];
    int n;
    int64_t align, gap, max_slab, slab[SLABS];
    int n_slabs;
} arena;

static void random_arena(arena *a, uint32_t seed) {
    syn_rng r;
    syn_rng_start(&r, seed, SYN_RNG_TEST, 2);
    *a = (arena){ .n = (int)syn_rng_below(&r, MOST + 1), .max_slab = INT64_MAX };
    a->align = (int64_t)1 << (4 + syn_rng_below(&r, 9));
    if (syn_rng_below(&r, 3) == 0) a->gap = a->align;
    int64_t largest = 0;
    uint32_t span = 1 + syn_rng_below(&r, 60), scale = syn_rng_below(&r, 4);
    for (int i = 0; i < a->n; i++) {
        int first = (int)syn_rng_below(&r, span), length = (int)syn_rng_below(&r, 1 + span / 3);
        int64_t bytes = syn_rng_below(&r, scale == 0 ? 3 : scale == 1 ? 100 : scale == 2 ? 5000 : 1 << 20);
        a->p[i] = (syn_place){ .bytes = bytes, .first = first, .last = first + length, .slab = -7,
                               .offset = -7 };
        if (bytes > largest) largest = bytes;
    }
    /* Slabs that force several: the largest fits just so. */
    if (syn_rng_below(&r, 2)) a->max_slab = largest + a->gap + (int64_t)syn_rng_below(&r, 1 << 16);
}

static syn_status place(arena *a) {
    return syn_place_all(a->p, a->n, a->align, a->gap, a->max_slab, a->slab, SLABS, &a->n_slabs);
}

static bool meet(const syn_place *a, const syn_place *b) {
    return a->first <= b->last && b->first <= a->last;
}

static void check(const arena *a, uint32_t seed) {
    int64_t peak = 0, sum = 0, end[SLABS] = { 0 };
    ck_assert_int_le(a->n_slabs, SLABS);
    for (int i = 0; i < a->n; i++) {
        const syn_place *p = &a->p[i];
        if (!p->bytes) continue;
        ck_assert_msg(p->slab >= 0 && p->slab < a->n_slabs && p->offset >= 0 && p->offset % a->align == 0,
                      "set %u: place %d is in slab %d at %lld", seed, i, p->slab, (long long)p->offset);
        int64_t past = p->offset + p->bytes + a->gap;
        ck_assert(past <= a->slab[p->slab]);
        if (past > end[p->slab]) end[p->slab] = past;
        sum += syn_round_up(p->bytes + a->gap, a->align);
        for (int k = 0; k < i; k++) {
            const syn_place *q = &a->p[k];
            if (!q->bytes || q->slab != p->slab || !meet(p, q)) continue;
            bool apart = q->offset + q->bytes + a->gap <= p->offset || past <= q->offset;
            ck_assert_msg(apart, "set %u: places %d and %d overlap", seed, k, i);
        }
    }
    for (int s = 0; s < a->n_slabs; s++) {
        ck_assert(a->slab[s] <= a->max_slab);
        ck_assert(a->slab[s] == end[s]); /* no more than is used */
        peak += a->slab[s];
    }
    ck_assert_msg(peak <= sum, "set %u: peak %lld, the sum is %lld", seed, (long long)peak, (long long)sum);
    for (int i = 0; i < a->n; i++) { /* the load when a place begins */
        int64_t load = 0;
        for (int k = 0; k < a->n; k++)
            if (a->p[k].first <= a->p[i].first && a->p[i].first <= a->p[k].last) load += a->p[k].bytes;
        ck_assert(peak >= load);
    }
}

START_TEST(test_random_sets) {
    int several = 0, refused_sets = 0;
    for (uint32_t seed = 0; seed < 5000; seed++) {
        arena a, b;
        random_arena(&a, seed);
        random_arena(&b, seed);
        syn_status status = place(&a);
        ck_assert_int_eq(place(&b), status);
        if (status != SYN_OK) { /* more slabs than there may be */
            ck_assert_int_eq(status, SYN_E_MEMORY);
            refused_sets++;
            continue;
        }
        check(&a, seed);
        several += a.n_slabs > 1;
        for (int i = 0; i < a.n; i++)
            ck_assert(a.p[i].slab == b.p[i].slab && a.p[i].offset == b.p[i].offset);
    }
    ck_assert_int_gt(several, 100);
    ck_assert_int_lt(refused_sets, 500);
}
END_TEST

START_TEST(test_memory_is_shared) {
    arena a = { .n = 20, .align = 64, .max_slab = INT64_MAX };
    for (int i = 0; i < a.n; i++) a.p[i] = (syn_place){ .bytes = 1000, .first = 2 * i, .last = 2 * i + 1 };
    ok(place(&a));
    ck_assert_int_eq(a.n_slabs, 1);
    ck_assert_int_eq(a.slab[0], 1000); /* a chain needs the room of one */
    for (int i = 0; i < a.n; i++) a.p[i].last++; /* each meets the next */
    ok(place(&a));
    ck_assert_int_eq(a.slab[0], 1024 + 1000);
}
END_TEST

START_TEST(test_too_large) {
    arena a = { .n = 2, .align = 64, .max_slab = 4096,
                .p = { { .bytes = 100, .last = 1 }, { .bytes = 4097, .last = 1 } } };
    refused(place(&a), SYN_E_MEMORY, "4097 bytes does not fit");
    a.p[1].bytes = 4096;
    ok(place(&a));
    ck_assert_int_eq(a.n_slabs, 2);
    a.gap = 64; /* now the gap is what does not fit */
    refused(place(&a), SYN_E_MEMORY, "4096");
    a.n = 0;
    ok(place(&a));
    ck_assert_int_eq(a.n_slabs, 0);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_random_sets, test_memory_is_shared, test_too_large };
    return run_in_folder("place", test, SYN_COUNT(test));
}
