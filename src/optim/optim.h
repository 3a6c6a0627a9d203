/* Optimizers: what each file provides, and the one update kernel made from it. */
#ifndef SYN_OPTIM_OPTIM_H
#define SYN_OPTIM_OPTIM_H

#include "base/options_json.h"

#include <syncline/optim.h>

/* What src/optim/NAME.c defines, as syn_optim_NAME. The update itself is cl/optim/NAME.cl: statements
 * over w, g, the slots and the scalars by name, for vectors and scalars alike. */
typedef struct syn_optim_impl {
    const char *slots[SYN_MAX_SLOTS];
    const char *scalars[SYN_MAX_SCALARS]; /* in the order of `fill` */
    int n_rates;                          /* the first so many are multiples of the learning rate */
    /* Scalars of step t (from 1), given the scheduled rate and momentum (the option `momentum` when
     * the schedule leaves it alone). */
    void (*fill)(const void *opts, int64_t t, double lr, double momentum, double *scalar);
    /* Slots in use under these options; NULL: all. */
    int (*n_slots)(const void *opts);
    /* "#define AMSGRAD 1" lines, NULL: none. */
    void (*defines)(const void *opts, syn_text *t);
    const char *momentum;  /* option that schedules may drive, or NULL */
    const char *update;    /* the statements, of registered optimizers; NULL: in cl/optim/ */
} syn_optim_impl;

#define SYN_ROW(name, doc) extern const syn_optim_impl syn_optim_##name;
#define SYN_REAL(...)
#define SYN_INT(...)
#define SYN_FLAG(...)
#define SYN_CHOICE(...)
#define SYN_TEXT(...)
#define SYN_INITIALISER(...)
#define SYN_ROW_END(name)
#include <syncline/optims.inc>
#include <syncline/rows_end.inc>

const syn_table *syn_optims(void); /* built-in rows, then registered ones */
const syn_optim_impl *syn_optim_impl_of(const syn_def *def);

/* An optimizer with resolved options, ready to be asked. */
typedef struct syn_optim_use {
    syn_optim spec;
    const syn_optim_impl *impl;
    int n_slots, n_scalars;
    double lr, momentum; /* the options; momentum NAN where there is none */
} syn_optim_use;
syn_status syn_optim_prepare(const syn_optim *spec, syn_preset preset, syn_optim_use *use);
void syn_optim_scalars(const syn_optim_use *use, int64_t t, double lr, double momentum, double *out);

/* The update kernel's text: "update" over tiles, inside the frame of cl/base/update.cl. snippet: the text
 * of cl/optim/NAME.cl, or NULL for registered optimizers. ema: slot of the moving average, -1: none.
 * malloc'd; NULL without memory. */
char *syn_optim_text(const syn_optim_use *use, const char *snippet, int ema, bool cpu);

#endif
