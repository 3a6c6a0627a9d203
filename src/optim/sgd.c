#include "optim/optim.h"

static void fill(const void *opts, int64_t t, double lr, double momentum, double *s) {
    (void)opts;
    (void)t;
    (void)momentum;
    s[0] = lr;
}

const syn_optim_impl syn_optim_sgd = { .scalars = { "lr" }, .n_rates = 1, .fill = fill };
