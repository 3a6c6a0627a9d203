#include "optim/optim.h"

static void search(const void *opts, syn_search_rules *r) {
    const syn_gradient_descent_opts *o = opts;
    long long most = o->max_eval ? o->max_eval : o->max_iter * 25LL;
    *r = (syn_search_rules){ .wolfe = true, .max_iter = o->max_iter, .max_eval = most < 2000000000 ? (int)most : 2000000000,
                             .tolerance_grad = o->tolerance_grad, .tolerance_change = o->tolerance_change,
                             .c1 = o->c1, .c2 = o->c2 };
}

const syn_optim_impl syn_optim_gradient_descent = { .search = search };
