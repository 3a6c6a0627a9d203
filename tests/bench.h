/* A small bench around graphs: values in, one launch list, values out, without a plan. Several benches share
 * one set of kernels, so that they are compiled in one go:
 *
 *     bench_open(&b, &kernels); v = bench_value(&b, ...); (nodes); bench_emit(&b, rows);
 *     ok(syn_kernels_build(&kernels)); bench_bind(&b); bench_write ..; bench_run(&b); bench_read .. */
#ifndef SYN_TESTS_BENCH_H
#define SYN_TESTS_BENCH_H

#include "suite.h"

#include "op/map.h"
#include "op/ops.h"
#include "plan/control.h"
#include "plan/list.h"

typedef struct bench {
    syn_kernels *kernels;
    syn_graph g;
    syn_list l;
    syn_buffer *slab[SYN_MAX_SLABS], *block[SYN_BLOCKS];
} bench;

void bench_open(bench *b, syn_kernels *kernels);
void bench_close(bench *b);

/* A value that keeps a place of its own: an input when no node makes it. shape is of one row when batched. */
int bench_value(bench *b, syn_shape shape, bool batched);
int bench_keep(bench *b, int value); /* returns value */

void bench_emit(bench *b, int rows);
void bench_bind(bench *b); /* slabs start as 0xa5 bytes */
void bench_run(bench *b);

int64_t bench_count(const bench *b, int value); /* elements, rows included */
void bench_write(bench *b, int value, const double *x);
void bench_write_labels(bench *b, int value, const double *labels);
void bench_read(bench *b, int value, double *x);
void bench_read_ints(bench *b, int value, int32_t *i);

#endif
