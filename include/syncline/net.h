/* Describing a network. No device is needed. Builders return tensors; the first error sticks to
 * the net, later builders do nothing, and syn_net_status or syn_plan_create reports it. */
#ifndef SYNCLINE_NET_H
#define SYNCLINE_NET_H

#include <syncline/init.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct syn_net syn_net;

/* The output of a layer. */
typedef struct syn_tensor {
    syn_net *net;
    int layer;
} syn_tensor;

/* seed: of the initial weights, the masks and (unless the fit says otherwise) the shuffling. */
SYN_API syn_status syn_net_create(syn_net **net, uint64_t seed);
SYN_API void syn_net_destroy(syn_net *net);
SYN_API void syn_net_preset(syn_net *net, syn_preset preset); /* for layers made after this */
SYN_API syn_status syn_net_status(const syn_net *net);        /* the sticky error, text and all */
SYN_API uint64_t syn_net_seed(const syn_net *net);

/* For each row NAME of layers.inc and losses.inc: syn_NAME_opts. */
#define SYN_ROW_PREFIX(name, suffix) syn_##name##suffix
#define SYN_ROW_RESULT(name)
#include <syncline/rows_struct.inc>
#include <syncline/layers.inc>
#include <syncline/losses.inc>
#include <syncline/rows_end.inc>

/* Any layer by name; opts is its syn_NAME_opts or NULL. The typed builders below call this. */
SYN_API syn_tensor syn_layer(syn_net *net, const char *kind, const syn_tensor *in, int n_in,
                             const void *opts);

/* Shape of one sample. At most SYN_MAX_ENDS of them; name those of a net that has several (syn_named). */
SYN_API syn_tensor syn_input(syn_net *net, syn_shape shape);
static inline syn_tensor syn_flatten(syn_tensor x) { return syn_layer(x.net, "flatten", &x, 1, NULL); }
static inline syn_tensor syn_dense(syn_tensor x, const syn_dense_opts *opts) {
    return syn_layer(x.net, "dense", &x, 1, opts);
}
static inline syn_tensor syn_dropout(syn_tensor x, double rate) {
    syn_dropout_opts o = { .rate = rate == 0 ? SYN_ZERO : rate };
    return syn_layer(x.net, "dropout", &x, 1, &o);
}
/* Normalisation; opts NULL: the preset's defaults. */
static inline syn_tensor syn_batch_norm(syn_tensor x, const syn_batch_norm_opts *opts) {
    return syn_layer(x.net, "batch_norm", &x, 1, opts);
}
static inline syn_tensor syn_layer_norm(syn_tensor x, const syn_layer_norm_opts *opts) {
    return syn_layer(x.net, "layer_norm", &x, 1, opts);
}
static inline syn_tensor syn_rms_norm(syn_tensor x, const syn_rms_norm_opts *opts) {
    return syn_layer(x.net, "rms_norm", &x, 1, opts);
}
static inline syn_tensor syn_group_norm(syn_tensor x, const syn_group_norm_opts *opts) {
    return syn_layer(x.net, "group_norm", &x, 1, opts);
}
static inline syn_tensor syn_instance_norm(syn_tensor x, const syn_instance_norm_opts *opts) {
    return syn_layer(x.net, "instance_norm", &x, 1, opts);
}
/* Other kinds of dropout; rates as there. */
static inline syn_tensor syn_spatial_dropout(syn_tensor x, double rate) {
    syn_spatial_dropout_opts o = { .rate = rate == 0 ? SYN_ZERO : rate };
    return syn_layer(x.net, "spatial_dropout", &x, 1, &o);
}
static inline syn_tensor syn_alpha_dropout(syn_tensor x, double rate) {
    syn_alpha_dropout_opts o = { .rate = rate == 0 ? SYN_ZERO : rate };
    return syn_layer(x.net, "alpha_dropout", &x, 1, &o);
}
static inline syn_tensor syn_gaussian_dropout(syn_tensor x, double rate) {
    syn_gaussian_dropout_opts o = { .rate = rate == 0 ? SYN_ZERO : rate };
    return syn_layer(x.net, "gaussian_dropout", &x, 1, &o);
}
static inline syn_tensor syn_softmax(syn_tensor x) { return syn_layer(x.net, "softmax", &x, 1, NULL); }
static inline syn_tensor syn_log_softmax(syn_tensor x) {
    return syn_layer(x.net, "log_softmax", &x, 1, NULL);
}
static inline syn_tensor syn_prelu(syn_tensor x, const syn_prelu_opts *opts) {
    return syn_layer(x.net, "prelu", &x, 1, opts);
}
static inline syn_tensor syn_rrelu(syn_tensor x, const syn_rrelu_opts *opts) {
    return syn_layer(x.net, "rrelu", &x, 1, opts);
}
/* The largest of each `pieces` neighbours; n units of k pieces come from a dense layer of k n. */
static inline syn_tensor syn_maxout(syn_tensor x, int pieces) {
    syn_maxout_opts o = { .pieces = pieces };
    return syn_layer(x.net, "maxout", &x, 1, &o);
}
static inline syn_tensor syn_add(const syn_tensor *x, int n) {
    return syn_layer(x[0].net, "add", x, n, NULL);
}
static inline syn_tensor syn_concat(const syn_tensor *x, int n) {
    return syn_layer(x[0].net, "concat", x, n, NULL);
}

/* Losses: the target is the data set's y. The returned tensor goes to syn_plan_opts.loss. */
static inline syn_tensor syn_softmax_xent(syn_tensor logits) {
    return syn_layer(logits.net, "softmax_cross_entropy", &logits, 1, NULL);
}
static inline syn_tensor syn_mse(syn_tensor x) { return syn_layer(x.net, "mse", &x, 1, NULL); }
static inline syn_tensor syn_mae(syn_tensor x) { return syn_layer(x.net, "mae", &x, 1, NULL); }
static inline syn_tensor syn_huber(syn_tensor x, double delta) {
    syn_huber_opts o = { .delta = delta };
    return syn_layer(x.net, "huber", &x, 1, &o);
}
static inline syn_tensor syn_binary_xent(syn_tensor logits) {
    return syn_layer(logits.net, "binary_cross_entropy", &logits, 1, NULL);
}
static inline syn_tensor syn_categorical_xent(syn_tensor logits) {
    return syn_layer(logits.net, "categorical_cross_entropy", &logits, 1, NULL);
}
static inline syn_tensor syn_nll(syn_tensor log_probabilities) {
    return syn_layer(log_probabilities.net, "nll", &log_probabilities, 1, NULL);
}
static inline syn_tensor syn_hinge(syn_tensor x) { return syn_layer(x.net, "hinge", &x, 1, NULL); }
static inline syn_tensor syn_kl(syn_tensor x) { return syn_layer(x.net, "kl", &x, 1, NULL); }

/* A weighted sum of n losses, each with its own output and target: what a plan of several losses trains. weights:
 * one for each, NULL: all 1. Data sets and batches have a target for each loss, in order of description. */
static inline syn_tensor syn_loss_sum(const syn_tensor *losses, const double *weights, int n) {
    syn_loss_sum_opts o = { .weights = { .n = weights ? n : 0, .v = weights } };
    return syn_layer(n > 0 ? losses[0].net : NULL, "loss_sum", losses, n, &o);
}

/* Element-wise functions: one row of src/op/maps.inc each. syn_map applies any row by name, own
 * ones included; attrs in the row's order, NULL for its defaults. */
SYN_API syn_tensor syn_map(syn_tensor x, const char *name, const double *attrs, int n_attrs);
static inline syn_tensor syn_linear(syn_tensor x) { return syn_map(x, "linear", NULL, 0); }
static inline syn_tensor syn_relu(syn_tensor x) { return syn_map(x, "relu", NULL, 0); }
static inline syn_tensor syn_leaky_relu(syn_tensor x, double alpha) {
    return syn_map(x, "leaky_relu", &alpha, 1);
}
static inline syn_tensor syn_elu(syn_tensor x, double alpha) { return syn_map(x, "elu", &alpha, 1); }
static inline syn_tensor syn_sigmoid(syn_tensor x) { return syn_map(x, "sigmoid", NULL, 0); }
static inline syn_tensor syn_tanh(syn_tensor x) { return syn_map(x, "tanh", NULL, 0); }
static inline syn_tensor syn_selu(syn_tensor x) { return syn_map(x, "selu", NULL, 0); }
static inline syn_tensor syn_softplus(syn_tensor x) { return syn_map(x, "softplus", NULL, 0); }
static inline syn_tensor syn_log_sigmoid(syn_tensor x) { return syn_map(x, "log_sigmoid", NULL, 0); }
static inline syn_tensor syn_softsign(syn_tensor x) { return syn_map(x, "softsign", NULL, 0); }
static inline syn_tensor syn_hard_sigmoid(syn_tensor x) { return syn_map(x, "hard_sigmoid", NULL, 0); }
static inline syn_tensor syn_relu6(syn_tensor x) { return syn_map(x, "relu6", NULL, 0); }
static inline syn_tensor syn_gelu(syn_tensor x) { return syn_map(x, "gelu", NULL, 0); }
static inline syn_tensor syn_gelu_tanh(syn_tensor x) { return syn_map(x, "gelu_tanh", NULL, 0); }
static inline syn_tensor syn_silu(syn_tensor x) { return syn_map(x, "silu", NULL, 0); }
static inline syn_tensor syn_mish(syn_tensor x) { return syn_map(x, "mish", NULL, 0); }
static inline syn_tensor syn_hard_swish(syn_tensor x) { return syn_map(x, "hard_swish", NULL, 0); }

/* A row of the map table: y = f(x). Expressions are OpenCL C over x, y and the attributes; they are
 * compiled for scalars and for vectors, so stay with operators, ?: and the built-in functions; besides those of
 * OpenCL logistic(x), log1p_exp(x), phi(x) (the normal distribution) and x_phi(x), its product with x. */
#define SYN_MAX_ATTRS 4
typedef struct syn_map_attr {
    const char *name;
    double keras, torch; /* defaults */
    double lo, hi;
    const char *doc;
} syn_map_attr;
typedef struct syn_map_row {
    const char *name;
    const char *forward;    /* "x > 0 ? x : alpha * expm1(x)" */
    const char *derivative; /* dy/dx, "x > 0 ? 1 : y + alpha"; uses y rather than x where it can */
    const char *doc;
    syn_map_attr attr[SYN_MAX_ATTRS];
} syn_map_row;
/* Strings are copied. A name may be registered once. */
SYN_API syn_status syn_register_map(const syn_map_row *row);

/* A loss that is a sum over elements, as a layer: syn_layer(net, "custom_loss", &x, 1,
 * &(syn_custom_loss_opts){ .function = name }). Expressions as in a row of maps. */
typedef struct syn_loss_row {
    const char *name;
    const char *loss;     /* of one element, over x (the prediction), t (the target) and the attributes */
    const char *gradient; /* dloss/dx */
    const char *doc;
    syn_map_attr attr[SYN_MAX_ATTRS];
} syn_loss_row;
/* Strings are copied. A name may be registered once. */
SYN_API syn_status syn_register_loss(const syn_loss_row *row);

/* Rename the layer that made x (default: kind and running number, dense_1). */
SYN_API syn_tensor syn_named(syn_tensor x, const char *name);
SYN_API const char *syn_tensor_name(syn_tensor x);
SYN_API syn_status syn_tensor_shape(syn_tensor x, syn_shape *shape); /* of one sample */

/* Find a layer by name; .net is NULL when there is none. */
SYN_API syn_tensor syn_net_find(const syn_net *net, const char *name);

/* Layers and parameters in order of description. Strings live as long as the net. */
typedef struct syn_layer_info {
    const char *kind, *name;
    syn_shape shape;    /* of its output */
    int64_t parameters; /* elements, statistics left out */
    int64_t flops;      /* multiply-adds of one sample, forward */
    int n_in;
    int in[16];         /* layers it reads */
} syn_layer_info;
typedef struct syn_param_info {
    const char *name; /* "dense_1/kernel" */
    syn_shape shape;
    int layer;
    bool statistic; /* of normalisation: saved and loaded like the others, but never trained */
} syn_param_info;
SYN_API int syn_net_layers(const syn_net *net);
SYN_API void syn_net_layer_info(const syn_net *net, int i, syn_layer_info *info);
SYN_API int syn_net_params(const syn_net *net);
SYN_API void syn_net_param_info(const syn_net *net, int i, syn_param_info *info);
SYN_API int64_t syn_net_parameters(const syn_net *net); /* elements in all, statistics left out */

/* The description as JSON text (malloc'd; NULL and an error without memory), and back. */
SYN_API char *syn_net_to_json(const syn_net *net);
SYN_API syn_status syn_net_from_json(syn_net **net, const char *json);

#ifdef __cplusplus
}
#endif
#endif
