/* Memory of plans: each policy of recomputation gives equal bytes and no larger an arena, and what
 * a plan says it takes is what the device's buffers hold, also after training from a data set. */
#include "suite.h"

#include "plan/plan.h"

enum { FEATURES = 9, CLASSES = 4, ROWS = 26, BATCH = 6 };

static syn_tensor dense(syn_tensor x, int units) {
    return syn_dense(x, &(syn_dense_opts){ .units = units, .bias_init = syn_init_uniform(NULL) });
}

/* Activations that need x, masks of all kinds, statistics, sums of what is made again. */
static syn_tensor everything(syn_net *net) {
    syn_tensor x = syn_gelu(dense(syn_input(net, SYN_SHAPE(FEATURES)), 37)), y;
    y = syn_dropout(syn_elu(syn_batch_norm(dense(x, 37), NULL), 1), .2);
    x = syn_add((syn_tensor[]){ x, y }, 2);
    y = syn_gaussian_dropout(syn_silu(syn_layer_norm(dense(x, 37), NULL)), .1);
    x = syn_add((syn_tensor[]){ syn_leaky_relu(x, .2), y }, 2);
    x = syn_alpha_dropout(syn_selu(dense(x, 70)), .1);
    x = syn_tanh(syn_mish(dense(x, 40)));
    return syn_softmax_xent(dense(x, CLASSES));
}

/* Many alike, so that the least count of them is looked for. */
static syn_tensor deep(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(FEATURES));
    for (int i = 0; i < 18; i++) x = syn_dropout(syn_gelu(dense(x, 20)), .1);
    return syn_softmax_xent(dense(x, CLASSES));
}

static syn_tensor shallow(syn_net *net) {
    return syn_softmax_xent(
        dense(syn_elu(dense(syn_input(net, SYN_SHAPE(FEATURES)), 11), 1), CLASSES));
}

typedef struct fixture {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    int64_t before; /* bytes on the device */
} fixture;

static void fixture_make(fixture *f, syn_tensor (*build)(syn_net *), syn_plan_opts o) {
    f->before = syn_ctx_bytes(test_ctx());
    ok(syn_net_create(&f->net, 5));
    o.loss = build(f->net);
    if (!o.batch) o.batch = BATCH;
    o.optim = syn_adam(NULL);
    ok(syn_net_status(f->net));
    ok(syn_state_create(&f->state, test_ctx(), f->net));
    ok(syn_plan_create(&f->plan, f->state, &o));
}

static void fixture_free(fixture *f) {
    syn_plan_destroy(f->plan);
    syn_state_destroy(f->state);
    syn_net_destroy(f->net);
}

/* ---- equal bytes ---- */

/* Parameters, moving statistics and the losses on the way; malloc'd. */
static double *train(fixture *f, int64_t *n) {
    enum { STEPS = 4 };
    double x[BATCH * FEATURES];
    const int32_t label[BATCH] = { 0, 3, 1, 2, 3, 0 };
    *n = STEPS;
    for (int i = 0; i < syn_net_params(f->net); i++) *n += f->state->count[i];
    double *all = malloc((size_t)*n * sizeof *all), *to = all;
    ck_assert(all != NULL);
    for (int t = 0; t < STEPS; t++) {
        int rows = t == STEPS - 1 ? BATCH - 1 : BATCH;
        fill_random(x, BATCH * FEATURES, (uint32_t)t, -1, 1);
        const syn_array xs = f64(x, SYN_SHAPE(rows, FEATURES)), ys = i32(label, rows);
        ok(syn_step(f->plan, &xs, &ys, to++));
    }
    for (int i = 0; i < syn_net_params(f->net); i++) {
        ok(syn_param_read(f->state, f->state->net->param[i].name, to, f->state->count[i]));
        to += f->state->count[i];
    }
    return all;
}

static void compare(const char *name, syn_tensor (*build)(syn_net *), syn_plan_opts o) {
    static const syn_memory policy[] = { SYN_MEMORY_FASTEST, SYN_MEMORY_BALANCED,
                                         SYN_MEMORY_LEAST };
    double *want = NULL;
    syn_plan_sizes first = { 0 }, last = { 0 };
    for (size_t i = 0; i < SYN_COUNT(policy); i++) {
        fixture f;
        int64_t n;
        syn_plan_sizes z;
        o.memory = policy[i];
        fixture_make(&f, build, o);
        syn_plan_measure(f.plan, &z);
        printf("memory: %s: %d of %d made again, arena %lld, %d phases\n", name,
               f.plan->recompute.count, f.plan->recomputable, (long long)z.arena, z.phases);
        double *got = train(&f, &n);
        if (!want) {
            want = got;
            first = z;
            ck_assert_int_eq(f.plan->recompute.count, 0);
        } else {
            ck_assert_msg(memcmp(want, got, (size_t)n * sizeof *got) == 0,
                          "%s: policy %d computes something else", name, (int)policy[i]);
            free(got);
            ck_assert_int_le(z.arena, last.arena);
        }
        if (policy[i] == SYN_MEMORY_BALANCED) {
            ck_assert_int_le(z.phases, first.phases);
            ck_assert(z.bytes <= first.bytes * (1 + 1. / 32));
        }
        last = z;
        fixture_free(&f);
    }
    ck_assert_int_lt(last.arena, first.arena);
    free(want);
}

START_TEST(test_policies) {
    compare("everything, clipped", everything, (syn_plan_opts){ .clip = { .global_norm = 1 } });
    if (test_small()) return;
    compare("everything, without fusion", everything, (syn_plan_opts){ .no_fuse = true });
    compare("deep, two micro-batches", deep, (syn_plan_opts){ .accumulate = 2 });
}
END_TEST

/* Nothing is made again where all must stay readable, or where nothing could be. */
START_TEST(test_nothing_to_choose) {
    fixture f;
    fixture_make(&f, shallow, (syn_plan_opts){ .memory = SYN_MEMORY_LEAST });
    ck_assert_int_eq(f.plan->recomputable, 0);
    fixture_free(&f);
    fixture_make(&f, deep, (syn_plan_opts){ .memory = SYN_MEMORY_LEAST, .keep = true });
    ck_assert_int_eq(f.plan->recompute.count, 0);
    fixture_free(&f);
    ok(syn_net_create(&f.net, 5));
    ok(syn_state_create(&f.state, test_ctx(), f.net));
    refused(syn_plan_create(&f.plan, f.state, &(syn_plan_opts){ .memory = SYN_MEMORY_POLICIES }),
            SYN_E_ARGUMENT, "memory");
    syn_state_destroy(f.state);
    syn_net_destroy(f.net);
}
END_TEST

/* ---- memory of its own against memory of what is dead ---- */

/* Gradients of normalisation over x or dy: few rows and many, one group in a row and several,
 * tails. */
static syn_tensor norms(syn_net *net) {
    syn_tensor x = syn_batch_norm(dense(syn_input(net, SYN_SHAPE(FEATURES)), 37), NULL);
    x = syn_layer_norm(dense(syn_tanh(x), 37), NULL);
    x = syn_rms_norm(dense(syn_tanh(x), 40), NULL);
    x = syn_group_norm(dense(syn_tanh(x), 24), &(syn_group_norm_opts){ .groups = 8 });
    x = syn_group_norm(dense(syn_tanh(x), 40), &(syn_group_norm_opts){ .groups = 1 });
    x = syn_batch_norm(dense(syn_tanh(x), 21), NULL);
    return syn_softmax_xent(dense(x, CLASSES));
}

static double *gradients(syn_plan_opts o, int64_t *n, int64_t *arena) {
    fixture f;
    syn_plan_sizes z;
    fixture_make(&f, norms, o);
    syn_plan_measure(f.plan, &z);
    *arena = z.arena;
    float *x = malloc((size_t)(o.batch * FEATURES) * sizeof *x);
    int32_t *label = malloc((size_t)o.batch * sizeof *label);
    ck_assert(x && label);
    for (int i = 0; i < o.batch * FEATURES; i++)
        x[i] = (float)(i % 23) / 8 - 1 + (float)(i % 7) / 4;
    for (int i = 0; i < o.batch; i++) label[i] = i % CLASSES;
    const syn_array xs = { x, SYN_F32, SYN_SHAPE(o.batch, FEATURES) }, ys = i32(label, o.batch);
    ok(syn_gradient(f.plan, &xs, &ys, NULL));
    *n = f.plan->grad_length;
    double *g = malloc((size_t)*n * sizeof *g);
    ck_assert(g != NULL);
    ok(syn_reals_read(f.plan->block[SYN_BLOCK_GRADS], f.plan->dtype, 0, g, *n));
    free(x);
    free(label);
    fixture_free(&f);
    return g;
}

START_TEST(test_in_place) {
    const int batch[] = { 7, 300 };
    for (size_t i = 0; i < (test_small() ? 1 : SYN_COUNT(batch)); i++) {
        int64_t n, m, shared, own;
        double *a =
            gradients((syn_plan_opts){ .batch = batch[i], .dtype = SYN_DOUBLE }, &n, &shared);
        double *b = gradients(
            (syn_plan_opts){ .batch = batch[i], .dtype = SYN_DOUBLE, .keep = true }, &m, &own);
        ck_assert_int_eq(n, m);
        ck_assert_int_lt(shared, own);
        CLOSE(a, b, n, 1e-12, "gradients of %d rows, with shared memory against kept", batch[i]);
        free(a);
        free(b);
    }
}
END_TEST

/* ---- what is planned is what is there ---- */

static bool in_use(const syn_report *r, void *user) {
    (void)r;
    *(int64_t *)user = syn_ctx_bytes(test_ctx());
    return true;
}

/* While it trains on a set, whose last batch is a smaller one, there is besides: the set and the
 * order of its rows. */
static void check_bytes(const char *name, syn_tensor (*build)(syn_net *), syn_plan_opts o) {
    enum { SET = ROWS * (FEATURES * 4 + 4), ORDER = ROWS * 4 };
    fixture f;
    syn_plan_sizes z;
    float x[ROWS * FEATURES];
    int32_t label[ROWS];
    int64_t used = 0;
    fixture_make(&f, build, o);
    syn_plan_measure(f.plan, &z);
    ck_assert_int_eq(syn_ctx_bytes(test_ctx()) - f.before, z.peak);
    char *text = syn_plan_print(f.plan), line[64];
    snprintf(line, sizeof line, "  %-12s %12.1f KiB\n", "peak", (double)z.peak / 1024);
    ck_assert_msg(text && strstr(text, line), "%s: the plan does not print %s", name, line);
    free(text);
    for (int i = 0; i < ROWS * FEATURES; i++) x[i] = (float)(i % 17) / 8 - 1;
    for (int i = 0; i < ROWS; i++) label[i] = i % CLASSES;
    const syn_array xs = { x, SYN_F32, SYN_SHAPE(ROWS, FEATURES) }, ys = i32(label, ROWS);
    syn_data *data;
    ok(syn_data_from_arrays(&data, &xs, &ys));
    ok(syn_fit(f.plan, data, &(syn_fit_opts){ .epochs = 1, .on_epoch = in_use, .user = &used }));
    ck_assert_msg(used - f.before == z.peak + SET + ORDER,
                  "%s: %lld bytes planned and %d of the set, %lld in use", name, (long long)z.peak,
                  SET + ORDER, (long long)(used - f.before));
    syn_data_destroy(data);
    fixture_free(&f);
    ck_assert_int_eq(syn_ctx_bytes(test_ctx()), f.before);
}

START_TEST(test_planned_is_there) {
    check_bytes("everything", everything, (syn_plan_opts){ 0 });
    check_bytes("everything, least", everything, (syn_plan_opts){ .memory = SYN_MEMORY_LEAST });
    check_bytes("shallow, moving average", shallow, (syn_plan_opts){ .ema = .9, .accumulate = 2 });
    check_bytes("shallow, clipped", shallow, (syn_plan_opts){ .clip = { .global_norm = 1 } });
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_policies, test_nothing_to_choose, test_in_place,
                                  test_planned_is_there };
    return run_suite("memory", test, SYN_COUNT(test));
}
