/* Nets and layers: what a net is made of, and what each layer file provides. */
#ifndef SYN_LAYER_LAYER_H
#define SYN_LAYER_LAYER_H

#include "base/options_json.h"
#include "op/map.h"
#include "op/ops.h"

#include <syncline/net.h>

typedef struct syn_lower syn_lower;

/* What evaluation counts beside a loss (train/report.c): nothing, classes by the largest input (labels, or
 * target distributions), two classes by the input's sign, or errors of values. */
typedef enum syn_report_kind {
    SYN_REPORT_NONE,
    SYN_REPORT_LABELS,
    SYN_REPORT_DISTRIBUTIONS,
    SYN_REPORT_BITS,  /* targets 0 and 1 */
    SYN_REPORT_SIGNS, /* targets -1 (or 0) and 1 */
    SYN_REPORT_VALUES
} syn_report_kind;

/* What a layer is for, where others ask: recommended sets and the check of pairings. */
typedef enum syn_role { SYN_ROLE_OTHER, SYN_ROLE_ACTIVATION, SYN_ROLE_NORM, SYN_ROLE_DROPOUT } syn_role;

/* What src/layer/NAME.c defines, as syn_layer_NAME. */
typedef struct syn_layer_row {
    int min_in, max_in;
    /* Options are resolved. Set the layer's shape, declare its parameters, count its multiply-adds;
     * errors go through syn_fail and get the layer's name in front. */
    syn_status (*describe)(syn_net *net, int layer);
    /* Compose ops over the inputs' values; returns the output's value, -1 when memory ran out. */
    int (*lower)(syn_lower *l, int layer, const int *in);
    syn_role role;
    bool random;      /* gets a stream of its own */
    bool modal;       /* training and test mode differ without randomness */
    /* Losses only. */
    bool loss, labels; /* labels: the target is class numbers, else values of the input's shape */
    bool sum;          /* of other losses: it has neither target nor node of its own */
    syn_report_kind report;
    int (*link)(syn_graph *g, int x); /* turns the loss's input into predictions; NULL: as it is */
} syn_layer_row;

#define SYN_ROW(name, doc) extern const syn_layer_row syn_layer_##name;
#define SYN_REAL(...)
#define SYN_INT(...)
#define SYN_FLAG(...)
#define SYN_CHOICE(...)
#define SYN_TEXT(...)
#define SYN_INITIALISER(...)
#define SYN_LIST(...)
#define SYN_ROW_END(name)
#include <syncline/layers.inc>
#include <syncline/losses.inc>
#include <syncline/rows_end.inc>

typedef struct syn_net_param {
    char *name; /* "dense_1/kernel" */
    syn_shape shape;
    int layer;
    syn_init init; /* resolved */
    syn_preset preset;
    double fan_in, fan_out;
    bool kernel; /* no bias, no parameter of normalisation */
    bool statistic; /* written by forward passes in training; no gradient, no slot, never trained */
} syn_net_param;

typedef struct syn_net_layer {
    const syn_def *def;
    const syn_layer_row *row;
    char *name;
    void *opts; /* resolved */
    int in[SYN_MAX_IN], n_in;
    syn_shape shape; /* of the output, one sample */
    int first_param, n_params;
    uint32_t stream; /* of random layers */
    int64_t flops;   /* multiply-adds forward, one sample */
    int64_t ignored; /* losses: 1 + the label that is left out; 0: none */
} syn_net_layer;

struct syn_net {
    uint64_t seed;
    syn_preset preset;
    syn_net_layer *layer;
    int n_layers, cap_layers;
    syn_net_param *param;
    int n_params, cap_params;
    int n_random;
    bool paired; /* its pairings were checked (pairing.h) */
    syn_status status; /* the sticky error */
    char *error;
};

const syn_table *syn_layers(void); /* losses included, def->kind "loss" */
const syn_layer_row *syn_layer_row_of(const syn_def *def);

/* Shape of input k of a layer, while describing. */
const syn_shape *syn_layer_in(const syn_net *net, int layer, int k);
/* Declare "LAYER/suffix"; init is resolved. */
syn_status syn_layer_param(syn_net *net, int layer, const char *suffix, syn_shape shape,
                           const syn_init *init, double fan_in, double fan_out);
/* The same for a statistic, which is zeros or ones. */
syn_status syn_layer_statistic(syn_net *net, int layer, const char *suffix, syn_shape shape, bool ones);
/* Class losses: a vector of classes comes in; weights, when given, are one for each. */
syn_status syn_describe_classes(syn_net *net, int layer, const char *what, const syn_numbers *weights);
/* A loss of the table of elements (op/loss.h) over the loss's input. */
int syn_lower_elements(syn_lower *l, const char *name, const double *attr, int x, bool mean);
static inline void *syn_layer_opts(const syn_net *net, int layer) { return net->layer[layer].opts; }

/* Lowering: a graph for training (random layers act, the loss is there), for evaluation (loss, no
 * randomness) or for prediction (no loss). */
struct syn_lower {
    const syn_net *net;
    syn_graph *graph;
    bool train;
    bool collect;        /* batch_norm gathers the statistics of a whole pass */
    const bool *trained; /* by parameter, NULL: all; of a statistic: whether it moves */
    bool random; /* dropout acts: in training, and in Monte Carlo prediction */
    int *param;  /* graph value of each parameter, -1 until it is used */
    int target;  /* value of the fed target of the loss that is lowered, -1 */
};
int syn_lower_param(syn_lower *l, int layer, int k); /* graph value of the layer's k-th parameter */

typedef struct syn_lower_opts {
    int loss;      /* loss layer, perhaps a sum; -1: none */
    bool weighted; /* losses take weights of the samples */
    int output[SYN_MAX_ENDS], n_outputs; /* layers whose outputs are the graph's results */
    int link[SYN_MAX_ENDS]; /* losses whose links are applied to them, -1: none */
    bool train;
    bool passes; /* Monte Carlo prediction: dropout acts, all else is in test mode */
    bool keep;   /* every layer's output stays readable */
    bool collect;
    const bool *trained;
} syn_lower_opts;
/* Sets graph->x, target, weights, loss, hits, output, and value.layer. */
syn_status syn_net_lower(const syn_net *net, const syn_lower_opts *o, syn_graph *graph);

/* Which layers lead to `layer`, itself included; needed by layer, to start from all false. */
void syn_net_mark(const syn_net *net, bool *needed, int layer);
/* How many inputs the net has in front of `layer`: the number of an input layer. */
int syn_net_inputs(const syn_net *net, int layer);
int64_t syn_net_features(const syn_net *net); /* elements of a sample of all inputs */
/* The losses that make up a loss layer, in order of description, and their weights: itself, unless it is a
 * sum. Returns how many. */
int syn_net_losses(const syn_net *net, int loss, int layer[SYN_MAX_ENDS], double weight[SYN_MAX_ENDS]);

/* Whether a layer wants the statistics of the whole training set. */
bool syn_net_collects(const syn_net *net);

void syn_net_print(const syn_net *net, syn_text *t);

#endif
