/* What goldens cannot say of normalisation: statistics as parameters, frozen layers, batches that are not finite,
 * statistics of a whole set, resuming, many rows. */
#include "bench.h"

#include "layer/layer.h"
#include "plan/plan.h"

#include <math.h>
#include <unistd.h>

enum { IN = 5, ROWS = 22, BATCH = 8 }; /* the last batch has 6 rows */

typedef struct rig {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_data *data;
    double *x;
} rig;

/* batch_norm over the input, dense, another one, dense; mse. */
static void open_rig(rig *r, syn_batch_norm_opts o, syn_plan_opts plan) {
    static double y[ROWS * 2];
    *r = (rig){ .x = new_random(ROWS * IN, 7, -1, 3) };
    fill_random(y, ROWS * 2, 8, -1, 1);
    ok(syn_net_create(&r->net, 3));
    syn_tensor t = syn_batch_norm(syn_input(r->net, SYN_SHAPE(IN)), &o);
    t = syn_batch_norm(syn_dense(t, &(syn_dense_opts){ .units = 4 }), &o);
    plan.loss = syn_mse(syn_dense(t, &(syn_dense_opts){ .units = 2 }));
    plan.batch = BATCH;
    ok(syn_state_create(&r->state, test_ctx(), r->net));
    ok(syn_plan_create(&r->plan, r->state, &plan));
    const syn_array xs = f64(r->x, SYN_SHAPE(ROWS, IN)), ys = f64(y, SYN_SHAPE(ROWS, 2));
    ok(syn_data_from_arrays(&r->data, &xs, &ys));
}

static void close_rig(rig *r) {
    syn_data_destroy(r->data);
    syn_plan_destroy(r->plan);
    syn_state_destroy(r->state);
    syn_net_destroy(r->net);
    free(r->x);
}

static void step(rig *r, const double *x, int rows) {
    double y[ROWS * 2] = { 0 };
    const syn_array xs = f64(x, SYN_SHAPE(rows, IN)), ys = f64(y, SYN_SHAPE(rows, 2));
    ok(syn_step(r->plan, &xs, &ys, NULL));
}

static void read_statistics(rig *r, double *mean, double *variance) {
    ok(syn_param_read(r->state, "batch_norm_1/moving_mean", mean, IN));
    ok(syn_param_read(r->state, "batch_norm_1/moving_variance", variance, IN));
}

/* Of rows of x: mean and variance by column, over n - less values. */
static void moments(const double *x, int rows, int less, double *mean, double *variance) {
    for (int c = 0; c < IN; c++) {
        mean[c] = variance[c] = 0;
        for (int r = 0; r < rows; r++) mean[c] += x[r * IN + c] / rows;
        for (int r = 0; r < rows; r++) variance[c] += pow(x[r * IN + c] - mean[c], 2) / (rows - less);
    }
}

START_TEST(test_statistics_are_parameters) {
    rig r;
    double mean[IN], variance[IN], want[2][IN], got[IN];
    open_rig(&r, (syn_batch_norm_opts){ .momentum = .75 }, (syn_plan_opts){ .dtype = SYN_DOUBLE });
    ck_assert_int_eq(syn_net_parameters(r.net), 2 * IN + (IN + 1) * 4 + 2 * 4 + (4 + 1) * 2);
    read_statistics(&r, mean, variance);
    for (int c = 0; c < IN; c++) {
        ck_assert_double_eq(mean[c], 0);
        ck_assert_double_eq(variance[c], 1);
    }
    ck_assert_int_eq(syn_grad_read(r.plan, "batch_norm_1/moving_mean", got, IN), SYN_E_ARGUMENT);
    step(&r, r.x, BATCH);
    moments(r.x, BATCH, 0, want[0], want[1]);
    for (int c = 0; c < IN; c++) {
        want[0][c] *= .25;
        want[1][c] = .75 + .25 * want[1][c];
    }
    read_statistics(&r, mean, variance);
    CLOSE(mean, want[0], IN, 1e-14, "moving mean");
    CLOSE(variance, want[1], IN, 1e-14, "moving variance");
    ok(syn_save(r.state, at("norms.safetensors")));
    close_rig(&r);
    open_rig(&r, (syn_batch_norm_opts){ 0 }, (syn_plan_opts){ .dtype = SYN_DOUBLE });
    ok(syn_load(r.state, at("norms.safetensors"), false, NULL));
    read_statistics(&r, got, variance);
    ck_assert_mem_eq(got, mean, sizeof got);
    close_rig(&r);
}
END_TEST

/* The first batch's output in test mode, and what training makes of the statistics when they are frozen. */
START_TEST(test_frozen) {
    const syn_rule rule = { .match = "batch_norm_*", .trainable = SYN_NO };
    for (int torch = 0; torch < 2; torch++) {
        rig r;
        double before[2][IN], after[2][IN];
        const syn_batch_norm_opts o = { .preset = torch ? SYN_TORCH : SYN_KERAS };
        open_rig(&r, o, (syn_plan_opts){ .dtype = SYN_DOUBLE, .keep = true, .rules = &rule, .n_rules = 1 });
        double shift[IN] = { .5, -.5, 1, 2, 0 }, out[BATCH * IN], want[BATCH * IN];
        ok(syn_param_write(r.state, "batch_norm_1/moving_mean", shift, IN));
        read_statistics(&r, before[0], before[1]);
        step(&r, r.x, BATCH);
        read_statistics(&r, after[0], after[1]);
        ck_assert_int_eq(memcmp(before, after, sizeof before) == 0, !torch);
        ok(syn_activation_read(r.plan, "batch_norm_1", out, BATCH * IN));
        moments(r.x, BATCH, 0, before[0], before[1]);
        for (int i = 0; i < BATCH * IN; i++)
            want[i] = torch ? (r.x[i] - before[0][i % IN]) / sqrt(before[1][i % IN] + 1e-5)
                            : (r.x[i] - shift[i % IN]) / sqrt(1 + 1e-3);
        CLOSE(out, want, BATCH * IN, 1e-13, torch ? "frozen, torch" : "frozen, keras");
        close_rig(&r);
    }
}
END_TEST

/* Channel 1 of a batch is not finite: its statistics stay, and so do all of them once the latch has tripped. */
START_TEST(test_not_finite) {
    static const syn_nonfinite kind[] = { SYN_NONFINITE_STOP, SYN_NONFINITE_SKIP };
    for (size_t k = 0; k < SYN_COUNT(kind); k++) {
        rig r;
        double mean[3][IN], variance[3][IN], loss, bad[BATCH * IN], y[BATCH * 2] = { 0 };
        open_rig(&r, (syn_batch_norm_opts){ 0 }, (syn_plan_opts){ .dtype = SYN_DOUBLE, .on_nonfinite = kind[k] });
        memcpy(bad, r.x, sizeof bad);
        bad[2 * IN + 1] = INFINITY;
        step(&r, r.x, BATCH);
        read_statistics(&r, mean[0], variance[0]);
        step(&r, bad, BATCH);
        read_statistics(&r, mean[1], variance[1]);
        ck_assert_double_eq(mean[0][1], mean[1][1]);
        ck_assert_double_eq(variance[0][1], variance[1][1]);
        for (int c = 0; c < IN; c++) ck_assert(isfinite(mean[1][c]) && isfinite(variance[1][c]));
        step(&r, r.x + IN, BATCH);
        read_statistics(&r, mean[2], variance[2]);
        ck_assert_int_eq(memcmp(mean[1], mean[2], sizeof mean[1]) == 0, kind[k] == SYN_NONFINITE_STOP);
        const syn_array xs = f64(r.x, SYN_SHAPE(BATCH, IN)), ys = f64(y, SYN_SHAPE(BATCH, 2));
        /* The latch's report runs the guilty batch again. */
        ck_assert_int_eq(syn_step(r.plan, &xs, &ys, &loss),
                         kind[k] == SYN_NONFINITE_STOP ? SYN_E_NONFINITE : SYN_OK);
        if (kind[k] == SYN_NONFINITE_STOP) {
            read_statistics(&r, mean[0], variance[0]);
            ck_assert_mem_eq(mean[0], mean[1], sizeof mean[0]);
            ck_assert_mem_eq(variance[0], variance[1], sizeof variance[0]);
        }
        close_rig(&r);
    }
}
END_TEST

START_TEST(test_whole_set) {
    for (int torch = 0; torch < 2; torch++) {
        rig r;
        double mean[IN], variance[IN], want[2][IN];
        const syn_batch_norm_opts o = { .preset = torch ? SYN_TORCH : SYN_KERAS, .statistics = 3 };
        open_rig(&r, o, (syn_plan_opts){ .dtype = SYN_DOUBLE });
        ok(syn_fit(r.plan, r.data, &(syn_fit_opts){ .epochs = 2 }));
        read_statistics(&r, mean, variance);
        moments(r.x, ROWS, torch, want[0], want[1]);
        CLOSE(mean, want[0], IN, 1e-14, "mean of the set");
        CLOSE(variance, want[1], IN, 1e-14, "variance of the set");
        const double zero[IN] = { 0 };
        ok(syn_param_write(r.state, "batch_norm_1/moving_mean", zero, IN));
        ok(syn_batch_norm_statistics(r.plan, r.data));
        read_statistics(&r, mean, variance);
        CLOSE(mean, want[0], IN, 1e-14, "mean of the set, once more");
        close_rig(&r);
    }
}
END_TEST

/* Every parameter of two states, bit by bit. */
static void same_bits(rig *a, rig *b) {
    for (int i = 0; i < syn_net_params(a->net); i++) {
        syn_param_info info;
        int64_t n;
        syn_net_param_info(a->net, i, &info);
        double *x = param_values(a->state, info.name, &n), *y = param_values(b->state, info.name, &n);
        ck_assert_msg(memcmp(x, y, (size_t)n * sizeof *x) == 0, "%s differs", info.name);
        free(x);
        free(y);
    }
}

START_TEST(test_resume) {
    char *state = syn_format("%s", at("norms.state"));
    for (int statistics = 1; statistics <= 3; statistics++) {
        rig whole, part;
        const syn_batch_norm_opts o = { .statistics = statistics };
        open_rig(&whole, o, (syn_plan_opts){ .steps = 9 });
        ok(syn_fit(whole.plan, whole.data, &(syn_fit_opts){ .epochs = 3 }));
        open_rig(&part, o, (syn_plan_opts){ .steps = 9 });
        ok(syn_fit(part.plan, part.data, &(syn_fit_opts){ .epochs = 3, .max_steps = 4,
                                                          .checkpoint = state }));
        close_rig(&part);
        open_rig(&part, o, (syn_plan_opts){ .steps = 9 });
        ok(syn_fit(part.plan, part.data, &(syn_fit_opts){ .epochs = 3, .resume = state }));
        same_bits(&whole, &part);
        close_rig(&whole);
        close_rig(&part);
    }
    remove(state);
    free(state);
}
END_TEST

START_TEST(test_one_value) {
    rig r;
    double y[2] = { 0 }, loss;
    open_rig(&r, (syn_batch_norm_opts){ .preset = SYN_TORCH }, (syn_plan_opts){ .dtype = SYN_DOUBLE });
    const syn_array xs = f64(r.x, SYN_SHAPE(1, IN)), ys = f64(y, SYN_SHAPE(1, 2));
    ck_assert_int_eq(syn_step(r.plan, &xs, &ys, &loss), SYN_E_SHAPE);
    ck_assert_ptr_nonnull(strstr(syn_error_text(), "one value per channel"));
    ok(syn_loss(r.plan, &xs, &ys, &loss));
    close_rig(&r);
}
END_TEST

/* ---- many rows, against sums on the host; a mean far from 0 costs no digits of the variance ---- */

static void many_rows(int rows, int cols, syn_dtype dtype) {
    bench b;
    syn_kernels k;
    int64_t n = (int64_t)rows * cols;
    double *x = new_random(n, 21, 19, 21), *dy = new_random(n, 22, -1, 1), *got = new_random(n, 0, 0, 1);
    double *y = new_random(n, 0, 0, 1), *dx = new_random(n, 0, 0, 1), *sums = new_random(2 * cols, 0, 0, 1);
    for (int64_t i = 0; i < n; i++) x[i] = (float)x[i];
    syn_kernels_init(&k, test_ctx(), dtype);
    bench_open(&b, &k);
    syn_graph *g = &b.g;
    bool wanted[32] = { false };
    int vx = bench_value(&b, SYN_SHAPE(cols), true), gamma = bench_value(&b, SYN_SHAPE(cols), false);
    int beta = bench_value(&b, SYN_SHAPE(cols), false);
    int vy = bench_keep(&b, syn_batch_norm_node(g, vx, gamma, beta, &(syn_moving){ 0 }, 1e-5));
    int vdy = bench_value(&b, SYN_SHAPE(cols), true), node = g->n_nodes - 1;
    g->value[vy].grad = vdy;
    wanted[vx] = wanted[gamma] = wanted[beta] = true;
    ok(syn_graph_grad(g, node, wanted, &syn_map_grad_ops));
    for (int v = 0; v < 32; v++)
        if (wanted[v]) bench_keep(&b, g->value[v].grad);
    bench_emit(&b, rows);
    ok(syn_kernels_build(&k));
    bench_bind(&b);
    double *ga = new_random(cols, 23, .5, 2), *be = new_random(cols, 24, -1, 1);
    bench_write(&b, vx, x);
    bench_write(&b, vdy, dy);
    bench_write(&b, gamma, ga);
    bench_write(&b, beta, be);
    bench_run(&b);
    for (int c = 0; c < cols; c++) {
        double mean = 0, var = 0, sum = 0, product = 0, scale = (float)ga[c];
        for (int r = 0; r < rows; r++) mean += x[r * cols + c] / rows;
        for (int r = 0; r < rows; r++) var += pow(x[r * cols + c] - mean, 2) / rows;
        double s = 1 / sqrt(var + 1e-5);
        if (dtype == SYN_DOUBLE) scale = ga[c];
        for (int r = 0; r < rows; r++) {
            double h = (x[r * cols + c] - mean) * s;
            y[r * cols + c] = h * scale + be[c];
            sum += dy[r * cols + c];
            product += dy[r * cols + c] * h;
        }
        for (int r = 0; r < rows; r++) {
            double h = (x[r * cols + c] - mean) * s;
            dx[r * cols + c] = scale * s * (dy[r * cols + c] - sum / rows - h * product / rows);
        }
        sums[c] = product;
        sums[cols + c] = sum;
    }
    const double limit = dtype == SYN_DOUBLE ? 1e-12 : 1e-5;
    bench_read(&b, vy, got);
    CLOSE(got, y, n, limit, "y of %d x %d", rows, cols);
    bench_read(&b, g->value[vx].grad, got);
    CLOSE(got, dx, n, limit, "dx of %d x %d", rows, cols);
    bench_read(&b, g->value[gamma].grad, got);
    CLOSE(got, sums, cols, 2 * limit, "dgamma of %d x %d", rows, cols);
    bench_read(&b, g->value[beta].grad, got);
    CLOSE(got, sums + cols, cols, limit, "dbeta of %d x %d", rows, cols);
    bench_close(&b);
    syn_kernels_free(&k);
    double *const all[] = { x, dy, got, y, dx, sums, ga, be };
    for (size_t i = 0; i < SYN_COUNT(all); i++) free(all[i]);
}

START_TEST(test_many_rows) {
    static const int rows[] = { 513, 2501, 700, 9 }, cols[] = { 35, 139, 1, 129 }; /* the second: more than 1 MiB */
    for (size_t i = 0; i < SYN_COUNT(rows); i++)
        for (int d = 0; d < 2; d++) many_rows(rows[i], cols[i], (syn_dtype)d);
}
END_TEST

/* Groups of columns far from 0, one with a value far from the others: the variance keeps its digits. */
static void far_from_zero(int cols, int group, syn_dtype dtype) {
    enum { ROWS_FAR = 43 };
    const int n = ROWS_FAR * cols;
    bench b;
    syn_kernels k;
    double *x = new_random(n, 31, 99, 101), *dy = new_random(n, 32, -1, 1), *ga = new_random(cols, 33, .5, 2);
    double *y = new_random(n, 0, 0, 1), *dx = new_random(n, 0, 0, 1), *got = new_random(n, 0, 0, 1);
    double *sums = calloc((size_t)cols * 2, sizeof *sums);
    x[cols] = 400;
    for (int i = 0; i < n; i++) x[i] = (float)x[i];
    syn_kernels_init(&k, test_ctx(), dtype);
    bench_open(&b, &k);
    syn_graph *g = &b.g;
    bool wanted[32] = { false };
    int vx = bench_value(&b, SYN_SHAPE(cols), true), gamma = bench_value(&b, SYN_SHAPE(cols), false);
    int beta = bench_value(&b, SYN_SHAPE(cols), false);
    int vy = bench_keep(&b, syn_row_norm(g, vx, gamma, beta, 1, group, 1e-5, false));
    int vdy = bench_value(&b, SYN_SHAPE(cols), true);
    g->value[vy].grad = vdy;
    wanted[vx] = wanted[gamma] = wanted[beta] = true;
    ok(syn_graph_grad(g, g->n_nodes - 1, wanted, &syn_map_grad_ops));
    for (int v = 0; v < 32; v++)
        if (wanted[v]) bench_keep(&b, g->value[v].grad);
    bench_emit(&b, ROWS_FAR);
    ok(syn_kernels_build(&k));
    bench_bind(&b);
    bench_write(&b, vx, x);
    bench_write(&b, vdy, dy);
    bench_write(&b, gamma, ga);
    bench_write(&b, beta, ga);
    bench_run(&b);
    for (int at = 0; at < n; at += group) {
        double mean = 0, var = 0, sum = 0, product = 0;
        for (int i = at; i < at + group; i++) mean += x[i] / group;
        for (int i = at; i < at + group; i++) var += pow(x[i] - mean, 2) / group;
        double r = 1 / sqrt(var + 1e-5);
        for (int i = at; i < at + group; i++) {
            double h = (x[i] - mean) * r, v = dy[i] * ga[i % cols];
            y[i] = h * ga[i % cols] + ga[i % cols];
            sum += v / group;
            product += v * h / group;
            sums[i % cols] += dy[i] * h;
            sums[cols + i % cols] += dy[i];
        }
        for (int i = at; i < at + group; i++)
            dx[i] = r * (dy[i] * ga[i % cols] - sum - (x[i] - mean) * r * product);
    }
    const double limit = dtype == SYN_DOUBLE ? 1e-12 : 5e-5;
    bench_read(&b, vy, got);
    CLOSE(got, y, n, limit, "y of groups of %d in %d", group, cols);
    bench_read(&b, g->value[vx].grad, got);
    CLOSE(got, dx, n, limit, "dx of groups of %d in %d", group, cols);
    bench_read(&b, g->value[gamma].grad, got);
    CLOSE(got, sums, cols, limit, "dgamma of groups of %d in %d", group, cols);
    bench_read(&b, g->value[beta].grad, got);
    CLOSE(got, sums + cols, cols, limit, "dbeta of groups of %d in %d", group, cols);
    bench_close(&b);
    syn_kernels_free(&k);
    double *const all[] = { x, dy, ga, y, dx, got, sums };
    for (size_t i = 0; i < SYN_COUNT(all); i++) free(all[i]);
}

START_TEST(test_far_from_zero) {
    static const int cols[] = { 1024, 1024, 512, 256, 66, 6000 }, group[] = { 1024, 32, 32, 16, 33, 6000 };
    for (size_t i = 0; i < SYN_COUNT(cols); i++)
        for (int d = 0; d < 2; d++) far_from_zero(cols[i], group[i], (syn_dtype)d);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_statistics_are_parameters, test_frozen, test_not_finite, test_whole_set,
                                  test_resume, test_one_value, test_many_rows, test_far_from_zero };
    return run_suite("norms", test, SYN_COUNT(test));
}
