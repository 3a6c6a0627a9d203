/* Kernel instances of a plan: templates specialised by macros, deduplicated, assembled into as few
 * programs as possible: one for the net and one for the machinery around it (calls that stand apart), more
 * only when something new is asked for later. A net's program is the same text under every optimizer, so the
 * driver's cache has it when only the training changes. */
#ifndef SYN_PLAN_KERNELS_H
#define SYN_PLAN_KERNELS_H

#include "device/device.h"

typedef struct syn_instance {
    char *text;      /* defs, template, undefs: what makes it what it is */
    char *name;      /* "colsum_3" */
    int number;      /* among those of its kind */
    bool apart;
    bool phase;      /* a function of its program's kernel `phases` (phases.h), not a kernel */
    char *kinds;     /* then: its arguments, 'p'ointer, 'i'nt or 'r'eal each */
    syn_program *program; /* NULL until built */
} syn_instance;

typedef struct syn_kernels {
    syn_ctx *ctx;
    syn_dtype dtype;
    syn_instance *instance;
    int n, cap;
    syn_program **program;
    int n_programs, cap_programs;
} syn_kernels;

void syn_kernels_init(syn_kernels *k, syn_ctx *ctx, syn_dtype dtype);
void syn_kernels_free(syn_kernels *k);
/* What makes an instance: macros, template, the macros taken back. */
syn_status syn_call_text(const syn_call *call, syn_text *t);
/* The instance a call needs; made when it is new. */
syn_status syn_kernels_want(syn_kernels *k, const syn_call *call, int *instance);
/* The functions that n calls need, all in one program: that of earlier lists if it has them, else the next. */
syn_status syn_kernels_want_phases(syn_kernels *k, const syn_call *const *call, int n, int *instance);
/* Builds what is not built yet, as one program. */
syn_status syn_kernels_build(syn_kernels *k);
syn_status syn_kernels_get(syn_kernels *k, int instance, syn_kernel **kernel);
/* KERNEL(name)(...) made a function that is given its work-item's ids; the kernel of a program's functions. */
void syn_phase_function(syn_text *t, const char *text);
syn_status syn_phase_kernel(syn_text *t, const syn_instance *instance, int n, bool apart);

#endif
