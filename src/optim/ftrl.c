#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_ftrl_opts *o = opts;
    s[0] = at->lr;
    s[1] = at->t == 1 ? o->initial_accumulator : 0;
    s[2] = -o->lr_power;
    s[3] = o->l1;
    s[4] = 2 * o->l2;
    s[5] = 2 * o->l2_shrinkage;
    s[6] = o->beta;
    s[7] = 0; /* 1 / lr, by the snippet: lr factors make it differ by parameter */
}

static void defines(const void *opts, syn_text *t) {
    const syn_ftrl_opts *o = opts;
    syn_text_add(t, "#define SQUARE_ROOT %d\n", o->lr_power == -.5);
}

const syn_optim_impl syn_optim_ftrl = {
    .slots = { "n", "z" }, .scalars = { "lr", "start", "power", "l1", "ridge", "shrink", "beta", "per_lr" },
    .n_rates = 1, .fill = fill, .defines = defines, .setup = true,
};
