/* Devices and contexts. */
#ifndef SYNCLINE_CONTEXT_H
#define SYNCLINE_CONTEXT_H

#include <syncline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct syn_ctx syn_ctx;

typedef struct syn_device_info {
    int platform, index; /* "0:1" selects it */
    char name[128], vendor[128], platform_name[128], version[128], driver[128];
    bool gpu, cpu;       /* neither: an accelerator */
    bool fp64, fp16;
    int compute_units, clock_mhz;
    int64_t global_bytes, max_alloc, local_bytes;
} syn_device_info;

/* Every device of every platform, best first: GPUs, then accelerators, then CPUs; more compute
 * units first. *list is malloc'd (free it with free); *n may be 0. */
SYN_API syn_status syn_devices(syn_device_info **list, int *n);

typedef struct syn_ctx_opts {
    const char *device;  /* "gpu", "cpu", "0:1", part of a name; NULL: SYNCLINE_DEVICE, else best */
    const char *profile; /* "cpu" or "gpu": kernel variants; NULL: SYNCLINE_PROFILE, else the device's */
    syn_log_fn log;      /* NULL: warnings and errors to stderr */
    void *log_user;
    bool quiet;          /* no log at all */
    bool no_selftest;    /* skip the short self-test on first use of a device with a driver */
} syn_ctx_opts;

/* opts NULL: the best device. Fails with SYN_E_DEVICE when none matches; the text lists what there is. */
SYN_API syn_status syn_ctx_create(syn_ctx **ctx, const syn_ctx_opts *opts);
SYN_API void syn_ctx_destroy(syn_ctx *ctx);
SYN_API void syn_ctx_device(const syn_ctx *ctx, syn_device_info *info);
SYN_API const char *syn_ctx_profile(const syn_ctx *ctx); /* "cpu" or "gpu" */
/* Device bytes allocated through this context now, and the most so far. */
SYN_API int64_t syn_ctx_bytes(const syn_ctx *ctx);
SYN_API int64_t syn_ctx_peak_bytes(const syn_ctx *ctx);

/* Every kernel and every GEMM provider against a host reference on this device. line (may be NULL) gets a
 * line per check. *failed counts the checks that failed; SYN_OK when the test itself could run. */
SYN_API syn_status syn_selftest(syn_ctx *ctx, void (*line)(const char *text, bool ok, void *user),
                                void *user, int *checks, int *failed);

#ifdef __cplusplus
}
#endif
#endif
