/* Joined launches: the same bytes as launches apart, fewer of them, and the same layer is named when it fails. */
#include "suite.h"

#include "plan/plan.h"

#include <math.h>

enum { FEATURES = 11, CLASSES = 5, BATCH = 40, STEPS = 3 };

static syn_tensor dense(syn_tensor x, int units) {
    return syn_dense(x, &(syn_dense_opts){ .units = units, .bias_init = syn_init_uniform(NULL) });
}

/* Chains of samples: forward, loss, and back again. */
static syn_tensor deep(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(FEATURES));
    for (int i = 0; i < 4; i++) x = syn_alpha_dropout(syn_selu(dense(x, 37)), .1);
    x = syn_dropout(syn_tanh(dense(x, 21)), .3);
    return syn_softmax_xent(dense(x, CLASSES));
}

/* Chains of columns, with statistics; other norms, a branch. */
static syn_tensor normalised(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(FEATURES)), y;
    for (int i = 0; i < 2; i++) x = syn_elu(syn_batch_norm(dense(x, 70), NULL), 1);
    y = syn_gelu(syn_layer_norm(dense(x, 70), NULL));
    x = syn_add((syn_tensor[]){ x, y }, 2);
    x = syn_silu(syn_batch_norm(dense(x, 100), NULL));
    return syn_softmax_xent(dense(x, CLASSES));
}

/* More layers than one kernel has parameters for. */
static syn_tensor tower(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(FEATURES));
    for (int i = 0; i < 60; i++) x = syn_selu(dense(x, 18));
    return syn_softmax_xent(dense(x, CLASSES));
}

typedef syn_tensor (*build_fn)(syn_net *);

typedef struct fixture {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
} fixture;

static void apart(bool apart) {
    if (apart) setenv("SYNCLINE_JOIN", "0", 1);
    else unsetenv("SYNCLINE_JOIN");
}

static void make(fixture *f, build_fn build, syn_plan_opts o) {
    ok(syn_net_create(&f->net, 5));
    o.loss = build(f->net);
    o.batch = BATCH;
    o.optim = syn_momentum(NULL);
    ok(syn_state_create(&f->state, test_ctx(), f->net));
    ok(syn_plan_create(&f->plan, f->state, &o));
}

static void destroy(fixture *f) {
    syn_plan_destroy(f->plan);
    syn_state_destroy(f->state);
    syn_net_destroy(f->net);
}

/* Losses of steps, the last of fewer rows; an evaluation, a prediction; the weights. malloc'd. */
static double *results(fixture *f, int64_t *n) {
    double x[BATCH * FEATURES];
    int32_t label[BATCH];
    *n = STEPS + 1 + BATCH * CLASSES;
    for (int i = 0; i < syn_net_params(f->net); i++) *n += f->state->count[i];
    double *all = malloc((size_t)*n * sizeof *all), *to = all;
    ck_assert(all != NULL);
    for (int i = 0; i < BATCH; i++) label[i] = i * i % CLASSES;
    for (int t = 0; t < STEPS; t++) {
        const int rows = t == STEPS - 1 ? BATCH - 7 : BATCH;
        fill_random(x, BATCH * FEATURES, (uint32_t)t, -1, 1);
        const syn_array xs = f64(x, SYN_SHAPE(rows, FEATURES)), ys = i32(label, rows);
        ok(syn_step(f->plan, &xs, &ys, to++));
    }
    const syn_array xs = f64(x, SYN_SHAPE(BATCH, FEATURES)), ys = i32(label, BATCH);
    syn_data *data;
    syn_metrics m;
    ok(syn_data_from_arrays(&data, &xs, &ys));
    ok(syn_evaluate(f->plan, data, &m));
    *to++ = m.loss;
    syn_data_destroy(data);
    ok(syn_infer(f->plan, &xs, to, BATCH * CLASSES));
    to += BATCH * CLASSES;
    for (int i = 0; i < syn_net_params(f->net); i++) {
        ok(syn_param_read(f->state, f->state->net->param[i].name, to, f->state->count[i]));
        to += f->state->count[i];
    }
    return all;
}

/* At most `most` launches a step on CPU profiles; 0: not counted. */
static void compare(const char *name, build_fn build, syn_plan_opts o, int most) {
    double *want = NULL;
    syn_plan_sizes z[2];
    for (int joined = 0; joined < 2; joined++) {
        fixture f;
        int64_t n;
        apart(!joined);
        make(&f, build, o);
        syn_plan_measure(f.plan, &z[joined]);
        double *got = results(&f, &n);
        if (joined) ck_assert_msg(memcmp(want, got, (size_t)n * sizeof *got) == 0, "%s: joined launches compute something else", name);
        if (joined) free(got);
        else want = got;
        destroy(&f);
    }
    free(want);
    printf("join: %s: %d launches, %d apart; arena %lld, %lld\n", name, z[1].launches, z[0].launches, (long long)z[1].arena,
           (long long)z[0].arena);
    if (!syn_ctx_profile_of(test_ctx())->cpu) return;
    ck_assert_int_le(z[1].launches, z[0].launches);
    if (o.memory == SYN_MEMORY_FASTEST) ck_assert_int_lt(z[1].launches, z[0].launches);
    if (most) ck_assert_int_le(z[1].launches, most);
    if (o.memory == SYN_MEMORY_FASTEST) /* what the plan counts beside launches stays */
        ck_assert_double_eq_tol(z[1].flops, z[0].flops, z[0].flops * 1e-12);
}

START_TEST(test_same_bytes) {
    compare("deep", deep, (syn_plan_opts){ .memory = SYN_MEMORY_FASTEST }, test_small() ? 0 : 12);
    compare("normalised, clipped", normalised,
            (syn_plan_opts){ .clip = { .global_norm = .5 }, .memory = SYN_MEMORY_FASTEST }, 0);
    if (test_small()) return;
    compare("deep, balanced, in double", deep, (syn_plan_opts){ .dtype = SYN_DOUBLE }, 0);
    compare("deep, in half", deep, (syn_plan_opts){ .dtype = SYN_HALF, .memory = SYN_MEMORY_FASTEST }, 0);
    compare("normalised, two micro-batches", normalised,
            (syn_plan_opts){ .accumulate = 2 }, 0);
    compare("tower", tower, (syn_plan_opts){ .memory = SYN_MEMORY_FASTEST }, 20);
}
END_TEST

/* A balanced plan's arena stays near that of launches apart; with `least` nothing is joined. */
START_TEST(test_room) {
    syn_plan_sizes z[3];
    static const syn_memory policy[] = { SYN_MEMORY_LEAST, SYN_MEMORY_BALANCED, SYN_MEMORY_FASTEST };
    for (int i = 0; i < 3; i++) {
        fixture f;
        apart(false);
        make(&f, tower, (syn_plan_opts){ .memory = policy[i] });
        syn_plan_measure(f.plan, &z[i]);
        destroy(&f);
    }
    if (!syn_ctx_profile_of(test_ctx())->cpu) return;
    ck_assert_int_gt(z[0].launches, 60 * 4);
    ck_assert_int_lt(z[1].launches, z[0].launches / 3);
    ck_assert_int_lt(z[2].launches, z[1].launches);
    ck_assert(z[1].arena <= z[0].arena * 1.16 && z[1].arena < z[2].arena);
}
END_TEST

/* The guilty is named as it is where each layer runs alone. */
START_TEST(test_guilty) {
    double x[BATCH * FEATURES];
    int32_t label[BATCH] = { 0 };
    fill_random(x, BATCH * FEATURES, 1, -1, 1);
    for (int joined = 0; joined < 2; joined++)
        for (int layer = 2; layer < 7; layer += 2) {
            fixture f;
            char name[32], guilty[64];
            int64_t n;
            const syn_array xs = f64(x, SYN_SHAPE(BATCH, FEATURES)), ys = i32(label, BATCH);
            apart(!joined);
            make(&f, deep, (syn_plan_opts){ .memory = SYN_MEMORY_FASTEST });
            snprintf(name, sizeof name, "dense_%d/bias", layer);
            snprintf(guilty, sizeof guilty, "first guilty: dense_%d (", layer);
            double *w = param_values(f.state, name, &n);
            w[n / 2] = NAN;
            ok(syn_param_write(f.state, name, w, n));
            free(w);
            refused(syn_step(f.plan, &xs, &ys, &(double){ 0 }), SYN_E_NONFINITE, guilty);
            destroy(&f);
        }
    apart(false);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_same_bytes, test_room, test_guilty };
    return run_suite("join", test, SYN_COUNT(test));
}
