#include "optim/optim.h"

#include <math.h>

/* The places of epsilon differ in two factors, a of the step and c of the root:
 *   hat      w -= a m / (sqrt(v) + eps)          a = lr sqrt(1 - b2^t) / (1 - b1^t)
 *   outside  w -= a m / (sqrt(v) c + eps)        a = lr / (1 - b1^t), c = 1 / sqrt(1 - b2^t)
 *   inside   w -= a m / sqrt(v c + eps)          a = lr / (1 - b1^t), c = 1 / (1 - b2^t) */
static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_adam_opts *o = opts;
    double b1 = at->momentum, b2 = o->beta2, t = (double)at->t;
    double c1 = 1 - pow(b1, t), c2 = 1 - pow(b2, t);
    bool hat = o->eps_place == SYN_EPS_HAT, inside = o->eps_place == SYN_EPS_INSIDE;
    s[0] = hat ? at->lr * sqrt(c2) / c1 : at->lr / c1;
    s[1] = hat ? 1 : inside ? 1 / c2 : 1 / sqrt(c2);
    s[2] = 1 - b1;
    s[3] = 1 - b2;
    s[4] = o->eps;
}

static bool uses(const void *opts, int slot) { return slot < 2 || ((const syn_adam_opts *)opts)->amsgrad; }

static void defines(const void *opts, syn_text *t) {
    const syn_adam_opts *o = opts;
    syn_text_add(t, "#define AMSGRAD %d\n#define INSIDE %d\n", o->amsgrad,
                 o->eps_place == SYN_EPS_INSIDE);
}

const syn_optim_impl syn_optim_adam = {
    .slots = { "m", "v", "vmax" }, .scalars = { "a", "c", "new1", "new2", "eps" }, .n_rates = 1, .fill = fill,
    .uses = uses, .defines = defines, .momentum = "beta1",
};
