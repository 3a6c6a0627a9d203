/* Maps, losses and layers against what PyTorch and Keras compute, forward and backward. */
#include "bench.h"
#include "golden.h"

#include "layer/layer.h"

static const double limits[] = { [SYN_FLOAT] = 1e-5, [SYN_DOUBLE] = 1e-12 };
static const char *const types[] = { "float", "double" };

/* In small runs one case of each kind is enough; cases of a kind stand together. */
static bool spare(const char *kind, const char **last) {
    bool same = *last && strcmp(*last, kind) == 0;
    *last = kind;
    return same && test_small();
}

static void compare(bench *b, int value, const double *want, double factor, const char *name,
                    const char *what) {
    int64_t n = bench_count(b, value);
    double *got = malloc((size_t)n * sizeof *got), *scaled = malloc((size_t)n * sizeof *scaled);
    ck_assert(got && scaled);
    for (int64_t i = 0; i < n; i++) scaled[i] = want[i] * factor;
    bench_read(b, value, got);
    syn_dtype t = b->kernels->dtype;
    CLOSE(got, scaled, n, limits[t], "%s/%s in %s", name, what, types[t]);
    free(got);
    free(scaled);
}

/* ---- maps ---- */

typedef struct map_run {
    bench b;
    const json_t *c;
    int x, dy, y, dx;
} map_run;

static const syn_fn *map_of(const json_t *c) {
    for (int i = 0; i < syn_fn_count(); i++)
        if (!syn_fn_at(i)->hidden && strcmp(syn_fn_at(i)->row.name, golden_text(c, "map")) == 0)
            return syn_fn_at(i);
    return NULL;
}

static void map_attrs(const json_t *c, const syn_fn *fn, double *attr) {
    const json_t *given = json_object_get(c, "attrs");
    ck_assert_int_eq((int)json_array_size(given), syn_fn_attrs(fn));
    for (int i = 0; i < syn_fn_attrs(fn); i++)
        attr[i] = json_number_value(json_array_get(given, (size_t)i));
}

/* y = f(x) and dx = dy f'(x). Copies in front make sure that fusion has something to fuse. */
static void map_emit(map_run *r, const golden *gold, syn_kernels *k, bool fused) {
    const syn_fn *fn = map_of(r->c), *copy = syn_fn_find("linear");
    double attr[SYN_MAX_ATTRS];
    syn_shape shape;
    bool need = true;
    golden_get(gold, r->c, "x", &shape);
    ck_assert_int_eq(shape.rank, 2);
    map_attrs(r->c, fn, attr);
    bench_open(&r->b, k);
    syn_graph *g = &r->b.g;
    r->x = bench_value(&r->b, SYN_SHAPE(shape.dim[1]), true);
    r->dy = bench_value(&r->b, SYN_SHAPE(shape.dim[1]), true);
    int x = syn_map_apply(g, copy, &r->x, 1, NULL, 0), dy = syn_map_apply(g, copy, &r->dy, 1, NULL, 0);
    r->y = bench_keep(&r->b, syn_map_apply(g, fn, &x, 1, attr, 0));
    ok(syn_op_map.grad(g, g->n_nodes - 1, &dy, &need, &r->dx));
    bench_keep(&r->b, r->dx);
    if (fused) {
        ok(syn_graph_fuse(g, &syn_op_map));
        ck_assert_int_le(g->n_nodes, 2);
    }
    bench_emit(&r->b, (int)shape.dim[0]);
}

static int map_cases(const golden *gold, const json_t **out) {
    int n = 0;
    const char *last = NULL;
    for (int i = 0; i < golden_cases(gold); i++) {
        const json_t *c = golden_case(gold, i);
        if (map_of(c) && !spare(golden_text(c, "map"), &last)) out[n++] = c;
    }
    return n;
}

static void test_maps_in(const golden *gold, syn_dtype dtype, bool fused) {
    const json_t *c[256];
    ck_assert_int_le(golden_cases(gold), 256);
    int n = map_cases(gold, c);
    map_run *r = calloc((size_t)n + 1, sizeof *r);
    syn_kernels k;
    syn_kernels_init(&k, test_ctx(), dtype);
    for (int i = 0; i < n; i++) {
        r[i].c = c[i];
        map_emit(&r[i], gold, &k, fused);
    }
    ok(syn_kernels_build(&k));
    for (int i = 0; i < n; i++) {
        const char *name = golden_text(c[i], "name");
        bench_bind(&r[i].b);
        bench_write(&r[i].b, r[i].x, golden_get(gold, c[i], "x", NULL));
        bench_write(&r[i].b, r[i].dy, golden_get(gold, c[i], "dy", NULL));
        bench_run(&r[i].b);
        compare(&r[i].b, r[i].y, golden_get(gold, c[i], "y", NULL), 1, name, "y");
        compare(&r[i].b, r[i].dx, golden_get(gold, c[i], "dx", NULL), 1, name, "dx");
        bench_close(&r[i].b);
    }
    syn_kernels_free(&k);
    free(r);
}

START_TEST(test_maps) {
    golden gold = golden_open("maps");
    for (int d = 0; d < 2; d++)
        for (int fused = 0; fused < 2; fused++) test_maps_in(&gold, (syn_dtype)d, fused);
    golden_close(&gold);
}
END_TEST

START_TEST(test_every_map_is_golden) {
    golden gold = golden_open("maps");
    int skipped = 0;
    for (int m = 0; m < syn_map_count(); m++) {
        int cases = 0;
        for (int i = 0; i < golden_cases(&gold); i++)
            cases += strcmp(golden_text(golden_case(&gold, i), "map"), syn_map_at(m)->name) == 0;
        ck_assert_msg(cases > 0, "map %s has no golden case; tools/golden.py makes them",
                      syn_map_at(m)->name);
    }
    for (int i = 0; i < golden_cases(&gold); i++) skipped += !map_of(golden_case(&gold, i));
    printf("maps: %d of %d golden cases are of maps not in the table\n", skipped, golden_cases(&gold));
    golden_close(&gold);
}
END_TEST

/* ---- losses ---- */

typedef struct loss_run {
    bench b;
    const json_t *c;
    syn_net *net;
    int x, target, dx;
    double factor; /* ours over theirs */
} loss_run;

static const syn_def *loss_of(const json_t *c) {
    for (int i = 0; i < syn_layers()->n; i++) {
        const syn_def *def = syn_layers()->row[i];
        if (strcmp(def->kind, "loss") == 0 && strcmp(def->name, golden_text(c, "loss")) == 0) return def;
    }
    return NULL;
}

static bool has_option(const json_t *c, const char *name) {
    return json_object_get(json_object_get(c, "options"), name) != NULL;
}

/* The case's loss over an input, with its framework's preset. */
static syn_tensor loss_layer(const json_t *c, syn_tensor x) {
    const syn_def *def = loss_of(c);
    syn_net_preset(x.net, strcmp(golden_text(c, "framework"), "torch") == 0 ? SYN_TORCH : SYN_KERAS);
    json_t *options = json_deep_copy(json_object_get(c, "options")), *weights = json_object_get(options, "weights");
    if (weights) {
        json_object_set(options, "class_weights", weights);
        json_object_del(options, "weights");
    }
    json_object_set(options, "reduction", json_object_get(c, "reduction"));
    void *opts = calloc(1, def->size);
    ok(syn_options_read(def, opts, options, def->name, NULL));
    syn_tensor loss = syn_layer(x.net, def->name, &x, 1, opts);
    ok(syn_net_status(x.net));
    free(opts);
    json_decref(options);
    return loss;
}

static void register_log_cosh(void) {
    static bool done;
    if (!done)
        ok(syn_register_loss(&(syn_loss_row){ .name = "log_cosh",
            .loss = "fabs(x - t) + log1p(exp(-2 * fabs(x - t))) - .69314718055994530942",
            .gradient = "tanh(x - t)" }));
    done = true;
}

/* Ours over theirs: Keras takes the mean over columns whatever the reduction. */
static double loss_factor(const json_t *c, const syn_shape *shape) {
    bool sum = strcmp(golden_text(c, "reduction"), "sum") == 0;
    bool keras = strcmp(golden_text(c, "framework"), "keras") == 0;
    bool classes = strstr(golden_text(c, "loss"), "cross_entropy") && !strstr(golden_text(c, "loss"), "binary");
    return sum && keras && !classes && strcmp(golden_text(c, "loss"), "kl") != 0 ? (double)shape->dim[1] : 1;
}

/* The loss as a layer over an input, lowered; then the input's gradient. */
static void loss_emit(loss_run *r, const golden *gold, syn_kernels *k) {
    syn_shape shape;
    golden_get(gold, r->c, "x", &shape);
    r->factor = loss_factor(r->c, &shape);
    ok(syn_net_create(&r->net, 1));
    syn_tensor loss = loss_layer(r->c, syn_input(r->net, SYN_SHAPE(shape.dim[1])));
    bench_open(&r->b, k);
    syn_graph *g = &r->b.g;
    ok(syn_net_lower(r->net, &(syn_lower_opts){ .loss = loss.layer, .train = true }, g));
    r->x = bench_keep(&r->b, g->x[0]);
    r->target = bench_keep(&r->b, g->target[0]);
    bool wanted[8] = { false };
    wanted[r->x] = true;
    ok(syn_graph_grad(g, -1, wanted, &syn_map_grad_ops));
    r->dx = bench_keep(&r->b, g->value[r->x].grad);
    bench_keep(&r->b, g->loss[0]);
    bench_emit(&r->b, (int)shape.dim[0]);
}

/* Rows that are weighed, or not all there, are scaled so that their plain mean is the batch's loss. */
static void compare_rows(loss_run *r, const golden *gold) {
    bench *b = &r->b;
    const char *name = golden_text(r->c, "name");
    bool mean = strcmp(golden_text(r->c, "reduction"), "mean") == 0;
    bool torch = strcmp(golden_text(r->c, "framework"), "torch") == 0;
    if (!(mean && (has_option(r->c, "ignore_index") || (torch && has_option(r->c, "weights"))))) {
        compare(b, b->g.loss[0], golden_get(gold, r->c, "rows", NULL), r->factor, name, "rows");
        return;
    }
    double rows[64], sum = 0;
    ck_assert_int_le(b->l.rows, 64);
    bench_read(b, b->g.loss[0], rows);
    for (int i = 0; i < b->l.rows; i++) sum += rows[i] / b->l.rows;
    CLOSE(&sum, golden_get(gold, r->c, "loss", NULL), 1, limits[b->kernels->dtype], "%s: mean of the rows", name);
}

static void test_losses_in(const golden *gold, syn_dtype dtype) {
    loss_run *r = calloc((size_t)golden_cases(gold), sizeof *r);
    const char *last = NULL;
    int n = 0;
    syn_kernels k;
    syn_kernels_init(&k, test_ctx(), dtype);
    for (int i = 0; i < golden_cases(gold); i++) {
        const json_t *c = golden_case(gold, i);
        if (!loss_of(c) || spare(golden_text(c, "loss"), &last)) continue;
        r[n].c = c;
        loss_emit(&r[n++], gold, &k);
    }
    ok(syn_kernels_build(&k));
    for (int i = 0; i < n; i++) {
        const json_t *c = r[i].c;
        const char *name = golden_text(c, "name");
        bench *b = &r[i].b;
        bench_bind(b);
        bench_write(b, r[i].x, golden_get(gold, c, "x", NULL));
        const double *target = golden_get(gold, c, "target", NULL);
        if (b->g.value[r[i].target].integer) bench_write_labels(b, r[i].target, target);
        else bench_write(b, r[i].target, target);
        bench_run(b);
        compare_rows(&r[i], gold);
        compare(b, r[i].dx, golden_get(gold, c, "dx", NULL), r[i].factor, name, "dx");
        bench_close(b);
        syn_net_destroy(r[i].net);
    }
    syn_kernels_free(&k);
    free(r);
    if (dtype == SYN_DOUBLE)
        printf("losses: %d of %d golden cases are of losses or options not there\n",
               golden_cases(gold) - n, golden_cases(gold));
}

START_TEST(test_losses) {
    golden gold = golden_open("losses");
    register_log_cosh();
    for (int d = 0; d < 2; d++) test_losses_in(&gold, (syn_dtype)d);
    for (int i = 0; i < syn_layers()->n; i++) {
        const syn_def *def = syn_layers()->row[i];
        int cases = strcmp(def->kind, "loss") != 0 || syn_layer_row_of(def)->sum;
        for (int k = 0; k < golden_cases(&gold); k++)
            cases += strcmp(golden_text(golden_case(&gold, k), "loss"), def->name) == 0;
        ck_assert_msg(cases > 0, "loss %s has no golden case", def->name);
    }
    golden_close(&gold);
}
END_TEST

/* The batch's loss, through a plan: one case of each loss and reduction. */
static void loss_by_plan(const golden *gold, const json_t *c, syn_dtype dtype) {
    syn_shape shape;
    const double *x = golden_get(gold, c, "x", &shape), *target = golden_get(gold, c, "target", NULL);
    bool labels = syn_layer_row_of(loss_of(c))->labels;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    ok(syn_net_create(&net, 1));
    syn_tensor loss = loss_layer(c, syn_input(net, SYN_SHAPE(shape.dim[1])));
    ok(syn_state_create(&state, test_ctx(), net));
    ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .batch = (int)shape.dim[0] + 3,
                                                       .dtype = dtype }));
    int32_t label[64];
    ck_assert_int_le(shape.dim[0], 64);
    for (int i = 0; labels && i < shape.dim[0]; i++) label[i] = (int32_t)target[i];
    const syn_array xs = f64(x, shape), ys = labels ? i32(label, shape.dim[0]) : f64(target, shape);
    double got[2];
    ok(syn_loss(plan, &xs, &ys, &got[0]));
    ok(syn_gradient(plan, &xs, &ys, &got[1]));
    const double *want = golden_get(gold, c, "loss", NULL);
    for (int i = 0; i < 2; i++)
        CLOSE(&got[i], want, 1, limits[dtype], "%s/loss in %s", golden_text(c, "name"), types[dtype]);
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
}

START_TEST(test_loss_of_a_batch) {
    static const char *const name[] = { "softmax_cross_entropy-torch-1-mean", "mse-torch-6-sum",
                                        "softmax_cross_entropy-keras-5-sum", "mse-keras-8-mean",
                                        "softmax_cross_entropy-torch-22-mean", "kl-torch-38-mean",
                                        "softmax_cross_entropy-keras-24-mean" };
    golden gold = golden_open("losses");
    for (size_t k = 0; k < (test_small() ? 1 : SYN_COUNT(name)); k++) {
        int found = 0;
        for (int i = 0; i < golden_cases(&gold); i++) {
            const json_t *c = golden_case(&gold, i);
            if (strcmp(golden_text(c, "name"), name[k]) != 0) continue;
            found++;
            for (int d = 0; d < 2; d++) loss_by_plan(&gold, c, (syn_dtype)d);
        }
        ck_assert_int_eq(found, 1);
    }
    golden_close(&gold);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_every_map_is_golden, test_maps, test_losses,
                                  test_loss_of_a_batch };
    return run_suite("golden_ops", test, SYN_COUNT(test));
}
