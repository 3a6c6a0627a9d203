/* What fitting, evaluating and predicting share. */
#ifndef SYN_TRAIN_LOOP_H
#define SYN_TRAIN_LOOP_H

#include "plan/plan.h"

#include <syncline/train.h>

/* Evaluation of an open source: lists and feeds first, then any number of runs. The metrics block is
 * taken over; training resets it at each epoch. */
syn_status syn_eval_prepare(syn_plan *plan, syn_source *source);
/* each (may be NULL): metrics of each loss. */
syn_status syn_eval_run(syn_plan *plan, syn_source *source, syn_metrics *m, syn_metrics *each);

/* The pass of syn_batch_norm_statistics over an open source. Nothing, where no layer asks for it. */
syn_status syn_collect_prepare(syn_plan *plan, syn_source *source);
syn_status syn_collect_run(syn_plan *plan, syn_source *source);

/* Lists and feeds of every batch size of a pass over the source; and the rows of the batch at `at`. */
syn_status syn_pass_prepare(syn_plan *plan, syn_source *source, syn_mode mode);
int syn_pass_rows(const syn_plan *plan, int64_t rows, int64_t at);

#endif
