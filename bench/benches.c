/* The table of benches, and what they share. */
#include "bench.h"

#include <stdlib.h>

#define COMMON                                                                                     \
    { "json", NULL, "an object a line" }, CLI_DEVICE_FLAG, { NULL, NULL, NULL }

static const cli_flag step_flags[] = {
    { "net", "NET", "mlp-300-100, mlp-1024x3, selu-20x100 or elu-bn-20x100" },
    { "optimizer", "NAME", "momentum, adam, nadam or sgd; without both, the five standard cases" },
    { "batch", "N", "rows of a step; default: 128" },
    { "seconds", "S", "of a measurement; default: 2" },
    COMMON
};
static const cli_flag optim_flags[] = { { "optimizer", "NAME", "one; default: all" },
                                        { "weights", "N", "about so many; default: 1e7" },
                                        { "seconds", "S",
                                          "of a measurement, two an optimizer; default: 1" },
                                        COMMON };
static const cli_flag ops_flags[] = { { "only", "PART", "ops with this in their name, or of this name" },
                                      { "rows", "N", "of 1024 columns; default: 128, then 4096" },
                                      { "seconds", "S", "of a measurement; default: 0.5" },
                                      COMMON };
static const cli_flag gemm_flags[] = {
    { "shape", "MxNxK", "rows x columns x depth; -: requests as '128x300x784 NN', a line each" },
    { "trans", "NN|NT|TN|TT", "which operands are stored transposed; default: NN, NT and TN" },
    { "seconds", "S", "of a measurement; default: 0.3" },
    { "library", "FILE", "a shared library whose cblas_sgemm is timed instead" },
    COMMON
};

static const cli_flag start_flags[] = { { "turns", "N", "starts with warm caches; default: 21" },
                                        { "child", NULL, "be one of them: binary figures" },
                                        COMMON };
static const cli_flag boston_flags[] = {
    { "data", "CSV", "boston_house_prices.csv; must be given" },
    { "splits", "N", "default: 20" },
    { "epochs", "N", "default: 4000" },
    CLI_DEVICE_FLAG,
    { NULL, NULL, NULL }
};

const cli_command cli_benches[] = {
    { "bench step", "", 0, 0,
      "milliseconds of a training step, samples a second, share of the multiply-add floor", NULL,
      step_flags, bench_step },
    { "bench optim", "", 0, 0,
      "the update of every optimizer beside a stream kernel of the same reads and writes",
      "The last column is what clipping by global norm adds to the whole update.", optim_flags,
      bench_optim },
    { "bench ops", "", 0, 0,
      "every map, normalisation and dropout, both ways, beside a stream kernel of the same bytes",
      NULL, ops_flags, bench_ops },
    { "bench gemm", "", 0, 0, "matrix products as plans run them, float, by shape and transposition",
      "Launch us is what a phase or launch without work takes. bench/compare_gemm.py sets the figures beside OpenBLAS's.",
      gemm_flags, bench_gemm },
    { "bench start", "", 0, 0,
      "from a process's start to the end of its first step, with warm and with empty caches",
      "MLP 784-300-100-10, batch 128, data in memory.", start_flags, bench_start },
    { "bench boston", "", 0, 0,
      "Monte Carlo dropout on the UCI Boston housing set: test RMSE and log-likelihood",
      "As Gal and Ghahramani (2016) measured it, on random splits of 90 to 10. The data are in Debian's package "
      "python3-sklearn 1.2, as sklearn/datasets/data/boston_house_prices.csv.",
      boston_flags, bench_boston },
    { NULL, NULL, 0, 0, NULL, NULL, NULL, NULL }
};

syn_status bench_context(const cli_call *call, syn_ctx **ctx) {
    return syn_ctx_create(ctx, &(syn_ctx_opts){ .device = cli_get(call, "device") });
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, compare_doubles);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
