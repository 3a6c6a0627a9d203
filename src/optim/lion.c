#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_lion_opts *o = opts;
    s[0] = at->lr;
    s[1] = at->momentum;
    s[2] = 1 - at->momentum;
    s[3] = o->beta2;
    s[4] = 1 - o->beta2;
}

const syn_optim_impl syn_optim_lion = {
    .slots = { "m" }, .scalars = { "lr", "beta1", "new1", "beta2", "new2" }, .n_rates = 1, .fill = fill,
    .momentum = "beta1",
};
