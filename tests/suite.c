#include "suite.h"

#include "base/rng.h"
#include "plan/plan.h"

#include <math.h>

static syn_ctx *shared;

syn_ctx *test_ctx(void) {
    if (!shared) ok(syn_ctx_create(&shared, &(syn_ctx_opts){ .quiet = true, .no_selftest = true }));
    return shared;
}

void test_ctx_end(void) {
    syn_ctx_destroy(shared);
    shared = NULL;
}

bool test_small(void) { return getenv("SYNCLINE_SMALL") != NULL; }

void fill_random(double *x, int64_t n, uint32_t stream, double lo, double hi) {
    syn_rng r;
    syn_rng_start(&r, 20240901, SYN_RNG_TEST, stream);
    for (int64_t i = 0; i < n; i++) x[i] = lo + (hi - lo) * syn_rng_uniform(&r);
}

double *new_random(int64_t n, uint32_t stream, double lo, double hi) {
    double *x = malloc((size_t)n * sizeof *x + 1);
    ck_assert_ptr_nonnull(x);
    fill_random(x, n, stream, lo, hi);
    return x;
}

double norm_error(const double *got, const double *want, int64_t n) {
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += (got[i] - want[i]) * (got[i] - want[i]);
        norm += want[i] * want[i];
    }
    double error = sqrt(difference) / (norm > 0 ? sqrt(norm) : 1);
    return isfinite(error) ? error : INFINITY;
}

static double *values(syn_state *state, const char *name, int64_t *n) {
    const syn_net *net = syn_state_net(state);
    *n = -1;
    for (int i = 0; i < syn_net_params(net); i++) {
        syn_param_info p;
        syn_net_param_info(net, i, &p);
        if (strcmp(p.name, name) == 0) *n = syn_shape_count(&p.shape);
    }
    ck_assert_msg(*n >= 0, "no parameter %s", name);
    double *v = malloc((size_t)*n * sizeof *v + 1);
    ck_assert_ptr_nonnull(v);
    return v;
}

double *param_values(syn_state *state, const char *name, int64_t *n) {
    double *v = values(state, name, n);
    ok(syn_param_read(state, name, v, *n));
    return v;
}

double *grad_values(syn_plan *plan, const char *name, int64_t *n) {
    double *v = values(plan->state, name, n);
    ok(syn_grad_read(plan, name, v, *n));
    return v;
}
