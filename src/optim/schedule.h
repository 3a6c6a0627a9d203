/* The table of schedules (include/syncline/schedules.inc), and what their files share. */
#ifndef SYN_OPTIM_SCHEDULE_H
#define SYN_OPTIM_SCHEDULE_H

#include "base/options.h"

#include <syncline/schedule.h>

const syn_table *syn_schedules(void);

/* Resolve options and check the spec against a run; what the run does not know yet is not checked.
 * Errors say what to give. */
syn_status syn_schedule_check(syn_schedule *s, syn_preset preset, const syn_schedule_run *run);
/* syn_schedule_in for a spec that was checked: nothing is resolved again. */
syn_status syn_schedule_value(const syn_schedule *s, const syn_schedule_run *run, int64_t t, double *lr,
                              double *momentum);

/* ---- performance ---- */

/* What performance remembers between judgements; it goes into checkpoints. Start from
 * syn_plateau_start. */
typedef struct syn_plateau {
    double lr, best;
    int64_t wait, cooldown;
    bool started; /* best is known */
} syn_plateau;

/* The performance options of a checked schedule or of a part of it; NULL: it has none. */
const syn_schedule_performance_opts *syn_schedule_plateau(const syn_schedule *s);
/* Likewise, when it runs at step t. */
const syn_schedule_performance_opts *syn_schedule_judged(const syn_schedule *s, const syn_schedule_run *run,
                                                         int64_t t);
/* Whether the metric it monitors, if it does, is there. */
syn_status syn_schedule_check_monitor(const syn_schedule *s, bool has_val, bool has_accuracy);
void syn_plateau_start(syn_plateau *p, double lr);
/* Whether lr changed. */
bool syn_plateau_judge(syn_plateau *p, const syn_schedule_performance_opts *o, double value);

/* ---- between the files of schedules ---- */

struct syn_schedule_use;
typedef struct syn_schedule_point {
    double lr, momentum; /* momentum NAN: left alone */
    const syn_schedule_performance_opts *judged; /* performance that runs now; NULL: none does */
} syn_schedule_point;

/* What each row's file provides, as syn_schedule_NAME_kind. */
typedef struct syn_schedule_kind {
    /* What the schedule needs is given; sets total where there is an end. NULL: nothing to check. */
    syn_status (*check)(struct syn_schedule_use *u);
    syn_schedule_point (*at)(const struct syn_schedule_use *u, int64_t t);
} syn_schedule_kind;

/* A resolved schedule in a run. All times are in its own unit, counted from the end of the warm-up,
 * except `end`. */
typedef struct syn_schedule_use {
    const syn_schedule_kind *kind;
    const void *opts;
    const syn_schedule_run *run;
    int64_t steps;  /* there are for it; 0: unknown */
    int64_t total;  /* it has values for; 0: any number. Set by check */
    int64_t warmup;
    double warmup_from;
    int64_t unit;   /* in steps of the surrounding time; 0: epochs of unknown length */
    bool epochs;    /* its unit is an epoch */
    int64_t end;    /* surrounding time it has values for; 0: any number */
} syn_schedule_use;

/* `steps` there are for it (0: unknown), `epochs`: these are epochs already. */
syn_status syn_schedule_begin(syn_schedule_use *u, const syn_schedule *s, const syn_schedule_run *run,
                              int64_t steps, bool epochs);
syn_schedule_point syn_schedule_eval(const syn_schedule_use *u, int64_t t);

#define SYN_ROW(name, doc) extern const syn_schedule_kind syn_schedule_##name##_kind;
#define SYN_REAL(...)
#define SYN_INT(...)
#define SYN_FLAG(...)
#define SYN_CHOICE(...)
#define SYN_LIST(...)
#define SYN_PARTS(...)
#define SYN_ROW_END(name)
#include <syncline/schedules.inc>
#include <syncline/rows_end.inc>

#endif
