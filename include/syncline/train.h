/* Training loops over data sets. */
#ifndef SYNCLINE_TRAIN_H
#define SYNCLINE_TRAIN_H

#include <syncline/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct syn_report {
    int epoch;          /* from 1; the epoch that runs or ended */
    int epochs;
    int64_t step;       /* optimizer steps taken in all */
    int64_t steps;      /* of the whole run */
    int64_t epoch_step, epoch_steps; /* batches */
    double loss;        /* mean over the epoch so far, penalty included */
    double penalty;     /* mean of the penalties in it; 0 without */
    double grad_norm;   /* mean norm of the gradients before clipping; NAN where nothing asks for it */
    int64_t skipped;    /* steps of this epoch that were not finite and were skipped */
    double accuracy;    /* likewise; NAN when the loss has none */
    double val_loss, val_accuracy; /* NAN until the epoch ended, or without validation data */
    double lr, momentum;           /* of the last step; momentum NAN where there is none */
    double seconds;     /* since the fit began, resumed time included */
    double epoch_seconds;
    double samples_per_second; /* of this epoch's training */
} syn_report;

/* false stops the fit after this step or epoch: syn_fit returns SYN_E_STOPPED. */
typedef bool (*syn_report_fn)(const syn_report *report, void *user);

typedef struct syn_fit_opts {
    int epochs;             /* default 1 */
    int64_t max_steps;      /* stop after so many steps in all; 0: no limit */
    syn_data *val;          /* evaluated after every epoch; NULL: none */
    bool no_shuffle;
    uint64_t seed;          /* of the shuffling; 0: the net's */
    syn_report_fn on_epoch; /* NULL: none */
    syn_report_fn on_step;  /* called as results arrive, some steps late; never waits */
    void *user;
    /* Checkpoints, after every `every` epochs (default 1) when path is given; also when stopped. */
    const char *checkpoint;
    int checkpoint_every;
    int64_t checkpoint_every_steps; /* also after so many steps; 0: none */
    const char *resume;     /* go on from this checkpoint exactly; NULL: start */
    /* Set this from a signal handler or another thread: stops after the step under way. */
    const volatile int *interrupt;
} syn_fit_opts;

/* Trains. Returns SYN_E_STOPPED when a callback or the interrupt ended it (state saved), and
 * SYN_E_NONFINITE naming the first guilty layer when loss or gradient is not finite. */
SYN_API syn_status syn_fit(syn_plan *plan, syn_data *train, const syn_fit_opts *opts);

typedef struct syn_metrics {
    double loss, accuracy; /* accuracy NAN when the loss has none */
    int64_t rows;
    double seconds;
} syn_metrics;
SYN_API syn_status syn_evaluate(syn_plan *plan, syn_data *data, syn_metrics *metrics);

/* out: rows x output shape, in double, n elements in all. */
SYN_API syn_status syn_predict(syn_plan *plan, syn_data *data, double *out, int64_t n);
SYN_API syn_status syn_plan_output_shape(const syn_plan *plan, syn_shape *shape);

#ifdef __cplusplus
}
#endif
#endif
