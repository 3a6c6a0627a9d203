#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_momentum_opts *o = opts;
    s[0] = at->lr;
    s[1] = at->momentum;
    s[2] = at->t == 1 ? 1 : 1 - o->dampening; /* torch does not damp the first gradient */
}

static void defines(const void *opts, syn_text *t) {
    const syn_momentum_opts *o = opts;
    syn_text_add(t, "#define LR_IN_BUFFER %d\n", o->lr_in_buffer == SYN_YES);
}

const syn_optim_impl syn_optim_momentum = {
    .slots = { "m" }, .scalars = { "lr", "beta", "damped" }, .n_rates = 1, .fill = fill, .defines = defines,
    .momentum = "beta",
};
