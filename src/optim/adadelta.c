#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_adadelta_opts *o = opts;
    s[0] = at->lr;
    s[1] = o->rho;
    s[2] = 1 - o->rho;
    s[3] = o->eps;
}

const syn_optim_impl syn_optim_adadelta = {
    .slots = { "s", "d" }, .scalars = { "lr", "rho", "fresh", "eps" }, .n_rates = 1, .fill = fill,
};
