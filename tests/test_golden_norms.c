/* Normalisation layers against what PyTorch and Keras compute: outputs and gradients in training, running
 * statistics after one and three steps, test mode; and what goldens cannot say: statistics of a whole set, frozen
 * layers, steps that are not finite. */
#include "bench.h"
#include "golden.h"

#include "layer/layer.h"
#include "plan/plan.h"

#include <math.h>

static const double limits[] = { [SYN_FLOAT] = 1e-5, [SYN_DOUBLE] = 1e-12 };
static const char *const types[] = { "float", "double" };
static double worst[2];

static int64_t count(syn_shape shape) { return syn_shape_count(&shape); }

static syn_shape one_row(syn_shape shape) {
    syn_shape row = { .rank = shape.rank - 1 };
    for (int d = 0; d < row.rank; d++) row.dim[d] = shape.dim[d + 1];
    return row;
}

/* ---- goldens: every case as ops over values, one program for all ---- */

enum { GAMMA, BETA, MEAN, VARIANCE, COUNT, PARAMS };
static const char *const param_name[] = { "gamma", "beta", "moving_mean", "moving_variance", "moving_count" };

typedef struct run {
    bench b, test; /* in training, in test mode */
    const golden *gold;
    const json_t *c;
    syn_shape shape;
    bool moving;
    int x, dy, y, param[PARAMS], test_x, test_y, test_param[PARAMS];
} run;

/* The layer with the case's options, read as an experiment file's would be, over the input. */
static syn_tensor describe(const run *r, syn_net **net) {
    const syn_def *def = syn_table_find(syn_layers(), golden_text(r->c, "layer"));
    ck_assert_ptr_nonnull(def);
    void *opts = calloc(1, def->size);
    json_t *given = json_deep_copy(json_object_get(r->c, "options"));
    ck_assert(opts && given);
    ok(syn_options_read(def, opts, given, "golden", NULL));
    ok(syn_net_create(net, 1));
    if (strcmp(golden_text(r->c, "framework"), "torch") == 0) syn_net_preset(*net, SYN_TORCH);
    syn_tensor x = syn_input(*net, one_row(r->shape)), y = syn_layer(*net, def->name, &x, 1, opts);
    ck_assert_msg(syn_net_status(*net) == SYN_OK, "%s: %s", golden_text(r->c, "name"), syn_error_text());
    json_decref(given);
    free(opts);
    return y;
}

/* Lowers the layer over values of the bench's own, found by the parameters' names. */
static int lower(const run *r, bench *b, bool train, int x, int *param) {
    syn_net *net;
    syn_tensor y = describe(r, &net);
    int value[PARAMS];
    for (int k = 0; k < PARAMS; k++) param[k] = -1;
    for (int p = 0; p < syn_net_params(net); p++) {
        syn_param_info info;
        syn_net_param_info(net, p, &info);
        for (int k = 0; k < PARAMS; k++) {
            if (strcmp(strchr(info.name, '/') + 1, param_name[k]) != 0) continue;
            ck_assert_int_eq(info.statistic, k >= MEAN);
            value[p] = param[k] = bench_value(b, info.shape, false);
        }
    }
    syn_lower l = { .net = net, .graph = &b->g, .train = train, .param = value, .target = -1 };
    int v = net->layer[y.layer].row->lower(&l, y.layer, &x);
    syn_net_destroy(net);
    return bench_keep(b, v);
}

static void emit(run *r, syn_kernels *k) {
    bool wanted[64] = { false };
    golden_get(r->gold, r->c, "x0", &r->shape);
    r->moving = golden_find(r->gold, golden_text(r->c, "name"), "mean1", NULL) != NULL;
    bench_open(&r->b, k);
    syn_graph *g = &r->b.g;
    r->x = bench_value(&r->b, one_row(r->shape), true);
    r->y = lower(r, &r->b, true, r->x, r->param);
    int node = g->n_nodes - 1;
    r->dy = bench_value(&r->b, one_row(r->shape), true);
    g->value[r->y].grad = r->dy;
    wanted[r->x] = true;
    for (int i = GAMMA; i <= BETA; i++)
        if (r->param[i] >= 0) wanted[r->param[i]] = true;
    ck_assert_int_le(g->n_values, 64);
    ok(syn_graph_grad(g, node, wanted, &syn_map_grad_ops));
    for (int v = 0; v < 64; v++)
        if (wanted[v]) bench_keep(&r->b, g->value[v].grad);
    bench_emit(&r->b, (int)r->shape.dim[0]);
    if (!r->moving) return;
    bench_open(&r->test, k);
    r->test_x = bench_value(&r->test, one_row(r->shape), true);
    r->test_y = lower(r, &r->test, false, r->test_x, r->test_param);
    ok(syn_graph_fuse(&r->test.g, &syn_op_map));
    bench_emit(&r->test, (int)r->shape.dim[0]);
}

static void check(const run *r, bench *b, int value, const char *tensor) {
    syn_shape shape;
    const double *want = golden_get(r->gold, r->c, tensor, &shape);
    syn_dtype dtype = b->kernels->dtype;
    double *got = malloc((size_t)count(shape) * sizeof *got);
    ck_assert_ptr_nonnull(got);
    ck_assert_int_eq(count(shape), bench_count(b, value));
    bench_read(b, value, got);
    double error = norm_error(got, want, count(shape));
    if (error > worst[dtype]) worst[dtype] = error;
    CLOSE(got, want, count(shape), limits[dtype], "%s/%s in %s", golden_text(r->c, "name"), tensor, types[dtype]);
    free(got);
}

static void fill(bench *b, int value, double all) {
    double *v = malloc((size_t)bench_count(b, value) * sizeof *v);
    ck_assert_ptr_nonnull(v);
    for (int64_t i = 0; i < bench_count(b, value); i++) v[i] = all;
    bench_write(b, value, v);
    free(v);
}

static void put_params(const run *r, bench *b, const int *param) {
    for (int i = GAMMA; i <= BETA; i++)
        if (param[i] >= 0) bench_write(b, param[i], golden_get(r->gold, r->c, param_name[i], NULL));
}

static void run_moving(run *r) {
    static const char *const x[] = { "x1", "x2" };
    check(r, &r->b, r->param[MEAN], "mean1");
    check(r, &r->b, r->param[VARIANCE], "variance1");
    for (int i = 0; i < 2; i++) {
        bench_write(&r->b, r->x, golden_get(r->gold, r->c, x[i], NULL));
        bench_run(&r->b);
    }
    check(r, &r->b, r->param[MEAN], "mean3");
    check(r, &r->b, r->param[VARIANCE], "variance3");
    bench_bind(&r->test);
    put_params(r, &r->test, r->test_param);
    bench_write(&r->test, r->test_x, golden_get(r->gold, r->c, "x0", NULL));
    bench_write(&r->test, r->test_param[MEAN], golden_get(r->gold, r->c, "mean3", NULL));
    bench_write(&r->test, r->test_param[VARIANCE], golden_get(r->gold, r->c, "variance3", NULL));
    bench_run(&r->test);
    check(r, &r->test, r->test_y, "test");
    bench_close(&r->test);
}

static void run_case(run *r) {
    bench *b = &r->b;
    bench_bind(b);
    put_params(r, b, r->param);
    if (r->param[MEAN] >= 0) fill(b, r->param[MEAN], 0);
    if (r->param[VARIANCE] >= 0) fill(b, r->param[VARIANCE], 1);
    if (r->param[COUNT] >= 0) fill(b, r->param[COUNT], 0);
    bench_write(b, r->x, golden_get(r->gold, r->c, "x0", NULL));
    bench_write(b, r->dy, golden_get(r->gold, r->c, "dy", NULL));
    bench_run(b);
    check(r, b, r->y, "y");
    check(r, b, b->g.value[r->x].grad, "dx");
    if (r->param[GAMMA] >= 0) check(r, b, b->g.value[r->param[GAMMA]].grad, "dgamma");
    if (r->param[BETA] >= 0) check(r, b, b->g.value[r->param[BETA]].grad, "dbeta");
    if (r->moving) run_moving(r);
    bench_close(b);
}

static void goldens_in(const golden *gold, syn_dtype dtype) {
    run *r = calloc((size_t)golden_cases(gold), sizeof *r);
    const char *last = "";
    int n = 0;
    syn_kernels k;
    ck_assert_ptr_nonnull(r);
    syn_kernels_init(&k, test_ctx(), dtype);
    for (int i = 0; i < golden_cases(gold); i++) {
        const json_t *c = golden_case(gold, i);
        bool same = strcmp(last, golden_text(c, "layer")) == 0;
        last = golden_text(c, "layer");
        if (same && test_small()) continue;
        r[n].gold = gold;
        r[n].c = c;
        emit(&r[n++], &k);
    }
    ok(syn_kernels_build(&k));
    for (int i = 0; i < n; i++) run_case(&r[i]);
    syn_kernels_free(&k);
    free(r);
    printf("norms: %d cases in %s, worst error %.2e\n", n, types[dtype], worst[dtype]);
}

START_TEST(test_goldens) {
    golden gold = golden_open("norms");
    for (int d = 0; d < 2; d++) goldens_in(&gold, (syn_dtype)d);
    golden_close(&gold);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_goldens };
    return run_suite("golden_norms", test, SYN_COUNT(test));
}
