#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_rmsprop_opts *o = opts;
    bool whole = o->start_from_first && at->t == 1;
    s[0] = at->lr;
    s[1] = whole ? 0 : o->rho;
    s[2] = whole ? 1 : 1 - o->rho;
    s[3] = 1 - o->rho;
    s[4] = at->momentum;
    s[5] = o->eps;
}

static bool uses(const void *opts, int slot) {
    const syn_rmsprop_opts *o = opts;
    return slot == 0 || (slot == 1 ? o->centered : o->momentum > 0);
}

static void defines(const void *opts, syn_text *t) {
    const syn_rmsprop_opts *o = opts;
    syn_text_add(t, "#define CENTERED %d\n#define MOMENTUM %d\n#define LR_IN_BUFFER %d\n"
                    "#define INSIDE %d\n#define FROM_FIRST %d\n",
                 o->centered, o->momentum > 0, o->lr_in_buffer == SYN_YES, o->eps_place == SYN_EPS_INSIDE,
                 o->start_from_first);
}

const syn_optim_impl syn_optim_rmsprop = {
    .slots = { "s", "mean", "m" }, .scalars = { "lr", "rho", "fresh", "fresh_mean", "beta", "eps" },
    .n_rates = 1, .fill = fill, .uses = uses, .defines = defines, .momentum = "momentum",
};
