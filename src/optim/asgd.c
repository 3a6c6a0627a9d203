#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_asgd_opts *o = opts;
    double past = (double)(at->t - 1); /* the rate and the share were made at the end of the last step */
    s[0] = at->last_lr;
    s[1] = o->lambd;
    s[2] = o->alpha;
    s[3] = past;
    s[4] = past - o->t0 > 1 ? 1 / (past - o->t0) : 1;
}

const syn_optim_impl syn_optim_asgd = {
    .slots = { "ax" }, .scalars = { "lr", "lambd", "alpha", "past", "mu" }, .n_rates = 1, .fill = fill,
    .setup = true,
};
