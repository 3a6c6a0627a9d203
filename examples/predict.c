/* Loads a network from a weights file alone and predicts with it.    predict [FILE]
 * FILE: as train_mlp saves it. Without one, it makes a small file of its own first. */
#include <syncline/syncline.h>

#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SYN_OK) {                                                                    \
            fprintf(stderr, "predict: %s\n", syn_error_text());                                    \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

enum { SHOWN = 10, MOST_CLASSES = 10, SIDE = 32, SKIPPED = 77 };

static const char *const clothes[] = { "T-shirt", "trouser", "pullover", "dress",   "coat",
                                       "sandal",  "shirt",   "sneaker",  "bag",     "ankle boot" };
static const char *const quadrants[] = { "upper right", "upper left", "lower left", "lower right" };

/* A grid over the square from -1 to 1, and the quadrant of each point. */
static float points[SIDE * SIDE][2];
static uint8_t labels[SIDE * SIDE];

static syn_status make_points(syn_data **data) {
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int at = i * 421 % (SIDE * SIDE); /* 421 has no factor in common: a mixed order */
        const float x = (at % SIDE + .5f) * 2 / SIDE - 1, y = (at / SIDE + .5f) * 2 / SIDE - 1;
        points[i][0] = x;
        points[i][1] = y;
        labels[i] = y > 0 ? x < 0 : x < 0 ? 2 : 3;
    }
    return syn_data_from_arrays(data, &(syn_array){ points, SYN_F32, SYN_SHAPE(SIDE * SIDE, 2) },
                                &(syn_array){ labels, SYN_U8, SYN_SHAPE(SIDE * SIDE) });
}

static int make_file(syn_ctx *ctx, syn_data *data, const char *path) {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    CHECK(syn_net_create(&net, 1));
    syn_tensor x = syn_dense(syn_input(net, SYN_SHAPE(2)), &(syn_dense_opts){
        .units = 16, .init = syn_init_he_normal(NULL) });
    x = syn_dense(syn_relu(x), &(syn_dense_opts){ .units = 4 });
    CHECK(syn_state_create(&state, ctx, net));
    CHECK(syn_plan_create(&plan, state, &(syn_plan_opts){
        .loss = syn_softmax_xent(x), .optim = syn_adam(&(syn_adam_opts){ .lr = 0.01 }) }));
    CHECK(syn_fit(plan, data, &(syn_fit_opts){ .epochs = 20 }));
    CHECK(syn_save(state, path));
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    return 0;
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "quadrants.safetensors";
    const char *const *names = argc > 1 ? clothes : quadrants;
    syn_data *train = NULL, *data = NULL, *few;
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_shape shape;
    syn_metrics m;
    double p[SHOWN][MOST_CLASSES];

    CHECK(syn_ctx_create(&ctx, NULL));
    if (argc < 2) {
        CHECK(make_points(&data));
        if (make_file(ctx, data, path) != 0) return 1;
    } else if (syn_data_named(&train, &data, "fashion-mnist") != SYN_OK) {
        fprintf(stderr, "predict: %s\n", syn_error_text());
        return SKIPPED;
    }

    /* The file holds network, weights and standardisation. Its last layer is the loss. */
    CHECK(syn_load_model(&net, &state, ctx, path));
    const syn_tensor loss = { net, syn_net_layers(net) - 1 };
    CHECK(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .batch = 100 }));
    CHECK(syn_plan_output_shape(plan, &shape));
    printf("%s: %lld parameters\n", path, (long long)syn_net_parameters(net));

    const int classes = (int)shape.dim[0];
    CHECK(syn_data_slice(&few, data, 0, SHOWN));
    CHECK(syn_predict(plan, few, &p[0][0], (int64_t)SHOWN * classes));
    const int32_t *truth = syn_data_y(few); /* labels are kept as int32 */
    for (int i = 0; i < SHOWN; i++) {
        const double *row = &p[0][0] + i * classes;
        int best = 0;
        for (int k = 1; k < classes; k++)
            if (row[k] > row[best]) best = k;
        printf("%2d: %-12s with probability %.3f%s%s\n", i, names[best], row[best],
               best == truth[i] ? "" : ", but it is ", best == truth[i] ? "" : names[truth[i]]);
    }
    CHECK(syn_evaluate(plan, data, &m));
    printf("accuracy %.2f %% of %lld samples\n", 100 * m.accuracy, (long long)m.rows);

    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    syn_data_destroy(few);
    syn_data_destroy(train);
    syn_data_destroy(data);
    syn_ctx_destroy(ctx);
    return m.accuracy > 0.6 ? 0 : 1;
}
