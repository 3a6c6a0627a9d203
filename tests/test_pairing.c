/* Which nets are warned of, and that good ones are not. */
#include "layer/pairing.h"

#include "base/base.h"
#include "suite.h"

#include <string.h>

static syn_net *net;
static syn_text said;
static int lines;

static void say(const char *line, void *user) {
    (void)user;
    syn_text_add(&said, "%s\n", line);
    lines++;
}

static syn_tensor start(void) {
    ck_assert_int_eq(syn_net_create(&net, 1), SYN_OK);
    return syn_input(net, SYN_SHAPE(100));
}

static syn_tensor layer(syn_tensor x, syn_init init, const char *activation) {
    return syn_map(syn_dense(x, &(syn_dense_opts){ .units = 100, .init = init }), activation, NULL,
                   0);
}

static void check(syn_tensor out, syn_input_scale input) {
    ck_assert_int_eq(syn_net_status(net), SYN_OK);
    syn_text_free(&said);
    lines = 0;
    syn_pairing_check(net, out.layer, input, say, NULL);
}

static void end(void) {
    syn_net_destroy(net);
    syn_text_free(&said);
}

/* One line in all, and this one. */
static void says(syn_tensor out, syn_input_scale input, const char *line) {
    check(out, input);
    ck_assert_msg(lines == 1 && !strncmp(syn_text_str(&said), line, strlen(line)),
                  "wanted '%s', got: %s", line, syn_text_str(&said));
    end();
}

static void silent(syn_tensor out, syn_input_scale input) {
    check(out, input);
    ck_assert_msg(lines == 0, "wanted nothing, got: %s", syn_text_str(&said));
    end();
}

static syn_tensor selu(syn_tensor x) { return layer(x, syn_init_lecun_normal(NULL), "selu"); }
static syn_tensor head(syn_tensor x) { return syn_dense(x, &(syn_dense_opts){ .units = 10 }); }

START_TEST(good_nets_are_quiet) {
    silent(head(layer(start(), syn_init_he_normal(NULL), "relu")), SYN_INPUT_RAW);
    silent(head(syn_dropout(layer(start(), syn_init_he_uniform(NULL), "elu"), .5)), SYN_INPUT_RAW);
    silent(head(layer(start(), syn_init_glorot_uniform(NULL), "tanh")), SYN_INPUT_RAW);
    silent(head(layer(start(), (syn_init){ 0 }, "sigmoid")), SYN_INPUT_UNKNOWN);
    silent(head(syn_alpha_dropout(selu(selu(start())), .1)), SYN_INPUT_STANDARD);
    silent(head(selu(start())), SYN_INPUT_UNKNOWN);
    /* the deviation is He's: sqrt(2 / 100) */
    syn_init near = syn_init_normal(&(syn_init_normal_opts){ .stddev = .15 });
    silent(head(layer(start(), near, "relu")), SYN_INPUT_RAW);
    /* no activation, nothing to fit; and batch_norm between the two is passed */
    syn_tensor x =
        syn_dense(start(), &(syn_dense_opts){ .units = 8, .init = syn_init_he_normal(NULL) });
    silent(syn_softmax_xent(head(x)), SYN_INPUT_RAW);
    x = syn_dense(start(), &(syn_dense_opts){ .units = 8, .init = syn_init_he_normal(NULL) });
    silent(head(syn_map(syn_batch_norm(x, NULL), "relu", NULL, 0)), SYN_INPUT_RAW);
    /* a net that branches, without selu */
    x = layer(start(), syn_init_he_normal(NULL), "relu");
    silent(
        head(syn_layer(net, "add", (syn_tensor[]){ x, layer(x, syn_init_he_normal(NULL), "relu") },
                       2, NULL)),
        SYN_INPUT_RAW);
}
END_TEST

START_TEST(initialisers_that_do_not_fit) {
    says(head(layer(start(), (syn_init){ 0 }, "relu")), SYN_INPUT_RAW,
         "dense_1: init glorot_uniform does not fit relu; give init: he_normal\n");
    says(head(layer(start(), syn_init_he_normal(NULL), "tanh")), SYN_INPUT_RAW,
         "dense_1: init he_normal does not fit tanh; give init: glorot_normal\n");
    says(head(layer(start(), syn_init_he_normal(NULL), "selu")), SYN_INPUT_STANDARD,
         "dense_1: init he_normal does not fit selu; give init: lecun_normal\n");
    says(head(layer(start(), syn_init_torch_linear(NULL), "selu")), SYN_INPUT_STANDARD,
         "dense_1: init torch_linear does not fit selu; give init: lecun_normal\n");
    says(head(layer(start(), syn_init_normal(&(syn_init_normal_opts){ .stddev = 1 }), "sigmoid")),
         SYN_INPUT_RAW,
         "dense_1: init normal does not fit sigmoid: its deviation is 1, but 100 inputs want 0.1; "
         "give");
    says(
        head(layer(start(), syn_init_uniform(&(syn_init_uniform_opts){ .low = -.02, .high = .02 }),
                   "elu")),
        SYN_INPUT_RAW,
        "dense_1: init uniform does not fit elu: its deviation is 0.012, but 100 inputs want 0.14");
    says(head(layer(start(), syn_init_zeros(NULL), "relu")), SYN_INPUT_RAW,
         "dense_1: init zeros makes all units equal");
    /* through normalisation */
    syn_tensor x =
        syn_dense(start(), &(syn_dense_opts){ .units = 8, .init = syn_init_lecun_normal(NULL) });
    says(head(syn_map(syn_batch_norm(x, NULL), "relu", NULL, 0)), SYN_INPUT_RAW,
         "dense_1: init lecun_normal does not fit relu");
}
END_TEST

START_TEST(one_line_for_many_layers) {
    syn_tensor x = start();
    for (int i = 0; i < 6; i++) x = layer(x, syn_init_glorot_normal(NULL), "relu");
    x = head(x);
    check(x, SYN_INPUT_RAW);
    ck_assert_str_eq(syn_text_str(&said),
                     "dense_1, dense_2, dense_3 and 3 more: init glorot_normal does not fit relu; "
                     "give init: he_normal\n");
    check(x, SYN_INPUT_RAW); /* once in a net's life */
    ck_assert_int_eq(lines, 0);
    end();
}
END_TEST

START_TEST(selu_nets) {
    says(head(selu(start())), SYN_INPUT_RAW,
         "input_1: selu wants standardised input; give data: { standardise: yes }");
    says(head(syn_batch_norm(selu(start()), NULL)), SYN_INPUT_STANDARD,
         "batch_norm_1: batch_norm in a net of selu, which normalises itself; take it out");
    says(head(syn_dropout(selu(start()), .1)), SYN_INPUT_STANDARD,
         "dropout_1: dropout undoes the mean and variance");
    says(head(syn_gaussian_dropout(selu(start()), .1)), SYN_INPUT_STANDARD,
         "gaussian_dropout_1: gaussian_dropout undoes");
    says(head(syn_layer(net, "prelu", (syn_tensor[]){ selu(start()) }, 1, NULL)),
         SYN_INPUT_STANDARD,
         "prelu_1: selu normalises itself between dense layers only, and this is prelu");
    syn_tensor x = selu(start());
    x = syn_layer(net, "add", (syn_tensor[]){ x, selu(x) }, 2, NULL);
    check(head(x), SYN_INPUT_STANDARD);
    ck_assert_int_eq(lines, 2);
    ck_assert(strstr(syn_text_str(&said),
                     "activation_1: selu normalises itself in a plain stack of layers only, and "
                     "here the net branches"));
    ck_assert(strstr(syn_text_str(&said),
                     "add_1: selu normalises itself in a plain stack of layers only, and here the "
                     "net joins"));
    end();
}
END_TEST

START_TEST(dropout_on_the_output) {
    syn_tensor x = syn_dropout(head(layer(start(), syn_init_he_normal(NULL), "relu")), .5);
    says(x, SYN_INPUT_RAW,
         "dropout_1: dropout on the output drops what is to be learnt; take it out");
    x = syn_dropout(head(layer(start(), syn_init_he_normal(NULL), "relu")), .5);
    says(syn_layer(net, "softmax", &x, 1, NULL), SYN_INPUT_RAW, "dropout_1: dropout on the output");
    /* of the second of two losses */
    x = layer(start(), syn_init_he_normal(NULL), "relu");
    syn_tensor first = head(x);
    syn_softmax_xent(first);
    syn_softmax_xent(syn_dropout(head(x), .5));
    says(first, SYN_INPUT_RAW, "dropout_1: dropout on the output");
}
END_TEST

int main(void) {
    const TTest *const tests[] = { good_nets_are_quiet, initialisers_that_do_not_fit,
                                   one_line_for_many_layers, selu_nets, dropout_on_the_output };
    return run_suite("pairing", tests, SYN_COUNT(tests));
}
