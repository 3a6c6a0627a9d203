/* What the files of the tuner share. */
#ifndef SYN_PLAN_TUNE_RACE_H
#define SYN_PLAN_TUNE_RACE_H

#include "plan/product.h"
#include "plan/tune.h"

typedef struct syn_racer { /* a product */
    syn_tune_result *r;
    syn_reference reference;
    syn_tuned own;      /* the best of our kernels; provider NULL: none is right */
    double own_seconds; /* INFINITY: none */
    double library;     /* seconds, of CLBlast as it was set before; INFINITY: not measured */
    double was;         /* of what stood before, if it was ours; 0: not measured */
    bool by_library;    /* CLBlast wins, in r->is seconds */
} syn_racer;

typedef struct syn_race {
    syn_ctx *ctx;
    const syn_tune_opts *o;
    syn_racer *racer;
    int n;
    double end; /* syn_seconds */
} syn_race;

void syn_race_note(const syn_race *race, const char *fmt, ...) SYN_PRINTF(2, 3);
bool syn_tuned_same(const syn_tuned *a, const syn_tuned *b);
static inline bool syn_tuned_library(const syn_tuned *t) {
    return t->provider && t->provider == syn_gemm_library();
}
/* Opens the candidate and checks its result. False: not possible here, or named and dropped; p is
 * closed then. */
bool syn_race_open(const syn_race *race, syn_racer *x, const syn_tuned *candidate, const char *name,
                   syn_product *p);

/* Our kernels for one product, until `end`. */
syn_status syn_race_own(const syn_race *race, syn_racer *x, double end);
/* CLBlast with each setting of its parameters, for all products of the type. */
syn_status syn_race_clblast(const syn_race *race, syn_dtype dtype);

#endif
