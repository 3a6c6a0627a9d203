/* Tables of GEMM choices: kept, recorded and read again; bad ones refused; what the tuner measures
 * is right. */
#include "suite.h"

#include "plan/tune.h"

#include <math.h>

static syn_tuned choice(const syn_gemm *g, syn_gemm_variant v) {
    const char *provider = syn_ctx_profile_of(test_ctx())->cpu ? "cpu" : "gpu";
    return (syn_tuned){ g->m, g->n, g->k, g->ta, g->tb, g->dtype, provider, v };
}

static void free_plan(syn_gemm_plan *p) {
    for (int i = 0; i < p->n_calls; i++) {
        free(p->call[i].defs);
        free(p->call[i].text);
    }
}

/* What the context chooses for g. */
static syn_gemm_variant chosen(const syn_ctx *ctx, const syn_gemm *g) {
    syn_gemm_choice c;
    ok(syn_gemm_choose(ctx, g, syn_in(0), syn_in(1), syn_out(2), &c));
    free_plan(&c.plan);
    return c.plan.variant;
}

static const syn_gemm product = { .m = 19, .n = 48, .k = 160, .dtype = SYN_FLOAT };

START_TEST(test_set) {
    bool cpu = syn_ctx_profile_of(test_ctx())->cpu;
    const syn_gemm_variant v = { .rows = cpu ? 6 : 2, .vectors = cpu ? 1 : 0, .chunk = 64 };
    /* the last is wider than the product: its loads would reach behind B */
    const syn_gemm_variant odd[] = { { .rows = 99, .vectors = 1 },
                                     { .rows = 3, .vectors = 99 },
                                     { .rows = 4, .vectors = 2, .chunk = 100000 }, { .rows = 3, .vectors = 8 } };
    syn_tuned t = choice(&product, v);
    ok(syn_tuning_set(test_ctx(), &t));
    const syn_gemm_variant got = chosen(test_ctx(), &product);
    ck_assert(syn_gemm_variant_same(&got, &v));
    syn_gemm other = product;
    other.k++;
    t = choice(&other, (syn_gemm_variant){ 0 });
    ok(syn_tuning_set(test_ctx(), &t));
    const syn_gemm_variant own = chosen(test_ctx(), &other);
    ck_assert_int_gt(own.rows, 0);
    for (size_t i = 0; i < SYN_COUNT(odd); i++) { /* what is not possible is left out */
        t = choice(&other, odd[i]);
        ok(syn_tuning_set(test_ctx(), &t));
        const syn_gemm_variant is = chosen(test_ctx(), &other);
        ck_assert_msg(syn_gemm_variant_same(&is, &own), "odd choice %zu", i);
    }
}
END_TEST

static char *replaced(const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);
    ck_assert_msg(at != NULL, "'%s' is not in the table", from);
    char *out = syn_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    ck_assert_ptr_nonnull(out);
    return out;
}

START_TEST(test_json) {
    static const struct {
        const char *from, *to, *error;
    } bad[] = { { "{", "[", "no table" },
                { "\"version\": \"", "\"version\": \"9", "of version" },
                { "\"device\": \"", "\"device\": \"my ", "another device: my " },
                { "\"rows\": 1", "\"rows\": -1", "row 1 is no choice" },
                { "\"type\": \"float\"", "\"type\": \"half\"", "no choice" },
                { "\"m\": 19", "\"m\": \"19\"", "no choice" } };
    syn_ctx *a, *b;
    ok(syn_ctx_create(&a, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    ok(syn_ctx_create(&b, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    const syn_tuned t = choice(
        &product, (syn_gemm_variant){ .rows = 1, .vectors = 1, .packed = true, .chunk = 32 });
    char *empty = syn_tuning_json(b, false);
    ok(syn_tuning_read(a, empty)); /* whatever the cache folder holds */
    ok(syn_tuning_set(a, &t));
    char *text = syn_tuning_json(a, false);
    ok(syn_tuning_read(b, text));
    char *again = syn_tuning_json(b, false);
    ck_assert_str_eq(text, again);
    for (size_t i = 0; i < SYN_COUNT(bad); i++) {
        char *wrong = replaced(text, bad[i].from, bad[i].to);
        ck_assert_int_eq(syn_tuning_read(b, wrong), SYN_E_FORMAT);
        ck_assert_msg(strstr(syn_error_text(), bad[i].error) != NULL, "case %zu: %s", i,
                      syn_error_text());
        free(wrong);
    }
    char *still = syn_tuning_json(b, false);
    ck_assert_str_eq(text, still);
    free(empty);
    free(text);
    free(again);
    free(still);
    syn_ctx_destroy(a);
    syn_ctx_destroy(b);
}
END_TEST

/* One training step's weights, under a table or none; and what was used (malloc'd, both). */
static double *step(const char *table, int64_t *n, char **used) {
    enum { ROWS = 16, FEATURES = 300 };
    static float x[ROWS * FEATURES];
    static int32_t y[ROWS];
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    for (int i = 0; i < ROWS * FEATURES; i++) x[i] = (float)((i * 37) % 101) / 101;
    for (int i = 0; i < ROWS; i++) y[i] = i % 4;
    ok(syn_ctx_create(&ctx, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    if (table) ok(syn_tuning_read(ctx, table));
    ok(syn_net_create(&net, 3));
    syn_tensor t = syn_dense(syn_input(net, SYN_SHAPE(FEATURES)), &(syn_dense_opts){ .units = 4 });
    ok(syn_state_create(&state, ctx, net));
    ok(syn_plan_create(&plan, state,
                       &(syn_plan_opts){ .loss = syn_softmax_xent(t), .batch = ROWS }));
    const syn_array xs = { x, SYN_F32, SYN_SHAPE(ROWS, FEATURES) }, ys = i32(y, ROWS);
    for (int i = 0; i < 3; i++) ok(syn_step(plan, &xs, &ys, NULL));
    double *w = param_values(state, "dense_1/kernel", n);
    *used = syn_tuning_json(ctx, true);
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    syn_ctx_destroy(ctx);
    return w;
}

/* Another choice sums in another order; a recorded one gives the same bytes again. */
START_TEST(test_recorded) {
    int64_t n;
    char *plain_table, *tuned_table, *again_table[2], *table;
    const syn_gemm forward = { .m = 16, .n = 4, .k = 300, .dtype = SYN_FLOAT };
    bool cpu = syn_ctx_profile_of(test_ctx())->cpu;
    const syn_tuned t =
        choice(&forward, (syn_gemm_variant){ .rows = cpu ? 8 : 2, .vectors = cpu, .chunk = 48 });
    double *plain = step(NULL, &n, &plain_table);
    ok(syn_tuning_read(test_ctx(), plain_table));
    ok(syn_tuning_set(test_ctx(), &t));
    table = syn_tuning_json(test_ctx(), false);
    double *tuned = step(table, &n, &tuned_table);
    double *again = step(tuned_table, &n, &again_table[0]);
    double *plain_again = step(plain_table, &n, &again_table[1]);
    ck_assert(memcmp(tuned, again, (size_t)n * sizeof *tuned) == 0);
    ck_assert(memcmp(plain, plain_again, (size_t)n * sizeof *tuned) == 0);
    ck_assert_msg(memcmp(plain, tuned, (size_t)n * sizeof *tuned) != 0,
                  "the table was not looked at");
    CLOSE(tuned, plain, n, 1e-6, "tuned against not");
    double *all[] = { plain, tuned, again, plain_again };
    for (size_t i = 0; i < SYN_COUNT(all); i++) free(all[i]);
    ck_assert_str_eq(plain_table, again_table[1]);
    for (int i = 0; i < 2; i++) free(again_table[i]);
    free(plain_table);
    free(tuned_table);
    free(table);
}
END_TEST

static int results;
static void count(const syn_tune_result *r, void *user) {
    (void)user;
    results++;
    ck_assert_int_eq(r->wrong, 0);
    ck_assert(r->was >= 0 && r->is >= 0 && r->was >= .99 * r->is);
}

/* Three products with edges, one of them transposed: every candidate is right, and the time is kept
 * to. */
START_TEST(test_tune) {
    syn_tune_result list[] = { { .gemm = { .m = 37, .n = 50, .k = 300 }, .calls = 1 },
                               { .gemm = { .m = 20, .n = 70, .k = 65, .tb = true }, .calls = 2 },
                               { .gemm = { .m = 33, .n = 21, .k = 40, .ta = true }, .calls = 1 } };
    const int n = test_small() ? 1 : (int)SYN_COUNT(list);
    ok(syn_tune(test_ctx(), list, n,
                &(syn_tune_opts){ .seconds = test_small() ? .5 : 3, .result = count }));
    ck_assert_int_eq(results, n);
    if (syn_ctx_profile_of(test_ctx())->cpu) ck_assert_int_gt(list[0].tried, 0);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_set, test_json, test_recorded, test_tune };
    return run_suite("tuning", test, SYN_COUNT(test));
}
