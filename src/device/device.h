/* The device behind opaque handles: everything other rooms may do with it. Only files of this folder
 * include OpenCL or CLBlast headers. */
#ifndef SYN_DEVICE_DEVICE_H
#define SYN_DEVICE_DEVICE_H

#include "base/launch.h"
#include "base/profile.h"
#include "device/gemm_own.h"

#include <syncline/context.h>

typedef struct syn_buffer syn_buffer;
typedef struct syn_program syn_program;
typedef struct syn_kernel syn_kernel;
typedef struct syn_event syn_event;

const syn_profile *syn_ctx_profile_of(const syn_ctx *ctx);
void syn_ctx_log(const syn_ctx *ctx, syn_log_level level, const char *fmt, ...) SYN_PRINTF(3, 4);
/* Whether the self-test of this context's device ran (or need not), set once. */
bool syn_ctx_claim_selftest(syn_ctx *ctx);
/* "NAME|DRIVER|PROFILE": what verdicts and tuning are kept under. */
const char *syn_ctx_key(const syn_ctx *ctx);
/* A file of this device and version in the user's cache folder, which is made (malloc'd); NULL: there is none. */
char *syn_ctx_cache_file(const syn_ctx *ctx, const char *what);
/* A provider of GEMM the self-test found wrong on this device is not chosen any more. */
void syn_ctx_ban_gemm(syn_ctx *ctx, const char *provider);
bool syn_ctx_gemm_banned(const syn_ctx *ctx, const char *provider);

/* Buffers. A sub-buffer's offset is a multiple of the profile's align; it keeps its parent alive. */
syn_status syn_buffer_create(syn_buffer **b, syn_ctx *ctx, int64_t bytes, const char *what);
syn_status syn_buffer_sub(syn_buffer **b, syn_buffer *parent, int64_t offset, int64_t bytes);
syn_status syn_buffer_again(syn_buffer **b, syn_buffer *same); /* the same memory object, kept alive too */
/* Over a caller's cl_mem, retained. A misaligned offset is an error here; callers copy then. */
syn_status syn_buffer_wrap(syn_buffer **b, syn_ctx *ctx, void *cl_mem_, int64_t offset, int64_t bytes);
/* The same for a *b that may be there already: it lets go of what it held. cl_mem NULL: of that alone. */
syn_status syn_buffer_rewrap(syn_buffer **b, syn_ctx *ctx, void *cl_mem_, int64_t offset, int64_t bytes);
void syn_buffer_destroy(syn_buffer *b);
bool syn_buffer_owned(const syn_buffer *b); /* made by syn_buffer_create */
/* The buffer that b is a part of, b itself when it is none; *offset: where in it, bytes. */
syn_buffer *syn_buffer_whole(syn_buffer *b, int64_t *offset);
int64_t syn_buffer_bytes(const syn_buffer *b);

/* On the compute queue, in order. wait: returns when done; else the host memory must stay as it is
 * until an event marked later. */
syn_status syn_buffer_write(syn_buffer *b, int64_t offset, const void *from, int64_t bytes, bool wait);
syn_status syn_buffer_read(syn_buffer *b, int64_t offset, void *to, int64_t bytes, bool wait);
syn_status syn_buffer_zero(syn_buffer *b); /* by a kernel-free path that works above 2 GiB */
syn_status syn_buffer_copy(syn_buffer *from, int64_t from_offset, syn_buffer *to, int64_t to_offset,
                           int64_t bytes);

/* On the transfer queue, after `after` (may be NULL); *done is for syn_ctx_wait_for. */
syn_status syn_buffer_send(syn_buffer *b, const void *from, int64_t bytes, syn_event *after,
                           syn_event **done);

/* Events of the compute queue. */
syn_status syn_ctx_mark(syn_ctx *ctx, syn_event **event);     /* completes when all before it has */
syn_status syn_ctx_wait_for(syn_ctx *ctx, syn_event *event);  /* what follows waits for it on the device */
syn_status syn_event_wait(syn_event *event);                  /* the host waits */
bool syn_event_done(syn_event *event);                        /* whether it has completed, at once */
void syn_event_release(syn_event *event);
/* Hands the cl_event over (to release) and frees the rest. */
void syn_event_take(syn_event *event, void *cl_event_out);
syn_status syn_ctx_flush(syn_ctx *ctx);
syn_status syn_ctx_finish(syn_ctx *ctx);

/* What a steady loop does not do, counted in this process, for tests. */
typedef enum syn_counted {
    SYN_COUNT_ARGS,        /* kernel arguments set */
    SYN_COUNT_BUFFERS,     /* buffers and sub-buffers made */
    SYN_COUNT_KERNELS,     /* kernels and programs made */
    SYN_COUNT_WAITS,       /* the host waited for a whole queue or a transfer */
    SYN_COUNT_EVENT_WAITS, /* the host waited for an event: back-pressure */
    SYN_COUNTS
} syn_counted;
void syn_device_counts(int64_t count[SYN_COUNTS]);

/* Programs: text after assembly (plan/program.c). Kernels keep their program alive. */
syn_status syn_program_build(syn_program **p, syn_ctx *ctx, const char *text, const char *options);
void syn_program_destroy(syn_program *p);
syn_status syn_kernel_create(syn_kernel **k, syn_program *p, const char *name);
void syn_kernel_destroy(syn_kernel *k);
syn_status syn_kernel_buffer(syn_kernel *k, int index, const syn_buffer *b);
syn_status syn_kernel_value(syn_kernel *k, int index, const void *value, size_t size);
/* Whether the device has registers and local memory for such work-groups of this kernel. */
syn_status syn_kernel_check(syn_kernel *k, int dims, const size_t *local);
syn_status syn_kernel_run(syn_kernel *k, int dims, const size_t *global, const size_t *local);

/* The text of a file under cl/: embedded, or from SYNCLINE_CL_DIR. malloc'd. */
syn_status syn_cl_text(const char *path, char **text);
/* A map as epilogue of a call: its text in front of the template's, its arguments behind the call's. */
syn_status syn_call_epilogue(syn_call *c, const syn_epilogue *e);

/* Times of launches, on demand (record.c). Between begin and end a queue with profiling stands in for the compute
 * queue, and every launch leaves its times; no other thread may use the context. */
typedef struct syn_span {
    const void *tag;      /* what syn_ctx_record_tag said last */
    double from, to;      /* the host enqueued it: seconds on the host's clock, syn_seconds */
    double queued, start, end; /* seconds on the device's clock */
} syn_span;
syn_status syn_ctx_record_begin(syn_ctx *ctx);
void syn_ctx_record_tag(syn_ctx *ctx, const void *tag); /* nothing, when nothing is recorded */
/* Waits; the launches since the last take, malloc'd. */
syn_status syn_ctx_record_take(syn_ctx *ctx, syn_span **span, int *n);
void syn_ctx_record_end(syn_ctx *ctx);

/* The device's ceilings (peak.c): the best ever met, so it may be measured now and then. */
typedef struct syn_peak syn_peak;
typedef struct syn_ceilings {
    double flops;     /* a second: multiply-adds in registers, two each */
    double bandwidth; /* bytes a second, read and written, of a copy that leaves the caches */
} syn_ceilings;
syn_status syn_peak_open(syn_peak **p, syn_ctx *ctx);
syn_status syn_peak_measure(syn_peak *p, syn_ceilings *c);
void syn_peak_close(syn_peak *p);

/* GEMM (gemm.c): the provider table. `calls` describe own kernels; none: the library call below. */
typedef struct syn_gemm_choice {
    const char *provider;
    const char *from; /* "own rule", or which table the choice is from */
    syn_gemm_plan plan;
} syn_gemm_choice;
syn_status syn_gemm_choose(const syn_ctx *ctx, const syn_gemm *g, syn_arg a, syn_arg b, syn_arg c,
                           syn_gemm_choice *choice);
/* The same by name, for tests and the self-test; false: it does not take this shape. */
int syn_gemm_providers(void);
const char *syn_gemm_provider(int i);
bool syn_gemm_plan_with(const syn_ctx *ctx, int provider, const syn_gemm *g, syn_arg a, syn_arg b,
                        syn_arg c, syn_gemm_plan *plan);
/* CLBlast on this context's queue; scratch may be NULL when the plan asked for none. */
syn_status syn_gemm_clblast(syn_ctx *ctx, const syn_gemm *g, const syn_buffer *a,
                            const syn_buffer *b, const syn_buffer *c, const syn_buffer *scratch);
const char *syn_gemm_library(void); /* the provider that is CLBlast */
/* Whether the provider is ever chosen by itself on the profile. */
bool syn_gemm_provider_serves(int i, const syn_profile *p);
bool syn_gemm_clblast_plan(const syn_gemm *g, const syn_profile *p, syn_arg a, syn_arg b, syn_arg c,
                           syn_gemm_plan *out);

#endif
