/* One matrix product on the device, for measuring: operands that are always the same random
 * numbers. */
#ifndef SYN_PLAN_PRODUCT_H
#define SYN_PLAN_PRODUCT_H

#include "device/tuning.h"
#include "plan/list.h"

typedef struct syn_product {
    syn_ctx *ctx;
    syn_gemm gemm;
    syn_tuned choice;
    syn_graph graph;
    syn_list list;
    syn_kernels kernels;
    syn_buffer *slab[SYN_MAX_SLABS];
    int value[3];
    double seconds; /* the least of a run */
} syn_product;

/* *taken: whether the choice is possible as it stands; nothing else is made when not. Close it
 * whatever the outcome. */
syn_status syn_product_open(syn_product *p, syn_ctx *ctx, const syn_gemm *g,
                            const syn_tuned *choice, bool *taken);
void syn_product_move(syn_product *to, syn_product *from); /* to is closed */
void syn_product_close(syn_product *p);
syn_status syn_product_read(syn_product *p, double *c); /* runs it */
/* As many runs as take a millisecond or more; *seconds of one. */
syn_status syn_product_time(syn_product *p, double *seconds);

#endif
