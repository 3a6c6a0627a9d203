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
    double loss;        /* mean over the epoch so far, of several the weighted sum, penalty included */
    double penalty;     /* mean of the penalties in it; 0 without */
    double grad_norm;   /* mean norm of the gradients before clipping; NAN where nothing asks for it */
    int64_t skipped;    /* steps of this epoch that were not finite and were skipped */
    double accuracy;    /* likewise, of the first loss that has one, rows of an ignored label left out; NAN: none has */
    double val_loss, val_accuracy; /* NAN until the epoch ended, or without validation data */
    int losses;         /* that the plan sums, and what became of each, unweighted: syn_plan_loss_name */
    struct {
        double loss, accuracy, val_loss, val_accuracy;
    } each[SYN_MAX_ENDS];
    double lr, momentum;           /* of the last step; momentum NAN where there is none */
    double seconds;     /* since the fit began, resumed time included */
    double epoch_seconds;
    double samples_per_second; /* of this epoch's training */
} syn_report;

/* false stops the fit after this step or epoch: syn_fit returns SYN_E_STOPPED. */
typedef bool (*syn_report_fn)(const syn_report *report, void *user);

typedef struct syn_fit_opts {
    int epochs;             /* default 1, or as many as max_steps needs */
    int64_t max_steps;      /* stop after so many steps in all; 0: no limit */
    syn_data *val;          /* evaluated after every epoch; NULL: none */
    bool no_shuffle;
    uint64_t seed;          /* of the shuffling; 0: the net's */
    syn_report_fn on_start; /* when all is ready and the checkpoint to resume was read, before the first step */
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

/* The range test: lr rises exponentially until the smoothed loss diverges. The plan must not have taken a
 * step; all it trained is undone at the end. */
typedef struct syn_range_opts {
    double from, to;    /* rates; default 1e-7 to 10 */
    int steps;          /* default 100 */
    double smoothing;   /* of the loss: share of the average kept each step; default .95; SYN_ZERO: 0 */
    double stop;        /* diverged: so many times the lowest smoothed loss; default 4 */
    bool no_shuffle;
    uint64_t seed;      /* of the shuffling; 0: the net's */
} syn_range_opts;
typedef struct syn_range {
    double turning;     /* rate of the lowest smoothed loss */
    double max, min;    /* suggested for cycles: turning / 10, and a tenth of that */
    bool diverged;      /* else the loss was still falling, or flat, at `to` */
    int n;              /* steps of the curve */
    double *lr, *loss, *smooth; /* n each; syn_range_free frees them */
} syn_range;
SYN_API syn_status syn_range_test(syn_plan *plan, syn_data *train, const syn_range_opts *opts,
                                  syn_range *result);
SYN_API void syn_range_free(syn_range *r);

/* For batch_norm layers with `statistics: whole_set`: mean and variance of their inputs over all rows of
 * data, in one pass in test mode in which they normalise by each batch. syn_fit ends with it, unless it was
 * interrupted; it does nothing when no layer asks for it. */
SYN_API syn_status syn_batch_norm_statistics(syn_plan *plan, syn_data *data);

typedef struct syn_metrics {
    double loss, accuracy; /* accuracy NAN when the loss has none; rows of an ignored label left out. Of a plan of
                              several losses: their weighted sum, and accuracy of the first that has one */
    int64_t rows;
    double seconds;
    /* By syn_evaluate alone, counted on the device; NAN where they do not apply, as to several losses. */
    double top_k;                 /* share of rows whose class is among the k most likely; see syn_evaluate_opts */
    double precision, recall, f1; /* plain means over the classes that occur in labels or predictions (macro) */
    double rmse;                  /* root of the mean squared error */
    double r2;                    /* 1 - squared errors / squared deviations of the targets, mean over outputs */
    int classes;                  /* 0: the loss is not of classes */
} syn_metrics;
SYN_API syn_status syn_evaluate(syn_plan *plan, syn_data *data, syn_metrics *metrics);

typedef struct syn_evaluate_opts {
    int top_k;          /* default 5, at most the classes */
    int64_t *confusion; /* classes x classes: how often class i (row) was predicted as j (column); NULL: not wanted */
    int64_t n;          /* elements there is room for */
} syn_evaluate_opts;
SYN_API syn_status syn_evaluate_with(syn_plan *plan, syn_data *data, const syn_evaluate_opts *opts,
                                     syn_metrics *metrics);
/* The same for every loss of a plan of several (syn_loss_sum): opts (may be NULL) and each have an element for
 * each loss in order of description; each[k].loss is without its weight in the sum. */
SYN_API syn_status syn_evaluate_losses(syn_plan *plan, syn_data *data, const syn_evaluate_opts *opts,
                                       syn_metrics *metrics, syn_metrics *each);
/* How many classes evaluation tells apart: 2 for binary losses, where each output counts; 0: none. */
SYN_API int syn_plan_classes(const syn_plan *plan); /* of the first loss */
SYN_API int syn_plan_loss_classes(const syn_plan *plan, int k);

/* Of one class, from a confusion matrix: 0 where nothing can be divided by. */
typedef struct syn_class_score {
    double precision, recall, f1;
    int64_t support; /* rows of the class */
} syn_class_score;
SYN_API void syn_class_score_of(const int64_t *confusion, int classes, int k, syn_class_score *score);

/* A plan of several losses has several outputs, what each loss reads, by the losses' names. Name and (if not
 * NULL) shape of the k-th; NULL: there is none. */
SYN_API int syn_plan_outputs(const syn_plan *plan);
SYN_API const char *syn_plan_output_at(const syn_plan *plan, int k, syn_shape *shape);
/* out[k]: rows x shape of output k, in double. */
SYN_API syn_status syn_predict_outputs(syn_plan *plan, syn_data *data, double *const *out);
/* out: rows x output shape, in double, n elements in all; several outputs one behind the other. */
SYN_API syn_status syn_predict(syn_plan *plan, syn_data *data, double *out, int64_t n);

/* Monte Carlo dropout (Gal and Ghahramani 2016): `passes` predictions with dropout of every kind acting and
 * all else in test mode, their mean and standard deviation (over the passes, divided by passes), both
 * rows x output shape. For outputs that are probabilities along the last axis (or one probability alone)
 * also, per distribution, in nats: entropy of the mean, and mutual information, entropy less the mean of
 * the passes' entropies. All but mean may be NULL. The same masks on every call: they depend on seed, layer,
 * pass and row of the data, not on the batch size nor on how long was trained. */
SYN_API syn_status syn_predict_mc(syn_plan *plan, syn_data *data, int passes, double *mean, double *deviation,
                                  double *entropy, double *mutual_information);
SYN_API syn_status syn_plan_output_shape(const syn_plan *plan, syn_shape *shape);

#ifdef __cplusplus
}
#endif
#endif
