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
static const shape medium[] = { { 16, 17, 15 }, { 3, 5, 300 }, { 33, 70, 31 }, { 2, 130, 64 }, { 65, 64, 63 } };
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
    tcase_add_test(tc, test_choice);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    test_ctx_end();
    return failed != 0;
}
