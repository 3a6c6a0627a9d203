/* What every launch of a training step takes. Steps of the plan over real data, with a learning
 * rate of 0 so that no weight moves: blocks that run as always give the wall time; blocks in
 * between, recorded, the launches' times; others, whose phases are launches, what each phase takes. */
#ifndef SYN_TRAIN_TIMING_H
#define SYN_TRAIN_TIMING_H

#include "train/loop.h"

typedef struct syn_timed {
    const syn_item *item; /* of the plan, or of the source's feed */
    double median;        /* seconds */
    double share;         /* of the step's kernel time */
    bool feed;
} syn_timed;

typedef struct syn_timing {
    syn_plan *plan;
    syn_source *source;
    syn_list *list;
    syn_timed *launch; /* phases and launches of a step, in the order they run */
    int n_launches;
    int launched;         /* launches of a step as always */
    double flops, bytes;  /* of a step: what the plan says, and the feed's bytes */
    double wall, kernels; /* seconds a step; medians over the blocks */
    double recorded, apart; /* wall, while recorded; and its phases apart */
    int steps, blocks;    /* of a block; blocks of each kind */
    syn_ceilings ceilings;
    syn_span *span; /* the last block's first steps, phases apart, for a timeline */
    int n_spans;
} syn_timing;

/* Takes about `seconds`. Free it, whatever the outcome; plan and data stay the caller's. */
syn_status syn_timing_run(syn_timing *t, syn_plan *plan, const syn_data *data, double seconds);
void syn_timing_free(syn_timing *t);
/* The layer a launch belongs to, "" when to none. */
const char *syn_timing_layer(const syn_timing *t, const syn_timed *launch);
/* A timeline of the spans in the Chrome trace format (JSON, malloc'd): host and device side by
 * side. */
char *syn_timing_trace(const syn_timing *t);

#endif
