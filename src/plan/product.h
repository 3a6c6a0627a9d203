/* One matrix product on the device, for measuring: operands that are always the same random
 * numbers. */
#ifndef SYN_PLAN_PRODUCT_H
#define SYN_PLAN_PRODUCT_H

#include "base/rng.h"
#include "device/tuning.h"
#include "plan/list.h"

typedef struct syn_product {
    syn_ctx *ctx;
    syn_gemm gemm;
    syn_tuned choice;
    syn_graph graph;
    syn_list list;
    syn_phase_room room;
    syn_kernels kernels;
    syn_buffer *slab[SYN_MAX_SLABS];
    int value[3];
    int result;     /* value of the result: C, or what a map makes of it */
    double seconds; /* the least of a run */
} syn_product;

/* map: one bias is added behind the product, by its kernel where that can and by a launch of its
 * own where not. *taken: whether the choice is possible as it stands; nothing else is made when
 * not. Close it whatever the outcome. */
syn_status syn_product_open(syn_product *p, syn_ctx *ctx, const syn_gemm *g,
                            const syn_tuned *choice, bool map, bool *taken);
void syn_product_move(syn_product *to, syn_product *from); /* to is closed */
void syn_product_close(syn_product *p);
syn_status syn_product_run(syn_product *p);
syn_status syn_product_spoil(syn_product *p); /* its result becomes not a number */
double syn_product_number(syn_rng *r);        /* the next element of an operand */
/* As many runs as take a millisecond or more; *seconds of one. */
syn_status syn_product_time(syn_product *p, double *seconds);

/* What a product is held to: its rows times one random vector, made on the host in double. An
 * element that is wrong shows in its row. */
typedef struct syn_reference {
    double *vector, *row;
} syn_reference;
syn_status syn_reference_make(syn_reference *r, const syn_gemm *g);
void syn_reference_free(syn_reference *r);
/* Runs the product into a result that was spoilt before. */
syn_status syn_product_right(syn_product *p, const syn_reference *r, bool *right);

/* What `other` takes over what `one` takes, in turns: of the median of the ratios and the ratio of
 * the least times the one nearer to 1, and 1 where they contradict each other. Other work on the
 * machine moves one of them, seldom both. */
enum { SYN_DUEL = 7, SYN_LAST_DUEL = 11 }; /* turns */
syn_status syn_product_duel(syn_product *one, syn_product *other, int turns, double *ratio);

#endif
