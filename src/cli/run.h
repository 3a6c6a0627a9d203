/* The run folder. */
#ifndef SYN_CLI_RUN_H
#define SYN_CLI_RUN_H

#include "base/base.h"

#define CLI_EXPERIMENT "experiment.yaml"
#define CLI_WEIGHTS "weights.safetensors"
#define CLI_AVERAGE "weights-ema.safetensors" /* their moving average, where train.ema asks for it */
#define CLI_STATE "state.safetensors"
#define CLI_SUMMARY "summary.json"
#define CLI_CHOICES "gemm.json" /* GEMM kernels by shape: resuming takes the same */
#define CLI_CURVES "curves.svg"
#define CLI_GRADIENTS "gradients.csv" /* where train.gradients asks for it */
#define CLI_PREDICTIONS "predictions.npy"

/* Make the folder: `out`, or runs/NAME, runs/NAME-2, ... (out NULL). An error when it holds a run
 * or cannot be written. *made: whether it is new (and may be removed while it is empty). *lock: see
 * cli_run_lock. */
syn_status cli_run_create(char **folder, const char *out, const char *name, bool *made, int *lock);
/* Nobody else trains in this folder until *lock is closed: an error where somebody does. */
syn_status cli_run_lock(const char *folder, int *lock);
/* An existing run's folder, checked to hold `file`; for_writing: and to take files. */
syn_status cli_run_check(const char *folder, const char *file, bool for_writing);
/* Removes what a run that was killed left half written. */
void cli_run_tidy(const char *folder);

char *cli_run_path(const char *folder, const char *file); /* malloc'd */
bool cli_run_has(const char *folder, const char *file);

#endif
