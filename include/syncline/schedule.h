/* Learning-rate schedules. */
#ifndef SYNCLINE_SCHEDULE_H
#define SYNCLINE_SCHEDULE_H

#include <syncline/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values of choices in schedules.inc. */
enum { SYN_COS = 1, SYN_LINEAR };                             /* one_cycle: anneal */
enum { SYN_CYCLE_TORCH = 1, SYN_CYCLE_GERON };                /* one_cycle: form */
enum { SYN_TRIANGULAR = 1, SYN_TRIANGULAR2, SYN_EXP_RANGE };  /* cyclic: mode */
enum { SYN_INCLUSIVE = 1, SYN_MILESTONE };                    /* piecewise: boundary */
enum { SYN_STAY = 1, SYN_RISE };                              /* cosine: after */
enum { SYN_PER_STEP = 1, SYN_PER_EPOCH };                     /* per, of all */
enum { SYN_MONITOR_LOSS = 1, SYN_MONITOR_VAL_LOSS, SYN_MONITOR_ACCURACY, SYN_MONITOR_VAL_ACCURACY };
enum { SYN_MODE_AUTO = 1, SYN_MODE_MIN, SYN_MODE_MAX };       /* performance: mode */
enum { SYN_ABSOLUTE = 1, SYN_RELATIVE };                      /* performance: threshold_mode */

/* For each row NAME of schedules.inc: syn_schedule_NAME_opts and syn_schedule_NAME(opts). */
#define SYN_ROW_PREFIX(name, suffix) syn_schedule_##name##suffix
#define SYN_ROW_RESULT(name)                                                                       \
    SYN_API syn_schedule syn_schedule_##name(const syn_schedule_##name##_opts *opts);
#include <syncline/rows_struct.inc>
#include <syncline/schedules.inc>
#include <syncline/rows_end.inc>

/* What a schedule is asked for. */
typedef struct syn_schedule_run {
    double lr;           /* the optimizer's own rate */
    int64_t steps;       /* of the run; 0: unknown */
    int64_t epoch_steps; /* of an epoch, for schedules per epoch; 0: unknown */
    const struct syn_plateau *plateau; /* what performance remembers; NULL: the start */
} syn_schedule_run;

/* lr (and momentum; NAN when the schedule leaves it alone) at step t. */
SYN_API syn_status syn_schedule_in(const syn_schedule *s, const syn_schedule_run *run, int64_t t,
                                   double *lr, double *momentum);
/* The same for a run of `steps` steps that knows no epochs. */
SYN_API syn_status syn_schedule_at(const syn_schedule *s, double base_lr, int64_t steps, int64_t t,
                                   double *lr, double *momentum);

#ifdef __cplusplus
}
#endif
#endif
