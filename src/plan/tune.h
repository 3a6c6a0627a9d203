/* Measuring the providers of matrix products against each other: our kernels, and CLBlast with its
 * parameters. */
#ifndef SYN_PLAN_TUNE_H
#define SYN_PLAN_TUNE_H

#include "device/tuning.h"
#include "plan/plan.h"

typedef struct syn_tune_result {
    syn_gemm gemm;
    int calls; /* of it in a training step */
    bool map;  /* a map stands behind it in the plan, which some kernels take with them */
    syn_tuned before, after;
    const char *from;   /* where `before` is from: see syn_gemm_choice */
    double was, is;     /* seconds, of both in turns; 0: not measured */
    int tried, untried; /* kernels measured; those that time did not suffice for */
    int dropped;        /* kernels that failed or whose result was wrong */
} syn_tune_result;

typedef struct syn_tune_opts {
    double seconds; /* of the whole, about: a kernel that is being built is waited for */
    void (*note)(const char *text,
                 void *user); /* what is dropped and why, and how CLBlast's parameters did */
    void (*result)(const syn_tune_result *r,
                   void *user); /* one product after the other, at the end */
    void *user;
} syn_tune_opts;

/* Products of a plan's training step, the dearest first (malloc'd). */
syn_status syn_tune_products(const syn_plan *plan, syn_tune_result **list, int *n);
/* Measures the candidates for each product, and sets what wins in the context (syn_tuning_set,
 * syn_tuning_set_clblast). Every result is held to one made on the host; what is wrong or fails is
 * named and cannot win. What time does not suffice for keeps its choice. Products that CLBlast
 * computes share one setting of its parameters: the one with the least time over all calls of the
 * list. */
syn_status syn_tune(syn_ctx *ctx, syn_tune_result *list, int n, const syn_tune_opts *o);
/* A table of them, with the choices and where they are from. */
syn_status syn_plan_print_products(const syn_plan *plan, syn_text *t);
/* "128 x 300 x 784 ta", in text. */
const char *syn_tune_shape(const syn_gemm *g, char *text, size_t size);
/* "cpu 8x2 packed chunk 512" */
void syn_tune_text(const syn_tuned *t, char *text, size_t size);

#endif
