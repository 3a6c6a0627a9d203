/* Single checks of the self-test; tests/ walk the same ones over more shapes. */
#ifndef SYN_PLAN_SELFTEST_CASE_H
#define SYN_PLAN_SELFTEST_CASE_H

#include "device/device.h"
#include "op/map.h"

/* Whether the provider is chosen by itself on this device's profile. */
bool syn_selftest_uses(const syn_ctx *ctx, int provider);
/* Relative error (norm of the difference / norm) of one product against plain loops in double; guard
 * bytes around C are looked at, and a write there gives an infinite error. */
syn_status syn_selftest_gemm(syn_ctx *ctx, int provider, const syn_gemm *g, bool *taken, double *error);
/* Largest error of y and dy/dx, relative where they exceed 1, against the expressions on the host, of each of n
 * functions. They are one program, for compiling is what a self-test waits for. */
syn_status syn_selftest_maps(syn_ctx *ctx, const syn_fn *const *fn, int n, syn_dtype dtype, double *error);
/* 0 when dropout keeps just the elements the host's Philox keeps. */
syn_status syn_selftest_random(syn_ctx *ctx, syn_dtype dtype, double *error);

#endif
