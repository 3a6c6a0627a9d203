#include "optim/optim.h"

/* Adam's own, on its options; the decay goes into the frame (syn_frame_prepare). */
static syn_adam_opts adam(const void *opts) {
    const syn_adamw_opts *o = opts;
    return (syn_adam_opts){ .beta1 = o->beta1, .beta2 = o->beta2, .eps = o->eps, .eps_place = o->eps_place,
                            .amsgrad = o->amsgrad };
}

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    syn_adam_opts o = adam(opts);
    syn_optim_adam.fill(&o, at, s);
}

static bool uses(const void *opts, int slot) {
    syn_adam_opts o = adam(opts);
    return syn_optim_adam.uses(&o, slot);
}

static void defines(const void *opts, syn_text *t) {
    syn_adam_opts o = adam(opts);
    syn_optim_adam.defines(&o, t);
}

const syn_optim_impl syn_optim_adamw = {
    .slots = { "m", "v", "vmax" }, .scalars = { "a", "c", "new1", "new2", "eps" }, .n_rates = 1, .fill = fill,
    .uses = uses, .defines = defines, .momentum = "beta1", .decoupled = "decay", .source = "adam",
};
