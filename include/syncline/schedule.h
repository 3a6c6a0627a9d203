/* Learning-rate schedules. */
#ifndef SYNCLINE_SCHEDULE_H
#define SYNCLINE_SCHEDULE_H

#include <syncline/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SYN_COS = 1, SYN_LINEAR = 2 };

/* For each row NAME of schedules.inc: syn_schedule_NAME_opts and syn_schedule_NAME(opts). */
#define SYN_ROW_PREFIX(name, suffix) syn_schedule_##name##suffix
#define SYN_ROW_RESULT(name)                                                                       \
    SYN_API syn_schedule syn_schedule_##name(const syn_schedule_##name##_opts *opts);
#include <syncline/rows_struct.inc>
#include <syncline/schedules.inc>
#include <syncline/rows_end.inc>

/* lr (and momentum; NAN when the schedule leaves it alone) at step t of a run of `steps` steps
 * (0: unknown), for an optimizer whose own rate is base_lr. */
SYN_API syn_status syn_schedule_at(const syn_schedule *s, double base_lr, int64_t steps, int64_t t,
                                   double *lr, double *momentum);

#ifdef __cplusplus
}
#endif
#endif
