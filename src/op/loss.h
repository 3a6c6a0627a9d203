/* Losses that are sums over elements: the table (losses_of.inc and registered rows), and their op. */
#ifndef SYN_OP_LOSS_H
#define SYN_OP_LOSS_H

#include "graph/graph.h"

#include <syncline/net.h>

typedef struct syn_loss_fn {
    syn_loss_row row;
    const char *target; /* what t is, over raw and the attributes; NULL: raw */
    const char *hit;    /* whether an element of a sample is predicted right; NULL: no accuracy */
    bool summed;        /* mean is over samples alone: features are summed */
} syn_loss_fn;

/* Built-in or registered; NULL and error text. */
const syn_loss_fn *syn_loss_fn_find(const char *name);
int syn_loss_fn_attrs(const syn_loss_fn *fn);

/* Values of per-row losses, hits where the row has them, and the gradient; returns the node. */
int syn_element_loss_node(syn_graph *g, const syn_loss_fn *fn, const double *attr, int x, int target,
                          bool mean);

/* What all loss kernels know, "#define" lines in room: SCALE of the gradient, OF_SAMPLE(r), the sample's weight
 * or 1, and SAMPLES_ARG, the kernel's arguments for both with their commas, which syn_loss_samples adds to a call. */
enum { SYN_LOSS_ROOM = 256 };
const char *syn_loss_defines(const syn_emit *e, const syn_node *n, char room[SYN_LOSS_ROOM]);
void syn_loss_samples(const syn_emit *e, const syn_node *n, syn_call *c);

#endif
