/* What weights files and checkpoints share. */
#ifndef SYN_PLAN_SAVE_H
#define SYN_PLAN_SAVE_H

#include "io/safetensors.h"
#include "plan/plan.h"

#define SYN_TENSOR_MEAN "input/mean"
#define SYN_TENSOR_INV_DEV "input/inv_dev"

/* Parameters by name; nothing is written unless all that are wanted fit. */
syn_status syn_load_tensors(syn_state *s, const syn_st *file, bool partial, int *loaded);

#endif
