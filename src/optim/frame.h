/* What stands around the optimizer's own update: penalties, clipping, decay, accumulation, moving average,
 * resolved. cl/base/update.cl is the device side. */
#ifndef SYN_OPTIM_FRAME_H
#define SYN_OPTIM_FRAME_H

#include "optim/optim.h"

/* Scalars of the frame, in front of the optimizer's in each row of the step table. */
enum { SYN_FRAME_LR, SYN_FRAME_CLIP, SYN_FRAME_EMA, SYN_FRAME_SCALARS };

/* Per-parameter factors, in this order. */
enum { SYN_FACTOR_LR, SYN_FACTOR_DECAY, SYN_FACTOR_L1, SYN_FACTOR_L2, SYN_FACTORS };

typedef struct syn_frame {
    syn_decay_opts decay;
    syn_penalty_opts penalty;
    syn_clip_opts clip;
    syn_nonfinite on_nonfinite;
    int accumulate;
    double ema;
    bool half;         /* tensors are kept as halves: the loss's gradient is scaled */
    double loss_scale; /* 0: dynamic */
    bool lr_factors, penalties; /* some parameter has one */
} syn_frame;

/* Resolve and check, a decay of the optimizer's own among it; `where` prefixes come from the rows. */
syn_status syn_frame_prepare(syn_frame *f, const syn_optim_use *use, syn_preset preset);
/* Factors of a parameter: name, and whether it is a kernel. Also whether it is trained. */
syn_status syn_frame_factors(syn_frame *f, const syn_rule *rules, int n_rules, const char *name,
                             bool kernel, double factor[SYN_FACTORS], bool *trained);
/* After the factors of all parameters: whether the optimizer can have them. */
syn_status syn_frame_check_factors(const syn_frame *f, const syn_optim_use *use);
/* Every rule's pattern must match one of the names. */
syn_status syn_frame_check_rules(const syn_rule *rules, int n_rules, const char *const *names, int n);
bool syn_frame_needs_norm(const syn_frame *f); /* a pass over the gradients in front of the update */
void syn_frame_scalars(const syn_frame *f, int64_t t, double lr, double *out);
/* "#define CLIP_VALUE 0" and so on. */
void syn_frame_defines(const syn_frame *f, syn_text *t);

const syn_table *syn_train_rows(void); /* decay, penalty, clip */

#endif
