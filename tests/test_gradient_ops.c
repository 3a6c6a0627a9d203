/* Maps and losses op by op, at sizes around the vectors: derivatives against central differences in double, and
 * float against double. All cases of a type are one program. */
#include "bench.h"
#include "nets.h"

#include "layer/layer.h"

#include <math.h>

static const int sizes[] = { 1, 7, 33, 2, 15, 16, 17 }; /* the first three for small runs */
static const int rows[] = { 1, 3 };
enum { MOST = 33 * 3 };

/* ---- maps ---- */

typedef struct map_run {
    bench b;
    const syn_map_row *row;
    int x, dy, y, dx;
} map_run;

static void map_emit(map_run *r, syn_kernels *k, int cols, int n_rows) {
    const syn_fn *fn = syn_fn_find(r->row->name);
    double attr[SYN_MAX_ATTRS];
    bool need = true;
    bench_open(&r->b, k);
    ok(syn_fn_attributes(fn, NULL, 0, SYN_KERAS, attr, "a test"));
    r->x = bench_value(&r->b, SYN_SHAPE(cols), true);
    r->dy = bench_value(&r->b, SYN_SHAPE(cols), true);
    r->y = bench_keep(&r->b, syn_map_apply(&r->b.g, fn, &r->x, 1, attr, 0));
    int node = r->b.g.n_nodes - 1, dy = syn_map_apply(&r->b.g, syn_fn_find("linear"), &r->dy, 1, NULL, 0);
    ok(syn_op_map.grad(&r->b.g, node, &dy, &need, &r->dx));
    bench_keep(&r->b, r->dx);
    bench_emit(&r->b, n_rows);
}

static void map_values(map_run *r, const double *x, double *y) {
    bench_write(&r->b, r->x, x);
    bench_run(&r->b);
    bench_read(&r->b, r->y, y);
}

/* dx against (f(x + h) - f(x - h)) / 2h, element by element. */
static void map_check(map_run *r, bool differences, double *y, double *dx) {
    const double h = 1e-5;
    double x[MOST], dy[MOST], at[MOST], up[MOST], down[MOST];
    int64_t n = bench_count(&r->b, r->x);
    fill_random(x, n, 1, -3, 3);
    fill_random(dy, n, 2, -1, 1);
    bench_bind(&r->b);
    bench_write(&r->b, r->dy, dy);
    for (int sign = -1; differences && sign <= 1; sign += 2) {
        for (int64_t i = 0; i < n; i++) at[i] = x[i] + sign * h;
        map_values(r, at, sign < 0 ? down : up);
    }
    map_values(r, x, y);
    bench_read(&r->b, r->dx, dx);
    for (int64_t i = 0; differences && i < n; i++) {
        double want = dy[i] * (up[i] - down[i]) / (2 * h);
        ck_assert_msg(fabs(dx[i] - want) <= 1e-8 * (1 + fabs(want)),
                      "%s of %d x %d: derivative at %g is %.12g, by differences %.12g", r->row->name,
                      r->b.l.rows, (int)(n / r->b.l.rows), x[i], dx[i], want);
    }
}

static void maps_in(syn_dtype dtype, double *all, double *twin) {
    int n = 0, most = syn_map_count() * (int)(SYN_COUNT(sizes) * SYN_COUNT(rows));
    map_run *r = calloc((size_t)most, sizeof *r);
    syn_kernels k;
    syn_kernels_init(&k, test_ctx(), dtype);
    for (int m = 0; m < syn_map_count(); m++)
        for (size_t s = 0; s < (test_small() ? 3 : SYN_COUNT(sizes)); s++)
            for (size_t i = 0; i < SYN_COUNT(rows); i++) {
                r[n].row = syn_map_at(m);
                map_emit(&r[n++], &k, sizes[s], rows[i]);
            }
    ok(syn_kernels_build(&k));
    for (int i = 0; i < n; i++) {
        double *y = all + 2 * MOST * i, *dx = y + MOST, *y2 = twin + 2 * MOST * i;
        map_check(&r[i], dtype == SYN_DOUBLE, y, dx);
        int64_t count = bench_count(&r[i].b, r[i].x);
        if (dtype == SYN_FLOAT) {
            CLOSE(y, y2, count, 1e-5, "%s in float", r[i].row->name);
            CLOSE(dx, y2 + MOST, count, 1e-5, "%s's derivative in float", r[i].row->name);
        }
        bench_close(&r[i].b);
    }
    syn_kernels_free(&k);
    free(r);
}

START_TEST(test_maps) {
    ok(syn_register_map(&(syn_map_row){ .name = "own", .forward = "a * exp(-x * x * b)",
                                        .derivative = "-2 * b * x * y",
                                        .attr = { { "a", 1.25, 1, .1, 10, "height" },
                                                  { "b", .75, 1, .1, 10, "narrowness" } } }));
    size_t n = 2 * MOST * (size_t)syn_map_count() * SYN_COUNT(sizes) * SYN_COUNT(rows);
    double *in_double = calloc(n, sizeof *in_double), *in_float = calloc(n, sizeof *in_float);
    maps_in(SYN_DOUBLE, in_double, NULL);
    maps_in(SYN_FLOAT, in_float, in_double);
    free(in_double);
    free(in_float);
}
END_TEST

/* ---- losses ---- */

typedef struct loss_run {
    bench b;
    const char *name;
    int x, target, dx, cols;
    bool mean;
} loss_run;

/* False: the loss does not take so few columns. */
static bool loss_emit(loss_run *r, syn_kernels *k, int cols, int n_rows) {
    syn_net *net;
    ok(syn_net_create(&net, 1));
    void *opts = guess_options(syn_table_find(syn_layers(), r->name));
    syn_tensor x = syn_input(net, SYN_SHAPE(cols)), loss = syn_layer(net, r->name, &x, 1, opts);
    free(opts);
    if (syn_net_status(net) == SYN_E_SHAPE) {
        syn_net_destroy(net);
        return false;
    }
    ok(syn_net_status(net));
    r->cols = cols;
    bench_open(&r->b, k);
    syn_graph *g = &r->b.g;
    ok(syn_net_lower(net, &(syn_lower_opts){ .loss = loss.layer, .train = true }, g));
    r->mean = g->node[g->value[g->loss[0]].producer].i[0];
    r->x = bench_keep(&r->b, g->x[0]);
    r->target = bench_keep(&r->b, g->target[0]);
    bool *wanted = calloc((size_t)g->n_values, sizeof *wanted);
    wanted[r->x] = true;
    ok(syn_graph_grad(g, -1, wanted, &syn_map_grad_ops));
    free(wanted);
    r->dx = bench_keep(&r->b, g->value[r->x].grad);
    bench_keep(&r->b, g->loss[0]);
    bench_emit(&r->b, n_rows);
    syn_net_destroy(net);
    return true;
}

static double loss_value(loss_run *r, const double *x) {
    double row[8], sum = 0;
    bench_write(&r->b, r->x, x);
    bench_run(&r->b);
    bench_read(&r->b, r->b.g.loss[0], row);
    for (int i = 0; i < r->b.l.rows; i++) sum += row[i];
    return r->mean ? sum / r->b.l.rows : sum;
}

/* Rows of one sum. */
static void normalise(double *x, int n_rows, int cols, double to) {
    for (int r = 0; r < n_rows; r++) {
        double sum = 0;
        for (int c = 0; c < cols; c++) sum += x[r * cols + c];
        for (int c = 0; c < cols; c++) x[r * cols + c] *= to / sum;
    }
}

static void loss_check(loss_run *r, bool differences, double *dx) {
    const double h = 5e-7;
    double x[MOST], target[MOST];
    int64_t n = bench_count(&r->b, r->x);
    bool labels = r->b.g.value[r->target].integer;
    fill_random(x, n, 3, labels ? -2 : .05, labels ? 2 : 1);
    fill_random(target, bench_count(&r->b, r->target), 4, labels ? 0 : .05, labels ? r->cols : 1);
    if (!labels) { /* some losses want distributions; the others take them too */
        normalise(x, r->b.l.rows, r->cols, .9); /* no kink of hinge at x target = 1 */
        normalise(target, r->b.l.rows, r->cols, 1);
    }
    bench_bind(&r->b);
    if (labels) bench_write_labels(&r->b, r->target, target);
    else bench_write(&r->b, r->target, target);
    (void)loss_value(r, x);
    bench_read(&r->b, r->dx, dx);
    for (int64_t i = 0; differences && i < n; i++) {
        const double at = x[i];
        x[i] = at + h;
        double up = loss_value(r, x);
        x[i] = at - h;
        double down = loss_value(r, x);
        x[i] = at;
        ck_assert_msg(fabs(dx[i] - (up - down) / (2 * h)) <= 1e-7 * (1 + fabs(dx[i])),
                      "%s of %d x %d: gradient of element %d is %.12g, by differences %.12g", r->name,
                      r->b.l.rows, r->cols, (int)i, dx[i], (up - down) / (2 * h));
    }
}

static void losses_in(syn_dtype dtype, double *all, const double *twin) {
    loss_run *r = calloc((size_t)syn_layers()->n * SYN_COUNT(sizes) * SYN_COUNT(rows), sizeof *r);
    int n = 0;
    syn_kernels k;
    syn_kernels_init(&k, test_ctx(), dtype);
    for (int l = 0; l < syn_layers()->n; l++) {
        const syn_layer_row *row = syn_layer_row_of(syn_layers()->row[l]);
        if (!row->loss || row->sum) continue;
        int before = n;
        for (size_t s = 0; s < (test_small() ? 3 : SYN_COUNT(sizes)); s++)
            for (size_t i = 0; i < SYN_COUNT(rows); i++) {
                r[n].name = syn_layers()->row[l]->name;
                n += loss_emit(&r[n], &k, sizes[s], rows[i]);
            }
        ck_assert_msg(n > before, "loss %s takes none of the sizes", syn_layers()->row[l]->name);
    }
    ok(syn_kernels_build(&k));
    for (int i = 0; i < n; i++) {
        loss_check(&r[i], dtype == SYN_DOUBLE, all + MOST * i);
        if (dtype == SYN_FLOAT)
            CLOSE(all + MOST * i, twin + MOST * i, bench_count(&r[i].b, r[i].x), 1e-5, "%s in float",
                  r[i].name);
        bench_close(&r[i].b);
    }
    syn_kernels_free(&k);
    free(r);
}

START_TEST(test_losses) {
    size_t n = MOST * (size_t)syn_layers()->n * SYN_COUNT(sizes) * SYN_COUNT(rows);
    double *in_double = calloc(n, sizeof *in_double), *in_float = calloc(n, sizeof *in_float);
    losses_in(SYN_DOUBLE, in_double, NULL);
    losses_in(SYN_FLOAT, in_float, in_double);
    free(in_double);
    free(in_float);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_maps, test_losses };
    return run_suite("gradient_ops", test, SYN_COUNT(test));
}
