/* Measuring GEMM kernels against each other. */
#ifndef SYN_PLAN_TUNE_H
#define SYN_PLAN_TUNE_H

#include "device/tuning.h"
#include "plan/plan.h"

typedef struct syn_tune_result {
    syn_gemm gemm;
    int calls; /* of it in a training step */
    syn_tuned before, after;
    double was, is;   /* seconds, of both in turns */
    int tried, wrong; /* candidates measured; those whose result was not the reference's */
} syn_tune_result;

typedef struct syn_tune_opts {
    double seconds;                                       /* of the whole, about */
    void (*result)(const syn_tune_result *r, void *user); /* one product is done */
    void *user;
} syn_tune_opts;

/* Products of a plan's training step, the dearest first (malloc'd). */
syn_status syn_tune_products(const syn_plan *plan, syn_tune_result **list, int *n);
/* Measures the candidates for each product, and sets what wins in the context (syn_tuning_set).
 * What time does not suffice for keeps its choice. */
syn_status syn_tune(syn_ctx *ctx, syn_tune_result *list, int n, const syn_tune_opts *o);
/* "cpu 8x2 packed chunk 512" */
void syn_tune_text(const syn_tuned *t, char *text, size_t size);

#endif
