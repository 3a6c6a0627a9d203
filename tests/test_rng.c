/* Philox against the known answers of Random123, and what is drawn from it. */
#include "base/rng.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

START_TEST(known_answers) {
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } cases[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    uint32_t out[4];
    syn_philox(cases[_i].counter, cases[_i].key, out);
    for (int w = 0; w < 4; ++w) ck_assert_uint_eq(out[w], cases[_i].want[w]);
}
END_TEST

/* The sequential stream is Philox over { block, block high, stream, purpose }. */
START_TEST(stream_is_philox) {
    uint64_t seed = 0x0123456789abcdefu;
    uint32_t key[2] = { 0x89abcdef, 0x01234567 };
    syn_rng r;
    syn_rng_start(&r, seed, SYN_RNG_TEST, 77);
    for (uint32_t block = 0; block < 5; ++block) {
        uint32_t counter[4] = { block, 0, 77, SYN_RNG_TEST }, want[4];
        syn_philox(counter, key, want);
        for (int w = 0; w < 4; ++w) ck_assert_uint_eq(syn_rng_u32(&r), want[w]);
    }
    r.counter[0] = 0xffffffff; /* the carry */
    for (int w = 0; w < 4; ++w) syn_rng_u32(&r);
    uint32_t counter[4] = { 0, 1, 77, SYN_RNG_TEST }, want[4];
    syn_philox(counter, key, want);
    for (int w = 0; w < 4; ++w) ck_assert_uint_eq(syn_rng_u32(&r), want[w]);
}
END_TEST

enum { DRAWS = 1000000 };

START_TEST(uniform_moments) {
    syn_rng r;
    syn_rng_start(&r, 1, SYN_RNG_TEST, (uint32_t)_i);
    double sum[4] = { 0 }, low = 1, high = 0;
    for (int i = 0; i < DRAWS; ++i) {
        double u = syn_rng_uniform(&r), power = 1;
        low = fmin(low, u);
        high = fmax(high, u);
        for (int k = 0; k < 4; ++k) sum[k] += power *= u;
    }
    ck_assert(low >= 0 && high < 1 && low < 1e-5 && high > 1 - 1e-5);
    for (int k = 0; k < 4; ++k) { /* E u^k = 1/(k+1), within five deviations */
        double mean = 1.0 / (k + 2), variance = 1.0 / (2 * k + 3) - mean * mean;
        ck_assert_double_eq_tol(sum[k] / DRAWS, mean, 5 * sqrt(variance / DRAWS));
    }
}
END_TEST

START_TEST(normal_moments) {
    syn_rng r;
    syn_rng_start(&r, 2, SYN_RNG_TEST, (uint32_t)_i);
    double sum[4] = { 0 }, last = 0, product = 0;
    int beyond3 = 0, wild = 0; /* ck_assert is slow: not in long loops */
    for (int i = 0; i < DRAWS; ++i) {
        double z = syn_rng_normal(&r), power = 1;
        wild += !isfinite(z);
        for (int k = 0; k < 4; ++k) sum[k] += power *= z;
        beyond3 += fabs(z) > 3;
        product += z * last;
        last = z;
    }
    double n = DRAWS;
    ck_assert_int_eq(wild, 0);
    ck_assert_double_eq_tol(sum[0] / n, 0, 5 / sqrt(n));
    ck_assert_double_eq_tol(sum[1] / n, 1, 5 * sqrt(2 / n));
    ck_assert_double_eq_tol(sum[2] / n, 0, 5 * sqrt(15 / n));
    ck_assert_double_eq_tol(sum[3] / n, 3, 5 * sqrt(96 / n));
    ck_assert_double_eq_tol(product / n, 0, 5 / sqrt(n)); /* the pairs of Box-Muller included */
    ck_assert_double_eq_tol(beyond3 / n, 0.0026998, 5 * sqrt(0.0027 / n));
}
END_TEST

START_TEST(below_is_even) {
    static const uint32_t limits[] = { 1, 2, 3, 7, 10, 1000 };
    uint32_t n = limits[_i];
    static int count[1000];
    int outside = 0;
    memset(count, 0, sizeof count);
    syn_rng r;
    syn_rng_start(&r, 3, SYN_RNG_TEST, n);
    for (int i = 0; i < DRAWS; ++i) {
        uint32_t v = syn_rng_below(&r, n);
        if (v < n) ++count[v];
        else ++outside;
    }
    ck_assert_int_eq(outside, 0);
    double expected = (double)DRAWS / n, chi2 = 0;
    for (uint32_t v = 0; v < n; ++v) chi2 += pow(count[v] - expected, 2) / expected;
    ck_assert_double_le(chi2, n - 1 + 5 * sqrt(2 * n) + 10);
}
END_TEST

/* 3/4 of 2^32: a remainder or a product alone would favour a third of the values two to one. */
START_TEST(below_is_unbiased) {
    uint32_t n = 0xc0000000u;
    syn_rng r;
    syn_rng_start(&r, 4, SYN_RNG_TEST, 0);
    int third[4] = { 0 }, modulo[3] = { 0 }, draws = 300000;
    for (int i = 0; i < draws; ++i) {
        uint32_t v = syn_rng_below(&r, n);
        ++third[v >> 30];
        ++modulo[v % 3];
    }
    ck_assert_int_eq(third[3], 0);
    for (int k = 0; k < 3; ++k) {
        ck_assert_int_lt(abs(third[k] - draws / 3), 1300); /* five deviations */
        ck_assert_int_lt(abs(modulo[k] - draws / 3), 1300);
    }
    ck_assert_uint_eq(syn_rng_below(&r, 0), 0);
}
END_TEST

START_TEST(shuffle_permutes) {
    static const int32_t sizes[] = { 0, 1, 2, 3, 10, 128, 1009, 55000 };
    enum { MOST = 55000 };
    static int32_t perm[MOST + 1];
    static unsigned char seen[MOST];
    int32_t n = sizes[_i];
    memset(seen, 0, sizeof seen);
    perm[n] = -12345; /* not touched */
    syn_shuffle(42, 3, perm, n);
    int32_t bad = 0;
    for (int32_t i = 0; i < n; ++i) bad += perm[i] < 0 || perm[i] >= n || seen[perm[i]]++;
    ck_assert_int_eq(bad, 0);
    ck_assert_int_eq(perm[n], -12345);
    int fixed = 0;
    for (int32_t i = 0; i < n; ++i) fixed += perm[i] == i;
    if (n > 100) ck_assert_int_lt(fixed, 12); /* Poisson of mean 1 */
}
END_TEST

START_TEST(shuffle_depends_on_seed_and_epoch) {
    enum { N = 500 };
    static const struct {
        uint64_t seed;
        int64_t epoch;
    } key[] = { { 1, 0 },           { 1, 1 }, { 2, 0 }, { 1, (int64_t)1 << 32 },
                { 1 + (1ull << 32), 0 }, { 0, 0 }, { 1, 2 } };
    int32_t perm[SYN_COUNT(key)][N], again[N];
    for (size_t k = 0; k < SYN_COUNT(key); ++k) syn_shuffle(key[k].seed, key[k].epoch, perm[k], N);
    for (size_t k = 0; k < SYN_COUNT(key); ++k) {
        memset(again, 0xff, sizeof again); /* what stood there before has no say */
        syn_shuffle(key[k].seed, key[k].epoch, again, N);
        ck_assert_mem_eq(again, perm[k], sizeof again);
        for (size_t j = 0; j < k; ++j) {
            int same = 0;
            for (int i = 0; i < N; ++i) same += perm[k][i] == perm[j][i];
            ck_assert_int_lt(same, 12);
        }
    }
}
END_TEST

/* Every order of four is as likely as any other, over epochs. */
START_TEST(shuffle_is_even) {
    int count[256] = { 0 }, kinds = 0, epochs = 48000;
    for (int64_t e = 0; e < epochs; ++e) {
        int32_t p[4];
        syn_shuffle(9, e, p, 4);
        ++count[p[0] << 6 | p[1] << 4 | p[2] << 2 | p[3]];
    }
    double expected = epochs / 24.0, chi2 = 0;
    for (int k = 0; k < 256; ++k) {
        if (!count[k]) continue;
        ++kinds;
        chi2 += pow(count[k] - expected, 2) / expected;
    }
    ck_assert_int_eq(kinds, 24);
    ck_assert_double_le(chi2, 23 + 5 * sqrt(46));
}
END_TEST

/* Equal on every machine and in every release: a checkpoint resumes its epoch in this order. */
START_TEST(shuffle_is_pinned) {
    static const int32_t want[2][10] = { { 7, 8, 6, 5, 4, 2, 0, 9, 1, 3 },
                                         { 1, 2, 7, 4, 5, 3, 6, 0, 8, 9 } };
    int32_t perm[10];
    syn_shuffle(42, _i, perm, 10);
    for (int i = 0; i < 10; ++i) ck_assert_int_eq(perm[i], want[_i][i]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rng");
    TCase *tc = tcase_create("rng");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, known_answers, 0, 3);
    tcase_add_test(tc, stream_is_philox);
    tcase_add_loop_test(tc, uniform_moments, 0, 3);
    tcase_add_loop_test(tc, normal_moments, 0, 3);
    tcase_add_loop_test(tc, below_is_even, 0, 6);
    tcase_add_test(tc, below_is_unbiased);
    tcase_add_loop_test(tc, shuffle_permutes, 0, 8);
    tcase_add_test(tc, shuffle_depends_on_seed_and_epoch);
    tcase_add_test(tc, shuffle_is_even);
    tcase_add_loop_test(tc, shuffle_is_pinned, 0, 2);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
