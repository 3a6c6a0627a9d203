/* A loop by hand over arrays in memory: three spiral arms are told apart. Each step computes the
 * gradients, looks at one by name, and lets the optimizer take them. */
#include <syncline/syncline.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SYN_OK) {                                                                    \
            fprintf(stderr, "own_loop: %s\n", syn_error_text());                                   \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

enum { ARMS = 3, ROWS = 384, BATCH = 64, EPOCHS = 50, UNITS = 32 };

static float points[ROWS][2];
static int32_t arms[ROWS];

/* Arms run from radius 0.1 to 1 and turn by 4 radians on the way. Neighbours in the arrays are of
 * different arms and radii, so that every batch is a fair sample. */
static void make_spirals(void) {
    for (int i = 0; i < ROWS; i++) {
        const double radius = 0.1 + 0.9 * (i * 37 % ROWS) / ROWS;
        const double angle = 2 * 3.14159265358979 * i / ARMS + 4 * radius;
        arms[i] = i % ARMS;
        points[i][0] = (float)(radius * cos(angle));
        points[i][1] = (float)(radius * sin(angle));
    }
}

static syn_tensor describe(syn_net *net) {
    syn_tensor x = syn_input(net, SYN_SHAPE(2));
    x = syn_tanh(syn_dense(x, &(syn_dense_opts){ .units = UNITS }));
    x = syn_tanh(syn_dense(x, &(syn_dense_opts){ .units = UNITS }));
    x = syn_dense(x, &(syn_dense_opts){ .units = ARMS });
    return syn_softmax_xent(x);
}

static double norm(const double *v, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += v[i] * v[i];
    return sqrt(sum);
}

int main(void) {
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    double loss, kernel[2 * UNITS], output[BATCH][ARMS];

    make_spirals();
    CHECK(syn_ctx_create(&ctx, NULL));
    CHECK(syn_net_create(&net, 7));
    const syn_tensor total = describe(net);
    CHECK(syn_state_create(&state, ctx, net));
    CHECK(syn_plan_create(&plan, state, &(syn_plan_opts){
        .loss = total, .batch = BATCH, .optim = syn_adam(&(syn_adam_opts){ .lr = 0.01 }) }));

    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        double sum = 0, steepest = 0;
        for (int at = 0; at < ROWS; at += BATCH) {
            const syn_array x = { points[at], SYN_F32, SYN_SHAPE(BATCH, 2) };
            const syn_array y = { &arms[at], SYN_I32, SYN_SHAPE(BATCH) };
            CHECK(syn_gradient(plan, &x, &y, &loss));
            CHECK(syn_grad_read(plan, "dense_1/kernel", kernel, 2 * UNITS));
            CHECK(syn_update(plan));
            sum += loss * BATCH / ROWS;
            steepest = fmax(steepest, norm(kernel, 2 * UNITS));
        }
        if (epoch == 1 || epoch % 10 == 0)
            printf("epoch %2d: loss %.4f, largest gradient norm of dense_1/kernel %.4f\n", epoch,
                   sum, steepest);
    }

    int right = 0;
    for (int at = 0; at < ROWS; at += BATCH) {
        const syn_array x = { points[at], SYN_F32, SYN_SHAPE(BATCH, 2) };
        CHECK(syn_infer(plan, &x, &output[0][0], BATCH * ARMS));
        for (int i = 0; i < BATCH; i++) {
            int best = 0;
            for (int k = 1; k < ARMS; k++)
                if (output[i][k] > output[i][best]) best = k;
            right += best == arms[at + i];
        }
    }
    printf("%d of %d points are on the arm it says, after %lld steps\n", right, ROWS,
           (long long)syn_plan_step(plan));

    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    syn_ctx_destroy(ctx);
    if (right >= ROWS * 95 / 100) return 0;
    fprintf(stderr, "own_loop: learnt too little\n");
    return 1;
}
