/* Optimizers that search along a line: L-BFGS and gradient descent over the whole training set. */
#ifndef SYN_TRAIN_SEARCH_H
#define SYN_TRAIN_SEARCH_H

#include "plan/plan.h"

/* Before the first step: whether each step of the plan takes all rows of the source, in equal micro-batches. */
syn_status syn_search_check(const syn_plan *plan, int64_t rows);
/* One step, behind syn_plan_reset_metrics. The metrics it leaves are those of its first evaluation. */
syn_status syn_search_step(syn_plan *plan, syn_source *source);

#endif
