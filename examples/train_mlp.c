/* Trains a network on Fashion-MNIST, tests it and saves it.    train_mlp [FILE] */
#include <syncline/syncline.h>

#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                                \
    if ((call) != SYN_OK) return fprintf(stderr, "train_mlp: %s\n", syn_error_text()), 1

enum { PIXELS = 28 * 28, VALIDATION = 5000, SKIPPED = 77 };

static bool report(const syn_report *r, void *user) {
    (void)user;
    printf("epoch %2d of %d:  loss %.4f  accuracy %.2f %%  validation %.2f %%  %6.0f samples/s\n",
           r->epoch, r->epochs, r->loss, 100 * r->accuracy, 100 * r->val_accuracy,
           r->samples_per_second);
    return true; /* false stops */
}

int main(int argc, char **argv) {
    const char *file = argc > 1 ? argv[1] : "fashion-mlp.safetensors";
    const bool quick = getenv("SYNCLINE_EXAMPLE_QUICK") != NULL;
    syn_data *all, *test, *train, *val;
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_metrics m;
    static double mean[PIXELS], inv_dev[PIXELS];

    if (syn_data_named(&all, &test, "fashion-mnist") != SYN_OK)
        return fprintf(stderr, "train_mlp: %s\n", syn_error_text()), SKIPPED;
    const int64_t rows = quick ? 8192 : syn_data_rows(all) - VALIDATION;
    CHECK(syn_data_slice(&train, all, 0, rows));
    CHECK(syn_data_slice(&val, all, rows, VALIDATION));
    CHECK(syn_data_moments(train, mean, inv_dev));

    CHECK(syn_ctx_create(&ctx, NULL)); /* the best device there is */
    CHECK(syn_net_create(&net, 42));   /* 42: the seed */
    syn_tensor x = syn_flatten(syn_input(net, syn_data_x_shape(train)));
    x = syn_dense(x, &(syn_dense_opts){ .units = 300, .init = syn_init_he_normal(NULL) });
    x = syn_dropout(syn_elu(x, 1), 0.1);
    x = syn_dense(x, &(syn_dense_opts){ .units = 100, .init = syn_init_he_normal(NULL) });
    x = syn_dropout(syn_elu(x, 1), 0.1);
    x = syn_dense(x, &(syn_dense_opts){ .units = 10 });

    CHECK(syn_state_create(&state, ctx, net));
    CHECK(syn_state_standardise(state, mean, inv_dev, PIXELS));
    CHECK(syn_plan_create(&plan, state, &(syn_plan_opts){
        .loss = syn_softmax_xent(x), .optim = syn_adam(NULL), .batch = 128,
        .schedule = syn_schedule_one_cycle(&(syn_schedule_one_cycle_opts){ .max = 2e-3 }) }));
    CHECK(syn_fit(plan, train, &(syn_fit_opts){
        .epochs = quick ? 2 : 10, .val = val, .on_epoch = report }));
    CHECK(syn_evaluate(plan, test, &m));
    CHECK(syn_save(state, file));
    printf("test accuracy %.2f %%, saved as %s\n", 100 * m.accuracy, file);

    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    syn_ctx_destroy(ctx);
    syn_data_destroy(train);
    syn_data_destroy(val);
    syn_data_destroy(all);
    syn_data_destroy(test);
    if (m.accuracy > (quick ? 0.7 : 0.88)) return 0;
    return fprintf(stderr, "train_mlp: learnt too little\n"), 1;
}
