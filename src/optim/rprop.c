#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_rprop_opts *o = opts;
    s[0] = at->lr;
    s[1] = at->t == 1;
    s[2] = o->eta_minus;
    s[3] = o->eta_plus;
    s[4] = o->step_min;
    s[5] = o->step_max;
}

const syn_optim_impl syn_optim_rprop = {
    .slots = { "last", "size" }, .scalars = { "lr", "start", "minus", "plus", "least", "most" },
    .n_rates = 1, .fill = fill,
};
