#include "optim/optim.h"

#include <math.h>

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_lamb_opts *o = opts;
    s[0] = at->lr;
    s[1] = 1 / (1 - pow(at->momentum, (double)at->t));
    s[2] = 1 / sqrt(1 - pow(o->beta2, (double)at->t));
    s[3] = 1 - at->momentum;
    s[4] = 1 - o->beta2;
    s[5] = o->eps;
    s[6] = 1; /* by the snippet */
}

const syn_optim_impl syn_optim_lamb = {
    .slots = { "m", "v" }, .scalars = { "lr", "c1", "c2", "new1", "new2", "eps", "trust" }, .n_rates = 1,
    .fill = fill, .setup = true, .norms = true, .momentum = "beta1",
};
