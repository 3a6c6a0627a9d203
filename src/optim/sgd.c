#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    (void)opts;
    s[0] = at->lr;
}

const syn_optim_impl syn_optim_sgd = { .scalars = { "lr" }, .n_rates = 1, .fill = fill };
