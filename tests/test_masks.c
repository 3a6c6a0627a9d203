/* Masks kept, as bits or numbers, against masks drawn again: equal bytes of weights and of Monte
 * Carlo's figures, for every random layer, width of vectors, type, and with fusing or not; and what
 * the plan says of each. */
#include "suite.h"

#include "layer/layer.h"
#include "op/map.h"

#include <stdlib.h>

enum { ROWS = 7, PLACES = 3, COLS = 21, CLASSES = 4, STEPS = 3 };

static syn_tensor dense(syn_tensor x, int units) {
    return syn_dense(x, &(syn_dense_opts){ .units = units, .bias_init = syn_init_uniform(NULL) });
}

/* Every random layer behind a trained one, in chains of maps, and two masks of one tensor. */
static syn_tensor build(syn_net *net) {
    syn_tensor x = syn_dropout(syn_input(net, SYN_SHAPE(PLACES, COLS)), .1);
    x = syn_spatial_dropout(syn_elu(syn_prelu(x, NULL), 1), .3);
    x = syn_flatten(syn_alpha_dropout(syn_selu(x), .2));
    x = syn_tanh(dense(x, 37));
    syn_tensor halves[] = { syn_dropout(x, .4),
                            syn_layer(net, "dropout", &x, 1,
                                      &(syn_dropout_opts){ .rate = .25, .scale = 2 }) };
    x = syn_gaussian_dropout(syn_add(halves, 2), .1);
    return syn_softmax_xent(dense(syn_rrelu(x, NULL), CLASSES));
}

/* As much as shows the layout of the words. */
static syn_tensor build_small(syn_net *net) {
    syn_tensor x =
        syn_spatial_dropout(syn_prelu(syn_input(net, SYN_SHAPE(PLACES, COLS)), NULL), .3);
    return syn_softmax_xent(syn_dropout(dense(syn_flatten(x), CLASSES), .2));
}

/* What the plan says of its masks, where keeping them is cheaper. */
typedef struct wanted {
    syn_tensor (*build)(syn_net *net);
    int bits, numbers, once;
} wanted;
static const wanted all = { build, 4, 2, 1 }, few = { build_small, 2, 0, 0 };

typedef struct outcome {
    double *weights, mean[ROWS * CLASSES], deviation[ROWS * CLASSES];
    int64_t n;
    char *plan;
} outcome;

/* Trains some steps, the last with fewer rows, then predicts. */
static outcome run(const char *masks, const wanted *w, const syn_plan_opts *opts) {
    outcome r = { 0 };
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_data *data;
    double x[ROWS * PLACES * COLS];
    const int32_t label[ROWS] = { 0, 3, 1, 2, 3, 0, 1 };
    setenv("SYNCLINE_MASKS", masks, 1);
    ok(syn_ctx_create(&ctx, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    unsetenv("SYNCLINE_MASKS");
    ok(syn_net_create(&net, 5));
    syn_plan_opts o = *opts;
    o.loss = w->build(net);
    o.batch = ROWS;
    o.optim = syn_adam(NULL);
    ok(syn_net_status(net));
    ok(syn_state_create(&state, ctx, net));
    ok(syn_plan_create(&plan, state, &o));
    for (int t = 0; t < STEPS; t++) {
        int rows = t == STEPS - 1 ? ROWS - 2 : ROWS;
        fill_random(x, ROWS * PLACES * COLS, (uint32_t)t, -1, 1);
        const syn_array xs = f64(x, SYN_SHAPE(rows, PLACES, COLS)), ys = i32(label, rows);
        ok(syn_step(plan, &xs, &ys, NULL));
    }
    r.n = syn_net_parameters(net);
    double *to = r.weights = malloc((size_t)r.n * sizeof *to);
    ck_assert_ptr_nonnull(r.weights);
    for (int i = 0; i < syn_net_params(net); i++) {
        syn_param_info info;
        syn_net_param_info(net, i, &info);
        ok(syn_param_read(state, info.name, to, syn_shape_count(&info.shape)));
        to += syn_shape_count(&info.shape);
    }
    const syn_array xs = f64(x, SYN_SHAPE(ROWS, PLACES, COLS)), ys = i32(label, ROWS);
    ok(syn_data_from_arrays(&data, &xs, &ys));
    ok(syn_predict_mc(plan, data, 3, r.mean, r.deviation, NULL, NULL));
    r.plan = syn_plan_print(plan);
    ck_assert_ptr_nonnull(r.plan);
    syn_data_destroy(data);
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    syn_ctx_destroy(ctx);
    return r;
}

static int times(const char *text, const char *part) {
    int n = 0;
    for (const char *s = strstr(text, part); s; s = strstr(s + 1, part)) n++;
    return n;
}

static void same(const char *what, const outcome *a, const outcome *b) {
    ck_assert_msg(memcmp(a->weights, b->weights, (size_t)a->n * sizeof *a->weights) == 0,
                  "%s: weights differ: error %.3e", what, norm_error(a->weights, b->weights, a->n));
    ck_assert_msg(memcmp(a->mean, b->mean, sizeof a->mean) == 0, "%s: Monte Carlo's means differ",
                  what);
    ck_assert_msg(memcmp(a->deviation, b->deviation, sizeof a->deviation) == 0,
                  "%s: deviations differ", what);
}

static void check_plan(const outcome *r, int bits, int numbers, const char *why) {
    ck_assert_int_eq(times(r->plan, "kept as bits, "), bits);
    ck_assert_int_eq(times(r->plan, "kept as numbers, "), numbers);
    if (why) ck_assert_msg(times(r->plan, why) > 0, "no '%s' in %s", why, r->plan);
}

static void outcome_free(outcome *r) {
    free(r->weights);
    free(r->plan);
}

static void both_ways(const char *what, const wanted *w, const syn_plan_opts *opts) {
    outcome a = run("kept", w, opts), b = run("drawn", w, opts);
    same(what, &a, &b);
    check_plan(&a, w->bits, w->numbers, NULL);
    ck_assert_int_eq(times(a.plan, "no gradient passes"), w->once);
    check_plan(&b, 0, 0, NULL);
    ck_assert_int_eq(times(b.plan, "profile does not know bits"), w->bits);
    ck_assert_int_eq(times(b.plan, "profile does not know numbers"), w->numbers);
    outcome_free(&a);
    outcome_free(&b);
}

START_TEST(test_float) {
    both_ways("float", test_small() ? &few : &all, &(syn_plan_opts){ .accumulate = 2 });
}
END_TEST

START_TEST(test_double) {
    if (!test_small())
        both_ways("double, not fused", &all,
                  &(syn_plan_opts){ .dtype = SYN_DOUBLE, .no_fuse = true });
}
END_TEST

/* Numbers stay what was drawn where tensors are halves; least memory keeps nothing. */
START_TEST(test_half_and_least) {
    if (test_small()) return;
    const syn_plan_opts half = { .dtype = SYN_HALF },
                        least = { .dtype = SYN_HALF, .memory = SYN_MEMORY_LEAST };
    outcome a = run("kept", &all, &half), b = run("bits", &all, &half),
            c = run("kept", &all, &least);
    same("half, bits alone", &a, &b);
    same("half, least", &a, &c);
    check_plan(&a, all.bits, all.numbers, NULL);
    check_plan(&b, all.bits, 0, "profile does not know numbers");
    check_plan(&c, 0, 0, "memory is `least`");
    outcome_free(&a);
    outcome_free(&b);
    outcome_free(&c);
}
END_TEST

START_TEST(test_widths) {
    static const char *const width[] = { "4", "2", "1" }; /* 1: a simulator's */
    if (test_small() || getenv("SYNCLINE_VECTOR")) return;
    for (size_t i = 0; i < SYN_COUNT(width); i++) {
        setenv("SYNCLINE_VECTOR", width[i], 1);
        both_ways(width[i], &few, &(syn_plan_opts){ .dtype = SYN_FLOAT });
    }
    unsetenv("SYNCLINE_VECTOR");
}
END_TEST

/* ---- the pass alone, without a device ---- */

enum { STREAM = 9 };

/* A mask, and a reader of the same draws with n_in inputs; what becomes of it. */
static syn_map_mask pass(const char *name, int n_in, const syn_profile *p, int64_t *bytes) {
    syn_graph g;
    int in[SYN_MAX_IN];
    int kept;
    const double attr[SYN_MAX_ATTRS] = { .5, 5 };
    syn_graph_init(&g);
    for (int k = 0; k < n_in; k++) in[k] = syn_graph_value(&g, SYN_SHAPE(5, 100), true);
    syn_map_apply(&g, syn_fn_find(name), in, 1, attr, STREAM);
    if (n_in) syn_map_apply(&g, syn_fn_find(name), in, n_in, attr, STREAM);
    ok(syn_map_masks(&g, p, SYN_FLOAT));
    syn_map_mask way = syn_map_mask_of(&g, STREAM, &kept);
    *bytes = kept < 0 ? 0 : syn_value_count(&g, kept) * syn_value_size(&g, kept, SYN_FLOAT);
    for (int i = 0; i < g.n_nodes; i++) ck_assert_int_le(g.node[i].n_in, SYN_MAX_IN);
    syn_graph_free(&g);
    return way;
}

/* Forward and backward pass of one map; whether the backward pass reads x. */
static syn_map_mask pair(const char *name, syn_masks masks, bool *reads_x) {
    const syn_profile p = { .cpu = true, .vec_float = 16, .masks = masks };
    const double attr[SYN_MAX_ATTRS] = { .1, .5 };
    syn_graph g;
    int kept;
    bool wanted[4] = { true };
    syn_graph_init(&g);
    const int x = syn_graph_value(&g, SYN_SHAPE(5, 100), true);
    const int y = syn_map_apply(&g, syn_fn_find(name), &x, 1, attr, STREAM);
    g.value[y].grad = syn_graph_like(&g, y);
    ok(syn_graph_grad(&g, 0, wanted, &syn_map_grad_ops));
    ok(syn_map_numbers(&g, &p));
    ok(syn_map_masks(&g, &p, SYN_FLOAT));
    ck_assert_int_eq(g.n_nodes, 2); /* a launch each */
    *reads_x = false;
    for (int k = 0; k < g.node[1].n_in; k++) *reads_x |= g.node[1].in[k] == x;
    const syn_map_mask way = syn_map_mask_of(&g, STREAM, &kept);
    if (way == SYN_MASK_NUMBERS)
        ck_assert_int_eq(syn_value_size(&g, kept, SYN_HALF), 4); /* as they were drawn */
    syn_graph_free(&g);
    return way;
}

START_TEST(test_pass) {
    const syn_profile cpu = { .cpu = true, .vec_float = 16, .masks = SYN_MASKS_BITS },
                      gpu = { .vec_float = 1, .masks = SYN_MASKS_BITS };
    const syn_profile never = { .cpu = true, .vec_float = 16 };
    int64_t bytes;
    ck_assert_int_eq(pass("mask", 1, &cpu, &bytes), SYN_MASK_BITS);
    ck_assert_int_eq(bytes, 5 * 7 * 2 + 2); /* seven words of 16 bits a row, up to whole numbers */
    ck_assert_int_eq(pass("mask_channels", 1, &cpu, &bytes), SYN_MASK_BITS);
    ck_assert_int_eq(bytes, 7 * 2 + 2); /* five rows share them */
    ck_assert_int_eq(pass("mask", 1, &gpu, &bytes), SYN_MASK_BITS);
    ck_assert_int_eq(bytes, 64); /* 500 bits */
    ck_assert_int_eq(pass("mask", 1, &never, &bytes), SYN_MASK_DRAWN);
    ck_assert_int_eq(pass("mask_gaussian", 1, &cpu, &bytes), SYN_MASK_DRAWN_NUMBERS);
    ck_assert_int_eq(pass("mask", SYN_MAX_IN - 1, &cpu, &bytes), SYN_MASK_BITS);
    ck_assert_int_eq(pass("mask", SYN_MAX_IN, &cpu, &bytes), SYN_MASK_DRAWN); /* no port is left */
}
END_TEST

START_TEST(test_numbers) {
    bool reads_x;
    ck_assert_int_eq(pair("rrelu_of", SYN_MASKS_KEPT, &reads_x), SYN_MASK_NUMBERS);
    ck_assert(!reads_x);
    ck_assert_int_eq(pair("mask_gaussian", SYN_MASKS_KEPT, &reads_x), SYN_MASK_NUMBERS);
    ck_assert(!reads_x);
    ck_assert_int_eq(pair("rrelu_of", SYN_MASKS_BITS, &reads_x), SYN_MASK_DRAWN_NUMBERS);
    ck_assert(reads_x);
    ck_assert_int_eq(pair("mask", SYN_MASKS_KEPT, &reads_x), SYN_MASK_BITS);
}
END_TEST

START_TEST(test_refuses) {
    syn_ctx *ctx;
    setenv("SYNCLINE_MASKS", "byte", 1);
    refused(syn_ctx_create(&ctx, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }),
            SYN_E_ARGUMENT, "allowed: drawn, bits, kept");
    unsetenv("SYNCLINE_MASKS");
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_float, test_double,  test_half_and_least, test_widths,
                                  test_pass,  test_numbers, test_refuses };
    return run_suite("masks", test, SYN_COUNT(test));
}
