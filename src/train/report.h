/* What evaluation counts beside the loss, on the device: confusion matrix and top-k, or errors of values. */
#ifndef SYN_TRAIN_REPORT_H
#define SYN_TRAIN_REPORT_H

#include "plan/plan.h"

#include <syncline/train.h>

typedef struct syn_tables syn_tables;

/* *tables is NULL where loss k has nothing to count. */
syn_status syn_tables_open(syn_tables **tables, syn_plan *plan, int k, const syn_evaluate_opts *opts);
void syn_tables_close(syn_tables *tables);
/* Enqueues the counting of a batch, behind its forward pass. */
syn_status syn_tables_count(syn_tables *tables, const syn_list *list);
/* Waits, and fills in the metrics and the caller's matrix. */
syn_status syn_tables_read(syn_tables *tables, syn_metrics *m);

#endif
