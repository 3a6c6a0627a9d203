/* Optimizers. t counts steps from 1 in bias corrections. Formulas: doc/reference.md. */
#ifndef SYNCLINE_OPTIM_H
#define SYNCLINE_OPTIM_H

#include <syncline/spec.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values of SYN_CHOICE options: 0 is the preset's default, then the choices in order. */
enum { SYN_NO = 1, SYN_YES = 2 };
enum { SYN_NO_SEARCH = 1, SYN_STRONG_WOLFE = 2 };
enum { SYN_EPS_OUTSIDE = 1, SYN_EPS_INSIDE = 2, SYN_EPS_HAT = 3 };

/* For each row NAME of optims.inc: syn_NAME_opts, and syn_NAME(const syn_NAME_opts *opts)
 * (NULL: all defaults), which makes the spec. */
#define SYN_ROW_PREFIX(name, suffix) syn_##name##suffix
#define SYN_ROW_RESULT(name) SYN_API syn_optim syn_##name(const syn_##name##_opts *opts);
#include <syncline/rows_struct.inc>
#include <syncline/optims.inc>
#include <syncline/rows_end.inc>

/* syn_decay_opts, syn_penalty_opts, syn_clip_opts; formulas in train_options.inc. */
enum { SYN_CLIP_L1 = 1, SYN_CLIP_L2, SYN_CLIP_MAX };
#define SYN_ROW_PREFIX(name, suffix) syn_##name##suffix
#define SYN_ROW_RESULT(name)
#include <syncline/rows_struct.inc>
#include <syncline/train_options.inc>
#include <syncline/rows_end.inc>

/* What happens when the loss or a gradient is NaN or infinite. */
typedef enum syn_nonfinite {
    SYN_NONFINITE_STOP = 0,  /* nothing is updated any more; SYN_E_NONFINITE names the guilty */
    SYN_NONFINITE_SKIP,      /* the step changes nothing and does not count; the log names the guilty */
    SYN_NONFINITE_PROPAGATE  /* as both frameworks do: nothing is looked at */
} syn_nonfinite;

/* Settings of the parameters whose name matches a pattern (as of file names: "dense_[12]/ *" without the
 * blank). Later rules win, field by field; fields of value 0 say nothing. */
typedef struct syn_rule {
    const char *match;
    double lr_factor;          /* of the learning rate; SYN_ZERO: 0 */
    int trainable, decay;      /* SYN_NO, SYN_YES */
    double l1, l2;             /* instead of the plan's penalty; SYN_ZERO: none */
} syn_rule;

/* An optimizer of the caller's own. The update is OpenCL C: statements over the variables `w`
 * (weight), `g` (gradient), each slot by name, and each scalar by name; all of type realv (a
 * vector of the device's width, or a scalar), so ternaries and built-ins work as written. */
#define SYN_MAX_SLOTS 4
#define SYN_MAX_SCALARS 12
typedef struct syn_optim_row {
    const char *name;                   /* as in experiment files */
    const char *update;                 /* "m = beta * m + g; w -= lr * m;" */
    const char *slots[SYN_MAX_SLOTS];   /* "m", NULL: zero-initialised, one value per weight */
    const char *scalars[SYN_MAX_SCALARS]; /* constants of the caller; `lr` and `t` (step, from 1) come first
                                           by themselves and must not be named here */
    double value[SYN_MAX_SCALARS];
    double lr;                          /* default learning rate */
} syn_optim_row;
SYN_API syn_status syn_register_optim(const syn_optim_row *row);
/* The spec of a registered or built-in optimizer, all defaults but lr (0: default). */
SYN_API syn_status syn_optim_named(syn_optim *out, const char *name, double lr);

#ifdef __cplusplus
}
#endif
#endif
