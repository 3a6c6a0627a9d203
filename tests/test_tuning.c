/* Tables of GEMM choices: kept, recorded and read again; bad ones refused; what the tuner measures
 * is right. */
#include "suite.h"

#include "io/safetensors.h"
#include "plan/product.h"
#include "plan/tune.h"

#include <math.h>

static syn_tuned choice(const syn_gemm *g, syn_gemm_variant v) {
    const char *provider = syn_ctx_profile_of(test_ctx())->cpu ? "cpu" : "gpu";
    return (syn_tuned){ g->m, g->n, g->k, g->ta, g->tb, g->dtype, provider, v };
}

/* What the context chooses for g. */
static syn_gemm_variant chosen(const syn_ctx *ctx, const syn_gemm *g) {
    syn_gemm_choice c;
    ok(syn_gemm_choose(ctx, g, syn_in(0), syn_in(1), syn_out(2), &c));
    syn_gemm_plan_free(&c.plan);
    return c.plan.variant;
}

static const syn_gemm product = { .m = 19, .n = 48, .k = 160, .dtype = SYN_FLOAT };

START_TEST(test_set) {
    bool cpu = syn_ctx_profile_of(test_ctx())->cpu;
    const syn_gemm_variant v = { .rows = cpu ? 6 : 2, .vectors = cpu ? 1 : 0, .chunk = 64 };
    /* the last is wider than the product: its loads would reach behind B */
    const syn_gemm_variant odd[] = { { .rows = 99, .vectors = 1 },
                                     { .rows = 3, .vectors = 99 },
                                     { .rows = 4, .vectors = 2, .chunk = 100000 },
                                     { .rows = 3, .vectors = 8 } };
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
                { "\"type\": \"float\"", "\"type\": \"half\"", "CLBlast parameters 1 are none" },
                { "\"provider\": \"", "\"provider\": \"no", "row 1 is no choice" },
                { "\"m\": 19", "\"m\": \"19\"", "no choice" },
                { "\"MWG\": 16", "\"MWG\": 17", "CLBlast parameters 1 are none" },
                { "\"VWN\": 4", "\"VWN\": -4", "CLBlast parameters 1 are none" },
                { "\"TRA_DIM\": 8", "\"TRA_DOM\": 8", "CLBlast parameters 1 are none" } };
    const syn_device_info device = { .cpu = true };
    syn_ctx *a, *b;
    ok(syn_ctx_create(&a, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    ok(syn_ctx_create(&b, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    const syn_tuned t = choice(
        &product, (syn_gemm_variant){ .rows = 1, .vectors = 1, .packed = true, .chunk = 32 });
    char *empty = syn_tuning_json(b, false);
    ok(syn_tuning_read(a, empty)); /* whatever the cache folder holds */
    ok(syn_tuning_set(a, &t));
    syn_tuning_set_clblast(a, SYN_FLOAT, syn_clblast_row(&device, 0));
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

/* Rows that ship can be built on any device with 32 KiB of local memory; odd ones are found out. */
START_TEST(test_settings) {
    const syn_profile p = { .max_group = 256, .local_bytes = 32768 };
    for (int cpu = 0; cpu < 2; cpu++) {
        const syn_device_info device = { .cpu = cpu };
        const syn_clblast_set *row;
        int n = 0;
        for (; (row = syn_clblast_row(&device, n)) != NULL; n++) {
            const char *fault = syn_clblast_fault(row, SYN_FLOAT, &p);
            ck_assert_msg(!fault, "%s: %s", row->name, fault);
            for (int i = 0; i < n; i++)
                ck_assert(!syn_clblast_set_same(row, syn_clblast_row(&device, i)));
        }
        ck_assert_int_gt(n, 4);
    }
    const syn_device_info cpu = { .cpu = true };
    const char *kernel;
    for (int i = 0; i < SYN_CLBLAST_PARAMS; i++) {
        const char *name = syn_clblast_param(i, &kernel);
        syn_clblast_set s = *syn_clblast_row(&cpu, 0);
        s.value[i] = strcmp(name, "XGEMM_MIN_INDIRECT_SIZE") ? 129 : -1;
        ck_assert_msg(syn_clblast_fault(&s, SYN_FLOAT, &p) != NULL, "%s of %s", name, kernel);
    }
    const syn_profile small = { .max_group = 32, .local_bytes = 32768 },
                      none = { .max_group = 256, .local_bytes = 1024 };
    ck_assert_ptr_nonnull(syn_clblast_fault(syn_clblast_row(&cpu, 0), SYN_FLOAT, &small));
    ck_assert_ptr_nonnull(syn_clblast_fault(syn_clblast_row(&cpu, 0), SYN_FLOAT, &none));
}
END_TEST

/* Other parameters for CLBlast forget what was measured with the old ones, and nothing else. */
START_TEST(test_parameters) {
    const syn_device_info device = { .cpu = true };
    syn_clblast_set s;
    syn_ctx *ctx;
    ok(syn_ctx_create(&ctx, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    syn_tuned t = choice(&product, (syn_gemm_variant){ .rows = 4, .vectors = 1 });
    syn_tuning_set_clblast(ctx, SYN_FLOAT, syn_clblast_row(&device, 1));
    const int before = syn_tuning_count(ctx);
    ok(syn_tuning_set(ctx, &t));
    t.m++;
    t.provider = syn_gemm_library();
    t.variant = (syn_gemm_variant){ 0 };
    ok(syn_tuning_set(ctx, &t));
    ck_assert_int_eq(syn_tuning_set_clblast(ctx, SYN_FLOAT, syn_clblast_row(&device, 1)), 0);
    ck_assert_int_eq(syn_tuning_set_clblast(ctx, SYN_DOUBLE, syn_clblast_row(&device, 0)), 0);
    ck_assert(syn_tuning_clblast(ctx, SYN_FLOAT, &s));
    ck_assert_str_eq(s.name, syn_clblast_row(&device, 1)->name);
    syn_tuning_try_clblast(ctx, SYN_FLOAT, syn_clblast_row(&device, 2));
    syn_tuning_clblast(ctx, SYN_FLOAT, &s);
    ck_assert_str_eq(s.name, syn_clblast_row(&device, 2)->name);
    syn_tuning_try_clblast(ctx, SYN_FLOAT, NULL);
    ck_assert_int_eq(syn_tuning_count(ctx), before + 2);
    ck_assert_int_eq(syn_tuning_set_clblast(ctx, SYN_FLOAT, syn_clblast_row(&device, 2)), 1);
    ck_assert_int_eq(syn_tuning_count(ctx), before + 1);
    syn_ctx_destroy(ctx);
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
    /* Another provider altogether: recorded by its name, and taken again. */
    syn_tuned other = t;
    other.provider = cpu ? "gpu" : "cpu";
    other.variant = (syn_gemm_variant){ .rows = cpu ? 2 : 4, .vectors = !cpu, .chunk = 48 };
    ok(syn_tuning_read(test_ctx(), plain_table));
    ok(syn_tuning_set(test_ctx(), &other));
    char *other_table = syn_tuning_json(test_ctx(), false), *used[2];
    double *switched[] = { step(other_table, &n, &used[0]), step(used[0], &n, &used[1]) };
    ck_assert_str_eq(used[0], used[1]);
    ck_assert_ptr_nonnull(strstr(used[0], cpu ? "\"gpu\"" : "\"cpu\""));
    ck_assert(memcmp(switched[0], switched[1], (size_t)n * sizeof *plain) == 0);
    ck_assert_msg(memcmp(switched[0], plain, (size_t)n * sizeof *plain) != 0,
                  "the provider was not switched");
    CLOSE(switched[0], plain, n, 1e-6, "another provider");
    for (int i = 0; i < 2; i++) {
        free(switched[i]);
        free(used[i]);
    }
    free(other_table);
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
    ck_assert_int_eq(r->dropped, 0);
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

typedef struct said {
    int wrong, failed;
    char text[4096];
} said;
static void hear(const char *text, void *user) {
    said *s = user;
    s->wrong += strstr(text, "is wrong") != NULL;
    s->failed += strstr(text, "out: ") == text && !strstr(text, "is wrong");
    strncat(s->text, text, sizeof s->text - strlen(s->text) - 2);
    strcat(s->text, "\n");
}

static void replace_in(const char *path, const char *from, const char *to) {
    char *text = NULL;
    size_t size;
    ok(syn_file_read(path, &text, &size));
    char *changed = replaced(text, from, to);
    ok(syn_file_replace(path, changed, strlen(changed)));
    free(text);
    free(changed);
}

/* Kernels that are wrong for some tiles and cannot be built for others: named, and never chosen. */
START_TEST(test_wrong) {
    const char *root = getenv("SYNCLINE_SOURCE_ROOT");
    const bool cpu = syn_ctx_profile_of(test_ctx())->cpu;
    syn_ctx *ctx;
    said s = { 0 };
    char *copy =
        syn_format("rm -rf wrong && cp -r '%s/cl' wrong && chmod -R u+w wrong", root ? root : "..");
    ck_assert_int_eq(system(copy), 0);
    free(copy);
    replace_in("wrong/gemm/tile.cl", "fma(xv, yv[v], acc[r][v])",
               "fma(xv, yv[v], acc[r][v]) + (MR == 4 ? 1e-3f : 0)");
    replace_in("wrong/gemm/tile.cl", "#if ", "#if MR == 6\n#error no\n#endif\n#if ");
    replace_in("wrong/gemm/local.cl", "fma(av[i], bv[j], acc[i][j])",
               "fma(av[i], bv[j], acc[i][j]) + (REG == 4 ? 1e-3f : 0)");
    replace_in("wrong/gemm/local.cl", "#if ", "#if REG == 8\n#error no\n#endif\n#if ");
    ok(syn_ctx_create(&ctx, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    syn_ctx_ban_gemm(ctx, "clblast");
    syn_tune_result r = { .gemm = { .m = 24, .n = 80, .k = 40 }, .calls = 1, .map = true };
    setenv("SYNCLINE_CL_DIR", "wrong", 1);
    ok(syn_tune(ctx, &r, 1, &(syn_tune_opts){ .seconds = 60, .note = hear, .user = &s }));
    unsetenv("SYNCLINE_CL_DIR");
    ck_assert_msg(s.wrong >= 1 && s.failed >= 1 && s.wrong + s.failed == r.dropped,
                  "%d dropped:\n%s", r.dropped, s.text);
    ck_assert(r.after.variant.rows != 4 && r.after.variant.rows != (cpu ? 6 : 8));
    ck_assert(r.is > 0);
    syn_ctx_destroy(ctx);
}
END_TEST

/* A table's parameters are what CLBlast runs with; contexts that want others take turns. */
START_TEST(test_clblast) {
    const syn_gemm g = { .m = 40, .n = 24, .k = 48, .dtype = SYN_FLOAT };
    const syn_tuned t = { g.m, g.n, g.k, false, false, g.dtype, syn_gemm_library(), { 0 } };
    syn_device_info device;
    syn_ctx_device(test_ctx(), &device);
    if (syn_ctx_profile_of(test_ctx())->cpu || !device.cpu)
        return; /* its kernels take seconds to be built */
    syn_reference ref;
    ok(syn_reference_make(&ref, &g));
    for (int turn = 0; turn < 3; turn++) {
        syn_ctx *ctx;
        syn_product p;
        bool taken, right;
        ok(syn_ctx_create(&ctx, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
        syn_tuning_set_clblast(ctx, SYN_FLOAT, syn_clblast_row(&device, turn & 1));
        ok(syn_clblast_tell(ctx, SYN_FLOAT));
        ck_assert(syn_clblast_told(ctx, SYN_FLOAT));
        ok(syn_product_open(&p, ctx, &g, &t, false, &taken));
        ck_assert(taken);
        ok(syn_product_right(&p, &ref, &right));
        ck_assert_msg(right, "turn %d", turn);
        syn_product_close(&p);
        syn_ctx_destroy(ctx);
    }
    syn_reference_free(&ref);
}
END_TEST

/* A result with one element that is off is not taken for right. */
START_TEST(test_reference) {
    const syn_gemm g = { .m = 30, .n = 200, .k = 70, .ta = true, .tb = true, .dtype = SYN_FLOAT };
    syn_tuned t = choice(&g, (syn_gemm_variant){ 0 });
    const syn_gemm_variant own = chosen(test_ctx(), &g);
    syn_reference ref;
    syn_product p;
    bool taken, right;
    t.variant = syn_ctx_profile_of(test_ctx())->cpu ? own : (syn_gemm_variant){ .rows = 2 };
    ok(syn_reference_make(&ref, &g));
    ok(syn_product_open(&p, test_ctx(), &g, &t, false, &taken));
    ck_assert(taken);
    ok(syn_product_right(&p, &ref, &right));
    ck_assert(right);
    ref.row[17] += 5e-3; /* as one element would, that lacks a hundredth of its deviation */
    ok(syn_product_right(&p, &ref, &right));
    ck_assert(!right);
    syn_product_close(&p);
    syn_reference_free(&ref);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_set,        test_json,     test_settings,
                                  test_parameters, test_recorded, test_tune,
                                  test_reference,  test_wrong,    test_clblast };
    return run_suite("tuning", test, SYN_COUNT(test));
}
