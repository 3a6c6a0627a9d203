/* Performance scheduling: lr falls when a metric has stopped improving. Both frameworks' rules. */
#include "optim/schedule.h"

#include <math.h>

typedef syn_schedule_use use;
typedef syn_schedule_point point;

static syn_status check(use *u) {
    const syn_schedule_performance_opts *o = u->opts;
    if (o->patience != floor(o->patience))
        return syn_fail(SYN_E_ARGUMENT, "patience is %g, allowed whole numbers", o->patience);
    if (o->every_steps > 0 && o->monitor != SYN_MONITOR_LOSS && o->monitor != SYN_MONITOR_ACCURACY)
        return syn_fail(SYN_E_ARGUMENT, "monitor: validation runs after epochs, so every_steps goes with "
                                        "loss and accuracy only");
    return SYN_OK;
}

static point at(const use *u, int64_t t) {
    (void)t;
    return (point){ .lr = u->run->plateau ? u->run->plateau->lr : u->run->lr, .momentum = NAN,
                    .judged = u->opts };
}

const syn_schedule_kind syn_schedule_performance_kind = { check, at };

syn_status syn_schedule_check_monitor(const syn_schedule *s, bool has_val, bool has_accuracy) {
    const syn_schedule_performance_opts *o = syn_schedule_plateau(s);
    if (!o) return SYN_OK;
    bool val = o->monitor == SYN_MONITOR_VAL_LOSS || o->monitor == SYN_MONITOR_VAL_ACCURACY;
    bool accuracy = o->monitor == SYN_MONITOR_ACCURACY || o->monitor == SYN_MONITOR_VAL_ACCURACY;
    if (val && !has_val)
        return syn_fail(SYN_E_ARGUMENT, "performance: monitor is val_%s, but there is no validation data; "
                                        "did you mean '%s'?", accuracy ? "accuracy" : "loss",
                        accuracy && has_accuracy ? "accuracy" : "loss");
    if (accuracy && !has_accuracy)
        return syn_fail(SYN_E_ARGUMENT, "performance: monitor is %saccuracy, but the loss has none; did you "
                                        "mean '%sloss'?", val ? "val_" : "", val ? "val_" : "");
    return SYN_OK;
}

void syn_plateau_start(syn_plateau *p, double lr) { *p = (syn_plateau){ .lr = lr, .best = NAN }; }

static bool rises(const syn_schedule_performance_opts *o) {
    if (o->mode != SYN_MODE_AUTO) return o->mode == SYN_MODE_MAX;
    return o->monitor == SYN_MONITOR_ACCURACY || o->monitor == SYN_MONITOR_VAL_ACCURACY;
}

/* keras: value + threshold < best; torch: value < best - threshold. They differ by rounding. */
static bool better(const syn_plateau *p, const syn_schedule_performance_opts *o, double value) {
    double best = p->best, d = o->threshold;
    if (isnan(value)) return false;
    if (!p->started) return true;
    if (o->threshold_mode == SYN_RELATIVE) return rises(o) ? value > best * (1 + d) : value < best * (1 - d);
    if (o->rule == SYN_KERAS) return rises(o) ? value - d > best : value + d < best;
    return rises(o) ? value > best + d : value < best - d;
}

static bool reduce(syn_plateau *p, const syn_schedule_performance_opts *o) {
    double lower = fmax(p->lr * o->factor, o->min_lr);
    if (!(p->lr - lower > o->min_change)) return false;
    p->lr = lower;
    return true;
}

static bool judge_keras(syn_plateau *p, const syn_schedule_performance_opts *o, bool improved) {
    if (p->cooldown > 0) {
        p->cooldown--;
        p->wait = 0;
    }
    if (improved) {
        p->wait = 0;
    } else if (p->cooldown == 0 && (double)++p->wait >= o->patience && reduce(p, o)) {
        p->cooldown = o->cooldown;
        p->wait = 0;
        return true;
    }
    return false;
}

static bool judge_torch(syn_plateau *p, const syn_schedule_performance_opts *o, bool improved) {
    p->wait = improved ? 0 : p->wait + 1;
    if (p->cooldown > 0) {
        p->cooldown--;
        p->wait = 0;
    }
    if ((double)p->wait <= o->patience) return false;
    p->cooldown = o->cooldown;
    p->wait = 0;
    return reduce(p, o);
}

bool syn_plateau_judge(syn_plateau *p, const syn_schedule_performance_opts *o, double value) {
    bool improved = better(p, o, value);
    if (improved) {
        p->best = value;
        p->started = true;
    }
    return (o->rule == SYN_KERAS ? judge_keras : judge_torch)(p, o, improved);
}
