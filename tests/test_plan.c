/* The public interface by hand: reading and writing by name, the halves of a step, smaller batches, evaluation and
 * prediction against a host computation, several plans on one state, what was registered, traces. */
#include "suite.h"

#include <math.h>

enum { ROWS = 8, IN = 5, HIDDEN = 7, CLASSES = 3 };

typedef struct world {
    syn_net *net;
    syn_tensor loss, logits;
    syn_state *state;
    syn_plan *plan;
    double x[ROWS * IN];
    int32_t label[ROWS];
} world;

static void describe(world *w) {
    ok(syn_net_create(&w->net, 9));
    syn_tensor x = syn_input(w->net, SYN_SHAPE(IN));
    x = syn_tanh(syn_dense(x, &(syn_dense_opts){ .units = HIDDEN, .name = "hidden" }));
    w->logits = syn_dense(x, &(syn_dense_opts){ .units = CLASSES, .name = "out",
                                                .bias_init = syn_init_uniform(NULL) });
    w->loss = syn_softmax_xent(w->logits);
}

static syn_plan *new_plan(world *w, syn_plan_opts o) {
    syn_plan *plan;
    o.loss = w->loss;
    o.batch = ROWS;
    o.dtype = SYN_DOUBLE;
    ok(syn_plan_create(&plan, w->state, &o));
    return plan;
}

static void open_world(world *w, syn_plan_opts o) {
    describe(w);
    ok(syn_state_create(&w->state, test_ctx(), w->net));
    w->plan = new_plan(w, o);
    fill_random(w->x, ROWS * IN, 1, -1, 1);
    for (int i = 0; i < ROWS; i++) w->label[i] = (i * 5) % CLASSES;
}

static void close_world(world *w) {
    syn_plan_destroy(w->plan);
    syn_state_destroy(w->state);
    syn_net_destroy(w->net);
}

static syn_array xs(const world *w, int rows) { return f64(w->x, SYN_SHAPE(rows, IN)); }
static syn_array ys(const world *w, int rows) { return i32(w->label, rows); }

static void step(world *w, syn_plan *plan, int rows, double *loss) {
    const syn_array x = xs(w, rows), y = ys(w, rows);
    ok(syn_step(plan, &x, &y, loss));
}

static void same(world *a, world *b, const char *param) {
    int64_t n;
    double *x = param_values(a->state, param, &n), *y = param_values(b->state, param, &n);
    ck_assert_msg(memcmp(x, y, (size_t)n * sizeof *x) == 0, "%s differs", param);
    free(x);
    free(y);
}

static void same_all(world *a, world *b) {
    static const char *const name[] = { "hidden/kernel", "hidden/bias", "out/kernel", "out/bias" };
    for (size_t i = 0; i < SYN_COUNT(name); i++) same(a, b, name[i]);
}

/* ---- by name ---- */

START_TEST(test_names) {
    world w;
    double v[IN * HIDDEN], got[IN * HIDDEN], bias[HIDDEN];
    int64_t n;
    open_world(&w, (syn_plan_opts){ .keep = true, .optim = syn_momentum(NULL) });
    fill_random(v, IN * HIDDEN, 7, -1, 1);
    ok(syn_param_write(w.state, "hidden/kernel", v, IN * HIDDEN));
    ok(syn_param_read(w.state, "hidden/kernel", got, IN * HIDDEN));
    ck_assert_mem_eq(v, got, sizeof v);
    step(&w, w.plan, ROWS, NULL);
    ck_assert_int_eq(syn_plan_step(w.plan), 1);
    /* momentum's first step: m = -lr g, w += m */
    double *g = grad_values(w.plan, "hidden/kernel", &n);
    ok(syn_slot_read(w.plan, "m", "hidden/kernel", got, IN * HIDDEN));
    for (int i = 0; i < n; i++) ck_assert_double_eq_tol(got[i], -.01 * g[i], 1e-16);
    double *after = param_values(w.state, "hidden/kernel", &n);
    for (int i = 0; i < n; i++) ck_assert_double_eq_tol(after[i], v[i] + got[i], 1e-15);
    free(after);
    /* activations of the step: tanh of the dense layer's, and the gradient through it */
    double h[ROWS * HIDDEN], a[ROWS * HIDDEN], dh[ROWS * HIDDEN], da[ROWS * HIDDEN];
    ok(syn_activation_read(w.plan, "hidden", h, ROWS * HIDDEN));
    ok(syn_activation_read(w.plan, "activation_1", a, ROWS * HIDDEN));
    ok(syn_activation_grad_read(w.plan, "hidden", dh, ROWS * HIDDEN));
    ok(syn_activation_grad_read(w.plan, "activation_1", da, ROWS * HIDDEN));
    for (int i = 0; i < ROWS * HIDDEN; i++) {
        ck_assert_double_eq_tol(a[i], tanh(h[i]), 1e-14);
        ck_assert_double_eq_tol(dh[i], da[i] * (1 - a[i] * a[i]), 1e-14);
    }
    memset(bias, 0, sizeof bias); /* the bias's gradient is the column sum */
    for (int i = 0; i < ROWS * HIDDEN; i++) bias[i % HIDDEN] += dh[i];
    free(g);
    g = grad_values(w.plan, "hidden/bias", &n);
    CLOSE(g, bias, n, 1e-13, "gradient of the bias");
    free(g);
    ok(syn_activation_write(w.plan, "hidden", a, ROWS * HIDDEN));
    ok(syn_activation_read(w.plan, "hidden", h, ROWS * HIDDEN));
    ck_assert_mem_eq(a, h, sizeof a);
    close_world(&w);
}
END_TEST

START_TEST(test_halves) {
    world a, b;
    double loss[2];
    open_world(&a, (syn_plan_opts){ .optim = syn_adam(NULL) });
    open_world(&b, (syn_plan_opts){ .optim = syn_adam(NULL) });
    for (int t = 0; t < 5; t++) {
        int rows = ROWS - t % 3;
        const syn_array x = xs(&b, rows), y = ys(&b, rows);
        step(&a, a.plan, rows, &loss[0]);
        ok(syn_gradient(b.plan, &x, &y, &loss[1]));
        ok(syn_update(b.plan));
        ck_assert(loss[0] == loss[1]);
    }
    ck_assert_int_eq(syn_plan_step(a.plan), syn_plan_step(b.plan));
    same_all(&a, &b);
    /* a gradient that was written is the one that counts */
    double g[CLASSES] = { 1, -2, 3 }, before[CLASSES], now[CLASSES];
    const syn_array x = xs(&b, ROWS), y = ys(&b, ROWS);
    syn_plan *sgd = new_plan(&b, (syn_plan_opts){ .optim = syn_sgd(&(syn_sgd_opts){ .lr = .5 }) });
    ok(syn_gradient(sgd, &x, &y, NULL));
    ok(syn_grad_write(sgd, "out/bias", g, CLASSES));
    ok(syn_param_read(b.state, "out/bias", before, CLASSES));
    ok(syn_update(sgd));
    ok(syn_param_read(b.state, "out/bias", now, CLASSES));
    for (int i = 0; i < CLASSES; i++) ck_assert_double_eq_tol(now[i], before[i] - .5 * g[i], 1e-15);
    syn_plan_destroy(sgd);
    close_world(&a);
    close_world(&b);
}
END_TEST

/* ---- against the host ---- */

/* Loss and probabilities of `rows` rows, and how many are right. */
static double host(world *w, int rows, double *p, int *hits) {
    int64_t n;
    double *k1 = param_values(w->state, "hidden/kernel", &n), *b1 = param_values(w->state, "hidden/bias", &n);
    double *k2 = param_values(w->state, "out/kernel", &n), *b2 = param_values(w->state, "out/bias", &n);
    double loss = 0;
    *hits = 0;
    for (int r = 0; r < rows; r++) {
        double h[HIDDEN], z[CLASSES], sum = 0;
        int best = 0;
        for (int j = 0; j < HIDDEN; j++) {
            h[j] = b1[j];
            for (int i = 0; i < IN; i++) h[j] += w->x[r * IN + i] * k1[i * HIDDEN + j];
            h[j] = tanh(h[j]);
        }
        for (int c = 0; c < CLASSES; c++) {
            z[c] = b2[c];
            for (int j = 0; j < HIDDEN; j++) z[c] += h[j] * k2[j * CLASSES + c];
            if (z[c] > z[best]) best = c;
            sum += exp(z[c]);
        }
        for (int c = 0; c < CLASSES; c++) p[r * CLASSES + c] = exp(z[c]) / sum;
        loss += log(sum) - z[w->label[r]];
        *hits += best == w->label[r];
    }
    free(k1);
    free(b1);
    free(k2);
    free(b2);
    return loss / rows;
}

START_TEST(test_against_host) {
    world w;
    double p[ROWS * CLASSES], got[ROWS * CLASSES], loss;
    int hits;
    open_world(&w, (syn_plan_opts){ 0 });
    for (int rows = ROWS; rows >= 1; rows = rows > 5 ? 5 : rows - 4) { /* 8, 5, 1 */
        double want = host(&w, rows, p, &hits);
        const syn_array x = xs(&w, rows), y = ys(&w, rows);
        ok(syn_loss(w.plan, &x, &y, &loss));
        ck_assert_double_eq_tol(loss, want, 1e-14);
        ok(syn_infer(w.plan, &x, got, rows * CLASSES));
        CLOSE(got, p, rows * CLASSES, 1e-14, "predictions of %d rows", rows);
        step(&w, w.plan, rows, &loss); /* the loss before the update */
        ck_assert_double_eq_tol(loss, want, 1e-14);
    }
    /* over a data set that three batches make, the last of two rows */
    enum { MANY = 2 * ROWS + 2 };
    double many[MANY * IN], out[MANY * CLASSES], sum = 0;
    int32_t label[MANY];
    int right = 0;
    syn_metrics m;
    syn_data *data;
    fill_random(many, MANY * IN, 3, -1, 1);
    for (int i = 0; i < MANY; i++) label[i] = i % CLASSES;
    const syn_array x = f64(many, SYN_SHAPE(MANY, IN)), y = i32(label, MANY);
    ok(syn_data_from_arrays(&data, &x, &y));
    ok(syn_evaluate(w.plan, data, &m));
    ok(syn_predict(w.plan, data, out, MANY * CLASSES));
    for (int at = 0; at < MANY; at += ROWS) {
        int rows = MANY - at < ROWS ? MANY - at : ROWS;
        memcpy(w.x, many + at * IN, (size_t)(rows * IN) * sizeof *many);
        memcpy(w.label, label + at, (size_t)rows * sizeof *label);
        sum += host(&w, rows, p, &hits) * rows;
        right += hits;
        CLOSE(out + at * CLASSES, p, rows * CLASSES, 1e-14, "predictions from row %d", at);
    }
    ck_assert_double_eq_tol(m.loss, sum / MANY, 1e-14);
    ck_assert_double_eq_tol(m.accuracy, (double)right / MANY, 1e-15);
    ck_assert_int_eq(m.rows, MANY);
    syn_data_destroy(data);
    close_world(&w);
}
END_TEST

/* ---- several plans, registered rows, seeds ---- */

START_TEST(test_plans_share_a_state) {
    world w;
    double p[ROWS * CLASSES], got[ROWS * CLASSES], logits[ROWS * CLASSES];
    int hits;
    syn_plan *infer, *raw;
    open_world(&w, (syn_plan_opts){ 0 });
    ok(syn_plan_create(&infer, w.state, &(syn_plan_opts){ .loss = w.loss, .batch = 3, .dtype = SYN_DOUBLE }));
    ok(syn_plan_create(&raw, w.state, &(syn_plan_opts){ .output = w.logits, .batch = ROWS,
                                                        .dtype = SYN_DOUBLE }));
    for (int t = 0; t < 3; t++) {
        step(&w, w.plan, ROWS, NULL);
        host(&w, ROWS, p, &hits);
        const syn_array x = xs(&w, 3), whole = xs(&w, ROWS);
        ok(syn_infer(infer, &x, got, 3 * CLASSES));
        CLOSE(got, p, 3 * CLASSES, 1e-14, "predictions by a plan of its own, step %d", t);
        ok(syn_infer(raw, &whole, logits, ROWS * CLASSES)); /* an output without a loss: no softmax */
        double sum = exp(logits[0]) + exp(logits[1]) + exp(logits[2]);
        ck_assert_double_eq_tol(exp(logits[1]) / sum, p[1], 1e-14);
    }
    const syn_array x = xs(&w, ROWS), y = ys(&w, ROWS);
    refused(syn_step(raw, &x, &y, NULL), SYN_E_ARGUMENT, "no loss");
    refused(syn_grad_read(raw, "out/bias", got, CLASSES), SYN_E_ARGUMENT, "no loss");
    syn_plan *other;
    refused(syn_plan_create(&other, w.state, &(syn_plan_opts){ .loss = w.loss }), SYN_E_ARGUMENT,
            "a state of its own");
    syn_plan_destroy(raw);
    syn_plan_destroy(infer);
    close_world(&w);
}
END_TEST

START_TEST(test_registered) {
    world a, b;
    syn_optim own;
    ok(syn_register_optim(&(syn_optim_row){ .name = "own_momentum", .update = "m = beta * m + g; w -= lr * m;",
                                            .slots = { "m" }, .scalars = { "beta" }, .value = { .9 },
                                            .lr = .05 }));
    refused(syn_register_optim(&(syn_optim_row){ .name = "adam", .update = "w -= g;" }), SYN_E_ARGUMENT,
            "there already");
    ok(syn_optim_named(&own, "own_momentum", 0));
    open_world(&a, (syn_plan_opts){ .optim = own });
    open_world(&b, (syn_plan_opts){ .optim = syn_momentum(&(syn_momentum_opts){
                                        .lr = .05, .beta = .9, .lr_in_buffer = SYN_NO }) });
    for (int t = 0; t < 6; t++) {
        step(&a, a.plan, ROWS, NULL);
        step(&b, b.plan, ROWS, NULL);
    }
    same_all(&a, &b);
    double m[CLASSES], own_m[CLASSES];
    ok(syn_slot_read(a.plan, "m", "out/bias", own_m, CLASSES));
    ok(syn_slot_read(b.plan, "m", "out/bias", m, CLASSES));
    ck_assert_mem_eq(m, own_m, sizeof m);
    close_world(&a);
    close_world(&b);
    /* a map that is tanh by another name */
    ok(syn_register_map(&(syn_map_row){ .name = "own_tanh", .forward = "tanh(x)", .derivative = "1 - y * y" }));
    refused(syn_register_map(&(syn_map_row){ .name = "tanh", .forward = "x", .derivative = "1" }),
            SYN_E_ARGUMENT, "there already");
    open_world(&a, (syn_plan_opts){ 0 });
    b = a;
    ok(syn_net_create(&b.net, 9));
    syn_tensor x = syn_dense(syn_input(b.net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = HIDDEN,
                                                                                  .name = "hidden" });
    x = syn_map(x, "own_tanh", NULL, 0);
    b.loss = syn_softmax_xent(syn_dense(x, &(syn_dense_opts){ .units = CLASSES, .name = "out",
                                                              .bias_init = syn_init_uniform(NULL) }));
    ok(syn_state_create(&b.state, test_ctx(), b.net));
    b.plan = new_plan(&b, (syn_plan_opts){ 0 });
    for (int t = 0; t < 3; t++) {
        step(&a, a.plan, ROWS, NULL);
        step(&b, b.plan, ROWS, NULL);
    }
    same_all(&a, &b);
    close_world(&a);
    close_world(&b);
}
END_TEST

/* A parameter whose gradient is 0, as behind units that are dead, has no trust of LARS: its decay
 * counts in full. Rounding of g + decay w - decay w must not stand in for the gradient's norm. */
START_TEST(test_lars_without_gradient) {
    const double lr = .5, decay = .3;
    const double weight[ROWS] = { 0 };
    world w;
    open_world(&w, (syn_plan_opts){ .optim = syn_lars(&(syn_lars_opts){ .lr = lr, .decay = decay }),
                                    .sample_weights = true });
    const syn_array x = xs(&w, ROWS), y = ys(&w, ROWS), weights = f64(weight, SYN_SHAPE(ROWS));
    int64_t n, m;
    double *before = param_values(w.state, "hidden/kernel", &n);
    ok(syn_step_batch(
        w.plan, &(syn_batch){ .x = &x, .y = &y, .n_x = 1, .n_y = 1, .weights = &weights }, NULL));
    double *after = param_values(w.state, "hidden/kernel", &m);
    for (int64_t i = 0; i < n; i++) before[i] -= lr * decay * before[i];
    CLOSE(after, before, n, 1e-14, "kernel without a gradient");
    free(before);
    free(after);
    close_world(&w);
}
END_TEST

/* ---- traces ---- */

static void collect(syn_log_level level, const char *line, void *user) {
    if (level == SYN_LOG_TRACE) syn_text_add(user, "%s\n", line);
}

START_TEST(test_trace) {
    syn_text t = { 0 };
    syn_ctx *ctx;
    world w;
    ok(syn_ctx_create(&ctx, &(syn_ctx_opts){ .log = collect, .log_user = &t, .no_selftest = true }));
    ck_assert_int_eq(setenv("SYNCLINE_TRACE", "net,graph,plan,run", 1), 0);
    describe(&w);
    fill_random(w.x, ROWS * IN, 1, -1, 1);
    for (int i = 0; i < ROWS; i++) w.label[i] = i % CLASSES;
    ok(syn_state_create(&w.state, ctx, w.net));
    w.plan = new_plan(&w, (syn_plan_opts){ 0 });
    size_t made = t.len;
    step(&w, w.plan, ROWS, NULL);
    unsetenv("SYNCLINE_TRACE");
    static const char *const want[] = { "net:\n", "hidden", "graph:\n", "softmax_xent", "plan:\n", "training step",
                                        "memory on the device" };
    for (size_t i = 0; i < SYN_COUNT(want); i++)
        ck_assert_msg(strstr(syn_text_str(&t), want[i]) != NULL, "the trace lacks '%s'", want[i]);
    ck_assert_msg(t.len > made, "running prints nothing");
    close_world(&w);
    syn_ctx_destroy(ctx);
    syn_text_free(&t);
}
END_TEST

/* ---- warnings ---- */

static void collect_warnings(syn_log_level level, const char *line, void *user) {
    if (level == SYN_LOG_WARN) syn_text_add(user, "%s\n", line);
}

/* The first plan of a net warns of its poor pairings through the context's log; the second does not. */
START_TEST(test_warning) {
    syn_text t = { 0 };
    syn_ctx *ctx;
    world w;
    ok(syn_ctx_create(&ctx, &(syn_ctx_opts){ .log = collect_warnings, .log_user = &t, .no_selftest = true }));
    ok(syn_net_create(&w.net, 5));
    syn_tensor x = syn_dense(syn_input(w.net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = CLASSES });
    w.loss = syn_softmax_xent(syn_dropout(x, .5));
    ok(syn_state_create(&w.state, ctx, w.net));
    w.plan = new_plan(&w, (syn_plan_opts){ 0 });
    ck_assert_str_eq(syn_text_str(&t), "warning: dropout_1: dropout on the output drops what is to be learnt; "
                                       "take it out\n");
    syn_plan *second = new_plan(&w, (syn_plan_opts){ 0 });
    ck_assert_ptr_eq(strstr(syn_text_str(&t) + 1, "warning: "), NULL);
    syn_plan_destroy(second);
    close_world(&w);
    syn_ctx_destroy(ctx);
    syn_text_free(&t);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_names, test_halves, test_against_host, test_plans_share_a_state,
                                  test_registered, test_lars_without_gradient, test_trace, test_warning };
    return run_suite("plan", test, SYN_COUNT(test));
}
