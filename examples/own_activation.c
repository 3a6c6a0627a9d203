/* An activation of one's own: registered by name, checked against central differences, then used.
 * It is compiled into the same kernels as the built-in ones. */
#include <syncline/syncline.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SYN_OK) {                                                                    \
            fprintf(stderr, "own_activation: %s\n", syn_error_text());                             \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

enum { ROWS = 64, UNITS = 24, STEPS = 400, SKIPPED = 77 };

/* Barron 2021: a smooth relu without exponentials. */
static const syn_map_row squareplus = {
    .name = "squareplus",
    .forward = "(x + sqrt(x * x + b)) / 2",
    .derivative = "(1 + x / sqrt(x * x + b)) / 2",
    .doc = "(x + sqrt(x^2 + b)) / 2",
    .attr = { { "b", 4, 4, 0, 1e6, "roundness of the corner at 0" } },
};

/* *error: the largest difference between the gradient and (loss(w + h) - loss(w - h)) / 2h, over
 * the largest gradient. Returns 0, or 1 when something failed. */
static int check_gradient(syn_plan *plan, syn_state *state, const syn_array *x, const syn_array *y,
                          double *error) {
    static const char name[] = "dense_1/kernel";
    const double h = 1e-5;
    double w[UNITS], g[UNITS], loss, above, below, worst = 0, largest = 0;
    CHECK(syn_gradient(plan, x, y, &loss));
    CHECK(syn_grad_read(plan, name, g, UNITS));
    CHECK(syn_param_read(state, name, w, UNITS));
    for (int i = 0; i < UNITS; i++) {
        const double here = w[i];
        w[i] = here + h;
        CHECK(syn_param_write(state, name, w, UNITS));
        CHECK(syn_loss(plan, x, y, &above));
        w[i] = here - h;
        CHECK(syn_param_write(state, name, w, UNITS));
        CHECK(syn_loss(plan, x, y, &below));
        w[i] = here;
        worst = fmax(worst, fabs((above - below) / (2 * h) - g[i]));
        largest = fmax(largest, fabs(g[i]));
    }
    CHECK(syn_param_write(state, name, w, UNITS));
    *error = worst / largest;
    return 0;
}

int main(void) {
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_device_info device;
    double in[ROWS], out[ROWS], error, first, last;
    for (int i = 0; i < ROWS; i++) {
        in[i] = 4.0 * i / (ROWS - 1) - 2;
        out[i] = sin(2 * in[i]);
    }
    const syn_array x = { in, SYN_F64, SYN_SHAPE(ROWS, 1) };
    const syn_array y = { out, SYN_F64, SYN_SHAPE(ROWS, 1) };

    CHECK(syn_register_map(&squareplus));
    CHECK(syn_ctx_create(&ctx, NULL));
    syn_ctx_device(ctx, &device);
    if (!device.fp64) {
        printf("%s has no doubles, which the check wants\n", device.name);
        return SKIPPED;
    }
    CHECK(syn_net_create(&net, 3));
    syn_tensor t = syn_dense(syn_input(net, SYN_SHAPE(1)), &(syn_dense_opts){ .units = UNITS });
    t = syn_map(t, "squareplus", (double[]){ 1 }, 1);
    t = syn_dense(t, &(syn_dense_opts){ .units = 1 });
    CHECK(syn_state_create(&state, ctx, net));
    CHECK(syn_plan_create(&plan, state, &(syn_plan_opts){ /* in double, for the differences */
        .loss = syn_mse(t), .batch = ROWS, .dtype = SYN_DOUBLE,
        .optim = syn_adam(&(syn_adam_opts){ .lr = 0.03 }) }));

    if (check_gradient(plan, state, &x, &y, &error) != 0) return 1;
    printf("squareplus: gradient and central differences differ by %.1e of the largest\n", error);

    CHECK(syn_loss(plan, &x, &y, &first));
    for (int i = 0; i < STEPS; i++) CHECK(syn_step(plan, &x, &y, NULL));
    CHECK(syn_loss(plan, &x, &y, &last));
    printf("sin(2x) with %d units of it: mean square error %.4f, after %d steps %.6f\n", UNITS,
           first, STEPS, last);

    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    syn_ctx_destroy(ctx);
    if (error < 1e-7 && last < first / 20) return 0;
    fprintf(stderr, "own_activation: a wrong gradient, or too little learnt\n");
    return 1;
}
