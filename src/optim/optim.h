/* Optimizers: what each file provides, and the one update kernel made from it. */
#ifndef SYN_OPTIM_OPTIM_H
#define SYN_OPTIM_OPTIM_H

#include "base/options_json.h"

#include <syncline/optim.h>

/* A step as its scalars see it. */
typedef struct syn_optim_step {
    int64_t t;           /* from 1 */
    double lr, momentum; /* scheduled; the option `momentum` where the schedule leaves it alone */
    double last_lr;      /* of the step before; this step's in the first */
    double product;      /* of impl->factor over the steps 1 to t */
} syn_optim_step;

/* Of optimizers that search along a line, with several gradients a step: src/train/search.c runs them. */
typedef struct syn_search_rules {
    int history;      /* pairs of L-BFGS; 0: the direction is -g */
    bool wolfe;       /* else t is lr */
    int max_iter, max_eval;
    double tolerance_grad, tolerance_change, c1, c2;
} syn_search_rules;
/* Vectors as long as the gradients that they keep, in this order; then two of each pair: the change of the
 * gradient, and the step. One pair more than the history has is the one being made. */
enum { SYN_SEARCH_DIRECTION, SYN_SEARCH_BEFORE, SYN_SEARCH_START, SYN_SEARCH_HERE, SYN_SEARCH_THERE,
       SYN_SEARCH_PAIRS };

/* Slot of the weights at which the gradient was taken, of those that look ahead. */
#define SYN_AHEAD_SLOT "w_ahead"

/* What src/optim/NAME.c defines, as syn_optim_NAME. The update itself is cl/optim/NAME.cl: statements
 * over w, g, the slots and the scalars by name, for vectors and scalars alike; `element` is their type,
 * and numbers are cast to it. With `setup` the file has two parts, "#if SETUP .. #else .. #endif": the first
 * runs once a tile on scalars alone and may change them. With `norms` the statements also set u, and the
 * setup has w_norm and u_norm, the 2-norms of w and u over the tile's parameter. */
typedef struct syn_optim_impl {
    const char *slots[SYN_MAX_SLOTS];
    const char *scalars[SYN_MAX_SCALARS]; /* in the order of `fill` */
    int n_rates;                          /* the first so many are multiples of the learning rate */
    void (*fill)(const void *opts, const syn_optim_step *at, double *scalar);
    /* What step t puts into syn_optim_step.product; NULL: nothing. */
    double (*factor)(const void *opts, int64_t t, double momentum);
    /* Whether a slot is in use under these options; NULL: all are. */
    bool (*uses)(const void *opts, int slot);
    /* "#define AMSGRAD 1" lines, NULL: none. */
    void (*defines)(const void *opts, syn_text *t);
    bool setup, norms;
    /* Whether the gradient is taken elsewhere: at w after the statements of cl/optim/AHEAD_SOURCE.cl. The first
     * slot, SYN_AHEAD_SLOT, is for it. NULL: never. */
    bool (*ahead)(const void *opts);
    const char *ahead_source;
    const char *momentum;  /* option that schedules may drive, or NULL */
    const char *decoupled, *coupled; /* option that is a decay of the frame's, or NULL */
    const char *source;    /* cl/optim/ has the statements under this name; NULL: the row's */
    const char *update;    /* the statements, of registered optimizers */
    void (*search)(const void *opts, syn_search_rules *rules); /* makes it one that searches; nothing else but
                                                                  `momentum` and `lr` counts then */
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
    const char *slot[SYN_MAX_SLOTS]; /* those in use; one that searches has vectors instead, see syn_search_name */
    syn_search_rules search;
    int n_slots, n_scalars;
    double lr, momentum; /* the options; momentum NAN where there is none */
    double decoupled, coupled; /* decay of its own */
    int64_t known;       /* steps that the next two have seen */
    double last_lr, product;
} syn_optim_use;
syn_status syn_optim_prepare(const syn_optim *spec, syn_preset preset, syn_optim_use *use);

static inline bool syn_optim_searches(const syn_optim_use *use) { return use->impl && use->impl->search; }
/* Name of vector k of one that searches ("direction", "change_3", "step_3"), for the life of the process. */
const char *syn_search_name(int k);

/* Scalars of step t, asked for in order. Elsewhere syn_optim_reach goes first: it lets `use` see the
 * steps before t, as `schedule` has them, so that a resumed run has the very numbers of one that never stopped. */
void syn_optim_scalars(syn_optim_use *use, int64_t t, double lr, double momentum, double *out);
typedef syn_status (*syn_schedule_fn)(void *user, int64_t t, double *lr, double *momentum); /* t from 1 */
syn_status syn_optim_reach(syn_optim_use *use, int64_t t, syn_schedule_fn schedule, void *user);

/* The update kernel's text: "update" over tiles, inside the frame of cl/base/update.cl. snippet: the text
 * of the file in cl/optim/, or NULL for registered optimizers. ema: slot of the moving average, -1: none.
 * malloc'd; NULL without memory. */
char *syn_optim_text(const syn_optim_use *use, const char *snippet, int ema, bool half, bool cpu);
/* Of those that look ahead: "ahead", over tiles. Direction 1: the weights go to where the gradient is taken, and
 * the first slot keeps them; -1: they come back, and it keeps that point. */
char *syn_optim_ahead_text(const syn_optim_use *use, const char *snippet, bool half, bool cpu);
static inline bool syn_optim_looks_ahead(const syn_optim_use *use) {
    return use->impl && use->impl->ahead && use->impl->ahead(use->spec.u.opts);
}
/* With impl->norms, the kernel in front of it: "trust" over parts (as op/norm.cl), which sums the squares of w
 * and u. */
char *syn_optim_trust_text(const syn_optim_use *use, const char *snippet, bool cpu);

#endif
