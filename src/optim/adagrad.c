#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_adagrad_opts *o = opts;
    s[0] = at->lr / (1 + (double)(at->t - 1) * o->lr_decay);
    s[1] = at->t == 1 ? o->initial_accumulator : 0;
    s[2] = o->eps;
}

static void defines(const void *opts, syn_text *t) {
    const syn_adagrad_opts *o = opts;
    syn_text_add(t, "#define INSIDE %d\n", o->eps_place == SYN_EPS_INSIDE);
}

const syn_optim_impl syn_optim_adagrad = {
    .slots = { "s" }, .scalars = { "lr", "start", "eps" }, .n_rates = 1, .fill = fill, .defines = defines,
};
