/* What the files of this folder share. */
#ifndef SYN_DEVICE_PRIVATE_H
#define SYN_DEVICE_PRIVATE_H

#include "device/device.h"

#include <syncline/opencl.h>

#include <pthread.h>
#include <stdatomic.h>

typedef struct syn_record syn_record;
typedef struct syn_tuning syn_tuning;

struct syn_ctx {
    cl_context context;
    cl_device_id device;
    cl_command_queue queue, transfer;
    syn_device_info info;
    syn_profile profile;
    char key[400];
    syn_log_fn log;
    void *log_user;
    bool own_queue;
    bool host_memory; /* the device's memory is the host's, and buffers over it are not copied */
    bool no_selftest;
    atomic_bool used_clblast;
    bool warned_clblast; /* under CLBlast's lock */
    atomic_bool selftest_claimed;
    atomic_llong bytes, peak;
    _Atomic(const char *) banned[4];
    syn_record *record; /* NULL: launches leave no times */
    syn_tuning *tuning;
    atomic_int refs; /* buffers and programs keep it alive */
};
void syn_ctx_retain(syn_ctx *ctx);
/* Recorded, while ctx->record is there: a launch, and the library calls between two marks. */
syn_status syn_record_launch(syn_ctx *ctx, cl_kernel kernel, int dims, const size_t *global,
                             const size_t *local, cl_int *error);
syn_status syn_record_mark(syn_ctx *ctx, bool behind);
/* tuning.c */
syn_status syn_tuning_open(syn_ctx *ctx);
void syn_tuning_load(syn_ctx *ctx);
void syn_tuning_close(syn_ctx *ctx);
struct syn_tuned;
syn_status syn_tuning_note(const syn_ctx *ctx, const struct syn_tuned *t);
/* CLBlast keeps programs by raw context pointer, which a later context may get again. */
void syn_clblast_forget(void);

struct syn_buffer {
    syn_ctx *ctx;
    cl_mem mem;
    int64_t bytes;
    bool counted; /* in ctx->bytes */
    syn_buffer *parent; /* of a sub-buffer, which must live as long, else NULL */
    int64_t offset;
};

/* A buffer in huge pages, or NULL where a plain one does: a small one, or not in host memory. */
cl_mem syn_pages_buffer(syn_ctx *ctx, int64_t bytes);

void syn_count(syn_counted what);

/* "clEnqueueNDRangeKernel: CL_OUT_OF_RESOURCES (-5) on NAME" */
syn_status syn_cl_fail(const syn_ctx *ctx, cl_int error, const char *call);
const char *syn_cl_error_name(cl_int error);
#define SYN_CL(ctx, call, error)                                                                   \
    do {                                                                                           \
        cl_int syn_cl_error_ = (error);                                                            \
        if (syn_cl_error_ != CL_SUCCESS) return syn_cl_fail(ctx, syn_cl_error_, call);             \
    } while (0)

void syn_device_describe(cl_platform_id platform, cl_device_id device, int p, int d,
                         syn_device_info *info);
void syn_device_profile(cl_device_id device, const syn_device_info *info, bool cpu, syn_profile *p);

#endif
