/* What is seldom met: values that are not finite where a formula would hide them, calls that failed
 * and are made again, tensors of too many elements, state that must not change. */
#include "suite.h"

#include "device/private.h"
#include "plan/plan.h"

#include <math.h>

enum { ROWS = 6, IN = 4, OUT = 3 };

typedef struct world {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    double x[ROWS * IN], t[ROWS * OUT];
} world;

typedef syn_tensor (*make_fn)(syn_tensor x);

static void open_world(world *w, syn_preset preset, make_fn make, syn_plan_opts o) {
    ok(syn_net_create(&w->net, 4));
    syn_net_preset(w->net, preset);
    o.loss = make(syn_dense(syn_input(w->net, SYN_SHAPE(IN)),
                            &(syn_dense_opts){ .units = OUT, .name = "last" }));
    ok(syn_state_create(&w->state, test_ctx(), w->net));
    o.batch = ROWS;
    if (!o.optim.def) o.optim = syn_sgd(&(syn_sgd_opts){ .lr = .1 });
    ok(syn_plan_create(&w->plan, w->state, &o));
    fill_random(w->x, ROWS * IN, 1, -1, 1);
    for (int i = 0; i < ROWS * OUT; i++) w->t[i] = i % OUT == 0;
}

static void close_world(world *w) {
    syn_plan_destroy(w->plan);
    syn_state_destroy(w->state);
    syn_net_destroy(w->net);
}

static syn_status step_rows(world *w, int rows, double *loss) {
    const syn_array x = f64(w->x, SYN_SHAPE(rows, IN)), y = f64(w->t, SYN_SHAPE(rows, OUT));
    return syn_step(w->plan, &x, &y, loss);
}

static void read_all(world *w, double *v) {
    ok(syn_param_read(w->state, "last/kernel", v, IN * OUT));
    ok(syn_param_read(w->state, "last/bias", v + IN * OUT, OUT));
}

/* ---- what is not finite ---- */

static syn_tensor hinge(syn_tensor x) { return syn_layer(x.net, "hinge", &x, 1, NULL); }
static syn_tensor squared_hinge(syn_tensor x) {
    return syn_layer(x.net, "hinge", &x, 1, &(syn_hinge_opts){ .squared = true });
}
static syn_tensor huber(syn_tensor x) { return syn_layer(x.net, "huber", &x, 1, NULL); }
static syn_tensor mae(syn_tensor x) { return syn_layer(x.net, "mae", &x, 1, NULL); }
static syn_tensor mse(syn_tensor x) { return syn_layer(x.net, "mse", &x, 1, NULL); }
static syn_tensor bits(syn_tensor x) {
    return syn_layer(x.net, "binary_cross_entropy", &x, 1, NULL);
}
static syn_tensor kl(syn_tensor x) {
    return syn_layer(x.net, "kl", &x, 1, NULL);
} /* keras: of probabilities */
static syn_tensor classes(syn_tensor x) {
    return syn_layer(x.net, "categorical_cross_entropy", &x, 1, NULL);
}

/* A prediction that is NaN makes the loss NaN, whatever its formula cuts off. */
START_TEST(test_no_loss_hides_nan) {
    static const make_fn make[] = { hinge, squared_hinge, huber, mae, mse, bits, kl, classes };
    for (size_t i = 0; i < SYN_COUNT(make); i++) {
        world w;
        double loss, bias[OUT] = { .3, NAN, .2 };
        open_world(&w, SYN_KERAS, make[i], (syn_plan_opts){ 0 });
        ok(step_rows(&w, ROWS, &loss));
        ck_assert(isfinite(loss));
        ok(syn_param_write(w.state, "last/bias", bias, OUT));
        refused(step_rows(&w, ROWS, &loss), SYN_E_NONFINITE, "the loss is not finite at step 2");
        close_world(&w);
    }
}
END_TEST

/* Of a step whose update met it, and of one that norms looked at first. */
START_TEST(test_step_of_a_gradient) {
    for (int clipped = 0; clipped < 2; clipped++)
        for (int late = 0; late < 2; late++) {
            world w;
            double loss, bias[OUT] = { 0, 0, 1e38 };
            open_world(&w, SYN_TORCH, mae,
                       (syn_plan_opts){ .clip = { .global_norm = clipped ? 1e30 : 0 } });
            ok(step_rows(&w, ROWS, &loss));
            const syn_array x = f64(w.x, SYN_SHAPE(ROWS, IN)), y = f64(w.t, SYN_SHAPE(ROWS, OUT));
            ok(syn_gradient(w.plan, &x, &y, NULL));
            bias[1] = INFINITY;
            ok(syn_grad_write(w.plan, "last/bias", bias, OUT));
            ok(syn_update(w.plan));
            if (late) /* the device finds it latched */
                refused(step_rows(&w, ROWS, &loss), SYN_E_NONFINITE,
                        "last/bias is not finite at step 2");
            refused(syn_loss(w.plan, &x, &y, &loss), SYN_E_NONFINITE,
                    "last/bias is not finite at step 2");
            close_world(&w);
        }
}
END_TEST

/* propagate: as in both frameworks, NaN goes into every weight that a clipped gradient with NaN
 * moves. */
START_TEST(test_clipping_passes_nan_on) {
    static const syn_clip_opts clip[] = { { .value = .5 }, { .norm = .5 }, { .global_norm = .5 } };
    static const int nans[] = { 1, OUT, OUT }; /* of the bias */
    for (size_t i = 0; i < SYN_COUNT(clip); i++)
        for (syn_preset preset = SYN_KERAS; preset <= SYN_TORCH; preset++) {
            world w;
            double bias[OUT] = { 3, NAN, -3 }, kernel[IN * OUT], loss;
            int n = 0, others = 0;
            open_world(&w, preset, mse,
                       (syn_plan_opts){ .clip = clip[i], .on_nonfinite = SYN_NONFINITE_PROPAGATE });
            const syn_array x = f64(w.x, SYN_SHAPE(ROWS, IN)), y = f64(w.t, SYN_SHAPE(ROWS, OUT));
            ok(syn_gradient(w.plan, &x, &y, &loss));
            ok(syn_grad_write(w.plan, "last/bias", bias, OUT));
            ok(syn_update(w.plan));
            ok(syn_param_read(w.state, "last/bias", bias, OUT));
            ok(syn_param_read(w.state, "last/kernel", kernel, IN * OUT));
            for (int k = 0; k < OUT; k++) n += isnan(bias[k]);
            for (int k = 0; k < IN * OUT; k++) others += isnan(kernel[k]);
            ck_assert_int_eq(n, nans[i]);
            ck_assert_int_eq(others, i == 2 ? IN * OUT : 0);
            close_world(&w);
        }
}
END_TEST

/* ---- calls that failed ---- */

static syn_tensor normalised(syn_tensor x) {
    return mse(syn_layer(x.net, "batch_norm", &x, 1, NULL));
}

/* A batch of one row has no unbiased variance. Whoever tries again hears so again, and other
 * batches go on. */
START_TEST(test_failed_batch_size) {
    world w;
    double loss;
    open_world(&w, SYN_TORCH, normalised, (syn_plan_opts){ 0 });
    for (int i = 0; i < 3; i++) {
        refused(step_rows(&w, 1, &loss), SYN_E_SHAPE, "one value per channel in training");
        ok(step_rows(&w, ROWS - i, &loss));
        ck_assert(isfinite(loss));
    }
    close_world(&w);
}
END_TEST

/* ---- state ---- */

/* However many steps are skipped in a row, those that follow have the rates they would have had
 * without. */
START_TEST(test_rates_after_many_skips) {
    enum { SKIPPED = 300, STEPS = 5 };
    double v[2][(IN + 1) * OUT];
    for (int k = 0; k < 2; k++) {
        world w;
        double loss;
        open_world(&w, SYN_KERAS, mse,
                   (syn_plan_opts){ .optim = syn_adam(NULL),
                                    .on_nonfinite = SYN_NONFINITE_SKIP,
                                    .schedule = syn_schedule_exponential(
                                        &(syn_schedule_exponential_opts){ .s = 50 }) });
        const double good = w.x[0];
        for (int i = 0; i < k * SKIPPED + STEPS; i++) {
            w.x[0] = i < k * SKIPPED ? NAN : good;
            ok(step_rows(&w, ROWS, i % 50 ? NULL : &loss));
        }
        read_all(&w, v[k]);
        close_world(&w);
    }
    ck_assert_mem_eq(v[0], v[1], sizeof v[0]);
}
END_TEST

/* A test of rates puts the weights back, also those that are kept a second time, as halves. */
START_TEST(test_range_test_leaves_halves) {
    world w;
    syn_data *data;
    syn_range range;
    double before, after;
    open_world(&w, SYN_KERAS, mse, (syn_plan_opts){ .dtype = SYN_HALF });
    const syn_array x = f64(w.x, SYN_SHAPE(ROWS, IN)), y = f64(w.t, SYN_SHAPE(ROWS, OUT));
    ok(syn_loss(w.plan, &x, &y, &before));
    ok(syn_data_from_arrays(&data, &x, &y));
    ok(syn_range_test(w.plan, data, &(syn_range_opts){ .from = .01, .to = 1, .steps = 20 },
                      &range));
    ok(syn_loss(w.plan, &x, &y, &after));
    ck_assert(before == after);
    syn_range_free(&range);
    syn_data_destroy(data);
    close_world(&w);
}
END_TEST

/* A checkpoint has weights and average each in its place; one read while they are exchanged puts
 * them there. */
START_TEST(test_checkpoint_of_an_average) {
    world w;
    double loss, want[(IN + 1) * OUT], got[(IN + 1) * OUT];
    open_world(&w, SYN_KERAS, mse, (syn_plan_opts){ .ema = .9 });
    for (int t = 0; t < 3; t++) ok(step_rows(&w, ROWS, &loss));
    read_all(&w, want);
    ok(syn_plan_save(w.plan, at("ema.safetensors"), NULL));
    ok(syn_ema_swap(w.plan));
    refused(syn_plan_save(w.plan, at("no.safetensors"), NULL), SYN_E_ARGUMENT,
            "call syn_ema_swap first");
    ok(syn_plan_resume(w.plan, at("ema.safetensors"), NULL));
    read_all(&w, got);
    ck_assert_mem_eq(got, want, sizeof want);
    ok(step_rows(&w, ROWS, &loss));
    close_world(&w);
}
END_TEST

/* ---- memory ---- */

/* What argument k is bound to, or NULL. Pieces of scratch are made in the arguments' order. */
static const syn_buffer *bound(const syn_list *l, const syn_item *item, int k, int *piece) {
    const syn_arg *a = &item->call.arg[k];
    if (a->kind == SYN_ARG_SCRATCH) return item->piece[(*piece)++];
    return a->kind == SYN_ARG_VALUE ? l->value[syn_value_root(l->graph, a->value)] : NULL;
}

static void check_item(const syn_list *l, const syn_item *item, int *shared) {
    const syn_buffer *b[SYN_MAX_ARGS];
    int piece = 0;
    for (int k = 0; k < item->call.n_args; k++) b[k] = bound(l, item, k, &piece);
    for (int i = 0; i < item->call.n_args; i++)
        for (int k = 0; k < i; k++) {
            if (!b[i] || !b[k] || !b[i]->parent || b[i]->parent != b[k]->parent) continue;
            *shared += b[i]->mem == b[k]->mem;
            ck_assert_msg(b[i]->mem == b[k]->mem || b[i]->offset + b[i]->bytes <= b[k]->offset ||
                              b[k]->offset + b[k]->bytes <= b[i]->offset,
                          "%s: arguments %d and %d overlap", item->call.entry, k, i);
        }
}

/* Two objects that a kernel is given may be the same, but do not overlap. Enough rows that sums are
 * made in parts. */
START_TEST(test_arguments_do_not_overlap) {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    int shared = 0;
    ok(syn_net_create(&net, 4));
    syn_tensor x = syn_dense(syn_input(net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = 20 });
    x = syn_elu(syn_layer(net, "batch_norm", &x, 1, NULL), 1);
    x = syn_layer(net, "prelu", &x, 1, NULL);
    x = syn_layer(net, "layer_norm", &x, 1, NULL);
    x = syn_dropout(syn_tanh(syn_dense(x, &(syn_dense_opts){ .units = 20 })), .1);
    ok(syn_state_create(&state, test_ctx(), net));
    ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = mse(x), .batch = 300 }));
    for (int i = 0; i < plan->n_lists; i++)
        for (int k = 0; k < plan->list[i]->n_items; k++)
            if (!plan->list[i]->item[k].phase && !plan->list[i]->item[k].in_library)
                check_item(plan->list[i], &plan->list[i]->item[k], &shared);
    if (strcmp(syn_ctx_profile(test_ctx()), "gpu") == 0) ck_assert_int_gt(shared, 0);
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
}
END_TEST

/* ---- too much ---- */

/* Kernels count in ints; nothing is allocated to find out. Norms, losses and feeds alone: no map,
 * no product. */
START_TEST(test_too_many_elements) {
    static const syn_dtype dtype[] = { SYN_FLOAT, SYN_HALF };
    enum { WIDE = 1 << 16 };
    for (size_t i = 0; i < SYN_COUNT(dtype); i++) {
        syn_net *net;
        syn_state *state;
        syn_plan *plan;
        ok(syn_net_create(&net, 1));
        syn_tensor x = syn_input(net, SYN_SHAPE(WIDE));
        syn_plan_opts o = { .loss = mse(syn_layer(net, "layer_norm", &x, 1, NULL)),
                            .dtype = dtype[i],
                            .batch = WIDE / 2 };
        ok(syn_state_create(&state, test_ctx(), net));
        refused(syn_plan_create(&plan, state, &o), SYN_E_SHAPE,
                "input_1: 32768 rows of 65536 values in one tensor; 2^31");
        o.batch = SYN_MOST_ELEMENTS / WIDE; /* refused for another reason */
        o.memory_limit = 1 << 20;
        refused(syn_plan_create(&plan, state, &o), SYN_E_MEMORY, "");
        syn_state_destroy(state);
        syn_net_destroy(net);
    }
}
END_TEST

/* What the library would count in ints, or in an allocation larger than there may be, is left to
 * our kernels. */
START_TEST(test_large_products) {
    const syn_gemm small = { .m = 1000, .n = 1000, .k = 1000 },
                   large = { .m = 46000, .n = 46000, .k = 1000 };
    syn_profile p = *syn_ctx_profile_of(test_ctx());
    syn_gemm_plan plan;
    p.max_alloc = INT64_C(1) << 40;
    ck_assert(syn_gemm_clblast_plan(&small, &p, syn_in(0), syn_in(1), syn_out(2), &plan));
    ck_assert(!syn_gemm_clblast_plan(&large, &p, syn_in(0), syn_in(1), syn_out(2), &plan));
    p.max_alloc = 1 << 20;
    ck_assert(!syn_gemm_clblast_plan(&small, &p, syn_in(0), syn_in(1), syn_out(2), &plan));
}
END_TEST

START_TEST(test_work_groups) {
    static const char text[] = "__kernel void k(__global int *x) {\n"
                               "    __local int s[16];\n"
                               "    s[get_local_id(0) % 16] = x[0];\n"
                               "    barrier(CLK_LOCAL_MEM_FENCE);\n"
                               "    x[0] = s[0];\n"
                               "}\n";
    syn_program *program;
    syn_kernel *kernel;
    ok(syn_program_build(&program, test_ctx(), text, ""));
    ok(syn_kernel_create(&kernel, program, "k"));
    ok(syn_kernel_check(kernel, 1, (size_t[]){ 16 }));
    ok(syn_kernel_check(kernel, 1, (size_t[]){ 0 }));
    refused(syn_kernel_check(kernel, 2, (size_t[]){ 4096, 4096 }), SYN_E_DEVICE,
            "work-groups of 16777216 items");
    syn_kernel_destroy(kernel);
    syn_program_destroy(program);
}
END_TEST

int main(void) {
    const TTest *const test[] = {
        test_no_loss_hides_nan,      test_step_of_a_gradient,       test_clipping_passes_nan_on,
        test_failed_batch_size,      test_range_test_leaves_halves, test_checkpoint_of_an_average,
        test_too_many_elements,      test_large_products,           test_work_groups,
        test_rates_after_many_skips, test_arguments_do_not_overlap
    };
    return run_suite("edges", test, SYN_COUNT(test));
}
