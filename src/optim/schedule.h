/* The table of schedules (include/syncline/schedules.inc). */
#ifndef SYN_OPTIM_SCHEDULE_H
#define SYN_OPTIM_SCHEDULE_H

#include "base/options.h"

#include <syncline/schedule.h>

const syn_table *syn_schedules(void);

/* Resolve options and check the spec against a run: `steps` 0 when unknown. Errors say what to give. */
syn_status syn_schedule_check(syn_schedule *s, syn_preset preset, double base_lr, int64_t steps);

#endif
