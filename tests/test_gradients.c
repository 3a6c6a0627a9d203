/* Every map, layer and loss of the tables: gradients of all parameters and of the input against central
 * differences in double, and float against double. */
#include "nets.h"

#include "layer/layer.h"
#include "plan/plan.h"

#include <math.h>

static int n_cases, n_checks;

/* ---- central differences ---- */

typedef struct probe {
    const net_case *c;
    syn_state *state;
    syn_plan *plan;
    net_batch b;
    const char *param; /* NULL: the input */
    double *at, *moved;
    int64_t n;
    double scale; /* of the loss: what rounding is measured by */
} probe;

/* The training pass repeats its masks: the step has not moved. */
static double loss_of(const probe *p) {
    double loss;
    ok(syn_gradient(p->plan, &p->b.xs, &p->b.ys, &loss));
    return loss;
}

static double loss_at(probe *p, const double *direction, double h) {
    for (int64_t i = 0; i < p->n; i++) p->moved[i] = p->at[i] + h * direction[i];
    if (p->param) ok(syn_param_write(p->state, p->param, p->moved, p->n));
    else p->b.xs.data = p->moved;
    double loss = loss_of(p);
    p->b.xs.data = p->b.x;
    return loss;
}

/* The derivative along a direction, against what the gradient says of it. */
static void check_direction(probe *p, const double *gradient, const double *direction) {
    const double h = 1e-5;
    double want = 0, size = 0;
    for (int64_t i = 0; i < p->n; i++) {
        want += gradient[i] * direction[i];
        size += fabs(gradient[i] * direction[i]);
    }
    double got = (loss_at(p, direction, h) - loss_at(p, direction, -h)) / (2 * h);
    /* second order: h^2; rounding of the losses: 1e-16 / h */
    double error = fabs(got - want), allowed = 1e-7 * (size + fabs(p->scale) + 1e-3);
    n_checks++;
    ck_assert_msg(error <= allowed, "%s, %d rows, %s: derivative %.12g, by differences %.12g", p->c->name,
                  (int)p->b.xs.shape.dim[0], p->param ? p->param : "input", want, got);
}

/* Single elements, the ends among them, and dense random directions that no element escapes. */
static void check_tensor(probe *p, const char *param, const double *at, const double *gradient, int64_t n) {
    enum { SINGLE = 8, DENSE = 2 };
    p->param = param;
    p->n = n;
    p->at = malloc((size_t)n * sizeof *p->at);
    p->moved = malloc((size_t)n * sizeof *p->moved);
    double *direction = calloc((size_t)n, sizeof *direction);
    ck_assert(p->at && p->moved && direction);
    memcpy(p->at, at, (size_t)n * sizeof *at);
    int single = n < SINGLE ? (int)n : SINGLE;
    for (int k = 0; k < single; k++) {
        int64_t i = single > 1 ? k * (n - 1) / (single - 1) : 0;
        direction[i] = 1;
        check_direction(p, gradient, direction);
        direction[i] = 0;
    }
    for (int k = 0; k < DENSE; k++) {
        fill_random(direction, n, (uint32_t)(200 + k), -1, 1);
        check_direction(p, gradient, direction);
    }
    if (param) ok(syn_param_write(p->state, param, at, n));
    free(p->at);
    free(p->moved);
    free(direction);
}

/* ---- one net ---- */

/* Gradients of every parameter, then of the input, one behind the other. */
static double *all_gradients(const probe *p, int64_t *total) {
    const syn_net *net = p->c->net;
    *total = syn_net_parameters(net) + p->b.n;
    double *all = malloc((size_t)*total * sizeof *all), *to = all;
    ck_assert_ptr_nonnull(all);
    for (int i = 0; i < syn_net_params(net); i++) {
        syn_param_info info;
        syn_net_param_info(net, i, &info);
        if (info.statistic) continue; /* nothing is trained there */
        int64_t n = syn_shape_count(&info.shape);
        ok(syn_grad_read(p->plan, info.name, to, n));
        to += n;
    }
    ok(syn_activation_grad_read(p->plan, "input_1", to, p->b.n));
    return all;
}

static void check_case(probe *p, int rows, double **gradients) {
    double loss, test;
    int64_t total;
    batch_make(&p->b, p->c, rows);
    ok(syn_gradient(p->plan, &p->b.xs, &p->b.ys, &loss));
    double *all = all_gradients(p, &total), *from = all;
    p->scale = loss;
    if (rows > 1 && !p->c->random) {
        ok(syn_loss(p->plan, &p->b.xs, &p->b.ys, &test));
        ck_assert_msg(fabs(loss - test) <= 1e-14 * fabs(loss), "%s: loss %.17g in training, %.17g in a test",
                      p->c->name, loss, test);
    }
    for (int i = 0; i < syn_net_params(p->c->net); i++) {
        syn_param_info info;
        int64_t n;
        syn_net_param_info(p->c->net, i, &info);
        if (info.statistic) continue;
        double *w = param_values(p->state, info.name, &n);
        check_tensor(p, info.name, w, from, n);
        from += n;
        free(w);
    }
    check_tensor(p, NULL, p->b.x, from, p->b.n);
    batch_free(&p->b);
    *gradients = all;
}

static void check_twin(const net_case *c, const syn_plan_opts *opts, int rows, const double *want, double limit,
                       const char *what) {
    probe p = { .c = c };
    int64_t total;
    plan_make(&p.state, &p.plan, c, *opts);
    batch_make(&p.b, c, rows);
    ok(syn_gradient(p.plan, &p.b.xs, &p.b.ys, NULL));
    double *all = all_gradients(&p, &total);
    CLOSE(all, want, total, limit, "%s: gradients %s", c->name, what);
    free(all);
    batch_free(&p.b);
    syn_plan_destroy(p.plan);
    syn_state_destroy(p.state);
}

static void check_net(const net_case *c, void *user) {
    (void)user;
    probe p = { .c = c };
    double *odd, *one;
    n_cases++;
    plan_make(&p.state, &p.plan, c, (syn_plan_opts){ .dtype = SYN_DOUBLE, .keep = true });
    check_case(&p, c->modal ? 2 : 1, &one); /* one row has no variance */
    check_case(&p, NET_ROWS, &odd);
    syn_plan_destroy(p.plan);
    syn_state_destroy(p.state);
    if (!test_small()) /* the goldens are in float too */
        check_twin(c, &(syn_plan_opts){ .dtype = SYN_FLOAT, .keep = true }, NET_ROWS, odd, 1e-5, "in float");
    free(one);
    free(odd);
}

START_TEST(test_maps) { walk_maps(check_net, NULL); }
END_TEST

START_TEST(test_layers) { walk_layers(check_net, NULL); }
END_TEST

START_TEST(test_losses) { walk_losses(check_net, NULL); }
END_TEST

/* The walks meet every row. */
static void note(const net_case *c, void *user) {
    for (int i = 0; i < c->net->n_layers; i++) {
        const syn_net_layer *l = &c->net->layer[i];
        for (int k = 0; k < syn_layers()->n; k++)
            if (syn_layers()->row[k] == l->def) ((int *)user)[k]++;
    }
}

START_TEST(test_walks_are_whole) {
    int met[256] = { 0 };
    ck_assert_int_le(syn_layers()->n, 256);
    walk_maps(note, met);
    walk_layers(note, met);
    walk_losses(note, met);
    for (int k = 0; k < syn_layers()->n; k++)
        ck_assert_msg(met[k] > 0, "no test net holds a %s", syn_layers()->row[k]->name);
    printf("gradients: %d nets, %d derivatives\n", n_cases, n_checks);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_maps, test_layers, test_losses, test_walks_are_whole };
    return run_suite("gradients", test, SYN_COUNT(test));
}
