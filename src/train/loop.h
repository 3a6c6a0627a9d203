/* What fitting, evaluating and predicting share. */
#ifndef SYN_TRAIN_LOOP_H
#define SYN_TRAIN_LOOP_H

#include "plan/plan.h"

#include <syncline/train.h>

double syn_seconds(void); /* monotonic */

/* Evaluation of an open source: lists and feeds first, then any number of runs. The metrics block is
 * taken over; training resets it at each epoch. */
syn_status syn_eval_prepare(syn_plan *plan, syn_source *source);
syn_status syn_eval_run(syn_plan *plan, syn_source *source, syn_metrics *m);

#endif
