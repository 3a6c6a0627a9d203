/* Suites that use a device: one quiet context a process, random numbers, errors as numbers. */
#ifndef SYN_TESTS_SUITE_H
#define SYN_TESTS_SUITE_H

#include "files.h"

#include <syncline/syncline.h>

/* The context all tests of a process share: no log, no self-test. */
syn_ctx *test_ctx(void);
void test_ctx_end(void);

/* SYNCLINE_SMALL is set: few and small cases, for simulators. */
bool test_small(void);

/* n numbers in [lo, hi), the same for the same stream. */
void fill_random(double *x, int64_t n, uint32_t stream, double lo, double hi);
double *new_random(int64_t n, uint32_t stream, double lo, double hi); /* malloc'd */

/* Norm of the difference over the norm of want (or over 1 when that is 0); infinite for NaN. */
double norm_error(const double *got, const double *want, int64_t n);

/* Fails with the error and what it was of. */
#define CLOSE(got, want, n, limit, ...)                                                            \
    do {                                                                                           \
        double close_error_ = norm_error(got, want, n);                                            \
        char close_what_[400];                                                                     \
        snprintf(close_what_, sizeof close_what_, __VA_ARGS__);                                    \
        ck_assert_msg(close_error_ <= (limit), "%s: error %.3e, allowed %.1e", close_what_,        \
                      close_error_, (double)(limit));                                              \
    } while (0)

/* A parameter's elements, read or made: malloc'd, *n of them. */
double *param_values(syn_state *state, const char *name, int64_t *n);
double *grad_values(syn_plan *plan, const char *name, int64_t *n);

static inline syn_array f64(const double *data, syn_shape shape) {
    return (syn_array){ data, SYN_F64, shape };
}
static inline syn_array i32(const int32_t *data, int64_t n) {
    return (syn_array){ data, SYN_I32, SYN_SHAPE(n) };
}

static inline int run_suite(const char *name, const TTest *const *test, size_t n) {
    int failed = run_in_folder(name, test, n);
    test_ctx_end();
    return failed;
}

#endif
