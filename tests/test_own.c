/* Batches and predictions in a caller's device buffers, for nets of several inputs and losses: equal bytes to
 * batches in host memory, whatever the offsets, and errors where they do not fit. */
#include "suite.h"

#include "device/private.h"

#include <syncline/opencl.h>

#include <string.h>

enum { ROWS = 6, A = 3, B = 2, KINDS = 3, SIZES = 2, STEPS = 5, SHIFT = 12, PLACE = 4096, ALL = ROWS * (KINDS + SIZES) };

/* What a plan of two inputs and two losses is fed with, here and there. */
typedef struct two {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    float a[ROWS * A], b[ROWS * B], size[ROWS * SIZES], weight[ROWS];
    int32_t kind[ROWS];
    syn_array x[2], y[2], weights; /* on the host */
    syn_buffer *whole, *buffer;    /* all of them, one behind the other; buffer may be a part of the whole */
    syn_cl_array there[5];
} two;

/* Every other one where a sub-buffer may begin, the others SHIFT behind. */
static syn_cl_array send(two *t, const syn_array *from, size_t *at) {
    const size_t bytes = (size_t)syn_shape_count(&from->shape) * syn_type_size(from->type);
    const syn_cl_array a = { .mem = t->buffer->mem, .offset = *at, .type = from->type, .shape = from->shape };
    ok(syn_buffer_write(t->buffer, (int64_t)*at, from->data, (int64_t)bytes, true));
    *at = *at % PLACE ? *at / PLACE * PLACE + PLACE : *at + PLACE + SHIFT;
    return a;
}

static void open_two(two *t, bool weighted) {
    *t = (two){ 0 };
    for (int i = 0; i < ROWS * A; i++) t->a[i] = (float)(i * 7 % 11) / 11;
    for (int i = 0; i < ROWS * B; i++) t->b[i] = (float)(i * 5 % 13) / 13;
    for (int i = 0; i < ROWS * SIZES; i++) t->size[i] = (float)(i * 3 % 7) / 7;
    for (int i = 0; i < ROWS; i++) t->weight[i] = (float)(1 + i % 3);
    for (int i = 0; i < ROWS; i++) t->kind[i] = i % KINDS;
    t->x[0] = (syn_array){ t->a, SYN_F32, SYN_SHAPE(ROWS, A) };
    t->x[1] = (syn_array){ t->b, SYN_F32, SYN_SHAPE(ROWS, B) };
    t->y[0] = i32(t->kind, ROWS);
    t->y[1] = (syn_array){ t->size, SYN_F32, SYN_SHAPE(ROWS, SIZES) };
    t->weights = (syn_array){ t->weight, SYN_F32, SYN_SHAPE(ROWS) };
    ok(syn_net_create(&t->net, 5));
    syn_tensor in[] = { syn_input(t->net, SYN_SHAPE(A)), syn_input(t->net, SYN_SHAPE(B)) };
    syn_tensor joined = syn_tanh(syn_layer(t->net, "concat", in, 2, NULL));
    syn_tensor kind = syn_dense(joined, &(syn_dense_opts){ .units = KINDS });
    syn_tensor size = syn_dense(joined, &(syn_dense_opts){ .units = SIZES });
    syn_tensor loss[] = { syn_softmax_xent(kind), syn_layer(t->net, "mse", &size, 1, NULL) };
    ok(syn_state_create(&t->state, test_ctx(), t->net));
    ok(syn_plan_create(&t->plan, t->state, &(syn_plan_opts){
        .loss = syn_loss_sum(loss, (double[]){ 1, .5 }, 2), .batch = ROWS, .sample_weights = weighted,
        .optim = syn_momentum(&(syn_momentum_opts){ .lr = .1 }) }));
    size_t at = SHIFT;
    ok(syn_buffer_create(&t->whole, test_ctx(), 9 * PLACE, "a caller's memory"));
    if (weighted) ok(syn_buffer_sub(&t->buffer, t->whole, PLACE, 8 * PLACE));
    else t->buffer = t->whole;
    for (int k = 0; k < 2; k++) t->there[k] = send(t, &t->x[k], &at);
    for (int k = 0; k < 2; k++) t->there[2 + k] = send(t, &t->y[k], &at);
    t->there[4] = send(t, &t->weights, &at);
}

static void close_two(two *t) {
    if (t->buffer != t->whole) syn_buffer_destroy(t->buffer);
    syn_buffer_destroy(t->whole);
    syn_plan_destroy(t->plan);
    syn_state_destroy(t->state);
    syn_net_destroy(t->net);
}

static syn_batch here(const two *t, bool weights) { return (syn_batch){ t->x, t->y, 2, 2, weights ? &t->weights : NULL }; }

static syn_cl_batch there(const two *t, bool weights) {
    return (syn_cl_batch){ t->there, t->there + 2, 2, 2, weights ? &t->there[4] : NULL };
}

/* Plain, with weights, and in a plan that takes weights without any: which are 1 each. The last two in a part of a
 * buffer. */
START_TEST(test_batches) {
    for (int way = 0; way < 3; way++) {
        two t[2];
        double out[ALL];
        float got[ALL];
        for (int k = 0; k < 2; k++) open_two(&t[k], way > 0);
        const syn_batch host = here(&t[0], way == 1);
        const syn_cl_batch device = there(&t[1], way == 1);
        for (int i = 0; i < STEPS; i++) {
            ok(syn_step_batch(t[0].plan, &host, NULL));
            ok(syn_step_batch_cl(t[1].plan, &device, NULL));
        }
        for (int p = 0; p < syn_net_params(t[0].net); p++) {
            syn_param_info info;
            int64_t n;
            syn_net_param_info(t[0].net, p, &info);
            double *v = param_values(t[0].state, info.name, &n), *w = param_values(t[1].state, info.name, &n);
            ck_assert_mem_eq(v, w, (size_t)n * sizeof *v);
            free(v);
            free(w);
        }
        ok(syn_infer_batch(t[0].plan, &host, out, ALL));
        ok(syn_infer_batch_cl(t[1].plan, &device, t[1].buffer->mem, 7 * PLACE + SHIFT, NULL));
        ok(syn_buffer_read(t[1].buffer, 7 * PLACE + SHIFT, got, sizeof got, true));
        for (int i = 0; i < ALL; i++) ck_assert(got[i] == (float)out[i]);
        for (int k = 0; k < 2; k++) close_two(&t[k]);
    }
}
END_TEST

START_TEST(test_errors) {
    two t;
    open_two(&t, false);
    syn_cl_batch batch = there(&t, false);
    batch.n_x = 1;
    refused(syn_step_batch_cl(t.plan, &batch, NULL), SYN_E_ARGUMENT, "2 inputs");
    batch = there(&t, false);
    batch.n_y = 1;
    refused(syn_step_batch_cl(t.plan, &batch, NULL), SYN_E_ARGUMENT, "2 losses");
    batch = there(&t, true);
    refused(syn_step_batch_cl(t.plan, &batch, NULL), SYN_E_ARGUMENT, "sample_weights");
    batch = there(&t, false);
    t.there[3].shape.dim[0] = ROWS - 1;
    refused(syn_step_batch_cl(t.plan, &batch, NULL), SYN_E_SHAPE, "x has 6 rows, y 5");
    t.there[1].mem = NULL;
    refused(syn_infer_batch_cl(t.plan, &batch, t.buffer->mem, 0, NULL), SYN_E_ARGUMENT, "x must be given");
    refused(syn_step_batch_cl(t.plan, NULL, NULL), SYN_E_ARGUMENT, "batch");
    refused(syn_step_cl(t.plan, NULL, NULL, NULL), SYN_E_ARGUMENT, "x must be given");
    ck_assert_int_eq(syn_plan_step(t.plan), 0); /* nothing was done */
    close_two(&t);
}
END_TEST

/* Labels in a caller's memory are not looked at before they are used: such a step stops the run, and writes to no row but
 * its own. */
START_TEST(test_labels_that_are_no_class) {
    static const int32_t bad[] = { KINDS, -1, 1 << 30, -(1 << 30) };
    for (int smooth = 0; smooth < 3; smooth++)
        for (size_t i = 0; i < SYN_COUNT(bad); i++) {
            syn_net *net;
            syn_state *state;
            syn_plan *plan;
            syn_buffer *x, *y;
            float in[ROWS * A] = { 1 };
            const double of[] = { 1, 2, 3 };
            double before[A * KINDS], after[A * KINDS], loss;
            int32_t label[ROWS] = { 0, 1, 2, bad[i], 0, 1 };
            ok(syn_net_create(&net, 5));
            syn_tensor out = syn_dense(syn_input(net, SYN_SHAPE(A)), &(syn_dense_opts){ .units = KINDS, .name = "last" });
            syn_tensor made = syn_layer(net, "softmax_cross_entropy", &out, 1, &(syn_softmax_cross_entropy_opts){
                .label_smoothing = smooth ? .1 : 0, .preset = SYN_TORCH,
                .class_weights = { smooth == 2 ? KINDS : 0, of } });
            ok(syn_state_create(&state, test_ctx(), net));
            ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = made, .batch = ROWS }));
            ok(syn_buffer_create(&x, test_ctx(), sizeof in, "x"));
            ok(syn_buffer_create(&y, test_ctx(), sizeof label, "y"));
            ok(syn_buffer_write(x, 0, in, sizeof in, true));
            ok(syn_buffer_write(y, 0, label, sizeof label, true));
            ok(syn_param_read(state, "last/kernel", before, A * KINDS));
            const syn_cl_array xs = { .mem = x->mem, .type = SYN_F32, .shape = SYN_SHAPE(ROWS, A) };
            const syn_cl_array ys = { .mem = y->mem, .type = SYN_I32, .shape = SYN_SHAPE(ROWS) };
            ok(syn_step_cl(plan, &xs, &ys, NULL));
            ok(syn_param_read(state, "last/kernel", after, A * KINDS));
            ck_assert_mem_eq(before, after, sizeof before);
            label[3] = 0;
            const syn_array xh = { in, SYN_F32, SYN_SHAPE(ROWS, A) }, yh = i32(label, ROWS);
            refused(syn_step(plan, &xh, &yh, &loss), SYN_E_NONFINITE, "the loss is not finite at step 1");
            syn_buffer_destroy(x);
            syn_buffer_destroy(y);
            syn_plan_destroy(plan);
            syn_state_destroy(state);
            syn_net_destroy(net);
        }
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_batches, test_errors, test_labels_that_are_no_class };
    return run_suite("own", test, SYN_COUNT(test));
}
