/* Every GEMM provider against plain loops on the host: shapes around vectors, tiles, blocks and splits of the
 * depth, all transpositions, accumulation, float and double. */
#include "suite.h"

#include "plan/selftest_case.h"

typedef struct shape {
    int m, n, k;
} shape;

/* All transpositions, with and without accumulation. */
static const shape small[] = { { 1, 1, 1 }, { 1, 17, 3 }, { 13, 1, 7 }, { 15, 16, 17 }, { 17, 15, 16 } };
/* Each transposition once, accumulation in turn. */
static const shape medium[] = { { 16, 17, 15 }, { 3, 5, 300 }, { 33, 70, 31 }, { 2, 130, 64 }, { 65, 64, 63 },
                                { 20, 330, 140 } /* B transposed: a transposing store */ };
static const shape large[] = {
    { 127, 128, 129 }, { 129, 127, 128 }, /* around blocks */
    { 32, 288, 5000 }, { 700, 40, 1500 }, /* the depth is split */
    { 128, 300, 784 }, { 300, 100, 128 }, { 128, 10, 100 }, /* of an MLP's step */
    { 520, 530, 520 },                    /* enough rows to pack */
};

typedef struct tally {
    int cases, declined;
    double worst;
} tally;

static void one(int provider, syn_gemm g, tally *t) {
    double error = 0;
    bool taken = false;
    syn_status status = syn_selftest_gemm(test_ctx(), provider, &g, &taken, &error);
    char what[160];
    snprintf(what, sizeof what, "%s: %d x %d x %d%s%s%s in %s", syn_gemm_provider(provider), g.m, g.n,
             g.k, g.ta ? ", A transposed" : "", g.tb ? ", B transposed" : "",
             g.accumulate ? ", accumulated" : "", g.dtype == SYN_DOUBLE ? "double" : "float");
    ck_assert_msg(status == SYN_OK, "%s: %s", what, syn_error_text());
    t->declined += !taken;
    if (!taken) return;
    t->cases++;
    if (g.dtype == SYN_DOUBLE && error > t->worst) t->worst = error;
    ck_assert_msg(error <= (g.dtype == SYN_DOUBLE ? 1e-13 : 1e-5), "%s: error %.2e", what, error);
}

static syn_gemm gemm(shape s, int transposed, bool accumulate, int dtype) {
    return (syn_gemm){ .m = s.m, .n = s.n, .k = s.k, .ta = transposed & 1, .tb = transposed & 2,
                       .accumulate = accumulate, .dtype = (syn_dtype)dtype };
}

/* Providers made for the other profile get the small shapes. */
static void walk(int provider, tally *t) {
    const char *name = syn_gemm_provider(provider), *profile = syn_ctx_profile(test_ctx());
    /* CLBlast serves GPU profiles. Every product is a program to compile: double takes the same paths. */
    bool chosen = strcmp(name, strcmp(profile, "cpu") == 0 ? "cpu" : "gpu") == 0 ||
                  (strcmp(name, "clblast") == 0 && strcmp(profile, "gpu") == 0);
    for (int d = 0; d < 2; d++) {
        for (size_t s = 0; s < SYN_COUNT(small); s++)
            for (int v = 0; v < 8; v++) {
                if ((!chosen || d) && (s + (size_t)v) % 3) continue;
                if (test_small() && (s + (size_t)v) % 5) continue;
                one(provider, gemm(small[s], v & 3, v & 4, d), t);
            }
        if (test_small() || !chosen) continue;
        for (size_t s = 0; s < SYN_COUNT(medium); s++)
            for (int v = 0; v < 4; v++)
                if (!d || (s + (size_t)v) % 4 == 0) one(provider, gemm(medium[s], v, (s + (size_t)v) % 2, d), t);
        for (size_t s = 0; !d && s < SYN_COUNT(large); s++)
            for (int v = 0; v < (large[s].m > 500 ? 2 : 3); v++)
                one(provider, gemm(large[s], v, s % 3 == 2, d), t);
    }
}

START_TEST(test_providers) {
    tally t = { 0 };
    walk(_i, &t);
    printf("gemm: %s: %d products, %d declined, largest error in double %.1e\n", syn_gemm_provider(_i),
           t.cases, t.declined, t.worst);
    ck_assert_int_gt(t.cases, 0);
}
END_TEST

/* Operands and results kept as halves, as a step mixes them: forward, the inputs' gradients, the weights', and a
 * transposing store. */
START_TEST(test_halves) {
    static const struct {
        shape s;
        int transposed;
        bool half[3];
    } product[] = {
        { { 33, 70, 31 }, 0, { true, true, true } },   { { 13, 37, 100 }, 2, { true, true, true } },
        { { 17, 330, 140 }, 2, { true, true, true } },  { { 70, 33, 65 }, 1, { true, true, false } },
        { { 5, 20, 18 }, 1, { true, true, false } },   { { 24, 40, 2100 }, 1, { true, true, false } },
        { { 3, 40, 4500 }, 0, { true, true, true } },  { { 520, 300, 300 }, 0, { true, true, true } },
        { { 16, 40, 48 }, 0, { true, false, true } },
    };
    int cases = 0;
    for (int p = 0; p < syn_gemm_providers(); p++) {
        if (strcmp(syn_gemm_provider(p), syn_ctx_profile(test_ctx())) != 0) continue; /* the profile's own */
        for (size_t i = 0; i < SYN_COUNT(product) && !(test_small() && i > 1); i++) {
            syn_gemm g = gemm(product[i].s, product[i].transposed, false, SYN_FLOAT);
            memcpy(g.half, product[i].half, sizeof g.half);
            double error = 0;
            bool taken = false;
            ok(syn_selftest_gemm(test_ctx(), p, &g, &taken, &error));
            ck_assert(taken);
            cases++;
            /* rounding of the result, if it is halves: 2^-11 at most */
            ck_assert_msg(error <= (g.half[2] ? 4e-4 : 1e-5), "%d x %d x %d in halves: error %.2e", g.m, g.n, g.k, error);
        }
    }
    ck_assert_int_gt(cases, 0);
    const syn_gemm g = { .m = 8, .n = 8, .k = 8, .half = { true, true, true } };
    syn_gemm_plan plan;
    for (int p = 0; p < syn_gemm_providers(); p++)
        if (strcmp(syn_gemm_provider(p), "clblast") == 0)
            ck_assert(!syn_gemm_plan_with(test_ctx(), p, &g, syn_in(0), syn_in(1), syn_out(2), &plan));
}
END_TEST

/* What a plan would choose serves every shape, and banning a provider leaves another. */
START_TEST(test_choice) {
    const syn_gemm g = gemm((shape){ 128, 300, 784 }, 0, false, SYN_FLOAT);
    syn_gemm_choice choice;
    syn_ctx *ctx;
    ok(syn_ctx_create(&ctx, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    ok(syn_gemm_choose(ctx, &g, syn_in(0), syn_in(1), syn_out(2), &choice));
    const char *first = choice.provider;
    for (int i = 0; i < choice.plan.n_calls; i++) free(choice.plan.call[i].defs);
    syn_ctx_ban_gemm(ctx, first);
    ok(syn_gemm_choose(ctx, &g, syn_in(0), syn_in(1), syn_out(2), &choice));
    ck_assert_str_ne(choice.provider, first);
    for (int i = 0; i < choice.plan.n_calls; i++) free(choice.plan.call[i].defs);
    ck_assert_int_eq(setenv("SYNCLINE_GEMM", "nothing", 1), 0);
    refused(syn_gemm_choose(ctx, &g, syn_in(0), syn_in(1), syn_out(2), &choice), SYN_E_ARGUMENT,
            "allowed: cpu, clblast, gpu");
    unsetenv("SYNCLINE_GEMM");
    syn_ctx_destroy(ctx);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gemm");
    TCase *tc = tcase_create("gemm");
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, test_providers, 0, syn_gemm_providers());
    tcase_add_test(tc, test_halves);
    tcase_add_test(tc, test_choice);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    test_ctx_end();
    return failed != 0;
}
