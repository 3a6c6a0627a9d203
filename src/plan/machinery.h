/* The launches of a list that are no graph nodes: tally, norms, update, accumulation; and the blocks
 * they read. */
#ifndef SYN_PLAN_MACHINERY_H
#define SYN_PLAN_MACHINERY_H

#include "plan/plan.h"

/* Factors, what is trained, from the plan's rules: before the gradient pass. */
syn_status syn_machinery_rules(syn_plan *plan, const syn_rule *rules, int n_rules);
/* Gradient segments, tiles and parts: after it. */
syn_status syn_machinery_layout(syn_plan *plan);
/* Parts of all tiles; then, once the first training list is emitted, parts and ranges of a step. */
syn_status syn_machinery_parts(syn_plan *plan);
syn_status syn_machinery_ranges(syn_plan *plan);
double syn_machinery_part_bytes(const syn_plan *plan, const int32_t *part, int n); /* that the norm kernel reads */
/* Appends the items of a mode to a list that is emitted. */
syn_status syn_machinery_append(syn_plan *plan, syn_mode mode, syn_list *list);
/* The frame's macros, and how long a row of the step table is. */
void syn_machinery_defs(const syn_plan *plan, syn_text *t);
/* Appends a call of the machinery's own program. Takes its text and defs. */
syn_status syn_machinery_call(syn_list *list, syn_call *call, syn_text *defs);
/* The plan's blocks, filled. */
syn_status syn_machinery_allocate(syn_plan *plan);
int64_t syn_machinery_bytes(const syn_plan *plan); /* all but gradients and slots */

#endif
