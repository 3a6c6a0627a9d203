#include "optim/optim.h"

static void search(const void *opts, syn_search_rules *r) {
    const syn_lbfgs_opts *o = opts;
    *r = (syn_search_rules){ .history = o->history, .wolfe = o->line_search == SYN_STRONG_WOLFE,
                             .max_iter = o->max_iter,
                             .max_eval = o->max_eval ? o->max_eval : (int)(o->max_iter * 5LL / 4),
                             .tolerance_grad = o->tolerance_grad, .tolerance_change = o->tolerance_change,
                             .c1 = o->c1, .c2 = o->c2 };
}

const syn_optim_impl syn_optim_lbfgs = { .search = search };
