/* A list's launches as phases of one kernel, on CPU profiles: a launch costs microseconds there, and work-items go to
 * whichever thread asks first; a phase costs a fraction of one, and threads keep to their share.
 *
 * The calls are functions of one kernel for each program (cl/plan/phases.cl); what is called with which arguments in
 * which phase is a table on the device. So a function is compiled once, however many launches of whatever list call
 * it. What a library runs, what is not barrier-free, and what gets other arguments at each launch stays one between two
 * runs of phases. */
#ifndef SYN_PLAN_PHASES_H
#define SYN_PLAN_PHASES_H

#include "plan/list.h"

/* Whether there are phases: on CPU profiles, but for SYNCLINE_PHASES=0. */
bool syn_phases_are(const syn_profile *p);
/* Which items of an emitted list are phases: those without barriers. */
void syn_phases_mark(syn_list *l, const syn_profile *p);
/* Asks for the functions of the list's phases and says how large its tables are. units: work-items of the kernel. */
syn_status syn_phases_want(syn_list *l, syn_kernels *kernels, int units);
/* How much room the tables of these lists ask for. */
void syn_phases_room(syn_list *const *list, int n, int align, syn_phase_room *t);
/* The tables, with places as the list is bound. */
syn_status syn_phases_bind(syn_list *l, const syn_binding *b, syn_dtype dtype);
/* Runs items [first, first + count), phases all of them, as one launch; so many times, l->times at most. */
syn_status syn_phases_run(syn_list *l, syn_ctx *ctx, int first, int count, int times);
void syn_phases_free(syn_phases *p);

#endif
