/* Naps between launches: every kernel rings once a launch, whatever its text looks like; they
 * change no byte; and two contexts in turns are in nobody's way. On profiles that know none, the
 * same without. */
#include "suite.h"

#include "device/private.h"

#include <stdlib.h>

enum { N = 100, ROWS = 7, COLS = 21, CLASSES = 4, STEPS = 5 };

static syn_ctx *context(const char *awake) {
    syn_ctx *ctx;
    setenv("SYNCLINE_AWAKE", awake, 1);
    ok(syn_ctx_create(&ctx, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    unsetenv("SYNCLINE_AWAKE");
    return ctx;
}

static const char *const odd =
    "#define KERNEL(name) __kernel void name\n"
    "#define MORE , const int more\n"
    "/* A comment: __kernel void none(int x) {\n   ... */\n"
    "static float twice(float x) { return 2 * x; }\n"
    "__kernel void plain(__global float *x) { x[get_global_id(0)] = 1; }\n"
    "KERNEL(macro)(__global float *x MORE) {\n    x[get_global_id(0)] += more;\n}\n"
    "KERNEL(lines)(\n#if 1\n    __global float *x,\n#else\n    __global int *x,\n#endif\n"
    "    const int n)\n{\n    const int i = (int)(get_global_id(0) + 10 * get_global_id(1));\n"
    "    if (i < n) x[i] = twice(x[i]);\n}\n";

START_TEST(test_text) {
    static const char *const name[] = { "plain", "macro", "lines" };
    static const size_t global[3][2] = { { N, 1 }, { N, 1 }, { 10, 10 } }, local[2] = { 1, 1 };
    const int32_t more = 3, n = N - 1;
    syn_ctx *ctx = context("1");
    syn_program *program;
    syn_buffer *x;
    float got[N];
    ok(syn_program_build(&program, ctx, odd, "-cl-std=CL1.2"));
    ok(syn_buffer_create(&x, ctx, sizeof got, "a test"));
    for (int i = 0; i < 3; i++) {
        syn_kernel *k;
        ok(syn_kernel_create(&k, program, name[i]));
        ok(syn_kernel_buffer(k, 0, x));
        if (i) ok(syn_kernel_value(k, 1, i == 1 ? &more : &n, sizeof n));
        ok(syn_kernel_run(k, i == 2 ? 2 : 1, global[i], local));
        syn_kernel_destroy(k);
        if (ctx->awake) {
            uint32_t launches, begun;
            ok(syn_awake_counts(ctx, &launches, &begun));
            ck_assert_uint_eq(launches, (uint32_t)i + 1);
            ck_assert_uint_eq(begun, (uint32_t)i + 1);
        }
    }
    ok(syn_buffer_read(x, 0, got, sizeof got, true));
    for (int i = 0; i < N; i++) ck_assert_float_eq(got[i], i < n ? 8 : 4);
    syn_buffer_destroy(x);
    syn_program_destroy(program);
    syn_ctx_destroy(ctx);
}
END_TEST

typedef struct training {
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
} training;

static training begin(const char *awake) {
    training t = { .ctx = context(awake) };
    ok(syn_net_create(&t.net, 5));
    syn_tensor x = syn_dense(syn_input(t.net, SYN_SHAPE(COLS)), &(syn_dense_opts){ .units = 37 });
    x = syn_dropout(syn_elu(syn_batch_norm(x, NULL), 1), .1);
    x = syn_dense(syn_layer_norm(x, NULL), &(syn_dense_opts){ .units = CLASSES });
    ok(syn_state_create(&t.state, t.ctx, t.net));
    ok(syn_plan_create(
        &t.plan, t.state,
        &(syn_plan_opts){ .loss = syn_softmax_xent(x), .batch = ROWS, .optim = syn_adam(NULL) }));
    return t;
}

static void step(training *t, int i) {
    const int32_t label[ROWS] = { 0, 3, 1, 2, 3, 0, 1 };
    double x[ROWS * COLS];
    fill_random(x, ROWS * COLS, (uint32_t)i, -1, 1);
    const syn_array xs = f64(x, SYN_SHAPE(ROWS, COLS)), ys = i32(label, ROWS);
    ok(syn_step(t->plan, &xs, &ys, NULL));
}

static void same(training *a, training *b) {
    for (int i = 0; i < syn_net_params(a->net); i++) {
        syn_param_info info;
        int64_t n;
        syn_net_param_info(a->net, i, &info);
        double *x = param_values(a->state, info.name, &n),
               *y = param_values(b->state, info.name, &n);
        ck_assert_msg(memcmp(x, y, (size_t)n * sizeof *x) == 0, "%s differs", info.name);
        free(x);
        free(y);
    }
}

static void end(training *t) {
    syn_plan_destroy(t->plan);
    syn_state_destroy(t->state);
    syn_net_destroy(t->net);
    syn_ctx_destroy(t->ctx);
}

START_TEST(test_steps) {
    training without = begin("0"), first = begin("1"), second = begin("1");
    ck_assert_ptr_null(without.ctx->awake);
    for (int i = 0; i < STEPS; i++) {
        step(&without, i);
        step(&first, i);
        step(&second, i);
    }
    for (int k = 0; k < 2; k++) {
        training *t = k ? &second : &first;
        same(&without, t);
        if (!t->ctx->awake) continue;
        uint32_t launches, begun;
        ok(syn_awake_counts(t->ctx, &launches, &begun));
        ck_assert_uint_ge(launches, STEPS);
        ck_assert_uint_eq(begun, launches);
    }
    end(&first);
    end(&without);
    step(&second, STEPS); /* after the context whose threads napped is gone */
    end(&second);
}
END_TEST

int main(void) {
    const TTest *const tests[] = { test_text, test_steps };
    return run_suite("awake", tests, SYN_COUNT(tests));
}
