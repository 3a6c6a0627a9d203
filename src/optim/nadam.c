#include "optim/optim.h"

#include <math.h>

static double factor(const void *opts, int64_t t, double momentum) {
    const syn_nadam_opts *o = opts;
    return momentum * (1 - .5 * pow(.96, (double)t * o->psi));
}

/* The rate of g, that of m, and what the root of v is multiplied by. */
static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_nadam_opts *o = opts;
    double mu = factor(opts, at->t, at->momentum), next = factor(opts, at->t + 1, at->momentum);
    s[0] = at->lr * (1 - mu) / (1 - at->product);
    s[1] = at->lr * next / (1 - at->product * next);
    s[2] = 1 / sqrt(1 - pow(o->beta2, (double)at->t));
    s[3] = 1 - at->momentum;
    s[4] = 1 - o->beta2;
    s[5] = o->eps;
}

const syn_optim_impl syn_optim_nadam = {
    .slots = { "m", "v" }, .scalars = { "a_g", "a_m", "c", "new1", "new2", "eps" }, .n_rates = 2, .fill = fill,
    .factor = factor, .momentum = "beta1",
};
