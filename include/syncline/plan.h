/* Plans: everything a training or inference step needs, checked, compiled and allocated before the
 * first step. */
#ifndef SYNCLINE_PLAN_H
#define SYNCLINE_PLAN_H

#include <syncline/schedule.h>
#include <syncline/state.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct syn_plan syn_plan;

/* What the backward pass makes again from values that it reads anyway, instead of keeping it:
 * outputs of element-wise maps (activations, dropout, sums; not products, not statistics). Results
 * are equal, bit by bit; so with dtype half, where what is kept is rounded, nothing is made again.
 */
typedef enum syn_memory {
    SYN_MEMORY_BALANCED, /* made again where the arena shrinks by 1/32 or more, with no launch or phase more and
                            at most 1/32 more bytes moved a step */
    SYN_MEMORY_LEAST,    /* made again wherever the arena shrinks by it, random masks too */
    SYN_MEMORY_FASTEST,  /* nothing is made again */
    SYN_MEMORY_POLICIES
} syn_memory;

typedef struct syn_plan_opts {
    syn_tensor loss;       /* from a loss builder, perhaps syn_loss_sum; none: an inference plan of `output` */
    syn_tensor output;     /* what predict returns; default: what the losses read (softmax applied) */
    bool sample_weights;   /* losses and gradients are multiplied by weights of the samples, which data sets and
                              batches may bring (1 where they do not); the mean stays over the number of rows, as
                              in Keras' sum_over_batch_size, and as torch's losses with reduction "none", times
                              weights, then mean. Metrics other than losses do not see them. */
    syn_optim optim;       /* default: sgd. No optimizer is run by an inference plan */
    syn_schedule schedule; /* default: constant */
    int batch;             /* rows of a full step; default 32. Times the values of a layer's output below 2^31 - 65536,
                              SYN_E_SHAPE otherwise */
    syn_dtype dtype;       /* SYN_DOUBLE needs fp64; the same kernels. SYN_HALF: see syn_dtype */
    double loss_scale;     /* of SYN_HALF: the loss's gradient is multiplied by it, so that small ones do not vanish
                              in 16 bits, and gradients of weights divided; default: dynamic, see syn_loss_scale */
    syn_preset preset;     /* of optim and schedule; default: the net's */
    bool no_fuse;          /* one kernel per map: for tests */
    bool keep;             /* no buffer is reused: every activation and its gradient stays readable */
    bool stream;           /* never put data sets on the device whole */
    int64_t memory_limit;  /* bytes; default: the device's */
    syn_memory memory;     /* default: balanced */
    syn_decay_opts decay;
    syn_penalty_opts penalty;
    syn_clip_opts clip;
    const syn_rule *rules; /* copied */
    int n_rules;
    syn_nonfinite on_nonfinite;
    int accumulate;        /* micro-batches of one optimizer step, their mean; default 1 */
    double ema;            /* decay of a moving average of the weights, 0: none; see syn_ema_swap */
    int64_t steps;         /* of the whole run, for schedules that need it; syn_fit fills it in */
    int64_t epoch_steps;   /* of an epoch, likewise */
} syn_plan_opts;

/* The first plan that trains a net warns through the context's log of pairings that seldom learn well: an
 * initialiser that does not fit its activation; selu without lecun_normal, with normalisation or plain
 * dropout, or outside a plain stack of dense layers; dropout on the output. */
SYN_API syn_status syn_plan_create(syn_plan **plan, syn_state *state, const syn_plan_opts *opts);
SYN_API void syn_plan_destroy(syn_plan *plan);

/* The same checks and memory sums with no device and nothing allocated; text as syn_plan_print. */
typedef struct syn_plan_sizes {
    int64_t params, grads, slots, arena, other; /* bytes on the device, data sets left out */
    int64_t peak;                               /* their sum */
    int launches;                               /* of one training step */
    int phases;                                 /* that run one after the other in them; on GPUs as many */
    double flops, bytes;                        /* of one training step */
} syn_plan_sizes;
SYN_API void syn_plan_measure(const syn_plan *plan, syn_plan_sizes *sizes);
/* Layers, launches, buffers as text (malloc'd). */
SYN_API char *syn_plan_print(const syn_plan *plan);

/* One step on a batch in memory: x is rows x input shape, y labels (rows) or targets (rows x shape), of
 * any type; rows at most opts.batch. loss (may be NULL: nothing waits) gets the batch's mean loss. */
SYN_API syn_status syn_step(syn_plan *plan, const syn_array *x, const syn_array *y, double *loss);
/* Its two halves: forward and gradients; then the optimizer. */
SYN_API syn_status syn_gradient(syn_plan *plan, const syn_array *x, const syn_array *y, double *loss);
SYN_API syn_status syn_update(syn_plan *plan);
/* Batches of nets with several inputs or losses, and with weights of the samples: arrays by input and by loss, in
 * order of description, all of the same rows. */
typedef struct syn_batch {
    const syn_array *x, *y; /* y NULL: for predictions alone */
    int n_x, n_y;
    const syn_array *weights; /* rows; NULL: none */
} syn_batch;
SYN_API syn_status syn_step_batch(syn_plan *plan, const syn_batch *batch, double *loss);
SYN_API syn_status syn_gradient_batch(syn_plan *plan, const syn_batch *batch, double *loss);
SYN_API syn_status syn_loss_batch(syn_plan *plan, const syn_batch *batch, double *loss);
/* out: the outputs one behind the other, each rows x its shape; n elements in all. */
SYN_API syn_status syn_infer_batch(syn_plan *plan, const syn_batch *batch, double *out, int64_t n);
/* The losses that make up the plan's, in order of description; weight (may be NULL): in the sum. */
SYN_API int syn_plan_losses(const syn_plan *plan);
SYN_API const char *syn_plan_loss_name(const syn_plan *plan, int k, double *weight);

/* Forward in test mode: output is rows x output shape, in double. */
SYN_API syn_status syn_infer(syn_plan *plan, const syn_array *x, double *out, int64_t n);
/* Forward in test mode with the loss, nothing updated. */
SYN_API syn_status syn_loss(syn_plan *plan, const syn_array *x, const syn_array *y, double *loss);

/* Gradients of the last syn_gradient or syn_step by parameter name; write: before syn_update. */
SYN_API syn_status syn_grad_read(syn_plan *plan, const char *param, double *out, int64_t n);
SYN_API syn_status syn_grad_write(syn_plan *plan, const char *param, const double *in, int64_t n);
/* Output of a layer, or the loss's gradient with respect to it, in the last training step; needs
 * opts.keep. n = rows x elements. Writing changes what later launches read only when the list is
 * run by hand; it is there to inject values between syn_gradient and reading. */
SYN_API syn_status syn_activation_read(syn_plan *plan, const char *layer, double *out, int64_t n);
SYN_API syn_status syn_activation_write(syn_plan *plan, const char *layer, const double *in, int64_t n);
SYN_API syn_status syn_activation_grad_read(syn_plan *plan, const char *layer, double *out, int64_t n);
/* Optimizer slot ("m", "v", ...) of a parameter. */
SYN_API syn_status syn_slot_read(syn_plan *plan, const char *slot, const char *param, double *out,
                                 int64_t n);

/* The factor of the loss's gradient in plans of dtype half (1 in others), and how many steps it made too large so
 * far (may be NULL). Dynamic, it starts at 65536; a gradient that is not finite halves it, and that step changes
 * nothing; 2000 steps without one double it, up to 2^24 (torch's GradScaler). At 1 a gradient that is not finite
 * is what on_nonfinite says. Waits. */
SYN_API syn_status syn_loss_scale(syn_plan *plan, double *scale, int64_t *overflows);

SYN_API int64_t syn_plan_step(const syn_plan *plan); /* optimizer steps taken */

/* Exchange the weights and their moving average (opts.ema): to evaluate, predict or save it. Twice is
 * none; training on with them exchanged is an error. */
SYN_API syn_status syn_ema_swap(syn_plan *plan);

/* Everything a run needs to go on exactly: weights, slots, step, seed, and the caller's own JSON text
 * (NULL: none). One file, renamed into place. SYN_E_ARGUMENT while weights and moving average are exchanged. */
SYN_API syn_status syn_plan_save(syn_plan *plan, const char *path, const char *user_json);
/* user_json (may be NULL) gets malloc'd text or NULL. A file that does not fit changes nothing; one that does leaves
 * weights and moving average each in its place. */
SYN_API syn_status syn_plan_resume(syn_plan *plan, const char *path, char **user_json);

#ifdef __cplusplus
}
#endif
#endif
