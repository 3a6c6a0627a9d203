/* Every optimizer with every schedule, stopped in the middle and resumed: the bits of a run that never stopped.
 * An optimizer has two plans, whose kernels are the same; schedules take turns in them. */
#include "suite.h"

#include "optim/optim.h"
#include "optim/schedule.h"
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 22, VAL = 8, IN = 3, CLASSES = 3, BATCH = 4, EPOCHS = 3, EPOCH_STEPS = 6 };

/* What a schedule's row needs said; others stand as they are. */
static const struct {
    const char *name, *options;
} given[] = {
    { "power", "{'s': 5}" },
    { "exponential", "{'s': 7, 'warmup': 3}" },
    { "exp_decay", "{'k': 0.1}" },
    { "inverse_time", "{'k': 0.3}" },
    { "step", "{'every': 2, 'per': 'epoch', 'factor': 0.5}" },
    { "piecewise", "{'boundaries': [4, 9], 'factor': 0.5}" },
    { "cosine_restarts", "{'steps': 3}" },
    { "cyclic", "{'max': 0.02, 'up': 4}" },
    { "one_cycle", "{'max': 0.02}" },
    { "performance", "{'monitor': 'loss', 'patience': 1, 'factor': 0.6, 'threshold': 0.5, 'every_steps': 2}" },
    { "sequence", "{'parts': [{'polynomial': {'steps': 6}}, {'performance': {'patience': 0, 'threshold': 0.5, "
                  "'factor': 0.5}}], 'lengths': [6]}" },
};

static double x[ROWS + VAL][IN];
static int32_t y[ROWS + VAL];
static syn_data *all, *train, *val;

static void make_data(void) {
    fill_random(&x[0][0], (ROWS + VAL) * IN, 31, -1, 1);
    for (int i = 0; i < ROWS + VAL; i++) y[i] = x[i][0] > .3 ? 2 : x[i][1] * x[i][2] > 0;
    const syn_array xs = f64(&x[0][0], SYN_SHAPE(ROWS + VAL, IN)), ys = i32(y, ROWS + VAL);
    ok(syn_data_from_arrays(&all, &xs, &ys));
    ok(syn_data_slice(&train, all, 0, ROWS));
    ok(syn_data_slice(&val, all, ROWS, VAL));
}

typedef struct trial {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    double loss;
} trial;

static bool on_epoch(const syn_report *r, void *user) {
    ((trial *)user)->loss = r->loss;
    return true;
}

static void make(trial *t, const syn_def *optimizer) {
    syn_optim optim;
    syn_spec_set(&optim, optimizer, NULL);
    bool searches = syn_optim_impl_of(optimizer)->search;
    ok(syn_net_create(&t->net, 5));
    syn_tensor h = syn_tanh(syn_dense(syn_input(t->net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = 4 }));
    syn_tensor loss = syn_softmax_xent(syn_dense(syn_dropout(h, .1), &(syn_dense_opts){ .units = CLASSES }));
    ok(syn_state_create(&t->state, test_ctx(), t->net));
    ok(syn_plan_create(&t->plan, t->state, &(syn_plan_opts){
        .loss = loss, .batch = searches ? ROWS : BATCH, .optim = optim, .ema = searches ? 0 : .7,
        .penalty = { .l2 = .01 } }));
}

static void destroy(trial *t) {
    syn_plan_destroy(t->plan);
    syn_state_destroy(t->state);
    syn_net_destroy(t->net);
}

/* As the plan was when it was new, but with this schedule. */
static void begin(trial *t, const syn_schedule *schedule, const double *weights) {
    syn_plan *p = t->plan;
    ok(syn_reals_write(t->state->block, p->dtype, 0, weights, t->state->length));
    if (p->block[SYN_BLOCK_SLOTS]) ok(syn_buffer_zero(p->block[SYN_BLOCK_SLOTS]));
    syn_snapshot s = { .ctl = { 0 } };
    s.ctl[SYN_CTL_KEY] = 5;
    ok(syn_plan_restore(p, &s));
    p->schedule = *schedule;
    p->step = p->steps = 0;
    p->table_block = -1;
    p->search.iterations = p->search.n = p->search.first = 0;
    p->search.t = p->search.slope = 0;
    p->search.scale = 1;
    p->optim.known = 0;
    p->optim.product = 1;
    syn_plateau_start(&p->plateau, p->optim.lr);
    t->loss = NAN;
}

static syn_schedule schedule_of(const syn_def *def) {
    const char *options = "{}";
    for (size_t i = 0; i < SYN_COUNT(given); i++)
        if (strcmp(given[i].name, def->name) == 0) options = given[i].options;
    char *text = syn_format("{'%s': %s}", def->name, options);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    json_t *json = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(json);
    syn_schedule s;
    ok(syn_spec_read(syn_schedules(), &s, json, def->name));
    const syn_schedule_run run = { .lr = .01, .steps = EPOCHS * EPOCH_STEPS, .epoch_steps = EPOCH_STEPS };
    ck_assert_msg(syn_schedule_check(&s, SYN_KERAS, &run) == SYN_OK, "%s; give it options in `given`", syn_error_text());
    json_decref(json);
    free(text);
    return s;
}

static void fit(trial *t, syn_fit_opts o) {
    bool searches = syn_optim_searches(&t->plan->optim);
    o.val = val;
    o.on_epoch = on_epoch;
    o.user = t;
    o.epochs = searches ? EPOCHS * EPOCH_STEPS / 2 : EPOCHS;
    t->plan->steps = searches ? o.epochs : EPOCHS * EPOCH_STEPS;
    ok(syn_fit(t->plan, train, &o));
}

/* Every byte of weights and slots. */
static void same(trial *a, trial *b, const char *what) {
    syn_buffer *const block[2][2] = { { a->state->block, a->plan->block[SYN_BLOCK_SLOTS] },
                                      { b->state->block, b->plan->block[SYN_BLOCK_SLOTS] } };
    for (int i = 0; i < 2; i++) {
        if (i && syn_optim_searches(&a->plan->optim)) continue; /* trial points are not kept */
        int64_t n = syn_buffer_bytes(block[0][i]);
        char *v = malloc((size_t)n), *w = malloc((size_t)n);
        ok(syn_buffer_read(block[0][i], 0, v, n, true));
        ok(syn_buffer_read(block[1][i], 0, w, n, true));
        ck_assert_msg(!memcmp(v, w, (size_t)n), "%s: %s differ", what, i ? "slots" : "weights");
        free(v);
        free(w);
    }
    ck_assert_msg(a->loss == b->loss, "%s: loss %.17g and %.17g", what, a->loss, b->loss);
    ck_assert_msg(a->plan->lr == b->plan->lr, "%s: lr %.17g and %.17g", what, a->plan->lr, b->plan->lr);
}

START_TEST(every_optimizer_with_every_schedule) {
    make_data();
    static const int64_t stops[] = { 2, 8, 12 }; /* within the first and second epoch, and between two */
    const char *path = at("state");
    int cells = 0;
    for (int i = 0; i < syn_optims()->n; i += test_small() ? 4 : 1) {
        trial whole, part;
        const syn_def *def = syn_optims()->row[i];
        make(&whole, def);
        make(&part, def);
        double *weights = malloc((size_t)whole.state->length * sizeof *weights);
        ok(syn_reals_read(whole.state->block, whole.plan->dtype, 0, weights, whole.state->length));
        for (int k = 0; k < syn_schedules()->n; k++) {
            const syn_schedule s = schedule_of(syn_schedules()->row[k]);
            int64_t stop = stops[(i + k) % (int)SYN_COUNT(stops)];
            if (syn_optim_searches(&whole.plan->optim)) stop = 1 + stop / 2;
            char what[160];
            snprintf(what, sizeof what, "%s with %s, stopped at %d", def->name, s.def->name, (int)stop);
            begin(&whole, &s, weights);
            fit(&whole, (syn_fit_opts){ .max_steps = 0 });
            begin(&part, &s, weights);
            fit(&part, (syn_fit_opts){ .checkpoint = path, .max_steps = stop });
            ck_assert_int_eq(syn_plan_step(part.plan), stop);
            begin(&part, &s, weights);
            fit(&part, (syn_fit_opts){ .resume = path });
            same(&whole, &part, what);
            cells++;
        }
        free(weights);
        destroy(&whole);
        destroy(&part);
    }
    printf("%d pairs of optimizer and schedule\n", cells);
}
END_TEST

int main(void) {
    setenv("SYNCLINE_CL_OPTIONS", "-cl-opt-disable", 1); /* compiling is nearly all of this test's time */
    const TTest *const test[] = { every_optimizer_with_every_schedule };
    int failed = run_suite("resume", test, SYN_COUNT(test));
    syn_data_destroy(train);
    syn_data_destroy(val);
    syn_data_destroy(all);
    return failed;
}
