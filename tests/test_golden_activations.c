/* Activations that are layers against what PyTorch and Keras compute, and what they are in test mode. The
 * loss is a sum of squares whose targets make its gradient the golden dy. */
#include "bench.h"
#include "golden.h"

#include "layer/layer.h"

#include <math.h>

static const double limits[] = { [SYN_FLOAT] = 1e-5, [SYN_DOUBLE] = 1e-12 };
static const char *const types[] = { "float", "double" };
static double worst[2];

typedef struct run {
    const golden *gold;
    const json_t *c;
    syn_dtype dtype;
} run;

static int64_t count(syn_shape shape) { return syn_shape_count(&shape); }

static syn_shape one_row(syn_shape shape) {
    syn_shape row = { .rank = shape.rank - 1 };
    for (int d = 0; d < row.rank; d++) row.dim[d] = shape.dim[d + 1];
    return row;
}

static void check(const run *r, const double *got, const char *tensor) {
    syn_shape shape;
    const double *want = golden_get(r->gold, r->c, tensor, &shape);
    double error = norm_error(got, want, count(shape));
    if (error > worst[r->dtype]) worst[r->dtype] = error;
    CLOSE(got, want, count(shape), limits[r->dtype], "%s/%s in %s", golden_text(r->c, "name"), tensor,
          types[r->dtype]);
}

static syn_tensor layer_of(const json_t *c, syn_tensor x) {
    const char *kind = golden_text(c, "layer");
    const syn_def *def = syn_table_find(syn_layers(), kind);
    ck_assert_msg(def != NULL, "%s", syn_error_text());
    void *opts = calloc(1, def->size);
    ok(syn_options_read(def, opts, json_object_get(c, "options"), kind, NULL));
    syn_tensor y = syn_named(syn_layer(x.net, kind, &x, 1, opts), "tested");
    free(opts);
    return y;
}

static void run_case(const run *r) {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_shape in, out, a;
    const double *x = golden_get(r->gold, r->c, "x", &in), *y = golden_get(r->gold, r->c, "y", &out);
    const double *dy = golden_get(r->gold, r->c, "dy", NULL);
    const double *alpha = golden_find(r->gold, golden_text(r->c, "name"), "alpha", &a);
    int64_t n = count(out) > count(in) ? count(out) : count(in);
    double *target = malloc((size_t)n * sizeof *target), *got = malloc((size_t)n * sizeof *got);
    for (int64_t i = 0; i < count(out); i++) target[i] = y[i] - dy[i] / 2;
    ok(syn_net_create(&net, 1));
    syn_tensor t = layer_of(r->c, syn_input(net, one_row(in)));
    syn_tensor loss = syn_layer(net, "mse", &t, 1, &(syn_mse_opts){ .reduction = 2 });
    ok(syn_state_create(&state, test_ctx(), net));
    if (alpha) ok(syn_param_write(state, "tested/alpha", alpha, count(a)));
    ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .batch = (int)in.dim[0],
                                                       .dtype = r->dtype, .keep = true }));
    ok(syn_gradient(plan, &(syn_array){ x, SYN_F64, in }, &(syn_array){ target, SYN_F64, out }, NULL));
    ok(syn_activation_read(plan, "tested", got, count(out)));
    check(r, got, "y");
    ok(syn_activation_grad_read(plan, "input_1", got, count(in)));
    check(r, got, "dx");
    if (alpha) {
        ok(syn_grad_read(plan, "tested/alpha", got, count(a)));
        check(r, got, "dalpha");
    }
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    free(target);
    free(got);
}

START_TEST(test_activations) {
    golden gold = golden_open("activations");
    const char *last = "";
    for (int i = 0; i < golden_cases(&gold); i++) {
        run r = { .gold = &gold, .c = golden_case(&gold, i) };
        const char *kind = golden_text(r.c, "layer");
        bool same = strcmp(kind, last) == 0;
        last = kind;
        for (int d = 0; d < 2 && !(same && test_small()); d++) {
            r.dtype = (syn_dtype)d;
            run_case(&r);
        }
    }
    printf("activations: worst error %.1e in float, %.1e in double\n", worst[SYN_FLOAT], worst[SYN_DOUBLE]);
    golden_close(&gold);
}
END_TEST

/* Softmax of logits that overflow, and a maxout whose pieces are equal or NaN. */
START_TEST(test_edges) {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    static const double x[] = { 1e30, -1e30, 0, 1e30, 2, 2, 1, NAN };
    double y[3];
    ok(syn_net_create(&net, 1));
    syn_tensor in = syn_input(net, SYN_SHAPE(4));
    syn_tensor both[] = { syn_softmax(in), syn_maxout(in, 4), syn_log_softmax(in) };
    ok(syn_state_create(&state, test_ctx(), net));
    for (int k = 0; k < 3; k++) {
        ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .output = both[k], .batch = 1 }));
        const syn_array xs = f64(x, SYN_SHAPE(1, 4)), nan = f64(x + 4, SYN_SHAPE(1, 4));
        double four[4];
        ok(syn_infer(plan, &xs, k == 1 ? y : four, k == 1 ? 1 : 4));
        if (k == 0) ck_assert(four[0] == .5 && four[1] == 0 && four[2] == 0 && four[3] == .5);
        if (k == 1) ck_assert(y[0] == (float)1e30);
        if (k == 2) ck_assert(four[0] > -.7 && four[0] < -.69 && four[1] < -1e30);
        if (k == 1) ok(syn_infer(plan, &nan, y, 1));
        if (k == 1) ck_assert(isnan(y[0]));
        syn_plan_destroy(plan);
    }
    syn_state_destroy(state);
    syn_net_destroy(net);
}
END_TEST

/* Initial alphas of both presets; what is refused. */
START_TEST(test_options) {
    static const struct {
        syn_preset preset;
        int64_t elements;
        double alpha;
    } want[] = { { SYN_KERAS, 12, 0 }, { SYN_TORCH, 1, .25 } };
    for (int i = 0; i < 2; i++) {
        syn_net *net;
        syn_state *state;
        double alpha[12];
        ok(syn_net_create(&net, 1));
        syn_net_preset(net, want[i].preset);
        syn_prelu(syn_input(net, SYN_SHAPE(2, 2, 3)), NULL);
        ok(syn_net_status(net));
        ck_assert_int_eq(syn_net_parameters(net), want[i].elements);
        ok(syn_state_create(&state, test_ctx(), net));
        ok(syn_param_read(state, "prelu_1/alpha", alpha, want[i].elements));
        for (int k = 0; k < want[i].elements; k++) ck_assert(alpha[k] == want[i].alpha);
        syn_state_destroy(state);
        syn_net_destroy(net);
    }
    syn_net *net;
    ok(syn_net_create(&net, 1));
    syn_maxout(syn_input(net, SYN_SHAPE(7)), 2);
    refused(syn_net_status(net), SYN_E_SHAPE, "no multiple of its 2 pieces");
    syn_net_destroy(net);
    ok(syn_net_create(&net, 1));
    syn_rrelu(syn_input(net, SYN_SHAPE(7)), &(syn_rrelu_opts){ .low = .5, .high = .25 });
    refused(syn_net_status(net), SYN_E_ARGUMENT, "above high");
    syn_net_destroy(net);
}
END_TEST

/* Both gradients of prelu at once, where alpha is a row: few rows, a rest of columns, more than 1 MiB. */
static void prelu_rows(int rows, int cols, syn_dtype dtype) {
    bench b;
    syn_kernels k;
    const int64_t n = (int64_t)rows * cols;
    double *x = new_random(n, 41, -1, 1), *dy = new_random(n, 42, -1, 1), *alpha = new_random(cols, 43, -1, 1);
    double *dx = new_random(n, 0, 0, 1), *dalpha = new_random(cols, 0, 0, 1), *got = new_random(n, 0, 0, 1);
    syn_kernels_init(&k, test_ctx(), dtype);
    bench_open(&b, &k);
    syn_graph *g = &b.g;
    bool wanted[16] = { false };
    const int in[] = { bench_value(&b, SYN_SHAPE(cols), true), bench_value(&b, SYN_SHAPE(cols), false) };
    const int y = bench_keep(&b, syn_map_apply(g, syn_fn_find("prelu_of"), in, 2, NULL, 0));
    const int node = g->n_nodes - 1;
    g->value[y].grad = bench_value(&b, SYN_SHAPE(cols), true);
    wanted[in[0]] = wanted[in[1]] = true;
    ok(syn_graph_grad(g, node, wanted, &syn_map_grad_ops));
    for (int i = 0; i < 2; i++) bench_keep(&b, g->value[in[i]].grad);
    bench_emit(&b, rows);
    ok(syn_kernels_build(&k));
    bench_bind(&b);
    x[1] = 0; /* belongs to the lower half */
    bench_write(&b, in[0], x);
    bench_write(&b, in[1], alpha);
    bench_write(&b, g->value[y].grad, dy);
    bench_run(&b);
    for (int c = 0; c < cols; c++) dalpha[c] = 0;
    for (int64_t i = 0; i < n; i++) {
        dx[i] = x[i] > 0 ? dy[i] : dy[i] * alpha[i % cols];
        dalpha[i % cols] += x[i] > 0 ? 0 : dy[i] * x[i];
    }
    bench_read(&b, g->value[in[0]].grad, got);
    CLOSE(got, dx, n, limits[dtype], "dx of %d x %d", rows, cols);
    bench_read(&b, g->value[in[1]].grad, got);
    CLOSE(got, dalpha, cols, limits[dtype], "dalpha of %d x %d", rows, cols);
    bench_close(&b);
    syn_kernels_free(&k);
    double *const all[] = { x, dy, alpha, dx, dalpha, got };
    for (size_t i = 0; i < SYN_COUNT(all); i++) free(all[i]);
}

START_TEST(test_prelu_rows) {
    static const int rows[] = { 7, 131, 2101 }, cols[] = { 16, 300, 139 };
    for (size_t i = 0; i < SYN_COUNT(rows); i++)
        for (int d = 0; d < 2; d++) prelu_rows(rows[i], cols[i], (syn_dtype)d);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_activations, test_edges, test_options, test_prelu_rows };
    return run_suite("golden_activations", test, SYN_COUNT(test));
}
