/* Fitting by the interface: data sets on the device or streamed, equal seeds, checkpoints in the middle of an
 * epoch, early ends. All comparisons are of bytes. */
#include "suite.h"

#include "base/base.h"

enum { N = 53, IN = 6, CLASSES = 4, BATCH = 8 };

typedef struct world {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
} world;

static double data_x[N * IN];
static uint8_t data_y[N];

static syn_data *open_data(int first, int n) {
    syn_data *data;
    fill_random(data_x, N * IN, 31, -1, 1);
    for (int i = 0; i < N; i++) data_y[i] = (uint8_t)((i * 7) % CLASSES);
    const syn_array x = f64(data_x + first * IN, SYN_SHAPE(n, IN));
    const syn_array y = { data_y + first, SYN_U8, SYN_SHAPE(n) };
    ok(syn_data_from_arrays(&data, &x, &y));
    return data;
}

static void open_world(world *w, uint64_t seed, syn_plan_opts o) {
    ok(syn_net_create(&w->net, seed));
    syn_tensor x = syn_input(w->net, SYN_SHAPE(IN));
    x = syn_dropout(syn_elu(syn_dense(x, &(syn_dense_opts){ .units = 10 }), 1), .25);
    o.loss = syn_softmax_xent(syn_dense(x, &(syn_dense_opts){ .units = CLASSES }));
    o.batch = BATCH;
    o.optim = syn_adam(&(syn_adam_opts){ .lr = .01 });
    ok(syn_state_create(&w->state, test_ctx(), w->net));
    ok(syn_plan_create(&w->plan, w->state, &o));
}

static void close_world(world *w) {
    syn_plan_destroy(w->plan);
    syn_state_destroy(w->state);
    syn_net_destroy(w->net);
}

/* Weights and both slots, one behind the other. */
enum { EACH = IN * 10 + 10 + 10 * CLASSES + CLASSES, ALL = 3 * EACH };

static void everything(world *w, double *out) {
    for (int part = 0; part < 3; part++)
        for (int i = 0; i < syn_net_params(w->net); i++) {
            syn_param_info p;
            syn_net_param_info(w->net, i, &p);
            int64_t n = syn_shape_count(&p.shape);
            if (part == 0) ok(syn_param_read(w->state, p.name, out, n));
            else ok(syn_slot_read(w->plan, part == 1 ? "m" : "v", p.name, out, n));
            out += n;
        }
}

static void check_same(world *a, world *b, const char *what) {
    double x[ALL], y[ALL];
    everything(a, x);
    everything(b, y);
    ck_assert_msg(memcmp(x, y, sizeof x) == 0, "%s: weights or slots differ", what);
    ck_assert_int_eq(syn_plan_step(a->plan), syn_plan_step(b->plan));
}

static bool count_epoch(const syn_report *r, void *user) {
    double *sum = user;
    *sum += r->loss;
    return true;
}

START_TEST(test_resident_or_streamed) {
    world a, b, c;
    double loss[2] = { 0, 0 };
    syn_metrics m[2];
    syn_data *data = open_data(0, N), *val = open_data(N - 11, 11);
    open_world(&a, 3, (syn_plan_opts){ 0 });
    open_world(&b, 3, (syn_plan_opts){ .stream = true });
    open_world(&c, 4, (syn_plan_opts){ 0 });
    ok(syn_fit(a.plan, data, &(syn_fit_opts){ .epochs = 3, .val = val, .on_epoch = count_epoch, .user = &loss[0] }));
    ok(syn_fit(b.plan, data, &(syn_fit_opts){ .epochs = 3, .val = val, .on_epoch = count_epoch, .user = &loss[1] }));
    ok(syn_fit(c.plan, data, &(syn_fit_opts){ .epochs = 3 }));
    check_same(&a, &b, "resident against streamed");
    ck_assert(loss[0] == loss[1]);
    ck_assert_int_eq(syn_plan_step(a.plan), 3 * 7);
    ok(syn_evaluate(a.plan, data, &m[0]));
    ok(syn_evaluate(b.plan, data, &m[1]));
    ck_assert(m[0].loss == m[1].loss && m[0].accuracy == m[1].accuracy);
    double p[2][N * CLASSES];
    ok(syn_predict(a.plan, data, p[0], N * CLASSES));
    ok(syn_predict(b.plan, data, p[1], N * CLASSES));
    ck_assert_mem_eq(p[0], p[1], sizeof p[0]);
    double x[ALL], y[ALL];
    everything(&a, x);
    everything(&c, y);
    ck_assert(memcmp(x, y, sizeof x) != 0); /* another seed is another run */
    close_world(&a);
    close_world(&b);
    close_world(&c);
    syn_data_destroy(val);
    syn_data_destroy(data);
}
END_TEST

/* The same run by hand: the epoch's permutation is a function of seed and epoch. */
START_TEST(test_fit_is_steps) {
    world a, b;
    syn_data *data = open_data(0, N);
    open_world(&a, 5, (syn_plan_opts){ 0 });
    open_world(&b, 5, (syn_plan_opts){ 0 });
    ok(syn_fit(a.plan, data, &(syn_fit_opts){ .epochs = 2, .no_shuffle = true }));
    for (int epoch = 0; epoch < 2; epoch++)
        for (int at = 0; at < N; at += BATCH) {
            int rows = N - at < BATCH ? N - at : BATCH;
            const syn_array x = f64(data_x + at * IN, SYN_SHAPE(rows, IN));
            const syn_array y = { data_y + at, SYN_U8, SYN_SHAPE(rows) };
            ok(syn_step(b.plan, &x, &y, NULL));
        }
    check_same(&a, &b, "fit against steps by hand");
    close_world(&a);
    close_world(&b);
    syn_data_destroy(data);
}
END_TEST

static void resume_at(int64_t stop, bool stream) {
    world a, b, c;
    const char *path = at("state.safetensors");
    syn_data *data = open_data(0, N);
    open_world(&a, 6, (syn_plan_opts){ 0 });
    open_world(&b, 6, (syn_plan_opts){ 0 });
    open_world(&c, 6, (syn_plan_opts){ .stream = stream });
    ok(syn_fit(a.plan, data, &(syn_fit_opts){ .epochs = 3 }));
    ok(syn_fit(b.plan, data, &(syn_fit_opts){ .epochs = 3, .max_steps = stop, .checkpoint = path }));
    ck_assert_int_eq(syn_plan_step(b.plan), stop);
    ok(syn_fit(c.plan, data, &(syn_fit_opts){ .epochs = 3, .resume = path }));
    check_same(&a, &c, "resumed");
    close_world(&a);
    close_world(&b);
    close_world(&c);
    syn_data_destroy(data);
}

START_TEST(test_resume) {
    resume_at(4, false);  /* in an epoch */
    resume_at(7, true);   /* at its end */
    resume_at(17, true);  /* in a later one */
}
END_TEST

static bool stop_after_two(const syn_report *r, void *user) {
    (void)user;
    return r->epoch < 2;
}

START_TEST(test_stopped) {
    world a, b;
    const char *path = at("state.safetensors");
    volatile int interrupt = 1;
    syn_data *data = open_data(0, N);
    open_world(&a, 7, (syn_plan_opts){ 0 });
    open_world(&b, 7, (syn_plan_opts){ 0 });
    refused(syn_fit(a.plan, data, &(syn_fit_opts){ .epochs = 4, .on_epoch = stop_after_two, .checkpoint = path }),
            SYN_E_STOPPED, "after step 14");
    ok(syn_fit(a.plan, data, &(syn_fit_opts){ .epochs = 4, .resume = path }));
    ok(syn_fit(b.plan, data, &(syn_fit_opts){ .epochs = 4 }));
    check_same(&a, &b, "stopped by a callback and resumed");
    close_world(&a);
    open_world(&a, 7, (syn_plan_opts){ 0 });
    refused(syn_fit(a.plan, data, &(syn_fit_opts){ .epochs = 4, .interrupt = &interrupt, .checkpoint = path }),
            SYN_E_STOPPED, "after step 1");
    ok(syn_fit(a.plan, data, &(syn_fit_opts){ .epochs = 4, .resume = path }));
    check_same(&a, &b, "interrupted and resumed");
    close_world(&a);
    close_world(&b);
    syn_data_destroy(data);
}
END_TEST

START_TEST(test_refused) {
    world a, b;
    syn_metrics m;
    const char *path = at("state.safetensors");
    syn_data *data = open_data(0, N), *less = open_data(0, N - 1), *bare, *narrow, *wrong;
    const syn_array x = f64(data_x, SYN_SHAPE(N, IN)), x1 = f64(data_x, SYN_SHAPE(N, IN - 1));
    const syn_array y = { data_y, SYN_U8, SYN_SHAPE(N) };
    ok(syn_data_from_arrays(&bare, &x, NULL));
    ok(syn_data_from_arrays(&narrow, &x1, &y));
    open_world(&a, 8, (syn_plan_opts){ 0 });
    refused(syn_fit(a.plan, bare, NULL), SYN_E_ARGUMENT, "no targets");
    refused(syn_fit(a.plan, narrow, NULL), SYN_E_SHAPE, "5 values; the net's input has 6");
    refused(syn_evaluate(a.plan, narrow, &m), SYN_E_SHAPE, "5 values");
    data_y[20] = 77;
    ok(syn_data_from_arrays(&wrong, &x, &y));
    refused(syn_fit(a.plan, wrong, NULL), SYN_E_ARGUMENT, "77");
    ck_assert_int_eq(syn_plan_step(a.plan), 0);
    ok(syn_fit(a.plan, data, &(syn_fit_opts){ .checkpoint = path }));
    refused(syn_fit(a.plan, less, &(syn_fit_opts){ .epochs = 2, .resume = path }), SYN_E_ARGUMENT,
            "the run had 53 rows");
    refused(syn_fit(a.plan, data, &(syn_fit_opts){ .resume = at("nothing") }), SYN_E_IO, "nothing");
    /* a net of other layers takes nothing of it */
    double before[IN], after[IN];
    ok(syn_net_create(&b.net, 8));
    syn_tensor loss = syn_mse(syn_dense(syn_input(b.net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = 1 }));
    ok(syn_state_create(&b.state, test_ctx(), b.net));
    ok(syn_plan_create(&b.plan, b.state, &(syn_plan_opts){ .loss = loss,
                                                         .optim = syn_adam(NULL) }));
    ok(syn_param_read(b.state, "dense_1/kernel", before, IN));
    refused(syn_plan_resume(b.plan, path, NULL), SYN_E_SHAPE, "dense_1/kernel has shape 6 x 10, the net wants 6 x 1");
    ok(syn_param_read(b.state, "dense_1/kernel", after, IN));
    ck_assert_mem_eq(before, after, sizeof before);
    close_world(&a);
    close_world(&b);
    syn_data_destroy(wrong);
    syn_data_destroy(bare);
    syn_data_destroy(narrow);
    syn_data_destroy(less);
    syn_data_destroy(data);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_resident_or_streamed, test_fit_is_steps, test_resume, test_stopped,
                                  test_refused };
    return run_suite("plan_run", test, SYN_COUNT(test));
}
