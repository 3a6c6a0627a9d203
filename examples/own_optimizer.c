/* An optimizer of one's own: registered by name with its update in OpenCL C, checked against the same steps
 * in plain C, then raced against SGD. It has one launch a step, slots, presets, decay, clipping, rules,
 * checkpoints and experiment files like the built-in ones. */
#include <syncline/syncline.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SYN_OK) {                                                                    \
            fprintf(stderr, "own_optimizer: %s\n", syn_error_text());                              \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

enum { ROWS = 64, UNITS = 16, STEPS = 300, CHECKED = 20 };

/* Yogi (Zaheer et al. 2018): Adam, whose v moves to g squared by no more than (1 - beta2) g squared a
 * step. All of it is element by element, so vectors and scalars read alike; `t` counts from 1. */
static const syn_optim_row yogi = {
    .name = "yogi",
    .update = "m = beta1 * m + (1 - beta1) * g;\n"
              "v -= (1 - beta2) * sign(v - g * g) * g * g;\n"
              "w -= lr * m / (1 - pow(beta1, t)) / (sqrt(v / (1 - pow(beta2, t))) + eps);",
    .slots = { "m", "v" },
    .scalars = { "beta1", "beta2", "eps" },
    .value = { .9, .999, 1e-3 },
    .lr = .01,
};

/* The same update of n weights on the host. */
static void yogi_on_host(double *w, const double *g, double *m, double *v, int n, int t) {
    const double *o = yogi.value;
    for (int i = 0; i < n; i++) {
        double square = g[i] * g[i], sign = (v[i] > square) - (v[i] < square);
        m[i] = o[0] * m[i] + (1 - o[0]) * g[i];
        v[i] -= (1 - o[1]) * sign * square;
        w[i] -= .02 * m[i] / (1 - pow(o[0], t)) / (sqrt(v[i] / (1 - pow(o[1], t))) + o[2]);
    }
}

typedef struct model {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
} model;

static int make(model *k, syn_ctx *ctx, syn_optim optim) {
    CHECK(syn_net_create(&k->net, 5));
    syn_tensor t = syn_tanh(syn_dense(syn_input(k->net, SYN_SHAPE(1)), &(syn_dense_opts){ .units = UNITS }));
    t = syn_dense(t, &(syn_dense_opts){ .units = 1 });
    CHECK(syn_state_create(&k->state, ctx, k->net));
    CHECK(syn_plan_create(&k->plan, k->state,
                          &(syn_plan_opts){ .loss = syn_mse(t), .batch = ROWS, .optim = optim }));
    return 0;
}

static void destroy(model *k) {
    syn_plan_destroy(k->plan);
    syn_state_destroy(k->state);
    syn_net_destroy(k->net);
}

/* *error: the largest difference of a weight between device and host over the first steps. */
static int follow(model *k, const syn_array *x, const syn_array *y, double *error) {
    static const char name[] = "dense_1/kernel";
    double host[UNITS], got[UNITS], g[UNITS], m[UNITS] = { 0 }, v[UNITS] = { 0 };
    CHECK(syn_param_read(k->state, name, host, UNITS));
    *error = 0;
    for (int t = 1; t <= CHECKED; t++) {
        CHECK(syn_gradient(k->plan, x, y, NULL));
        CHECK(syn_grad_read(k->plan, name, g, UNITS));
        CHECK(syn_update(k->plan));
        CHECK(syn_param_read(k->state, name, got, UNITS));
        yogi_on_host(host, g, m, v, UNITS, t);
        for (int i = 0; i < UNITS; i++) *error = fmax(*error, fabs(host[i] - got[i]));
    }
    return 0;
}

int main(void) {
    syn_ctx *ctx;
    model own, sgd;
    syn_optim optim;
    double in[ROWS], out[ROWS], error, first, last, other;
    for (int i = 0; i < ROWS; i++) {
        in[i] = 4.0 * i / (ROWS - 1) - 2;
        out[i] = sin(2 * in[i]);
    }
    const syn_array x = { in, SYN_F64, SYN_SHAPE(ROWS, 1) };
    const syn_array y = { out, SYN_F64, SYN_SHAPE(ROWS, 1) };

    CHECK(syn_register_optim(&yogi));
    CHECK(syn_optim_named(&optim, "yogi", .02)); /* the learning rate; 0: the row's */
    CHECK(syn_ctx_create(&ctx, NULL));
    if (make(&own, ctx, optim) != 0 || make(&sgd, ctx, syn_sgd(&(syn_sgd_opts){ .lr = .02 })) != 0) return 1;

    CHECK(syn_loss(own.plan, &x, &y, &first));
    if (follow(&own, &x, &y, &error) != 0) return 1;
    printf("yogi: device and host differ by %.1e after %d steps\n", error, CHECKED);
    for (int i = 0; i < STEPS; i++) {
        if (i >= CHECKED) CHECK(syn_step(own.plan, &x, &y, NULL));
        CHECK(syn_step(sgd.plan, &x, &y, NULL));
    }
    CHECK(syn_loss(own.plan, &x, &y, &last));
    CHECK(syn_loss(sgd.plan, &x, &y, &other));
    printf("sin(2x): mean square error %.4f, after %d steps of yogi %.5f, of sgd %.5f\n", first, STEPS, last, other);

    destroy(&own);
    destroy(&sgd);
    syn_ctx_destroy(ctx);
    if (error < 1e-5 && last < other && last < first / 4) return 0;
    fprintf(stderr, "own_optimizer: a wrong update, or too little learnt\n");
    return 1;
}
