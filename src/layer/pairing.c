/* Poor pairings: a table of rules, each asked about every layer. */
#include "layer/pairing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Families of initialisers, as bits of what an activation takes. */
enum { GLOROT = 1, HE = 2, LECUN = 4, LECUN_NORMAL = 8, OTHER = 16 };

/* What fits an activation, the initialiser to recommend, and its gain: the deviation of weights is
 * gain / sqrt(fan_in) (Glorot and Bengio 2010, He et al. 2015, Klambauer et al. 2017). */
typedef struct fit {
    const char *activation;
    int takes;
    const char *init;
    double gain;
} fit;
#define OF_TANH GLOROT | LECUN | LECUN_NORMAL | OTHER, "glorot_normal", 1
#define OF_RELU HE | OTHER, "he_normal", 1.4142135623730951
static const fit fits[] = {
    { "tanh", OF_TANH },
    { "sigmoid", OF_TANH },
    { "softsign", OF_TANH },
    { "hard_sigmoid", OF_TANH },
    { "softmax", OF_TANH },
    { "log_softmax", OF_TANH },
    { "relu", OF_RELU },
    { "leaky_relu", OF_RELU },
    { "elu", OF_RELU },
    { "relu6", OF_RELU },
    { "gelu", OF_RELU },
    { "gelu_tanh", OF_RELU },
    { "silu", OF_RELU },
    { "mish", OF_RELU },
    { "hard_swish", OF_RELU },
    { "softplus", OF_RELU },
    { "prelu", OF_RELU },
    { "rrelu", OF_RELU },
    { "selu", LECUN_NORMAL, "lecun_normal", 1 },
};

/* Initialisers that scale with the layer; all others (a caller's constants and deviations) are
 * measured. */
static const struct {
    const char *init;
    int family;
} families[] = {
    { "glorot_normal", GLOROT }, { "glorot_uniform", GLOROT },     { "he_normal", HE },
    { "he_uniform", HE },        { "lecun_normal", LECUN_NORMAL }, { "lecun_uniform", LECUN },
    { "torch_linear", OTHER },   { "orthogonal", OTHER },          { "identity", OTHER },
};

static const fit *find_fit(const char *activation) {
    for (size_t i = 0; activation && i < SYN_COUNT(fits); i++)
        if (!strcmp(fits[i].activation, activation)) return &fits[i];
    return NULL;
}

const char *syn_fitting_init(const char *activation) {
    const fit *f = find_fit(activation);
    return f ? f->init : NULL;
}

static int family_of(const char *init) {
    for (size_t i = 0; i < SYN_COUNT(families); i++)
        if (!strcmp(families[i].init, init)) return families[i].family;
    return 0;
}

/* ---- what stands around a layer ---- */

typedef struct view {
    const syn_net *net;
    int of; /* the layer that is trained on */
    syn_input_scale input;
    bool selu;
} view;

static const char *function_of(const syn_net_layer *l) {
    if (l->row->role != SYN_ROLE_ACTIVATION) return NULL;
    if (strcmp(l->def->name, "activation")) return l->def->name;
    return ((const syn_activation_opts *)l->opts)->function;
}

static bool is_selu(const syn_net_layer *l) {
    const char *function = function_of(l);
    return function && !strcmp(function, "selu");
}

bool syn_pairing_has_selu(const syn_net *net) {
    for (int i = 0; i < net->n_layers; i++)
        if (is_selu(&net->layer[i])) return true;
    return false;
}

/* The layers that read layer i: how many, and the first. */
static int readers(const syn_net *net, int i, int *first) {
    int n = 0;
    for (int k = net->n_layers - 1; k > i; k--)
        for (int j = 0; j < net->layer[k].n_in; j++)
            if (net->layer[k].in[j] == i && !net->layer[k].row->loss) {
                n++;
                *first = k;
            }
    return n;
}

/* The function that a layer's output goes through, normalised or thinned on the way; NULL: none. */
static const char *activation_behind(const syn_net *net, int i) {
    int next = i;
    while (readers(net, next, &next) == 1) {
        const syn_net_layer *l = &net->layer[next];
        if (l->row->role == SYN_ROLE_ACTIVATION) return function_of(l);
        if (l->row->role != SYN_ROLE_NORM && l->row->role != SYN_ROLE_DROPOUT) return NULL;
    }
    return NULL;
}

static const syn_net_param *kernel_of(const syn_net *net, const syn_net_layer *l) {
    for (int p = l->first_param; p < l->first_param + l->n_params; p++)
        if (net->param[p].kernel) return &net->param[p];
    return NULL;
}

/* Kernel of layer i and what its activation wants; false without either. */
static bool paired(const view *v, int i, const syn_net_param **kernel, const fit **f) {
    *kernel = kernel_of(v->net, &v->net->layer[i]);
    *f = *kernel ? find_fit(activation_behind(v->net, i)) : NULL;
    return *f != NULL;
}

/* Deviation and mean of an initialiser that does not scale; false for others and for constants. */
static bool spread(const syn_init *init, double *deviation, double *mean) {
    const void *opts = init->u.opts;
    if (!strcmp(init->def->name, "normal")) {
        const syn_init_normal_opts *o = opts;
        *deviation = o->stddev;
        *mean = o->mean;
    } else if (!strcmp(init->def->name, "truncated_normal")) {
        const syn_init_truncated_normal_opts *o = opts;
        *deviation = o->stddev * (o->cut == SYN_CUT_DEVIATIONS ? .87962566103423978 : 1);
        *mean = o->mean;
    } else if (!strcmp(init->def->name, "uniform")) {
        const syn_init_uniform_opts *o = opts;
        *deviation = (o->high - o->low) / sqrt(12);
        *mean = (o->high + o->low) / 2;
    } else {
        return false;
    }
    return true;
}

/* ---- the rules: each says what is wrong with layer i, or nothing ---- */

static bool wrong_family(const view *v, int i, syn_text *t) {
    const syn_net_param *kernel;
    const fit *f;
    if (!paired(v, i, &kernel, &f)) return false;
    int family = family_of(kernel->init.def->name);
    if (!family || (family & f->takes)) return false;
    syn_text_add(t, "init %s does not fit %s; give init: %s", kernel->init.def->name, f->activation,
                 f->init);
    return true;
}

/* A factor of 2 in deviation is 4 in variance from layer to layer. */
static bool wrong_spread(const view *v, int i, syn_text *t) {
    const syn_net_param *kernel;
    const fit *f;
    double deviation, mean;
    if (!paired(v, i, &kernel, &f) || !spread(&kernel->init, &deviation, &mean)) return false;
    double wanted = f->gain / sqrt(kernel->fan_in), got = sqrt(deviation * deviation + mean * mean);
    if (f->takes == LECUN_NORMAL ? fabs(got / wanted - 1) < .1
                                 : got < 2 * wanted && got > wanted / 2)
        return false;
    syn_text_add(
        t,
        "init %s does not fit %s: its deviation is %.2g, but %.0f inputs want %.2g; give init: %s",
        kernel->init.def->name, f->activation, got, kernel->fan_in, wanted, f->init);
    return true;
}

static bool equal_units(const view *v, int i, syn_text *t) {
    static const char *const flat[] = { "zeros", "ones", "constant" };
    const syn_net_param *kernel = kernel_of(v->net, &v->net->layer[i]);
    const fit *f = kernel ? find_fit(activation_behind(v->net, i)) : NULL;
    for (size_t k = 0; f && k < SYN_COUNT(flat); k++)
        if (!strcmp(kernel->init.def->name, flat[k])) {
            syn_text_add(t,
                         "init %s makes all units equal, and training keeps them so; give init: %s",
                         flat[k], f->init);
            return true;
        }
    return false;
}

static bool raw_input(const view *v, int i, syn_text *t) {
    if (!v->selu || v->input != SYN_INPUT_RAW || v->net->layer[i].row != &syn_layer_input)
        return false;
    syn_text_add(t, "selu wants standardised input; give data: { standardise: yes } "
                    "(in C: syn_state_standardise)");
    return true;
}

static bool selu_normalised(const view *v, int i, syn_text *t) {
    if (!v->selu || v->net->layer[i].row->role != SYN_ROLE_NORM) return false;
    syn_text_add(
        t, "%s in a net of selu, which normalises itself; take it out, or use elu with he_normal",
        v->net->layer[i].def->name);
    return true;
}

static bool selu_dropout(const view *v, int i, syn_text *t) {
    const syn_net_layer *l = &v->net->layer[i];
    if (!v->selu || l->row->role != SYN_ROLE_DROPOUT || l->row == &syn_layer_alpha_dropout)
        return false;
    syn_text_add(t, "%s undoes the mean and variance that selu keeps; use alpha_dropout",
                 l->def->name);
    return true;
}

static bool selu_branches(const view *v, int i, syn_text *t) {
    int first;
    bool joins = v->net->layer[i].n_in > 1 && !v->net->layer[i].row->loss;
    if (!v->selu || (!joins && readers(v->net, i, &first) < 2)) return false;
    syn_text_add(t,
                 "selu normalises itself in a plain stack of layers only, and here the net %s; "
                 "use elu with he_normal and batch_norm",
                 joins ? "joins" : "branches");
    return true;
}

static bool selu_not_dense(const view *v, int i, syn_text *t) {
    const syn_net_layer *l = &v->net->layer[i];
    if (!v->selu || !l->n_params || l->row == &syn_layer_dense || l->row->role == SYN_ROLE_NORM)
        return false;
    syn_text_add(t,
                 "selu normalises itself between dense layers only, and this is %s; "
                 "use elu with he_normal and batch_norm",
                 l->def->name);
    return true;
}

/* Whether the way from layer i to `end` has no weights. */
static bool bare(const syn_net *net, int i, int end) {
    for (int k = end; k >= i; k = net->layer[k].in[0]) {
        if (k == i) return true;
        if (net->layer[k].n_in != 1 || kernel_of(net, &net->layer[k])) return false;
    }
    return false;
}

static bool output_dropout(const view *v, int i, syn_text *t) {
    const syn_net_layer *l = v->net->layer;
    if (l[i].row->role != SYN_ROLE_DROPOUT) return false;
    bool found = bare(v->net, i, v->of);
    for (int k = i + 1; k < v->net->n_layers; k++)
        found |= l[k].row->loss && bare(v->net, i, l[k].in[0]);
    if (found)
        syn_text_add(t, "%s on the output drops what is to be learnt; take it out", l[i].def->name);
    return found;
}

static bool (*const rules[])(const view *v, int i, syn_text *what) = {
    wrong_family, wrong_spread,  equal_units,    raw_input,      selu_normalised,
    selu_dropout, selu_branches, selu_not_dense, output_dropout,
};

/* ---- saying it ---- */

enum { NAMED = 3 }; /* layers of one line; the others are counted */

/* One line for all layers with which the same is wrong. */
static void say_rule(const view *v, bool (*rule)(const view *, int, syn_text *), syn_text *what,
                     void (*say)(const char *, void *), void *user) {
    for (int i = 0; i < v->net->n_layers; i++) rule(v, i, &what[i]);
    for (int i = 0; i < v->net->n_layers; i++) {
        if (!what[i].len) continue;
        syn_text line = { 0 };
        int same = 0;
        for (int k = i; k < v->net->n_layers; k++)
            if (what[k].len && !strcmp(syn_text_str(&what[k]), syn_text_str(&what[i]))) {
                if (same < NAMED)
                    syn_text_add(&line, "%s%s", same ? ", " : "", v->net->layer[k].name);
                if (k > i) what[k].len = 0;
                same++;
            }
        if (same > NAMED) syn_text_add(&line, " and %d more", same - NAMED);
        syn_text_add(&line, ": %s", syn_text_str(&what[i]));
        if (!line.failed) say(syn_text_str(&line), user);
        syn_text_free(&line);
    }
    for (int i = 0; i < v->net->n_layers; i++) syn_text_free(&what[i]);
}

void syn_pairing_check(syn_net *net, int of, syn_input_scale input,
                       void (*say)(const char *line, void *user), void *user) {
    if (net->paired) return;
    net->paired = true;
    view v = { .net = net, .of = of, .input = input, .selu = syn_pairing_has_selu(net) };
    syn_text *what = calloc((size_t)net->n_layers + 1, sizeof *what);
    for (size_t r = 0; what && r < SYN_COUNT(rules); r++) say_rule(&v, rules[r], what, say, user);
    free(what);
}
