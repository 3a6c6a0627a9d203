#include "optim/optim.h"

#include <math.h>

/* w -= a m / (root sqrt(v) + flat): root and flat are 1 and eps, or 0 and 1 while v's average is too
 * short to divide by. */
static void fill(const void *opts, const syn_optim_step *at, double *s) {
    const syn_radam_opts *o = opts;
    double t = (double)at->t, b2t = pow(o->beta2, t);
    double longest = 2 / (1 - o->beta2) - 1, length = longest - 2 * t * b2t / (1 - b2t);
    bool divides = length > 5;
    s[0] = at->lr / (1 - pow(at->momentum, t));
    if (divides)
        s[0] *= sqrt(1 - b2t) * sqrt((length - 4) * (length - 2) * longest /
                                     ((longest - 4) * (longest - 2) * length));
    s[1] = 1 - at->momentum;
    s[2] = 1 - o->beta2;
    s[3] = divides;
    s[4] = divides ? o->eps : 1;
}

const syn_optim_impl syn_optim_radam = {
    .slots = { "m", "v" }, .scalars = { "a", "new1", "new2", "root", "flat" }, .n_rates = 1, .fill = fill,
    .momentum = "beta1",
};
