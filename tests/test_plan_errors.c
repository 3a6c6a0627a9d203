/* What goes wrong, and what is said of it: losses and gradients that are not finite, calls that do not fit,
 * schedules past their end. */
#include "suite.h"

#include <math.h>

enum { ROWS = 6, IN = 4, CLASSES = 3 };

typedef struct world {
    syn_net *net;
    syn_tensor loss;
    syn_state *state;
    syn_plan *plan;
    double x[ROWS * IN];
    int32_t label[ROWS];
} world;

/* exp overflows where the input is large. */
static void open_world(world *w, syn_plan_opts o) {
    static bool registered;
    if (!registered)
        ok(syn_register_map(&(syn_map_row){ .name = "own_exp", .forward = "exp(x)", .derivative = "y" }));
    registered = true;
    ok(syn_net_create(&w->net, 4));
    syn_tensor x = syn_dense(syn_input(w->net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = 5, .name = "first" });
    x = syn_named(syn_map(x, "own_exp", NULL, 0), "explosive");
    w->loss = syn_softmax_xent(syn_dense(syn_tanh(x), &(syn_dense_opts){ .units = CLASSES, .name = "last" }));
    ok(syn_state_create(&w->state, test_ctx(), w->net));
    o.loss = w->loss;
    o.batch = ROWS;
    if (!o.optim.def) o.optim = syn_sgd(&(syn_sgd_opts){ .lr = .1 });
    ok(syn_plan_create(&w->plan, w->state, &o));
    fill_random(w->x, ROWS * IN, 1, -1, 1);
    for (int i = 0; i < ROWS; i++) w->label[i] = i % CLASSES;
}

static void close_world(world *w) {
    syn_plan_destroy(w->plan);
    syn_state_destroy(w->state);
    syn_net_destroy(w->net);
}

static syn_status step(world *w, double *loss) {
    const syn_array x = f64(w->x, SYN_SHAPE(ROWS, IN)), y = i32(w->label, ROWS);
    return syn_step(w->plan, &x, &y, loss);
}

static void weights(world *w, double *out) {
    ok(syn_param_read(w->state, "first/kernel", out, IN * 5));
    ok(syn_param_read(w->state, "last/kernel", out + IN * 5, 5 * CLASSES));
}

enum { WEIGHTS = IN * 5 + 5 * CLASSES };

static void bad_loss(double value, const char *guilty) {
    world w;
    double before[WEIGHTS], after[WEIGHTS], loss;
    open_world(&w, (syn_plan_opts){ 0 });
    for (int t = 0; t < 3; t++) ok(step(&w, &loss));
    ck_assert(isfinite(loss));
    weights(&w, before);
    w.x[7] = value;
    refused(step(&w, &loss), SYN_E_NONFINITE, guilty);
    ck_assert_ptr_nonnull(strstr(syn_error_text(), "not finite at step 4"));
    weights(&w, after);
    ck_assert_mem_eq(before, after, sizeof before); /* nothing was updated, */
    w.x[7] = 0;
    refused(step(&w, &loss), SYN_E_NONFINITE, "not finite");
    weights(&w, after);
    ck_assert_mem_eq(before, after, sizeof before); /* nor is anything later */
    close_world(&w);
}

START_TEST(test_nan_input) { bad_loss(NAN, "first guilty: the input data: row 1 of the batch, feature 3 is nan"); }
END_TEST

/* The batch that is run again is the one that failed, though the last of the epoch is smaller; rows are the set's. */
START_TEST(test_nan_in_a_set) {
    enum { N = 2 * ROWS + 1 };
    double x[N * IN];
    int32_t label[N] = { 0 };
    for (int stream = 0; stream < 2; stream++)
        for (int bad = 0; bad < N; bad += ROWS / 2) {
            world w;
            syn_data *data;
            char guilty[80];
            open_world(&w, (syn_plan_opts){ .stream = stream });
            fill_random(x, N * IN, 2, -1, 1);
            x[bad * IN + 2] = NAN;
            const syn_array xs = f64(x, SYN_SHAPE(N, IN)), ys = i32(label, N);
            ok(syn_data_from_arrays(&data, &xs, &ys));
            snprintf(guilty, sizeof guilty, "first guilty: the input data: row %d, feature 2 is nan", bad);
            refused(syn_fit(w.plan, data, NULL), SYN_E_NONFINITE, guilty);
            syn_data_destroy(data);
            close_world(&w);
        }
}
END_TEST

START_TEST(test_guilty_layer) {
    world w;
    double loss, bias[CLASSES] = { 0, INFINITY, 0 };
    open_world(&w, (syn_plan_opts){ 0 });
    ok(step(&w, &loss));
    ok(syn_param_write(w.state, "last/bias", bias, CLASSES)); /* inf - inf inside the loss */
    refused(step(&w, &loss), SYN_E_NONFINITE, "first guilty: last ");
    close_world(&w);
    /* tanh hides the infinity of exp from the loss, but 0 * inf is in its gradient */
    open_world(&w, (syn_plan_opts){ 0 });
    double big[IN * 5];
    for (int i = 0; i < IN * 5; i++) big[i] = 300;
    ok(syn_param_write(w.state, "first/kernel", big, IN * 5));
    for (int i = 0; i < ROWS * IN; i++) w.x[i] = 1;
    refused(step(&w, &loss), SYN_E_NONFINITE, "the gradient of first/");
    ck_assert(isfinite(loss));
    close_world(&w);
}
END_TEST

START_TEST(test_inf_gradient) {
    world w;
    double before[WEIGHTS], after[WEIGHTS], g[5 * CLASSES] = { [3] = INFINITY }, loss;
    open_world(&w, (syn_plan_opts){ 0 });
    const syn_array xs = f64(w.x, SYN_SHAPE(ROWS, IN)), ys = i32(w.label, ROWS);
    ok(syn_gradient(w.plan, &xs, &ys, NULL));
    ok(syn_grad_write(w.plan, "last/kernel", g, 5 * CLASSES));
    weights(&w, before);
    ok(syn_update(w.plan));
    weights(&w, after);
    ck_assert_mem_eq(before + IN * 5, after + IN * 5, sizeof g);
    refused(step(&w, &loss), SYN_E_NONFINITE, "the gradient of last/kernel is not finite");
    close_world(&w);
}
END_TEST

START_TEST(test_shapes_and_names) {
    world w;
    double loss, v[IN * 5];
    open_world(&w, (syn_plan_opts){ 0 });
    const syn_array x = f64(w.x, SYN_SHAPE(ROWS, IN)), y = i32(w.label, ROWS);
    const syn_array wide = f64(w.x, SYN_SHAPE(ROWS - 1, IN + 1)), many = f64(w.x, SYN_SHAPE(ROWS + 1, IN));
    const syn_array few = i32(w.label, ROWS - 1), real = f64(w.x, SYN_SHAPE(ROWS));
    refused(syn_step(w.plan, &wide, &y, &loss), SYN_E_SHAPE, "5 values a row, the plan wants 4");
    refused(syn_step(w.plan, &many, &y, &loss), SYN_E_SHAPE, "7 rows, the plan takes 1 to 6");
    refused(syn_step(w.plan, &x, &few, &loss), SYN_E_SHAPE, "x has 6 rows, y 5");
    refused(syn_step(w.plan, &x, NULL, &loss), SYN_E_ARGUMENT, "y must be given");
    refused(syn_step(w.plan, NULL, &y, &loss), SYN_E_ARGUMENT, "x must be given");
    refused(syn_step(w.plan, &x, &real, &loss), SYN_E_ARGUMENT, "labels must be integers, got f64");
    w.label[4] = CLASSES;
    refused(step(&w, &loss), SYN_E_ARGUMENT, "label 3 in row 4: the net has classes 0 to 2");
    w.label[4] = -1;
    refused(step(&w, &loss), SYN_E_ARGUMENT, "label -1 in row 4");
    w.label[4] = 0;
    refused(syn_infer(w.plan, &x, v, 1), SYN_E_SHAPE, "18 values, room for 1");
    ck_assert_int_eq(syn_plan_step(w.plan), 0);
    refused(syn_param_read(w.state, "first/kernal", v, IN * 5), SYN_E_ARGUMENT, "did you mean 'first/kernel'?");
    refused(syn_param_write(w.state, "first/kernel", v, 3), SYN_E_SHAPE, "20 elements, got 3");
    refused(syn_grad_read(w.plan, "last/kernels", v, 15), SYN_E_ARGUMENT, "did you mean 'last/kernel'?");
    refused(syn_slot_read(w.plan, "m", "last/kernel", v, 15), SYN_E_ARGUMENT, "sgd has no slot 'm'");
    refused(syn_update(w.plan), SYN_E_ARGUMENT, "no gradient was computed yet");
    refused(syn_activation_read(w.plan, "first", v, 30), SYN_E_ARGUMENT, "keep");
    ok(step(&w, &loss));
    syn_optim o;
    refused(syn_optim_named(&o, "adm", 0), SYN_E_ARGUMENT, "did you mean 'adam'?");
    close_world(&w);
}
END_TEST

START_TEST(test_activations_of_the_last_step) {
    world w;
    double v[ROWS * 5], loss;
    open_world(&w, (syn_plan_opts){ .keep = true });
    refused(syn_activation_read(w.plan, "first", v, ROWS * 5), SYN_E_ARGUMENT, "no training step was run yet");
    ok(step(&w, &loss));
    ok(syn_activation_read(w.plan, "first", v, ROWS * 5));
    refused(syn_activation_read(w.plan, "frist", v, ROWS * 5), SYN_E_ARGUMENT, "did you mean 'first'?");
    refused(syn_activation_read(w.plan, "first", v, 5), SYN_E_SHAPE, "30 values in a batch of 6, got 5");
    const syn_array x = f64(w.x, SYN_SHAPE(ROWS, IN)), y = i32(w.label, ROWS);
    ok(syn_loss(w.plan, &x, &y, &loss)); /* runs in the same memory */
    refused(syn_activation_read(w.plan, "first", v, ROWS * 5), SYN_E_ARGUMENT, "since the last training step");
    ok(step(&w, &loss));
    ok(syn_activation_grad_read(w.plan, "first", v, ROWS * 5));
    close_world(&w);
}
END_TEST

START_TEST(test_bad_nets_and_plans) {
    syn_net *net, *other;
    syn_state *state;
    syn_plan *plan;
    ok(syn_net_create(&net, 1));
    syn_tensor x = syn_input(net, SYN_SHAPE(4, 2));
    syn_dense(x, &(syn_dense_opts){ .units = 3, .name = "flat" }); /* wants one axis: sticks */
    syn_tensor y = syn_tanh(x);
    refused(syn_net_status(net), SYN_E_SHAPE, "flat: got an input of shape 4 x 2");
    ck_assert_int_lt(y.layer, 0);
    refused(syn_state_create(&state, test_ctx(), net), SYN_E_SHAPE, "flat: ");
    syn_net_destroy(net);
    ok(syn_net_create(&net, 1));
    x = syn_dense(syn_input(net, SYN_SHAPE(4)), &(syn_dense_opts){ .units = 3 });
    syn_tensor loss = syn_softmax_xent(x);
    ok(syn_net_create(&other, 1));
    syn_tensor stranger = syn_input(other, SYN_SHAPE(3));
    ok(syn_state_create(&state, test_ctx(), net));
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ 0 }), SYN_E_ARGUMENT, "a loss or an output");
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = stranger }), SYN_E_ARGUMENT, "another net");
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = x }), SYN_E_ARGUMENT, "not a loss");
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .batch = -1 }), SYN_E_ARGUMENT,
            "negative");
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss,
                                                            .optim = syn_sgd(&(syn_sgd_opts){ .lr = -1 }) }),
            SYN_E_ARGUMENT, "lr");
    ck_assert_ptr_null(plan);
    refused(syn_plan_create(&plan, NULL, NULL), SYN_E_ARGUMENT, "a state must be given");
    syn_state_destroy(state);
    syn_net_destroy(other);
    syn_net_destroy(net);
}
END_TEST

START_TEST(test_one_cycle_ends) {
    world w;
    double before[WEIGHTS], after[WEIGHTS], loss;
    open_world(&w, (syn_plan_opts){ .optim = syn_momentum(NULL), .steps = 4,
                                    .schedule = syn_schedule_one_cycle(
                                        &(syn_schedule_one_cycle_opts){ .max = .1 }) });
    for (int t = 0; t < 4; t++) ok(step(&w, &loss));
    weights(&w, before);
    refused(step(&w, &loss), SYN_E_ARGUMENT, "4");
    const syn_array x = f64(w.x, SYN_SHAPE(ROWS, IN)), y = i32(w.label, ROWS);
    ok(syn_gradient(w.plan, &x, &y, &loss));
    refused(syn_update(w.plan), SYN_E_ARGUMENT, "4");
    weights(&w, after);
    ck_assert_mem_eq(before, after, sizeof before);
    ck_assert_int_eq(syn_plan_step(w.plan), 4);
    close_world(&w);
}
END_TEST

/* Step scalars are written in blocks of 128: steps across their ends use the right ones. */
START_TEST(test_many_steps) {
    world w;
    enum { STEPS = 300 };
    const double lr = .01;
    double g[CLASSES] = { 1, 0, -1 }, want[CLASSES], got[CLASSES], sum = 0;
    open_world(&w, (syn_plan_opts){ .optim = syn_sgd(&(syn_sgd_opts){ .lr = lr }),
                                    .schedule = syn_schedule_exponential(
                                        &(syn_schedule_exponential_opts){ .s = 100 }) });
    const syn_array x = f64(w.x, SYN_SHAPE(ROWS, IN)), y = i32(w.label, ROWS);
    ok(syn_param_read(w.state, "last/bias", want, CLASSES));
    ok(syn_gradient(w.plan, &x, &y, NULL));
    ok(syn_grad_write(w.plan, "last/bias", g, CLASSES));
    for (int t = 0; t < STEPS; t++) {
        ok(syn_update(w.plan));
        sum += lr * pow(.1, t / 100.);
    }
    for (int i = 0; i < CLASSES; i++) want[i] -= sum * g[i];
    ok(syn_param_read(w.state, "last/bias", got, CLASSES));
    CLOSE(got, want, CLASSES, 1e-5, "300 updates by one gradient");
    close_world(&w);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_nan_input, test_nan_in_a_set, test_guilty_layer, test_inf_gradient, test_shapes_and_names,
                                  test_activations_of_the_last_step, test_bad_nets_and_plans,
                                  test_one_cycle_ends, test_many_steps };
    return run_suite("plan_errors", test, SYN_COUNT(test));
}
