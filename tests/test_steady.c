/* The steady loop: once a plan has run its first steps, more steps set no kernel argument, make no
 * buffer, kernel or program, allocate nothing, and wait for nothing but the mark some steps back.
 * Two runs that differ in their number of steps alone must differ in nothing else. The library's
 * calls of malloc are counted by the linker's --wrap. */
#include "allocations.h"
#include "suite.h"

#include "device/private.h"

enum { FEATURES = 6, BATCH = 8, ROWS = 4096 };

static int64_t mallocs;
static bool allocation_fails(void) {
    mallocs++;
    return false;
}

typedef struct tally {
    int64_t count[SYN_COUNTS], mallocs;
} tally;

/* Check's own assertions allocate, also when they hold. */
#define HOLDS(call)                                                                                \
    do {                                                                                           \
        if ((call) != SYN_OK) ck_abort_msg("%s: %s", #call, syn_error_text());                     \
    } while (0)

static tally now(void) {
    tally t = { .mallocs = mallocs };
    syn_device_counts(t.count);
    return t;
}

static tally since(tally before) {
    tally t = now();
    t.mallocs -= before.mallocs;
    for (int i = 0; i < SYN_COUNTS; i++) t.count[i] -= before.count[i];
    return t;
}

typedef struct fixture {
    float *x;
    int32_t *y;
    syn_data *data;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
} fixture;

/* Something of everything: dropout, statistics, a norm that clips, an optimizer with slots. */
static void fixture_make(fixture *f, syn_plan_opts opts) {
    f->x = malloc(sizeof *f->x * ROWS * FEATURES);
    f->y = malloc(sizeof *f->y * ROWS);
    ck_assert(f->x && f->y);
    for (int i = 0; i < ROWS * FEATURES; i++) f->x[i] = (float)(i % 17) / 8 - 1;
    for (int i = 0; i < ROWS; i++) f->y[i] = i % 3;
    const syn_array x = { f->x, SYN_F32, SYN_SHAPE(ROWS, FEATURES) }, y = i32(f->y, ROWS);
    ok(syn_data_from_arrays(&f->data, &x, &y));
    ok(syn_net_create(&f->net, 1));
    syn_tensor t =
        syn_dense(syn_input(f->net, SYN_SHAPE(FEATURES)), &(syn_dense_opts){ .units = 5 });
    t = syn_dropout(syn_elu(syn_batch_norm(t, NULL), 1), .1);
    opts.loss = syn_softmax_xent(syn_dense(t, &(syn_dense_opts){ .units = 3 }));
    opts.batch = BATCH;
    opts.optim = syn_adam(NULL);
    opts.clip = (syn_clip_opts){ .global_norm = 1 };
    ok(syn_state_create(&f->state, test_ctx(), f->net));
    ok(syn_plan_create(&f->plan, f->state, &opts));
}

static void fixture_free(fixture *f) {
    syn_plan_destroy(f->plan);
    syn_state_destroy(f->state);
    syn_net_destroy(f->net);
    syn_data_destroy(f->data);
    free(f->x);
    free(f->y);
}

enum { SHORT = 40, LONG = 440 }; /* steps: more than a table of step scalars holds */

/* `long_run` did LONG - SHORT steps more than `short_run`, each with at most so many waits for an
 * event and arguments set. */
static void compare(const char *what, const tally *short_run, const tally *long_run, double waits,
                    int args) {
    static const char *const name[SYN_COUNTS] = { "arguments", "buffers", "kernels", "waits",
                                                  "event waits" };
    const int more = LONG - SHORT;
    for (int i = 0; i < SYN_COUNTS; i++) {
        int64_t d = long_run->count[i] - short_run->count[i];
        int64_t most = i == SYN_COUNT_EVENT_WAITS ? (int64_t)(waits * more) + 1
                       : i == SYN_COUNT_ARGS      ? args * more
                                                  : 0;
        ck_assert_msg(d <= most, "%s: %lld %s more in %d more steps; %lld are allowed", what,
                      (long long)d, name[i], more, (long long)most);
    }
    ck_assert_msg(long_run->mallocs == short_run->mallocs,
                  "%s: %lld allocations more in %d more steps", what,
                  (long long)(long_run->mallocs - short_run->mallocs), more);
}

/* A plan and its first steps count all of them, or the counters are of no use. */
START_TEST(test_counters) {
    tally before = now();
    fixture f;
    fixture_make(&f, (syn_plan_opts){ 0 });
    const syn_array x = { f.x, SYN_F32, SYN_SHAPE(BATCH, FEATURES) }, y = i32(f.y, BATCH);
    ok(syn_step(f.plan, &x, &y, NULL));
    tally t = since(before);
    fixture_free(&f);
    for (int i = 0; i < SYN_COUNT_EVENT_WAITS; i++)
        ck_assert_msg(t.count[i] > 0, "counter %d stands still", i);
    ck_assert_int_gt(t.mallocs, 10);
}
END_TEST

static const struct {
    const char *name;
    syn_plan_opts opts;
    double waits; /* for events, a step: marks every four steps; a batch that is sent waits for its
                     place */
} fits[] = {
    { "fit", { .stream = false }, .25 },
    { "fit, streamed", { .stream = true }, 1.25 },
    { "fit, accumulated", { .accumulate = 2, .ema = .9 }, .5 },
};

START_TEST(test_fit) {
    for (size_t i = 0; i < SYN_COUNT(fits); i++) {
        tally t[2];
        for (int k = 0; k < 2; k++) { /* one epoch holds 512 batches */
            fixture f;
            int micro = fits[i].opts.accumulate ? fits[i].opts.accumulate : 1;
            fixture_make(&f, fits[i].opts);
            tally before = now();
            ok(syn_fit(f.plan, f.data,
                       &(syn_fit_opts){ .epochs = 1, .max_steps = (k ? LONG : SHORT) / micro }));
            t[k] = since(before);
            fixture_free(&f);
        }
        compare(fits[i].name, &t[0], &t[1], fits[i].waits, 0);
    }
}
END_TEST

START_TEST(test_step) {
    fixture f;
    fixture_make(&f, (syn_plan_opts){ 0 });
    tally t[2];
    for (int k = -1; k < 2; k++) { /* the first time, lists and feeds are made */
        tally before = now();
        for (int i = 0; i < (k > 0 ? LONG : SHORT); i++) {
            const syn_array x = { f.x + i * FEATURES, SYN_F32, SYN_SHAPE(BATCH, FEATURES) },
                            y = i32(f.y + i, BATCH);
            HOLDS(syn_step(f.plan, &x, &y, NULL));
        }
        if (k >= 0) t[k] = since(before);
    }
    compare("step", &t[0], &t[1], 1.25, 0);
    fixture_free(&f);
}
END_TEST

/* A prediction between steps has batches of another form, and costs no more than the first one did.
 */
START_TEST(test_step_and_infer) {
    fixture f;
    fixture_make(&f, (syn_plan_opts){ 0 });
    double out[BATCH * 3];
    tally t = { 0 };
    for (int i = 0; i < 12; i++) {
        const syn_array x = { f.x, SYN_F32, SYN_SHAPE(BATCH, FEATURES) }, y = i32(f.y, BATCH);
        if (i == 2) t = now();
        ok(syn_step(f.plan, &x, &y, NULL));
        ok(syn_infer(f.plan, &x, out, BATCH * 3));
    }
    t = since(t);
    ck_assert_int_eq(t.count[SYN_COUNT_ARGS], 0);
    ck_assert_int_eq(t.count[SYN_COUNT_KERNELS], 0);
    ck_assert_int_eq(t.count[SYN_COUNT_BUFFERS], 0);
    fixture_free(&f);
}
END_TEST

/* Two buffers in turn: they are arguments of the two feed kernels, which are not made again. */
START_TEST(test_step_cl) {
    fixture f;
    fixture_make(&f, (syn_plan_opts){ 0 });
    syn_buffer *x[2], *y[2];
    cl_mem xs[2], ys[2];
    for (int i = 0; i < 2; i++) {
        ok(syn_buffer_create(&x[i], test_ctx(), sizeof *f.x * BATCH * FEATURES, "x"));
        ok(syn_buffer_create(&y[i], test_ctx(), sizeof *f.y * BATCH, "y"));
        ok(syn_buffer_write(x[i], 0, f.x + i * 100, sizeof *f.x * BATCH * FEATURES, true));
        ok(syn_buffer_write(y[i], 0, f.y + i * 100, sizeof *f.y * BATCH, true));
        xs[i] = x[i]->mem;
        ys[i] = y[i]->mem;
    }
    tally t[2];
    for (int k = -1; k < 2; k++) { /* the first time, lists and feeds are made */
        tally before = now();
        for (int i = 0; i < (k > 0 ? LONG : SHORT); i++) {
            const syn_cl_array xa = { xs[i % 2], 0, SYN_F32, SYN_SHAPE(BATCH, FEATURES) };
            const syn_cl_array ya = { ys[i % 2], 0, SYN_I32, SYN_SHAPE(BATCH) };
            HOLDS(syn_step_cl(f.plan, &xa, &ya, NULL));
        }
        if (k >= 0) t[k] = since(before);
    }
    compare("step_cl", &t[0], &t[1], .25, 2);
    for (int i = 0; i < 2; i++) {
        syn_buffer_destroy(x[i]);
        syn_buffer_destroy(y[i]);
    }
    fixture_free(&f);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_counters, test_fit, test_step, test_step_and_infer,
                                  test_step_cl };
    return run_suite("steady", test, SYN_COUNT(test));
}
