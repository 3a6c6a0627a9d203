#include "optim/optim.h"

#include <math.h>

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_adamax_opts *o = opts;
    s[0] = at->lr / (1 - pow(at->momentum, (double)at->t));
    s[1] = 1 - at->momentum;
    s[2] = o->beta2;
    s[3] = o->eps;
}

static void defines(const void *opts, syn_text *t) {
    const syn_adamax_opts *o = opts;
    syn_text_add(t, "#define INSIDE %d\n", o->eps_place == SYN_EPS_INSIDE);
}

const syn_optim_impl syn_optim_adamax = {
    .slots = { "m", "u" }, .scalars = { "a", "new1", "beta2", "eps" }, .n_rates = 1, .fill = fill,
    .defines = defines, .momentum = "beta1",
};
