#include "optim/optim.h"

static void fill(const void *opts, const syn_optim_step *at, double *s) {
    (void)opts;
    s[0] = at->lr;
    s[1] = at->momentum;
}

static void defines(const void *opts, syn_text *t) {
    const syn_nesterov_opts *o = opts;
    syn_text_add(t, "#define LR_IN_BUFFER %d\n#define LOOKAHEAD %d\n", o->lr_in_buffer == SYN_YES, o->lookahead);
}

static bool ahead(const void *opts) { return ((const syn_nesterov_opts *)opts)->lookahead; }

static bool uses(const void *opts, int slot) { return slot > 0 || ahead(opts); }

const syn_optim_impl syn_optim_nesterov = {
    .slots = { SYN_AHEAD_SLOT, "m" }, .scalars = { "lr", "beta" }, .n_rates = 1, .fill = fill, .uses = uses,
    .defines = defines, .momentum = "beta", .ahead = ahead, .ahead_source = "nesterov_ahead",
};
