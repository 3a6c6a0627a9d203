/* Nets with every row of the tables of maps, layers and losses, several to a net, with inputs and targets to feed it: what
 * the table-walking tests share. A row that is added is walked without a change here, as long as its options
 * that must be given can be guessed (see nets.c). */
#ifndef SYN_TESTS_NETS_H
#define SYN_TESTS_NETS_H

#include "suite.h"

typedef struct net_case {
    char name[256];
    syn_net *net;
    syn_tensor loss;
    bool random; /* a layer draws random numbers in training, or is modal */
    bool modal;  /* a layer works otherwise in training than in test mode: batch_norm */
    syn_shape x, y; /* of one sample; y: rank 0 for labels */
    int classes;    /* labels */
} net_case;

typedef void (*net_visit)(const net_case *c, void *user);
void walk_maps(net_visit visit, void *user); /* registers two maps first, so that those are met too */
void walk_layers(net_visit visit, void *user);
void walk_losses(net_visit visit, void *user);

enum { NET_ROWS = 5 }; /* most rows that nets are fed with here: odd */

/* Options of a layer or loss with what must be given; malloc'd. */
void *guess_options(const struct syn_def *def);

/* A batch for the case: x, and labels or targets. */
typedef struct net_batch {
    double *x, *target;
    int32_t label[NET_ROWS];
    syn_array xs, ys;
    int64_t n; /* elements of x */
} net_batch;
void batch_make(net_batch *b, const net_case *c, int rows);
void batch_free(net_batch *b);

/* State and plan of a case. loss and net of opts are filled in. */
void plan_make(syn_state **state, syn_plan **plan, const net_case *c, syn_plan_opts opts);

#endif
