#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_lars_opts *o = opts;
    s[0] = at->lr;
    s[1] = at->momentum;
    s[2] = o->coefficient;
    s[3] = o->eps;
    s[4] = 1; /* by the snippet */
}

const syn_optim_impl syn_optim_lars = {
    .slots = { "m" }, .scalars = { "lr", "beta", "coefficient", "eps", "trust" }, .n_rates = 1, .fill = fill,
    .setup = true, .norms = true, .momentum = "beta", .coupled = "decay",
};
