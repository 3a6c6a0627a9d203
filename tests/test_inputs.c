/* Weights of samples, several inputs and several losses, against PyTorch and Keras, by every way data takes. */
#include "golden.h"
#include "suite.h"

#include "base/rng.h"

#include <math.h>

/* ---- weights of the samples ---- */

static void set_options(const json_t *c, syn_tensor *loss, syn_tensor x) {
    const char *name = golden_text(c, "loss");
    double smoothing = json_number_value(json_object_get(json_object_get(c, "options"), "label_smoothing"));
    const syn_softmax_cross_entropy_opts o = { .label_smoothing = smoothing };
    *loss = syn_layer(x.net, name, &x, 1, smoothing > 0 ? &o : NULL);
}

static void weighted_case(const golden *gold, const json_t *c) {
    const char *name = golden_text(c, "name");
    syn_shape shape;
    const double *x = golden_get(gold, c, "x", &shape), *target = golden_get(gold, c, "target", NULL);
    const double *weights = golden_get(gold, c, "weights", NULL);
    int64_t rows = shape.dim[0];
    int32_t label[16];
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_tensor loss;
    ok(syn_net_create(&net, 1));
    set_options(c, &loss, syn_input(net, SYN_SHAPE(shape.dim[1])));
    bool labels = strcmp(golden_text(c, "loss"), "softmax_cross_entropy") == 0;
    for (int64_t i = 0; labels && i < rows; i++) label[i] = (int32_t)target[i];
    ok(syn_state_create(&state, test_ctx(), net));
    ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .batch = 8, .dtype = SYN_DOUBLE, .keep = true,
                                                       .sample_weights = true }));
    const syn_array ax = f64(x, shape), ay = labels ? i32(label, rows) : f64(target, shape), aw = f64(weights, SYN_SHAPE(rows));
    syn_batch batch = { .x = &ax, .n_x = 1, .y = &ay, .n_y = 1, .weights = &aw };
    double got, dx[64], plain;
    ok(syn_gradient_batch(plan, &batch, &got));
    CLOSE(&got, golden_get(gold, c, "loss", NULL), 1, 1e-12, "%s: loss", name);
    ok(syn_activation_grad_read(plan, "input_1", dx, rows * shape.dim[1]));
    CLOSE(dx, golden_get(gold, c, "dx", NULL), rows * shape.dim[1], 1e-12, "%s: dx", name);
    ok(syn_loss_batch(plan, &batch, &got));
    CLOSE(&got, golden_get(gold, c, "loss", NULL), 1, 1e-12, "%s: evaluated", name);
    /* the same through data sets: with the weights, and without, which is weights of 1 */
    double ones[16];
    for (int i = 0; i < 16; i++) ones[i] = 1;
    const syn_array a1 = f64(ones, SYN_SHAPE(rows));
    batch.weights = &a1;
    ok(syn_loss_batch(plan, &batch, &plain));
    const syn_data_field fx = { .array = ax }, fy = { .array = ay }, fw = { .array = aw };
    for (int given = 0; given < 2; given++) {
        syn_data *data;
        syn_metrics m;
        ok(syn_data_from_fields(&data, &fx, 1, &fy, 1, given ? &fw : NULL));
        ok(syn_evaluate(plan, data, &m));
        CLOSE(&m.loss, given ? golden_get(gold, c, "loss", NULL) : &plain, 1, 1e-12, "%s: evaluate", name);
        syn_data_destroy(data);
    }
    batch.weights = NULL;
    ok(syn_loss_batch(plan, &batch, &got));
    ck_assert(got == plain);
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
}

START_TEST(test_weights) {
    golden gold = golden_open("inputs");
    int n = 0;
    for (int i = 0; i < golden_cases(&gold); i++) {
        const json_t *c = golden_case(&gold, i);
        if (strcmp(golden_text(c, "name"), "two") == 0) continue;
        weighted_case(&gold, c);
        n++;
    }
    ck_assert_int_eq(n, 10);
    golden_close(&gold);
}
END_TEST

/* ---- two inputs, two losses ---- */

typedef struct two {
    golden gold;
    const json_t *c;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    int64_t rows;
    int32_t kind[32];
    syn_data_field x[2], y[2], weights;
} two;

static syn_tensor describe(syn_net *net, const double *loss_weights) {
    syn_tensor b = syn_named(syn_input(net, SYN_SHAPE(2)), "b"), a = syn_named(syn_input(net, SYN_SHAPE(3)), "a");
    syn_tensor side[] = { syn_tanh(syn_dense(a, &(syn_dense_opts){ .name = "left", .units = 5 })),
                          syn_tanh(syn_dense(b, &(syn_dense_opts){ .name = "right", .units = 4 })) };
    syn_tensor joined = syn_layer(net, "concat", side, 2, NULL);
    syn_tensor kind = syn_dense(joined, &(syn_dense_opts){ .name = "kind_head", .units = 3 });
    syn_tensor size = syn_dense(joined, &(syn_dense_opts){ .name = "size_head", .units = 2 });
    /* given in the other order than they are described in */
    syn_tensor size_loss = syn_layer(net, "mse", &size, 1, &(syn_mse_opts){ .name = "size" });
    syn_tensor kind_loss = syn_layer(net, "softmax_cross_entropy", &kind, 1,
                                     &(syn_softmax_cross_entropy_opts){ .name = "kind" });
    return syn_loss_sum((syn_tensor[]){ kind_loss, size_loss }, loss_weights, 2);
}

static void two_open(two *t, syn_dtype dtype, bool stream) {
    *t = (two){ .gold = golden_open("inputs") };
    for (int i = 0; i < golden_cases(&t->gold); i++)
        if (strcmp(golden_text(golden_case(&t->gold, i), "name"), "two") == 0) t->c = golden_case(&t->gold, i);
    syn_shape a, b, size;
    const double *pa = golden_get(&t->gold, t->c, "a", &a), *pb = golden_get(&t->gold, t->c, "b", &b);
    const double *kind = golden_get(&t->gold, t->c, "kind", NULL), *ps = golden_get(&t->gold, t->c, "size", &size);
    t->rows = a.dim[0];
    for (int64_t i = 0; i < t->rows; i++) t->kind[i] = (int32_t)kind[i];
    t->x[0] = (syn_data_field){ .name = "a", .array = f64(pa, a) };
    t->x[1] = (syn_data_field){ .name = "b", .array = f64(pb, b) };
    t->y[0] = (syn_data_field){ .name = "kind", .array = i32(t->kind, t->rows) };
    t->y[1] = (syn_data_field){ .name = "size", .array = f64(ps, size) };
    t->weights = (syn_data_field){ .array = f64(golden_get(&t->gold, t->c, "weights", NULL), SYN_SHAPE(t->rows)) };
    ok(syn_net_create(&t->net, 5));
    syn_tensor loss = describe(t->net, golden_get(&t->gold, t->c, "loss_weights", NULL));
    ok(syn_net_status(t->net));
    ok(syn_state_create(&t->state, test_ctx(), t->net));
    ok(syn_plan_create(&t->plan, t->state, &(syn_plan_opts){
        .loss = loss, .batch = (int)json_integer_value(json_object_get(t->c, "batch")), .dtype = dtype,
        .stream = stream, .sample_weights = true,
        .optim = syn_sgd(&(syn_sgd_opts){ .lr = json_number_value(json_object_get(t->c, "rate")) }) }));
    for (int p = 0; p < syn_net_params(t->net); p++) {
        syn_param_info info;
        char from[64];
        syn_net_param_info(t->net, p, &info);
        snprintf(from, sizeof from, "start/%s", info.name);
        ok(syn_param_write(t->state, info.name, golden_get(&t->gold, t->c, from, NULL), syn_shape_count(&info.shape)));
    }
}

static void two_close(two *t) {
    syn_plan_destroy(t->plan);
    syn_state_destroy(t->state);
    syn_net_destroy(t->net);
    golden_close(&t->gold);
}

static double *weights_of(const two *t, int64_t *n) {
    double *all = malloc(1024 * sizeof *all);
    *n = 0;
    for (int p = 0; p < syn_net_params(t->net); p++) {
        syn_param_info info;
        int64_t count;
        syn_net_param_info(t->net, p, &info);
        double *v = param_values(t->state, info.name, &count);
        memcpy(all + *n, v, (size_t)count * sizeof *v);
        *n += count;
        free(v);
    }
    return all;
}

typedef struct followed {
    const two *t;
    int epochs;
    double limit;
} followed;

static bool follow(const syn_report *r, void *user) {
    followed *f = user;
    const double *history = golden_get(&f->t->gold, f->t->c, "history", NULL) + 2 * f->epochs++;
    const double *weight = golden_get(&f->t->gold, f->t->c, "loss_weights", NULL);
    ck_assert_int_eq(r->losses, 2);
    for (int k = 0; k < 2; k++) { /* by name: in order of description size comes first */
        int golden = strcmp(syn_plan_loss_name(f->t->plan, k, NULL), "kind") != 0;
        CLOSE(&r->each[k].loss, &history[golden], 1, f->limit, "epoch %d, loss %d", r->epoch, k);
        ck_assert(isfinite(r->each[k].val_loss));
        ck_assert_int_eq(isnan(r->each[k].accuracy), golden);
    }
    double total = weight[0] * history[0] + weight[1] * history[1];
    CLOSE(&r->loss, &total, 1, f->limit, "epoch %d", r->epoch);
    return true;
}

static void check_end(const two *t, double limit) {
    for (int p = 0; p < syn_net_params(t->net); p++) {
        syn_param_info info;
        char at[64];
        int64_t n;
        syn_net_param_info(t->net, p, &info);
        snprintf(at, sizeof at, "end/%s", info.name);
        double *v = param_values(t->state, info.name, &n);
        CLOSE(v, golden_get(&t->gold, t->c, at, NULL), n, limit, "%s", info.name);
        free(v);
    }
}

/* Trained on a set whose fields come in another order than the net's, resident and streamed. */
START_TEST(test_two) {
    double *kept = NULL;
    int64_t n, n_kept = 0;
    for (int way = 0; way < 3; way++) {
        two t;
        syn_data *data;
        two_open(&t, way == 2 ? SYN_FLOAT : SYN_DOUBLE, way == 1);
        ok(syn_data_from_fields(&data, t.x, 2, t.y, 2, &t.weights));
        followed f = { &t, 0, way == 2 ? 1e-5 : 1e-12 };
        ok(syn_fit(t.plan, data, &(syn_fit_opts){ .epochs = (int)json_integer_value(json_object_get(t.c, "epochs")),
                                                  .no_shuffle = true, .val = data, .on_epoch = follow, .user = &f }));
        ck_assert_int_eq(f.epochs, json_integer_value(json_object_get(t.c, "epochs")));
        check_end(&t, f.limit);
        syn_metrics m, each[2];
        int64_t confusion[9];
        syn_evaluate_opts o[2] = { { 0 }, { .confusion = confusion, .n = 9 } };
        ok(syn_evaluate_losses(t.plan, data, o, &m, each));
        const double *after = golden_get(&t.gold, t.c, "after", NULL);
        CLOSE(&each[0].loss, &after[1], 1, f.limit, "size after");
        CLOSE(&each[1].loss, &after[0], 1, f.limit, "kind after");
        ck_assert(isnan(each[0].accuracy) && isfinite(each[0].rmse) && each[1].classes == 3);
        double *size = malloc(32 * sizeof *size), *kind = malloc(64 * sizeof *kind);
        ck_assert_int_eq(syn_plan_outputs(t.plan), 2);
        ck_assert_str_eq(syn_plan_output_at(t.plan, 0, NULL), "size");
        ok(syn_predict_outputs(t.plan, data, (double *[]){ size, kind }));
        CLOSE(size, golden_get(&t.gold, t.c, "values", NULL), t.rows * 2, f.limit, "values");
        CLOSE(kind, golden_get(&t.gold, t.c, "probabilities", NULL), t.rows * 3, f.limit, "probabilities");
        free(size);
        free(kind);
        double *w = weights_of(&t, &n);
        if (way == 0) {
            kept = w;
            n_kept = n;
        } else {
            ck_assert_int_eq(n, n_kept);
            if (way == 1) ck_assert_mem_eq(w, kept, (size_t)n * sizeof *w); /* streamed: equal bytes */
            free(w);
        }
        syn_data_destroy(data);
        two_close(&t);
    }
    free(kept);
}
END_TEST

/* Rows of an array in the order perm[first, ...). */
static syn_array rows_of(const syn_array *a, const int32_t *perm, int64_t first, int64_t n, double *room) {
    int64_t count = syn_shape_count(&a->shape) / a->shape.dim[0];
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < count; k++)
            room[i * count + k] = ((const double *)a->data)[perm[first + i] * count + k];
    syn_array out = { .data = room, .type = SYN_F64, .shape = a->shape };
    out.shape.dim[0] = n;
    return out;
}

/* Shuffled, everything moves along: by hand with the same order come the same bytes. */
START_TEST(test_shuffled) {
    double *w[3];
    int64_t n;
    int32_t perm[32];
    for (int way = 0; way < 3; way++) {
        two t;
        two_open(&t, SYN_DOUBLE, way == 1);
        if (way < 2) {
            syn_data *data;
            ok(syn_data_from_fields(&data, t.x, 2, t.y, 2, &t.weights));
            ok(syn_fit(t.plan, data, &(syn_fit_opts){ .epochs = 2, .seed = 3 }));
            syn_data_destroy(data);
        }
        for (int epoch = 0; way == 2 && epoch < 2; epoch++) {
            syn_shuffle(3, epoch, perm, (int32_t)t.rows);
            for (int64_t first = 0; first < t.rows; first += 5) {
                double room[4][32];
                int32_t kind[8];
                int64_t rows = t.rows - first < 5 ? t.rows - first : 5;
                for (int64_t i = 0; i < rows; i++) kind[i] = t.kind[perm[first + i]];
                const syn_array x[] = { rows_of(&t.x[1].array, perm, first, rows, room[0]),
                                        rows_of(&t.x[0].array, perm, first, rows, room[1]) };
                const syn_array y[] = { rows_of(&t.y[1].array, perm, first, rows, room[2]), i32(kind, rows) };
                const syn_array weights = rows_of(&t.weights.array, perm, first, rows, room[3]);
                ok(syn_step_batch(t.plan, &(syn_batch){ x, y, 2, 2, &weights }, NULL));
            }
        }
        w[way] = weights_of(&t, &n);
        two_close(&t);
    }
    ck_assert_mem_eq(w[0], w[1], (size_t)n * sizeof(double));
    ck_assert_mem_eq(w[0], w[2], (size_t)n * sizeof(double));
    for (int way = 0; way < 3; way++) free(w[way]);
}
END_TEST

/* Weights files and checkpoints carry inputs and losses; a run that was cut goes on to equal bytes. */
START_TEST(test_saved) {
    two t;
    syn_data *data;
    int64_t n;
    double *w[2];
    for (int way = 0; way < 2; way++) {
        two_open(&t, SYN_DOUBLE, false);
        ok(syn_data_from_fields(&data, t.x, 2, t.y, 2, &t.weights));
        syn_fit_opts o = { .epochs = 4, .seed = 9, .checkpoint = way ? at("two.state") : NULL, .max_steps = way ? 5 : 0 };
        syn_status status = syn_fit(t.plan, data, &o);
        ck_assert(status == SYN_OK || status == SYN_E_STOPPED);
        if (way) {
            syn_data_destroy(data); /* it reads t's arrays */
            two_close(&t);
            two_open(&t, SYN_DOUBLE, false);
            ok(syn_data_from_fields(&data, t.x, 2, t.y, 2, &t.weights));
            o.max_steps = 0;
            o.resume = at("two.state");
            ok(syn_fit(t.plan, data, &o));
        }
        w[way] = weights_of(&t, &n);
        if (way) break;
        syn_data_destroy(data);
        two_close(&t);
    }
    ck_assert_mem_eq(w[0], w[1], (size_t)n * sizeof(double));
    free(w[0]);
    free(w[1]);
    ok(syn_save(t.state, at("two.safetensors")));
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    ok(syn_load_model(&net, &state, test_ctx(), at("two.safetensors")));
    syn_tensor loss = syn_net_find(net, "loss_sum_1");
    ck_assert_ptr_nonnull(loss.net);
    ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .dtype = SYN_DOUBLE, .sample_weights = true }));
    syn_metrics before, after;
    ok(syn_evaluate(t.plan, data, &before));
    ok(syn_evaluate(plan, data, &after));
    ck_assert(fabs(before.loss - after.loss) < 1e-13 && before.accuracy == after.accuracy);
    double weight;
    ck_assert_str_eq(syn_plan_loss_name(plan, 0, &weight), "size");
    ck_assert(weight == 2.5);
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    syn_data_destroy(data);
    two_close(&t);
}
END_TEST

START_TEST(test_refused) {
    two t;
    syn_data *d;
    syn_metrics m;
    two_open(&t, SYN_FLOAT, false);
    const syn_data_field other = { .name = "c", .array = t.x[0].array };
    const struct {
        syn_data_field x[2];
        int n_x;
        syn_data_field y[2];
        int n_y;
        syn_status status;
        const char *text;
    } bad[] = {
        { { t.x[0], other }, 2, { t.y[0], t.y[1] }, 2, SYN_E_ARGUMENT, "no input 'b', which the net wants; it has: a, c" },
        { { t.x[0] }, 1, { t.y[0], t.y[1] }, 2, SYN_E_ARGUMENT, "no input 'b'" },
        { { t.x[0], t.x[1] }, 2, { t.y[0] }, 1, SYN_E_ARGUMENT, "no target 'size'" },
        { { t.x[1], t.x[0] }, 2, { { .name = "size", .array = t.y[1].array }, { .name = "kind", .array = t.x[0].array } }, 2,
          SYN_E_ARGUMENT, "no labels for kind" },
        { { { .array = t.x[0].array }, { .array = t.x[1].array } }, 2, { t.y[0], t.y[1] }, 2, SYN_E_SHAPE,
          "input b has 2" },
        { { { .array = t.x[0].array } }, 1, { t.y[0], t.y[1] }, 2, SYN_E_SHAPE, "1 input, the net 2" },
    };
    for (size_t i = 0; i < SYN_COUNT(bad); i++) {
        ok(syn_data_from_fields(&d, bad[i].x, bad[i].n_x, bad[i].y, bad[i].n_y, NULL));
        refused(syn_evaluate(t.plan, d, &m), bad[i].status, bad[i].text);
        syn_data_destroy(d);
    }
    double odd[] = { 1, NAN, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    syn_data_field w = { .array = f64(odd, SYN_SHAPE(t.rows)) };
    refused(syn_data_from_fields(&d, t.x, 2, t.y, 2, &w), SYN_E_ARGUMENT, "weights: row 1: the weight is nan");
    w.array = f64(odd, SYN_SHAPE(3));
    refused(syn_data_from_fields(&d, t.x, 2, t.y, 2, &w), SYN_E_SHAPE, "weights has 3 rows");
    w.array = t.x[0].array;
    refused(syn_data_from_fields(&d, t.x, 2, t.y, 2, &w), SYN_E_SHAPE, "one number a row, got 3");
    const syn_array x = t.x[0].array;
    double out[8];
    refused(syn_infer(t.plan, &x, out, 8), SYN_E_ARGUMENT, "the net has 2 inputs, the batch 1");
    two_close(&t);
    syn_net *net;
    ok(syn_net_create(&net, 1));
    syn_tensor in = syn_input(net, SYN_SHAPE(2)), mse = syn_layer(net, "mse", &in, 1, NULL);
    syn_loss_sum((syn_tensor[]){ mse, mse }, NULL, 2);
    refused(syn_net_status(net), SYN_E_ARGUMENT, "mse_1 is there twice");
    syn_net_destroy(net);
    ok(syn_net_create(&net, 1));
    in = syn_input(net, SYN_SHAPE(2));
    mse = syn_layer(net, "mse", &in, 1, NULL);
    syn_layer(net, "elu", &mse, 1, NULL);
    ck_assert(syn_net_status(net) != SYN_OK);
    syn_net_destroy(net);
}
END_TEST

int main(void) {
    const TTest *const tests[] = { test_weights, test_two, test_shuffled, test_saved, test_refused };
    return run_suite("inputs", tests, SYN_COUNT(tests));
}
