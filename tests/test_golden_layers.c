/* Layers against what PyTorch and Keras compute: outputs, and gradients of inputs and parameters. The loss is
 * a sum of squares whose targets make its gradient the golden dy. */
#include "bench.h"
#include "golden.h"

#include "layer/layer.h"

static const double limits[] = { [SYN_FLOAT] = 1e-5, [SYN_DOUBLE] = 1e-12 };
static const char *const types[] = { "float", "double" };

static int64_t count(syn_shape shape) { return syn_shape_count(&shape); }

static syn_shape one_row(syn_shape shape) {
    syn_shape row = { .rank = shape.rank - 1 };
    for (int d = 0; d < row.rank; d++) row.dim[d] = shape.dim[d + 1];
    return row;
}

/* dy = 2 (y - target) */
static double *target_of(const golden *gold, const json_t *c, syn_shape *shape) {
    const double *y = golden_get(gold, c, "y", shape), *dy = golden_get(gold, c, "dy", NULL);
    double *t = malloc((size_t)count(*shape) * sizeof *t);
    ck_assert_ptr_nonnull(t);
    for (int64_t i = 0; i < count(*shape); i++) t[i] = y[i] - dy[i] / 2;
    return t;
}

static syn_tensor sum_of_squares(syn_tensor y) {
    return syn_layer(y.net, "mse", &y, 1, &(syn_mse_opts){ .reduction = 2 });
}

/* ---- layers of one input: a plan ---- */

typedef struct run {
    const golden *gold;
    const json_t *c;
    syn_dtype dtype;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
} run;

static void check(const run *r, double *got, const char *tensor, int64_t n) {
    syn_shape shape;
    const double *want = golden_get(r->gold, r->c, tensor, &shape);
    ck_assert_int_eq(count(shape), n);
    CLOSE(got, want, n, limits[r->dtype], "%s/%s in %s", golden_text(r->c, "name"), tensor,
          types[r->dtype]);
    free(got);
}

static void put_param(const run *r, const char *name, const char *tensor) {
    syn_shape shape;
    const double *v = golden_find(r->gold, golden_text(r->c, "name"), tensor, &shape);
    if (v) ok(syn_param_write(r->state, name, v, count(shape)));
}

static void check_grad(const run *r, const char *name, const char *tensor) {
    int64_t n;
    if (!golden_find(r->gold, golden_text(r->c, "name"), tensor, NULL)) return;
    double *got = grad_values(r->plan, name, &n);
    check(r, got, tensor, n);
}

static void by_plan(run *r) {
    syn_shape in, out;
    const double *x = golden_get(r->gold, r->c, "x", &in);
    double *target = target_of(r->gold, r->c, &out), *got;
    ok(syn_net_create(&r->net, 1));
    syn_tensor t = syn_input(r->net, one_row(in));
    if (strcmp(golden_text(r->c, "layer"), "dense") == 0)
        t = syn_dense(t, &(syn_dense_opts){ .name = "tested", .units = (int)out.dim[1],
                                            .no_bias = json_is_true(json_object_get(r->c, "no_bias")) });
    else
        t = syn_named(syn_layer(r->net, golden_text(r->c, "layer"), &t, 1, NULL), "tested");
    syn_tensor loss = sum_of_squares(t);
    ok(syn_state_create(&r->state, test_ctx(), r->net));
    put_param(r, "tested/kernel", "kernel");
    ok(syn_plan_create(&r->plan, r->state, &(syn_plan_opts){ .loss = loss, .batch = (int)in.dim[0],
                                                             .dtype = r->dtype, .keep = true }));
    put_param(r, "tested/bias", "bias"); /* once it is on the device */
    ok(syn_gradient(r->plan, &(syn_array){ x, SYN_F64, in }, &(syn_array){ target, SYN_F64, out }, NULL));
    got = malloc((size_t)count(out) * sizeof *got);
    ok(syn_activation_read(r->plan, "tested", got, count(out)));
    check(r, got, "y", count(out));
    got = malloc((size_t)count(in) * sizeof *got);
    ok(syn_activation_grad_read(r->plan, "input_1", got, count(in)));
    check(r, got, "dx", count(in));
    check_grad(r, "tested/kernel", "dkernel");
    check_grad(r, "tested/bias", "dbias");
    syn_plan_destroy(r->plan);
    syn_state_destroy(r->state);
    syn_net_destroy(r->net);
    free(target);
}

/* ---- every case as ops over values: one program for all ---- */

typedef struct op_run {
    bench b;
    const json_t *c;
    int n_in, in[SYN_MAX_IN], param[2], y, target;
} op_run;

static const char *const param_tensor[] = { "kernel", "bias" };

static const char *input_tensor(const op_run *r, int i, const char *prefix) {
    static char name[16];
    if (r->n_in == 1) snprintf(name, sizeof name, "%s", prefix);
    else snprintf(name, sizeof name, "%s%d", prefix, i);
    return name;
}

/* The layer's ops over r->in. A net has one input, so layers of several are described over stand-ins of
 * the right shapes. */
static int lower(op_run *r, const char *kind, const syn_shape *shape, int units) {
    syn_net *net;
    syn_tensor x[SYN_MAX_IN];
    ok(syn_net_create(&net, 1));
    x[0] = syn_input(net, shape[0]);
    for (int k = 1; k < r->n_in; k++) {
        x[k] = syn_linear(x[0]);
        ok(syn_net_status(net));
        net->layer[x[k].layer].shape = shape[k];
    }
    const syn_dense_opts dense = { .units = units, .no_bias = r->param[1] < 0 };
    syn_tensor y = syn_layer(net, kind, x, r->n_in, strcmp(kind, "dense") == 0 ? &dense : NULL);
    ok(syn_net_status(net));
    syn_lower l = { .net = net, .graph = &r->b.g, .train = true, .param = r->param, .target = -1 };
    int value = net->layer[y.layer].row->lower(&l, y.layer, r->in);
    syn_net_destroy(net);
    return value;
}

static void op_emit(op_run *r, const golden *gold, syn_kernels *k, bool fused) {
    syn_shape shape[SYN_MAX_IN], out;
    const char *name = golden_text(r->c, "name");
    bool wanted[64] = { false };
    bench_open(&r->b, k);
    r->n_in = (int)json_integer_value(json_object_get(r->c, "inputs"));
    ck_assert_int_le(r->n_in, SYN_MAX_IN);
    for (int i = 0; i < r->n_in; i++) {
        golden_get(gold, r->c, input_tensor(r, i, "x"), &shape[i]);
        shape[i] = one_row(shape[i]);
        r->in[i] = bench_value(&r->b, shape[i], true);
        wanted[r->in[i]] = true;
    }
    for (int i = 0; i < 2; i++) {
        syn_shape s;
        r->param[i] = -1;
        if (!golden_find(gold, name, param_tensor[i], &s)) continue;
        r->param[i] = bench_value(&r->b, s, false);
        wanted[r->param[i]] = true;
    }
    golden_get(gold, r->c, "y", &out);
    syn_graph *g = &r->b.g;
    r->y = bench_keep(&r->b, lower(r, golden_text(r->c, "layer"), shape, (int)out.dim[1]));
    r->target = bench_value(&r->b, one_row(out), true);
    int node = syn_mse_node(g, r->y, r->target, false);
    ck_assert_int_le(g->n_values, 64);
    ok(syn_graph_grad(g, node, wanted, &syn_map_grad_ops));
    for (int v = 0; v < 64; v++)
        if (wanted[v]) bench_keep(&r->b, g->value[v].grad);
    if (fused) ok(syn_graph_fuse(g, &syn_op_map));
    bench_emit(&r->b, (int)out.dim[0]);
}

static void op_check(op_run *r, const golden *gold, int value, const char *tensor) {
    const run as = { .gold = gold, .c = r->c, .dtype = r->b.kernels->dtype };
    double *got = malloc((size_t)bench_count(&r->b, value) * sizeof *got);
    bench_read(&r->b, value, got);
    check(&as, got, tensor, bench_count(&r->b, value));
}

static void op_run_case(op_run *r, const golden *gold) {
    syn_shape shape;
    bench *b = &r->b;
    double *target = target_of(gold, r->c, &shape);
    bench_bind(b);
    for (int i = 0; i < r->n_in; i++)
        bench_write(b, r->in[i], golden_get(gold, r->c, input_tensor(r, i, "x"), NULL));
    for (int i = 0; i < 2; i++)
        if (r->param[i] >= 0) bench_write(b, r->param[i], golden_get(gold, r->c, param_tensor[i], NULL));
    bench_write(b, r->target, target);
    bench_run(b);
    op_check(r, gold, r->y, "y");
    for (int i = 0; i < r->n_in; i++)
        op_check(r, gold, b->g.value[r->in[i]].grad, input_tensor(r, i, "dx"));
    if (r->param[0] >= 0) op_check(r, gold, b->g.value[r->param[0]].grad, "dkernel");
    if (r->param[1] >= 0) op_check(r, gold, b->g.value[r->param[1]].grad, "dbias");
    bench_close(b);
    free(target);
}

static bool spare(const char *kind, const char **last) {
    bool same = strcmp(*last, kind) == 0;
    *last = kind;
    return same && test_small();
}

static void layers_in(const golden *gold, syn_dtype dtype) {
    op_run *r = calloc((size_t)golden_cases(gold), sizeof *r);
    const char *last = "";
    int n = 0;
    syn_kernels k;
    syn_kernels_init(&k, test_ctx(), dtype);
    for (int i = 0; i < golden_cases(gold); i++) {
        const json_t *c = golden_case(gold, i);
        if (spare(golden_text(c, "layer"), &last)) continue;
        r[n].c = c;
        op_emit(&r[n++], gold, &k, i % 2);
    }
    ok(syn_kernels_build(&k));
    for (int i = 0; i < n; i++) op_run_case(&r[i], gold);
    syn_kernels_free(&k);
    free(r);
}

START_TEST(test_layers) {
    golden gold = golden_open("layers");
    for (int d = 0; d < 2; d++) layers_in(&gold, (syn_dtype)d);
    golden_close(&gold);
}
END_TEST

START_TEST(test_layers_by_plan) {
    static const char *const name[] = { "dense-0", "dense-2", "flatten-0" };
    golden gold = golden_open("layers");
    for (size_t k = 0; k < (test_small() ? 1 : SYN_COUNT(name)); k++)
        for (int i = 0; i < golden_cases(&gold); i++) {
            const json_t *c = golden_case(&gold, i);
            for (int d = 0; d < 2 && strcmp(golden_text(c, "name"), name[k]) == 0; d++)
                by_plan(&(run){ .gold = &gold, .c = c, .dtype = (syn_dtype)d });
        }
    golden_close(&gold);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_layers, test_layers_by_plan };
    return run_suite("golden_layers", test, SYN_COUNT(test));
}
