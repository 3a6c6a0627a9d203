/* Of optimizers that search along a line: their vectors on the device, and the memory that checkpoints keep.
 * src/train/search.c says which optimizer does what with them. */
#ifndef SYN_PLAN_SEARCH_H
#define SYN_PLAN_SEARCH_H

#include "plan/plan.h"

/* Sums that the take kernel leaves, in this order; combine leaves two. */
enum { SYN_SEARCH_DOT, SYN_SEARCH_SQUARE, SYN_SEARCH_SUM, SYN_SEARCH_MOST, SYN_SEARCH_PENALTY, SYN_SEARCH_SUMS };

/* The items of a training list, see SYN_ITEM_TAKE and so on. */
syn_status syn_search_take_call(const syn_plan *plan, syn_list *list);
syn_status syn_search_calls(const syn_plan *plan, syn_list *list); /* combine, place */

syn_status syn_search_start(syn_plan *plan); /* before anything else: the memory, empty */
/* Whether vector k (any slot of other optimizers) goes into checkpoints now. */
bool syn_search_keeps(const syn_plan *plan, int k);
/* The memory as JSON text, malloc'd; NULL for other optimizers, or without memory. And back, with a list `ro` of its
 * own; nothing is read for other optimizers. */
char *syn_search_write(const syn_plan *plan);
syn_status syn_search_read(const syn_plan *plan, const char *text, syn_search_memory *memory);

/* The gradient under way becomes vector `to`. The sums are added up in a fixed order, in double.
 * *guilty (may be NULL): the first parameter whose gradient is not finite, -1: none. */
syn_status syn_search_take(syn_plan *plan, syn_list *list, int to, int with, double sums[SYN_SEARCH_SUMS],
                           int *guilty);
/* Vector to = a x + b y. *dot (may be NULL): its product with vector `with`; *most (NULL): its largest magnitude. */
syn_status syn_search_combine(syn_plan *plan, syn_list *list, int to, double a, int x, double b, int y, int with,
                              double *dot, double *most);
/* The weights go to start + t direction; save: they stand at the start, which is remembered. */
syn_status syn_search_place(syn_plan *plan, syn_list *list, bool save, double t);

#endif
