/* Performance scheduling in the training loop: what is judged when, and what checkpoints keep of it. */
#ifndef SYN_TRAIN_PLATEAU_H
#define SYN_TRAIN_PLATEAU_H

#include "plan/plan.h"

#include <syncline/train.h>

/* Sums of the steps judged last, in the epoch's own: what came since is the difference. */
typedef struct syn_window {
    double loss[SYN_MAX_ENDS], penalties;
    int64_t rows, batches, hits[SYN_MAX_ENDS], ignored[SYN_MAX_ENDS], norm_steps;
} syn_window;

/* Whether the end of an epoch waits for validation. */
bool syn_plateau_wants_val(const syn_plan *plan);
/* At the end of epoch number `epoch` (from 1), whose report and sums are given. */
void syn_plateau_epoch(syn_plan *plan, syn_window *w, const syn_report *r, const syn_snapshot *s);
/* After a step; waits for the device where the step is one to judge. */
syn_status syn_plateau_step(syn_plan *plan, syn_window *w);

/* The memory as JSON (NULL: the schedule has none), and back. */
json_t *syn_plateau_write(const syn_plan *plan, const syn_window *w);
syn_status syn_plateau_read(syn_plan *plan, syn_window *w, json_t *from);

#endif
