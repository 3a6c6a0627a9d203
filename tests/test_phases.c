/* Phases of one launch: the same bytes as launches apart, also where work-items leave early, a launch for all of them,
 * and the same layer is named when it fails. */
#include "suite.h"

#include "plan/plan.h"

#include <math.h>

enum { FEATURES = 11, CLASSES = 5, BATCH = 40, STEPS = 3 };

static syn_tensor dense(syn_tensor x, int units) {
    return syn_dense(x, &(syn_dense_opts){ .units = units, .bias_init = syn_init_uniform(NULL) });
}

static syn_tensor deep(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(FEATURES));
    for (int i = 0; i < 4; i++) x = syn_alpha_dropout(syn_selu(dense(x, 37)), .1);
    x = syn_dropout(syn_tanh(dense(x, 21)), .3);
    return syn_softmax_xent(dense(x, CLASSES));
}

/* Statistics over the batch; other norms, a branch. */
static syn_tensor normalised(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(FEATURES)), y;
    for (int i = 0; i < 2; i++) x = syn_elu(syn_batch_norm(dense(x, 70), NULL), 1);
    y = syn_gelu(syn_layer_norm(dense(x, 70), NULL));
    x = syn_add((syn_tensor[]){ x, y }, 2);
    x = syn_silu(syn_batch_norm(dense(x, 100), NULL));
    return syn_softmax_xent(dense(x, CLASSES));
}

typedef syn_tensor (*build_fn)(syn_net *);

typedef struct fixture {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
} fixture;

typedef enum how { APART, PHASES, HASTY, HOWS } how; /* HASTY: nobody waits, one work-item finishes alone */

static void set(how how) {
    static char options[256];
    const char *given = getenv("SYNCLINE_CL_OPTIONS");
    static bool known;
    if (!known) snprintf(options, sizeof options, "%s", given ? given : "");
    known = true;
    char hasty[300];
    snprintf(hasty, sizeof hasty, "%s -DPATIENCE=0", options);
    setenv("SYNCLINE_CL_OPTIONS", how == HASTY ? hasty : options, 1);
    if (how == APART) setenv("SYNCLINE_PHASES", "0", 1);
    else unsetenv("SYNCLINE_PHASES");
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

static void compare(const char *name, build_fn build, syn_plan_opts o, bool hasty) {
    double *want = NULL;
    syn_plan_sizes z[HOWS];
    const bool cpu = syn_ctx_profile_of(test_ctx())->cpu;
    for (int how = APART; how < (cpu && hasty ? HOWS : HASTY); how++) {
        fixture f;
        int64_t n;
        set((enum how)how);
        make(&f, build, o);
        syn_plan_measure(f.plan, &z[how]);
        double *got = results(&f, &n);
        if (want) ck_assert_msg(memcmp(want, got, (size_t)n * sizeof *got) == 0, "%s: phases compute something else (%d)", name, how);
        if (want) free(got);
        else want = got;
        destroy(&f);
    }
    free(want);
    set(PHASES);
    printf("phases: %s: %d launches of %d phases, %d apart\n", name, z[PHASES].launches, z[PHASES].phases, z[APART].launches);
    ck_assert_int_eq(z[PHASES].phases, z[APART].phases);
    ck_assert_int_eq(z[PHASES].arena, z[APART].arena);
    ck_assert_int_eq(z[APART].launches, z[APART].phases);
    /* Feeds, the net, what sums up and updates; of micro-batches also what adds up and what is in front of the update. */
    if (cpu) ck_assert_int_eq(z[PHASES].launches, o.accumulate > 1 ? 5 : 3);
    else ck_assert_int_eq(z[PHASES].launches, z[PHASES].phases);
}

START_TEST(test_same_bytes) {
    compare("deep", deep, (syn_plan_opts){ 0 }, true);
    compare("normalised, clipped", normalised, (syn_plan_opts){ .clip = { .global_norm = .5 } }, true);
    if (test_small()) return;
    compare("deep, in double", deep, (syn_plan_opts){ .dtype = SYN_DOUBLE }, false);
    compare("deep, in half", deep, (syn_plan_opts){ .dtype = SYN_HALF }, false);
    compare("normalised, two micro-batches", normalised, (syn_plan_opts){ .accumulate = 2 }, false);
}
END_TEST

/* The guilty is named as it is where each layer runs alone. */
START_TEST(test_guilty) {
    double x[BATCH * FEATURES];
    int32_t label[BATCH] = { 0 };
    fill_random(x, BATCH * FEATURES, 1, -1, 1);
    for (int how = APART; how <= PHASES; how++)
        for (int layer = 2; layer < 7; layer += 2) {
            fixture f;
            char name[32], guilty[64];
            int64_t n;
            const syn_array xs = f64(x, SYN_SHAPE(BATCH, FEATURES)), ys = i32(label, BATCH);
            set((enum how)how);
            make(&f, deep, (syn_plan_opts){ 0 });
            snprintf(name, sizeof name, "dense_%d/bias", layer);
            snprintf(guilty, sizeof guilty, "first guilty: dense_%d (", layer);
            double *w = param_values(f.state, name, &n);
            w[n / 2] = NAN;
            ok(syn_param_write(f.state, name, w, n));
            free(w);
            refused(syn_step(f.plan, &xs, &ys, &(double){ 0 }), SYN_E_NONFINITE, guilty);
            destroy(&f);
        }
    set(PHASES);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_same_bytes, test_guilty };
    return run_suite("phases", test, SYN_COUNT(test));
}
