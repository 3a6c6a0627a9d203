/* The rows of `syncline bench`: each is one file here and one line in benches.c. */
#ifndef SYN_BENCH_BENCH_H
#define SYN_BENCH_BENCH_H

#include "cli/cli.h"

#include <syncline/syncline.h>

int bench_step(const cli_call *call);
int bench_optim(const cli_call *call);
int bench_gemm(const cli_call *call);
int bench_start(const cli_call *call);
int bench_ops(const cli_call *call);
int bench_boston(const cli_call *call);

/* The device of --device. */
syn_status bench_context(const cli_call *call, syn_ctx **ctx);
/* Sorts v. */
double bench_median(double *v, int n);

#endif
