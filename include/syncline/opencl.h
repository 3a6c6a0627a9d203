/* For callers with an OpenCL program of their own: the only header that mentions cl_* types. */
#ifndef SYNCLINE_OPENCL_H
#define SYNCLINE_OPENCL_H

#include <syncline/plan.h>

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A context over the caller's own. The queue must be in order and of this context and device
 * (SYN_E_ARGUMENT otherwise); NULL: the library makes its own. All three are retained. */
SYN_API syn_status syn_ctx_create_from(syn_ctx **ctx, cl_context context, cl_device_id device,
                                       cl_command_queue queue, const syn_ctx_opts *opts);

/* One step on a batch that lies on the device. x and y as in syn_step, offsets in bytes; the rows
 * are read by kernels enqueued on the context's queue; the plan holds the caller's memory no longer than they run.
 * The first batch of a form (types, rows) makes their kernels; later ones set two arguments and wait for nothing but
 * back-pressure. An offset that is no multiple of the device's base alignment costs a copy. Labels are not looked at by the
 * host: one that is no class makes the loss NaN, and changes nothing else. event (may be NULL) is of the step's end;
 * release it. */
typedef struct syn_cl_array {
    cl_mem mem;
    size_t offset;
    syn_type type;
    syn_shape shape; /* first axis rows */
} syn_cl_array;
SYN_API syn_status syn_step_cl(syn_plan *plan, const syn_cl_array *x, const syn_cl_array *y,
                               cl_event *event);
/* Forward in test mode into the caller's buffer: rows x output shape in the plan's type, of SYN_HALF
 * 16 bits each. */
SYN_API syn_status syn_infer_cl(syn_plan *plan, const syn_cl_array *x, cl_mem out, size_t offset,
                                cl_event *event);

/* The same for nets of several inputs, outputs or losses, and with weights of the samples: arrays by input and by
 * loss, in order of description, all of the same rows (SYN_E_SHAPE otherwise); memory and offsets as above. */
typedef struct syn_cl_batch {
    const syn_cl_array *x, *y; /* y NULL: for predictions alone */
    int n_x, n_y;
    const syn_cl_array *weights; /* rows; NULL: none, which in a plan with sample_weights is 1 each */
} syn_cl_batch;
SYN_API syn_status syn_step_batch_cl(syn_plan *plan, const syn_cl_batch *batch, cl_event *event);
/* out: the outputs one behind the other, each rows x its shape, as in syn_infer_batch. */
SYN_API syn_status syn_infer_batch_cl(syn_plan *plan, const syn_cl_batch *batch, cl_mem out, size_t offset,
                                      cl_event *event);

#ifdef __cplusplus
}
#endif
#endif
