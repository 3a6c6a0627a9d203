/* Fusion on against off, on the device: weights after training nets with branches, and every value
 * of random graphs. test_graph.c looks at the pass itself. */
#include "bench.h"

#include "base/rng.h"

/* ---- nets ---- */

static syn_tensor dense(syn_tensor x, int units) {
    return syn_dense(x, &(syn_dense_opts){ .units = units, .bias_init = syn_init_uniform(NULL) });
}

/* Two dropouts of one tensor, sums and concatenations of shared tensors, one tensor twice. */
static syn_tensor branches(syn_net *net) {
    syn_tensor x = syn_elu(dense(syn_input(net, SYN_SHAPE(9)), 17), 1);
    syn_tensor a = syn_dropout(x, .3), b = syn_dropout(x, .2), two = syn_dropout(a, .1);
    syn_tensor s = syn_add((syn_tensor[]){ a, b, x, x, two }, 5);
    syn_tensor c = syn_concat((syn_tensor[]){ syn_tanh(s), s, s, syn_sigmoid(x) }, 4);
    syn_tensor d = syn_dense(c, &(syn_dense_opts){ .units = 5, .no_bias = true });
    return syn_softmax_xent(dense(syn_add((syn_tensor[]){ d, d }, 2), 4)); /* a product's epilogue that reads it twice */
}

/* Maps on both sides of a product that reads what they share: fusing across it would be a cycle. */
static syn_tensor around_a_product(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(9)), y = syn_tanh(dense(x, 9));
    for (int i = 0; i < 2; i++) {
        syn_tensor z = syn_sigmoid(dense(syn_leaky_relu(y, .1), 9));
        y = syn_add((syn_tensor[]){ syn_elu(y, .5), z, x }, 3);
    }
    return syn_softmax_xent(dense(y, 4));
}

/* A chain, a shared trunk of maps alone, axes that are not the batch's. */
static syn_tensor chains(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(9)), y = dense(x, 16), z = y;
    for (int i = 0; i < 12; i++) {
        z = i % 3 == 0 ? syn_tanh(z) : i % 3 == 1 ? syn_dropout(syn_linear(z), .25) : syn_elu(z, 1);
        if (i % 4 == 3) z = syn_add((syn_tensor[]){ z, y }, 2);
    }
    return syn_softmax_xent(dense(syn_concat((syn_tensor[]){ z, y, x }, 3), 4));
}

static const struct {
    const char *name;
    syn_tensor (*build)(syn_net *net);
} nets[] = { { "branches", branches },
             { "around a product", around_a_product },
             { "chains", chains } };

/* All weights after some steps, the last of them with fewer rows; malloc'd. */
static double *train(syn_tensor (*build)(syn_net *), const syn_plan_opts *opts, int64_t *n,
                     int *phases) {
    enum { ROWS = 6, STEPS = 4 };
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    double x[ROWS * 9];
    const int32_t label[ROWS] = { 0, 3, 1, 2, 3, 0 };
    ok(syn_net_create(&net, 5));
    syn_plan_opts o = *opts;
    o.loss = build(net);
    o.batch = ROWS;
    o.optim = syn_adam(NULL);
    ok(syn_net_status(net));
    ok(syn_state_create(&state, test_ctx(), net));
    ok(syn_plan_create(&plan, state, &o));
    syn_plan_sizes sizes;
    syn_plan_measure(plan, &sizes);
    *phases = sizes.phases;
    for (int t = 0; t < STEPS; t++) {
        int rows = t == STEPS - 1 ? 5 : ROWS;
        fill_random(x, ROWS * 9, (uint32_t)t, -1, 1);
        const syn_array xs = f64(x, SYN_SHAPE(rows, 9)), ys = i32(label, rows);
        ok(syn_step(plan, &xs, &ys, NULL));
    }
    *n = syn_net_parameters(net);
    double *all = malloc((size_t)*n * sizeof *all), *to = all;
    for (int i = 0; i < syn_net_params(net); i++) {
        syn_param_info info;
        syn_net_param_info(net, i, &info);
        int64_t count = syn_shape_count(&info.shape);
        ok(syn_param_read(state, info.name, to, count));
        to += count;
    }
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    return all;
}

START_TEST(test_nets) {
    for (size_t i = 0; i < (test_small() ? 1 : SYN_COUNT(nets)); i++) {
        int64_t n;
        int fused, alone;
        double *a = train(nets[i].build, &(syn_plan_opts){ .dtype = SYN_DOUBLE }, &n, &fused);
        double *b = train(nets[i].build, &(syn_plan_opts){ .dtype = SYN_DOUBLE, .no_fuse = true },
                          &n, &alone);
        CLOSE(a, b, n, 1e-13, "%s: fused against not", nets[i].name);
        printf("fuse: %s: %d phases instead of %d, %s\n", nets[i].name, fused, alone,
               memcmp(a, b, (size_t)n * sizeof *a) ? "equal to rounding" : "equal bytes");
        ck_assert_int_lt(fused, alone);
        free(b);
        if (test_small()) {
            free(a);
            continue;
        }
        /* keep stores every activation, and so splits what is stored, not what is computed */
        b = train(nets[i].build, &(syn_plan_opts){ .dtype = SYN_DOUBLE, .keep = true }, &n, &alone);
        CLOSE(a, b, n, 1e-13, "%s: with keep", nets[i].name);
        free(a);
        free(b);
    }
}
END_TEST

/* ---- random graphs ---- */

enum { COLS = 6, ROWS = 5, INPUTS = 5, MOST_VALUES = 400 };

static int pick(const syn_graph *g, syn_rng *r) {
    for (;;) {
        int v = (int)syn_rng_below(r, (uint32_t)g->n_values);
        if (g->value[v].batched && syn_value_cols(g, v) == COLS) return v;
    }
}

static int random_value(syn_graph *g, syn_rng *r) {
    static const char *const unary[] = { "tanh", "sigmoid", "elu", "leaky_relu" };
    const double attr[SYN_MAX_ATTRS] = { .3 };
    int x = pick(g, r), y;
    switch (syn_rng_below(r, 10)) {
    case 0: return syn_gemm_node(g, x, 3, false, false);
    case 1: return syn_map_add(g, x, 2); /* a row */
    case 2: return syn_map_apply(g, syn_fn_find("mask"), &x, 1, attr, 1 + syn_rng_below(r, 3));
    case 3:
        y = syn_concat_node(g, (int[]){ x, pick(g, r) }, 2);
        return syn_gemm_node(g, y, 4, false, false);
    case 4:
    case 5: return syn_map_add(g, x, pick(g, r));
    default:
        return syn_map_apply(g, syn_fn_find(unary[syn_rng_below(r, SYN_COUNT(unary))]), &x, 1, attr,
                             0);
    }
}

/* Inputs: two batches, a row, two matrices. Then a loss, and gradients of them all. */
static void random_graph(bench *b, uint32_t seed) {
    syn_rng r;
    syn_rng_start(&r, seed, SYN_RNG_TEST, 3);
    syn_graph *g = &b->g;
    bench_value(b, SYN_SHAPE(COLS), true);
    bench_value(b, SYN_SHAPE(COLS), true);
    bench_value(b, SYN_SHAPE(COLS), false);
    bench_value(b, SYN_SHAPE(COLS, COLS), false);
    bench_value(b, SYN_SHAPE(2 * COLS, COLS), false);
    int last = 0, n = test_small() ? 4 : 6 + (int)syn_rng_below(&r, 10);
    for (int i = 0; i < n; i++) {
        last = random_value(g, &r);
        if (syn_rng_below(&r, 4) == 0) bench_keep(b, last);
    }
    int node = syn_mse_node(g, last, 1, true);
    ck_assert_int_le(g->n_values, MOST_VALUES);
    bool wanted[MOST_VALUES] = { [0] = true, [2] = true, [3] = true, [4] = true };
    ok(syn_graph_grad(g, node, wanted, &syn_map_grad_ops));
    bench_keep(b, g->loss[0]);
    for (int v = 0; v < INPUTS; v++)
        if (g->value[v].grad >= 0) bench_keep(b, g->value[v].grad);
    ok(syn_graph_prune(g));
}

static void run_random(bench *b) {
    bench_bind(b);
    for (int v = 0; v < INPUTS; v++) {
        double x[2 * COLS * COLS];
        fill_random(x, 2 * COLS * COLS, (uint32_t)v, -1, 1);
        if (b->l.value[v]) bench_write(b, v, x);
    }
    bench_run(b);
}

static int compare(bench *a, bench *b, int graph) {
    int compared = 0;
    for (int v = INPUTS; v < a->g.n_values; v++) {
        double x[2 * COLS * COLS], y[2 * COLS * COLS];
        if (!a->g.value[v].keep || a->g.value[v].producer < 0) continue;
        bench_read(a, v, x);
        bench_read(b, v, y);
        CLOSE(x, y, bench_count(a, v), 1e-13, "random graph %d: v%d fused", graph, v);
        compared++;
    }
    return compared;
}

START_TEST(test_random_graphs) {
    enum { GRAPHS = 12 };
    bench b[2 * GRAPHS];
    int n = test_small() ? 2 : GRAPHS, compared = 0;
    syn_kernels k;
    syn_kernels_init(&k, test_ctx(), SYN_DOUBLE);
    for (int i = 0; i < 2 * n; i++) {
        bench_open(&b[i], &k);
        random_graph(&b[i], (uint32_t)(i / 2));
        if (i % 2) {
            ok(syn_graph_fuse(&b[i].g, &syn_op_map));
            syn_graph_epilogues(&b[i].g, &syn_op_map);
        }
        bench_emit(&b[i], ROWS);
    }
    ok(syn_kernels_build(&k));
    for (int i = 0; i < 2 * n; i++) run_random(&b[i]);
    for (int i = 0; i < n; i++) compared += compare(&b[2 * i + 1], &b[2 * i], i);
    ck_assert_int_gt(compared, 2 * n);
    for (int i = 0; i < 2 * n; i++) bench_close(&b[i]);
    syn_kernels_free(&k);
}
END_TEST

/* ---- epilogues ---- */

/* Products whose result goes through maps: a bias, a function, random bits, an operand of its own
 * size, and the sum kept for the backward pass. Whole tiles, edges, B transposed, a depth that is
 * split. */
static const struct {
    int rows, depth, cols;
    bool tb;
} products[] = { { 19, 10, 37, false },
                 { 32, 24, 64, false },
                 { 21, 33, 20, true },
                 { 5, 2100, 21, false },
                 { 11, 140, 330, true } /* stored transposed */ };

static int product_graph(bench *b, size_t i) {
    const double slope[SYN_MAX_ATTRS] = { .3 };
    int depth = products[i].depth, cols = products[i].cols;
    bool tb = products[i].tb;
    int x = bench_value(b, SYN_SHAPE(depth), true), bias = bench_value(b, SYN_SHAPE(cols), false);
    int w = bench_value(b, tb ? SYN_SHAPE(cols, depth) : SYN_SHAPE(depth, cols), false);
    int other = bench_value(b, SYN_SHAPE(cols), true);
    int sum = syn_map_add(&b->g, syn_gemm_node(&b->g, x, w, false, tb), bias);
    if (i % 2) bench_keep(b, sum);
    int y = syn_map_apply(&b->g, syn_fn_find("elu"), &sum, 1, slope, 0);
    y = syn_map_apply(&b->g, syn_fn_find("mask"), &y, 1, slope, 2);
    return bench_keep(b, syn_map_add(&b->g, y, other));
}

static void run_inputs(bench *b, int n) {
    bench_bind(b);
    for (int v = 0; v < n; v++) {
        double *x = new_random(bench_count(b, v), (uint32_t)v, -1, 1);
        bench_write(b, v, x);
        free(x);
    }
    bench_run(b);
}

static void compare_products(bench *a, bench *b, int v, size_t i) {
    int64_t n = bench_count(a, v);
    double *x = malloc((size_t)n * sizeof *x), *y = malloc((size_t)n * sizeof *y);
    ck_assert(x && y);
    bench_read(a, v, x);
    bench_read(b, v, y);
    CLOSE(x, y, n, 1e-13, "product %zu: v%d in its epilogue", i, v);
    free(x);
    free(y);
}

START_TEST(test_epilogues) {
    enum { N = (int)SYN_COUNT(products) };
    bench b[2 * N];
    int out[2 * N], n = test_small() ? 1 : N;
    syn_kernels k;
    syn_kernels_init(&k, test_ctx(), SYN_DOUBLE);
    for (int i = 0; i < 2 * n; i++) {
        bench_open(&b[i], &k);
        out[i] = product_graph(&b[i], (size_t)i / 2);
        ok(syn_graph_fuse(&b[i].g, &syn_op_map));
        if (i % 2) syn_graph_epilogues(&b[i].g, &syn_op_map);
        bench_emit(&b[i], products[i / 2].rows);
    }
    ok(syn_kernels_build(&k));
    for (int i = 0; i < 2 * n; i++) run_inputs(&b[i], 4);
    for (int i = 0; i < n; i++) {
        bool cpu = syn_ctx_profile_of(test_ctx())->cpu; /* other kernels have no epilogue */
        ck_assert_int_eq(b[2 * i + 1].l.n_items, b[2 * i].l.n_items - (cpu ? 1 : 0));
        compare_products(&b[2 * i + 1], &b[2 * i], out[2 * i], (size_t)i);
        if (i % 2) compare_products(&b[2 * i + 1], &b[2 * i], 5, (size_t)i); /* the sum */
    }
    for (int i = 0; i < 2 * n; i++) bench_close(&b[i]);
    syn_kernels_free(&k);
}
END_TEST

/* Normalisations that go through maps, to the bit: whole vectors and tails, many short groups,
 * groups over rows, groups that begin within a vector, few and many rows of a batch. */
static const struct {
    int rows, places, cols, group; /* group 0: of the batch */
    bool columns, rms, whole;      /* whole: groups begin with vectors on CPUs */
} norms[] = { { 19, 1, 37, 37, false, false, true }, { 9, 1, 64, 64, false, true, true },
              { 21, 1, 128, 8, false, false, true }, { 5, 3, 48, 24, false, false, true },
              { 7, 1, 36, 18, false, false, false }, { 6, 4, 20, 4, true, false, true },
              { 11, 1, 45, 0, true, false, true },   { 300, 1, 21, 0, true, false, true } };

static int norm_graph(bench *b, size_t i, int *stat, int *read) {
    const double slope[SYN_MAX_ATTRS] = { .3 };
    const int cols = norms[i].cols, group = norms[i].group;
    const syn_shape shape =
        norms[i].places > 1 ? SYN_SHAPE(norms[i].places, cols) : SYN_SHAPE(cols);
    syn_graph *g = &b->g;
    int x = bench_value(b, shape, true), gamma = bench_value(b, SYN_SHAPE(cols), false);
    int beta = bench_value(b, SYN_SHAPE(cols), false), other = bench_value(b, shape, true), y;
    if (!group)
        y = syn_batch_norm_node(g, x, gamma, beta, &(syn_moving){ 0 }, 1e-3);
    else if (norms[i].columns)
        y = syn_column_norm(g, x, gamma, beta, group, 1e-3);
    else
        y = syn_row_norm(g, x, gamma, beta, norms[i].places, group, 1e-3, norms[i].rms);
    *stat = bench_keep(b, g->node[g->n_nodes - 1].out[1]);
    int z = syn_map_apply(g, syn_fn_find("elu"), &y, 1, slope, 0);
    z = syn_map_apply(g, syn_fn_find("mask"), &z, 1, slope, 2);
    z = bench_keep(b, syn_map_add(g, z, other));
    *read = i % 2 ? bench_keep(b, syn_softmax_node(g, y)) : z; /* y has two readers */
    return z;
}

static void same_values(bench *a, bench *b, int v, size_t i) {
    const int64_t n = bench_count(a, v);
    double *x = malloc((size_t)n * sizeof *x), *y = malloc((size_t)n * sizeof *y);
    ck_assert(x && y);
    bench_read(a, v, x);
    bench_read(b, v, y);
    ck_assert_msg(memcmp(x, y, (size_t)n * sizeof *x) == 0,
                  "norm %zu: v%d differs with a map in its pass", i, v);
    free(x);
    free(y);
}

START_TEST(test_norm_epilogues) {
    enum { N = (int)SYN_COUNT(norms) };
    bench b[2 * N];
    int out[2 * N], stat[2 * N], read[2 * N], n = test_small() ? 1 : N;
    const bool cpu = syn_ctx_profile_of(test_ctx())->cpu;
    syn_kernels k;
    syn_kernels_init(&k, test_ctx(), SYN_DOUBLE);
    for (int i = 0; i < 2 * n; i++) {
        bench_open(&b[i], &k);
        out[i] = norm_graph(&b[i], (size_t)i / 2, &stat[i], &read[i]);
        ok(syn_graph_fuse(&b[i].g, &syn_op_map));
        if (i % 2) syn_graph_epilogues(&b[i].g, &syn_op_map);
        bench_emit(&b[i], norms[i / 2].rows);
    }
    ok(syn_kernels_build(&k));
    for (int i = 0; i < 2 * n; i++) run_inputs(&b[i], 4);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(b[2 * i + 1].l.n_items, b[2 * i].l.n_items - (norms[i].whole || !cpu));
        same_values(&b[2 * i + 1], &b[2 * i], out[2 * i], (size_t)i);
        same_values(&b[2 * i + 1], &b[2 * i], stat[2 * i], (size_t)i);
        same_values(&b[2 * i + 1], &b[2 * i], read[2 * i], (size_t)i);
    }
    for (int i = 0; i < 2 * n; i++) bench_close(&b[i]);
    syn_kernels_free(&k);
}
END_TEST

/* What must stay apart: a product that is kept, or whose map waits for something later. One that
 * others read, too, is stored besides. */
START_TEST(test_epilogue_pass) {
    for (int i = 0; i < 4; i++) {
        syn_graph g;
        syn_graph_init(&g);
        int x = syn_graph_value(&g, SYN_SHAPE(6), true),
            w = syn_graph_value(&g, SYN_SHAPE(6, 6), false);
        int a = syn_gemm_node(&g, x, w, false, false), c = syn_gemm_node(&g, x, w, false, true);
        int y = syn_map_apply(&g, syn_fn_find("tanh"), &a, 1, NULL, 0);
        if (i == 1) g.value[a].keep = true;
        if (i == 2) syn_colsum(&g, a, SYN_SHAPE(6));
        if (i == 3) y = syn_map_add(&g, y, c);
        g.value[y].keep = true;
        ok(syn_graph_fuse(&g, &syn_op_map));
        syn_graph_epilogues(&g, &syn_op_map);
        /* in case 3 the first product comes too early, the second just in time */
        ck_assert_msg((g.node[0].map > 0) == (i == 0 || i == 2), "case %d", i);
        ck_assert_msg((g.node[1].map > 0) == (i == 3), "case %d", i);
        ck_assert_msg(g.node[g.value[y].producer].passes_on == (i == 2), "case %d", i);
        syn_graph_free(&g);
    }
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_nets, test_random_graphs, test_epilogues,
                                  test_norm_epilogues, test_epilogue_pass };
    return run_suite("fuse", test, SYN_COUNT(test));
}
