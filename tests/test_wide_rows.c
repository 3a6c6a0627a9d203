/* Rows that a GPU's work-group shares: losses, hits and gradients of 31 to 1,100 columns beside the
 * plain formulas. The largest value and the label stand where another work-item has them, some rows
 * have two largest. */
#include "bench.h"

#include "op/loss.h"

#include <math.h>

enum { ROWS = 9, WIDEST = 1100 };
static const int widths[] = { 31, 32, 100, 300, WIDEST };

typedef enum kind { XENT, SMOOTH, DISTRIBUTION, SQUARE, HINGE, KINDS } kind;
static const char *const names[] = { "softmax_xent", "class_loss of labels",
                                     "class_loss of distributions", "mse", "hinge" };
#define SMOOTHING .1

typedef struct run {
    bench b;
    kind kind;
    int cols, x, target, node;
} run;

static void emit(run *r, kind k, int cols, syn_kernels *kernels) {
    r->kind = k;
    r->cols = cols;
    bench_open(&r->b, kernels);
    syn_graph *g = &r->b.g;
    bool labels = k == XENT || k == SMOOTH;
    r->x = bench_value(&r->b, SYN_SHAPE(cols), true);
    r->target = bench_value(&r->b, SYN_SHAPE(labels ? 1 : cols), true);
    g->value[r->target].integer = labels;
    const syn_class_loss o = { .smoothing = SMOOTHING,
                               .ignored = -1,
                               .flags = labels ? 0 : SYN_CLASS_DISTRIBUTIONS };
    r->node = k == XENT     ? syn_softmax_xent_node(g, r->x, r->target, false)
              : k == SQUARE ? syn_mse_node(g, r->x, r->target, false)
              : k == HINGE  ? syn_element_loss_node(g, syn_loss_fn_find("hinge"), NULL, r->x,
                                                    r->target, false)
                            : syn_class_loss_node(g, r->x, r->target, &o);
    ck_assert_int_ge(r->node, 0);
    bool *wanted = calloc((size_t)g->n_values, sizeof *wanted);
    ck_assert_ptr_nonnull(wanted);
    wanted[r->x] = true;
    ok(syn_graph_grad(g, -1, wanted, &syn_map_grad_ops));
    free(wanted);
    bench_keep(&r->b, g->value[r->x].grad);
    bench_keep(&r->b, g->loss[0]);
    if (k != SQUARE) bench_keep(&r->b, g->hits[0]);
    bench_emit(&r->b, ROWS);
}

/* Loss, hit and gradient of one row; `a` are the coefficients of -log softmax. */
static double formula(const run *r, const double *x, const double *t, int label, int *hit,
                      double *dx) {
    int best = 0, likeliest = 0, n = r->cols;
    double sum = 0, loss = 0, all = 0;
    for (int c = 0; c < n; c++) {
        if (x[c] > x[best]) best = c;
        if (t[c] > t[likeliest]) likeliest = c;
    }
    *hit = best == (r->kind == DISTRIBUTION ? likeliest : label);
    if (r->kind == SQUARE) {
        for (int c = 0; c < n; c++) {
            loss += (x[c] - t[c]) * (x[c] - t[c]);
            dx[c] = 2 * (x[c] - t[c]);
        }
        return loss;
    }
    if (r->kind == HINGE) { /* right where all elements are */
        *hit = 1;
        for (int c = 0; c < n; c++) {
            const bool far = t[c] * x[c] >= 1;
            *hit &= (x[c] > 0) == (t[c] > 0);
            loss += far ? 0 : 1 - t[c] * x[c];
            dx[c] = far ? 0 : -t[c];
        }
        return loss;
    }
    for (int c = 0; c < n; c++) sum += exp(x[c] - x[best]);
    const double smooth = r->kind == XENT ? 0 : SMOOTHING;
    for (int c = 0; c < n; c++) {
        double a = (r->kind == DISTRIBUTION ? t[c] : c == label) * (1 - smooth) + smooth / n;
        all += a;
        dx[c] = -a;
        loss += a * (log(sum) + x[best] - x[c]);
    }
    for (int c = 0; c < n; c++) dx[c] += all * exp(x[c] - x[best]) / sum;
    return loss;
}

static void check(run *r) {
    static double x[ROWS * WIDEST], t[ROWS * WIDEST], dx[ROWS * WIDEST], want[ROWS * WIDEST];
    double label[ROWS], loss[ROWS], losses[ROWS];
    int32_t hit[ROWS];
    const int n = r->cols;
    for (int i = 0; i < ROWS; i++) {
        const int top = (i * 29 + 3) % n; /* the next is as large: argmax takes the first */
        for (int c = 0; c < n; c++) {
            x[i * n + c] = .9 * sin(1. + i * 7 + c * 1.7); /* no kink of hinge */
            t[i * n + c] = .5 + .5 * cos(2. + i * 3 + c * .7);
        }
        x[i * n + top] = 1.5;
        if (i % 3 && top + 1 < n) x[i * n + top + 1] = 1.5;
        for (int c = 0; r->kind == HINGE && c < n; c++)
            t[i * n + c] = (x[i * n + c] > 0) == (i % 2 || c != top) ? 1 : -1;
        if (r->kind == DISTRIBUTION) t[i * n + (i % 2 ? top : (top + n / 2) % n)] = 1.25;
        label[i] = i % 2 ? top : i % 4 && top + 1 < n ? top + 1 : (top + n / 2) % n;
    }
    bench_bind(&r->b);
    bench_write(&r->b, r->x, x);
    if (r->b.g.value[r->target].integer)
        bench_write_labels(&r->b, r->target, label);
    else
        bench_write(&r->b, r->target, t);
    bench_run(&r->b);
    bench_read(&r->b, r->b.g.loss[0], loss);
    bench_read(&r->b, r->b.g.value[r->x].grad, dx);
    if (r->kind != SQUARE) bench_read_ints(&r->b, r->b.g.hits[0], hit);
    int hits = 0;
    for (int i = 0; i < ROWS; i++) {
        int right;
        losses[i] = formula(r, x + i * n, t + i * n, (int)label[i], &right, want + i * n);
        if (r->kind == SQUARE) continue;
        ck_assert_msg(hit[i] == right, "%s of %d columns: row %d", names[r->kind], n, i);
        hits += right;
    }
    ck_assert(r->kind == SQUARE || (hits > 0 && hits < ROWS));
    const double limit = r->b.kernels->dtype == SYN_DOUBLE ? 1e-12 : 1e-5;
    CLOSE(loss, losses, ROWS, limit, "%s of %d columns", names[r->kind], n);
    CLOSE(dx, want, (int64_t)ROWS * n, limit, "gradient of %s of %d columns", names[r->kind], n);
    bench_close(&r->b);
}

static void all_in(syn_dtype dtype) {
    run *r = calloc(KINDS * SYN_COUNT(widths), sizeof *r);
    ck_assert_ptr_nonnull(r);
    syn_kernels k;
    syn_kernels_init(&k, test_ctx(), dtype);
    int n = 0;
    for (int i = 0; i < KINDS; i++)
        for (size_t w = 0; w < SYN_COUNT(widths); w++) emit(&r[n++], (kind)i, widths[w], &k);
    ok(syn_kernels_build(&k));
    for (int i = 0; i < n; i++) check(&r[i]);
    syn_kernels_free(&k);
    free(r);
}

START_TEST(test_float) { all_in(SYN_FLOAT); }
END_TEST

START_TEST(test_double) { all_in(SYN_DOUBLE); }
END_TEST

int main(void) {
    const TTest *const test[] = { test_float, test_double };
    return run_suite("wide_rows", test, SYN_COUNT(test));
}
