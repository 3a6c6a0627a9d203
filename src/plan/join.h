/* Joining launches, on CPU profiles: a launch costs microseconds there, a layer of a narrow net not many more.
 *
 * A joined launch runs strands side by side, each one call or a chain of calls. In a chain a work-item takes a block
 * of samples, or of columns, through all of its calls: what one call hands to the next must lie in the same block.
 * Each call does what it would do alone, in the same order, so results have the same bits. */
#ifndef SYN_PLAN_JOIN_H
#define SYN_PLAN_JOIN_H

#include "plan/list.h"

#define SYN_JOIN_ALL INT64_MAX

/* Joins the items of an emitted list, in front of machinery. room: bytes of what a chain, or a call beside others, may leave behind
 * at most that would not be kept anyway; 0: nothing is joined. rows: of the plan's batch, so that smaller batches are joined
 * the same way. SYNCLINE_JOIN=0 leaves all launches apart. */
syn_status syn_list_join(syn_list *l, const syn_profile *p, syn_dtype dtype, int rows, bool train, int64_t room);

/* The call that runs the parts of an item (join_text.c): strand by strand, of chains block[strand] rows or columns at a
 * time, of single calls (0) whatever there is. */
syn_status syn_join_call(syn_item *item, const int *block, int units);

#endif
