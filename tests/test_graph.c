/* The graph passes as text and as numbers, with no device: gradient, prune and fuse on a known net, and on
 * random graphs that are evaluated on the host before and after fusion. */
#include "files.h"

#include "base/expr.h"
#include "base/rng.h"
#include "layer/layer.h"

#include <math.h>

/* ---- a known net, printed ---- */

#define BEFORE                                                                                     \
    "  0 > feed           v0[B x 3 x 1] <- \n"                                                     \
    "  1 > view           v1[B x 3]=v0 <- v0[B x 3 x 1]\n"                                         \
    "  2 > gemm           v3[B x 4] <- v1[B x 3]=v0, p0[3 x 4]\n"                                  \
    "  3 > map            v5[B x 4] <- v3[B x 4], p1[4]  (1 instructions)\n"                       \
    "  4 > map            v6[B x 4] <- v5[B x 4]  (1 instructions)\n"                              \
    "  5 > gemm           v8[B x 2] <- v6[B x 4], p2[4 x 2]\n"                                     \
    "  6 > map            v10[B x 2] <- v8[B x 2], p3[2]  (1 instructions)\n"                      \
    "  7 > feed           v11[B x 1] <- \n"                                                        \
    "  8 > softmax_xent   v12[B x 1], v13[B x 1], v14[B x 2] <- v10[B x 2], v11[B x 1]\n"          \
    "  9 < colsum         g3[2] <- v14[B x 2]\n"                                                   \
    " 10 < gemm           g2[4 x 2] <- v6[B x 4], v14[B x 2]\n"                                    \
    " 11 < gemm           v17[B x 4] <- v14[B x 2], p2[4 x 2]\n"                                   \
    " 12 < map            v18[B x 4] <- v17[B x 4], v6[B x 4]  (1 instructions)\n"                 \
    " 13 < colsum         g1[4] <- v18[B x 4]\n"                                                   \
    " 14 < gemm           g0[3 x 4] <- v1[B x 3]=v0, v18[B x 4]\n"
#define AFTER                                                                                      \
    "  0 > feed           v0[B x 3 x 1] <- \n"                                                     \
    "  1 > view           v1[B x 3]=v0 <- v0[B x 3 x 1]\n"                                         \
    "  2 > gemm           v3[B x 4] <- v1[B x 3]=v0, p0[3 x 4]\n"                                  \
    "  3 > map            v6[B x 4] <- v3[B x 4], p1[4]  (2 instructions)\n"                       \
    "  4 > gemm           v8[B x 2] <- v6[B x 4], p2[4 x 2]\n"                                     \
    "  5 > map            v10[B x 2] <- v8[B x 2], p3[2]  (1 instructions)\n"                      \
    "  6 > feed           v11[B x 1] <- \n"                                                        \
    "  7 > softmax_xent   v12[B x 1], v13[B x 1], v14[B x 2] <- v10[B x 2], v11[B x 1]\n"          \
    "  8 < colsum         g3[2] <- v14[B x 2]\n"                                                   \
    "  9 < gemm           g2[4 x 2] <- v6[B x 4], v14[B x 2]\n"                                    \
    " 10 < gemm           v17[B x 4] <- v14[B x 2], p2[4 x 2]\n"                                   \
    " 11 < map            v18[B x 4] <- v17[B x 4], v6[B x 4]  (1 instructions)\n"                 \
    " 12 < colsum         g1[4] <- v18[B x 4]\n"                                                   \
    " 13 < gemm           g0[3 x 4] <- v1[B x 3]=v0, v18[B x 4]\n"

static void print_is(const syn_graph *g, const char *want) {
    syn_text t = { 0 };
    syn_graph_print(g, &t);
    ck_assert_str_eq(syn_text_str(&t), want);
    syn_text_free(&t);
}

START_TEST(test_print) {
    syn_net *net;
    syn_graph g;
    bool wanted[32] = { false };
    ok(syn_net_create(&net, 1));
    syn_tensor x = syn_flatten(syn_input(net, SYN_SHAPE(3, 1)));
    x = syn_elu(syn_dense(x, &(syn_dense_opts){ .units = 4 }), 1);
    x = syn_dense(x, &(syn_dense_opts){ .units = 2 });
    syn_tensor loss = syn_softmax_xent(x);
    syn_graph_init(&g);
    ok(syn_net_lower(net, &(syn_lower_opts){ .loss = loss.layer, .train = true }, &g));
    ck_assert_int_le(g.n_values, 32);
    for (int v = 0; v < g.n_values; v++) wanted[v] = g.value[v].kind == SYN_VALUE_PARAM;
    ok(syn_graph_grad(&g, -1, wanted, &syn_map_grad_ops));
    ok(syn_graph_prune(&g));
    print_is(&g, BEFORE);
    ok(syn_graph_fuse(&g, &syn_op_map));
    print_is(&g, AFTER);
    syn_graph_free(&g);
    syn_net_destroy(net);
}
END_TEST

/* ---- random graphs ---- */

/* An op of the test's own, which no fusion may look into. */
static syn_status cut_grad(syn_graph *g, int node, const int *dout, const bool *need, int *din);
static const syn_op cut = { .name = "cut", .grad = cut_grad };

static int add_cut(syn_graph *g, const int *in, int n_in, int like) {
    int out = syn_graph_like(g, like);
    ck_assert_int_ge(syn_graph_node(g, &cut, in, n_in, &out, 1), 0);
    return out;
}

static syn_status cut_grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    const syn_node n = g->node[node];
    for (int k = 0; k < n.n_in; k++)
        if (need[k]) din[k] = add_cut(g, dout, 1, n.in[k]);
    return SYN_OK;
}

/* Values of three extents: two batched ones, and rows that broadcast over the first. */
enum { INPUTS = 5, MOST_VALUES = 2000 };

static int pick(syn_graph *g, syn_rng *r, int like) {
    for (;;) {
        int v = (int)syn_rng_below(r, (uint32_t)g->n_values);
        if (g->value[v].batched && (like < 0 || syn_value_cols(g, v) == syn_value_cols(g, like))) return v;
    }
}

static int random_value(syn_graph *g, syn_rng *r) {
    static const char *const unary[] = { "tanh", "sigmoid", "elu", "leaky_relu", "linear", "relu" };
    const double attr[2] = { .3, .7 };
    int x = pick(g, r, 0);
    switch (syn_rng_below(r, 8)) {
    case 0: return add_cut(g, (int[]){ x, pick(g, r, -1) }, 2, pick(g, r, -1));
    case 1: return syn_map_add(g, x, 2); /* a row */
    case 2:
    case 3: return syn_map_add(g, x, pick(g, r, x));
    default:
        return syn_map_apply(g, syn_fn_find(unary[syn_rng_below(r, SYN_COUNT(unary))]), &x, 1, attr, 0);
    }
}

static void random_graph(syn_graph *g, uint32_t seed) {
    syn_rng r;
    syn_rng_start(&r, seed, SYN_RNG_TEST, 1);
    syn_graph_init(g);
    for (int v = 0; v < INPUTS; v++) syn_graph_value(g, SYN_SHAPE(v == 1 ? 4 : 6), v != 2);
    int n = 3 + (int)syn_rng_below(&r, 22), last = -1;
    for (int i = 0; i < n; i++) {
        do last = random_value(g, &r);
        while (!g->value[last].batched);
        g->value[last].keep = syn_rng_below(&r, 8) == 0;
    }
    int target = syn_graph_like(g, last);
    if (syn_rng_below(&r, 4)) {
        bool wanted[MOST_VALUES] = { false };
        int node = syn_mse_node(g, last, target, true);
        for (int v = 0; v < INPUTS; v++) wanted[v] = syn_rng_below(&r, 2);
        g->value[3].kind = SYN_VALUE_PARAM;
        ok(syn_graph_grad(g, node, wanted, &syn_map_grad_ops));
        for (int v = 0; v < INPUTS; v++)
            if (g->value[v].grad >= 0) g->value[g->value[v].grad].keep = true;
    }
    g->output[g->n_outputs++] = last;
    ck_assert(!g->failed);
    ck_assert_int_le(g->n_values, MOST_VALUES);
    ok(syn_graph_prune(g));
}

/* One element of everything. */
static double run_ins(const syn_ins *ins, const double *t) {
    const syn_fn *fn = ins->fn;
    const char *const name[] = { fn->operands > 1 ? "a" : "x", "b" };
    const char *expr = syn_fn_text(fn, ins->form, ins->attr);
    syn_var var[8];
    int n = 0;
    double out;
    for (int k = 0; k < 2; k++) {
        int src = ins->src[ins->form ? 1 + k : k];
        if (src >= 0) var[n++] = (syn_var){ name[k], t[src] };
    }
    if (ins->form && ins->src[3] >= 0) var[n++] = (syn_var){ "y", t[ins->src[3]] };
    for (int a = 0; a < syn_fn_attrs(fn); a++) var[n++] = (syn_var){ fn->row.attr[a].name, ins->attr[a] };
    ok(syn_expr_eval(expr, var, n, &out));
    return ins->form ? t[ins->src[0]] * out : out;
}

static void run_node(const syn_node *n, double *value) {
    if (!n->prog) {
        double sum = .1;
        for (int k = 0; k < n->n_in; k++) sum += (.7 - .4 * k) * value[n->in[k]];
        for (int o = 0; o < n->n_out; o++) value[n->out[o]] = sum + o;
        return;
    }
    double t[MOST_VALUES];
    for (int k = 0; k < n->n_in; k++) t[k] = value[n->in[k]];
    ck_assert_int_le(n->n_in + n->prog->n_ins, MOST_VALUES);
    for (int i = 0; i < n->prog->n_ins; i++) t[n->n_in + i] = run_ins(&n->prog->ins[i], t);
    for (int o = 0; o < n->n_out; o++) value[n->out[o]] = t[n->prog->out[o]];
}

/* Runs in the order of the nodes; each reads only what was made before, and makes what nobody made. */
static void run_graph(const syn_graph *g, double *value, uint32_t seed) {
    bool made[MOST_VALUES] = { false };
    for (int v = 0; v < g->n_values; v++) value[v] = NAN;
    for (int v = 0; v < g->n_values; v++) made[v] = v < INPUTS;
    for (int v = 0; v < INPUTS; v++) value[v] = .3 - .21 * v;
    for (int v = INPUTS; v < g->n_values; v++)
        if (g->value[v].producer < 0) { /* the target, or what was pruned or went into a program */
            value[v] = .4;
            made[v] = true;
        }
    for (int i = 0; i < g->n_nodes; i++) {
        const syn_node *n = &g->node[i];
        ck_assert_int_le(n->n_in, SYN_MAX_IN);
        ck_assert_int_le(n->n_out, SYN_MAX_OUT);
        for (int k = 0; k < n->n_in; k++)
            ck_assert_msg(made[n->in[k]], "graph %u: node %d reads v%d too early", seed, i, n->in[k]);
        run_node(n, value);
        for (int o = 0; o < n->n_out; o++) {
            ck_assert_msg(!made[n->out[o]], "graph %u: v%d is made twice", seed, n->out[o]);
            ck_assert_int_eq(g->value[n->out[o]].producer, i);
            made[n->out[o]] = true;
        }
    }
}

/* With a part of what the backward pass could make itself made there. */
static int recomputed;

static int fuse_and_compare(uint32_t seed) {
    static double before[MOST_VALUES], after[MOST_VALUES];
    syn_graph g;
    random_graph(&g, seed);
    int nodes = g.n_nodes, first = g.n_values;
    bool *had = calloc((size_t)g.n_values, sizeof *had);
    for (int v = 0; v < g.n_values; v++) had[v] = g.value[v].producer >= 0;
    run_graph(&g, before, seed);
    int most = (int)(seed % 4), could;
    syn_status status = syn_graph_recompute(&g, &syn_op_map, most, seed % 8 > 3, &could);
    ck_assert_msg(status == SYN_OK, "graph %u: %s", seed, syn_error_text());
    recomputed += could < most ? could : most;
    nodes += could < most ? could : most;
    had = realloc(had, (size_t)g.n_values * sizeof *had);
    for (int v = 0; v < g.n_values; v++) had[v] = g.value[v].producer >= 0;
    run_graph(&g, after, seed);
    for (int v = 0; v < g.n_values; v++)
        ck_assert_msg(!had[v] || v >= first || before[v] == after[v],
                      "graph %u: v%d was %.17g, made again %.17g", seed, v, before[v], after[v]);
    for (int v = first; v < g.n_values; v++) before[v] = after[v];
    status = syn_graph_fuse(&g, &syn_op_map);
    ck_assert_msg(status == SYN_OK, "graph %u: %s", seed, syn_error_text());
    run_graph(&g, after, seed);
    for (int v = 0; v < g.n_values; v++) {
        bool shown = g.value[v].keep || g.value[v].kind == SYN_VALUE_GRAD || syn_graph_is_result(&g, v);
        ck_assert_msg(!had[v] || !shown || g.value[v].producer >= 0, "graph %u: v%d is lost", seed, v);
        if (g.value[v].producer >= 0)
            ck_assert_msg(before[v] == after[v], "graph %u: v%d was %.17g, fused %.17g", seed, v, before[v],
                          after[v]);
    }
    nodes -= g.n_nodes;
    free(had);
    syn_graph_free(&g);
    return nodes;
}

START_TEST(test_random_graphs) {
    int fused = 0;
    for (uint32_t seed = 0; seed < 3000; seed++) fused += fuse_and_compare(seed);
    printf("graph: fusion saved %d nodes of 3000 random graphs, with %d values made again\n", fused,
           recomputed);
    ck_assert_int_ge(fused, 3000);
    ck_assert_int_ge(recomputed, 200);
}
END_TEST

/* Two maps around an op that is none: fusing them would need the op to run inside. */
START_TEST(test_cycle_is_avoided) {
    syn_graph g;
    syn_graph_init(&g);
    int x = syn_graph_value(&g, SYN_SHAPE(4), true);
    int a = syn_map_apply(&g, syn_fn_find("tanh"), &x, 1, NULL, 0);
    int c = add_cut(&g, &a, 1, a);
    int b = syn_map_add(&g, a, c);
    int d = syn_map_apply(&g, syn_fn_find("sigmoid"), &b, 1, NULL, 0);
    g.output[g.n_outputs++] = d;
    ok(syn_graph_fuse(&g, &syn_op_map));
    ck_assert_int_eq(g.n_nodes, 3);
    ck_assert_ptr_eq(g.node[1].op, &cut);
    ck_assert_int_eq(g.node[2].prog->n_ins, 2);
    syn_graph_free(&g);
}
END_TEST

/* Chains longer than a kernel's arguments allow are cut, not refused. */
START_TEST(test_many_ends) {
    syn_graph g;
    syn_graph_init(&g);
    int sum = syn_graph_value(&g, SYN_SHAPE(4), true);
    for (int i = 0; i < 100; i++) {
        int x = syn_graph_value(&g, SYN_SHAPE(4), true);
        sum = syn_map_add(&g, sum, syn_map_apply(&g, syn_fn_find("tanh"), &x, 1, NULL, 0));
        if (i % 3 == 0) g.value[sum].keep = true;
    }
    g.output[g.n_outputs++] = sum;
    ok(syn_graph_fuse(&g, &syn_op_map));
    ck_assert_int_lt(g.n_nodes, 100);
    ck_assert_int_gt(g.n_nodes, 5);
    syn_graph_free(&g);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_print, test_random_graphs, test_cycle_is_avoided, test_many_ends };
    return run_in_folder("graph", test, SYN_COUNT(test));
}
