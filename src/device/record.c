/* Times of launches, on demand: a queue with profiling stands in for the compute queue. */
#include "device/private.h"

#include <stdlib.h>

typedef struct taken {
    const void *tag;
    double from, to;        /* enqueueing, on the host's clock */
    cl_event before, event; /* before: a marker in front of a library call, else NULL */
} taken;

struct syn_record {
    cl_command_queue plain; /* what comes back at the end */
    const void *tag;
    taken *launch;
    int n, cap;
};

syn_status syn_ctx_record_begin(syn_ctx *ctx) {
    if (ctx->record) return syn_fail(SYN_E_ARGUMENT, "launches are recorded already");
    syn_record *r = calloc(1, sizeof *r);
    if (!r) return syn_no_memory(sizeof *r);
    cl_int error;
    cl_command_queue queue =
        clCreateCommandQueue(ctx->context, ctx->device, CL_QUEUE_PROFILING_ENABLE, &error);
    syn_status status =
        error == CL_SUCCESS ? syn_ctx_finish(ctx) : syn_cl_fail(ctx, error, "clCreateCommandQueue");
    if (status != SYN_OK) {
        if (error == CL_SUCCESS) clReleaseCommandQueue(queue);
        free(r);
        return status;
    }
    r->plain = ctx->queue;
    ctx->queue = queue;
    ctx->record = r;
    return SYN_OK;
}

static void forget(syn_record *r) {
    for (int i = 0; i < r->n; i++) {
        if (r->launch[i].before) clReleaseEvent(r->launch[i].before);
        if (r->launch[i].event) clReleaseEvent(r->launch[i].event);
    }
    r->n = 0;
}

void syn_ctx_record_end(syn_ctx *ctx) {
    syn_record *r = ctx->record;
    if (!r) return;
    (void)syn_ctx_finish(ctx);
    forget(r);
    clReleaseCommandQueue(ctx->queue);
    ctx->queue = r->plain;
    ctx->record = NULL;
    free(r->launch);
    free(r);
}

void syn_ctx_record_tag(syn_ctx *ctx, const void *tag) {
    if (ctx->record) ctx->record->tag = tag;
}

static taken *next(syn_record *r) {
    if (!syn_grow(&r->launch, &r->cap, r->n + 1, sizeof *r->launch)) return NULL;
    r->launch[r->n] = (taken){ .tag = r->tag, .from = syn_seconds() };
    return &r->launch[r->n];
}

syn_status syn_record_launch(syn_ctx *ctx, cl_kernel kernel, int dims, const size_t *global,
                             const size_t *local, cl_int *error) {
    taken *t = next(ctx->record);
    if (!t) return syn_no_memory(sizeof *t);
    *error = clEnqueueNDRangeKernel(ctx->queue, kernel, (cl_uint)dims, NULL, global, local, 0, NULL,
                                    &t->event);
    if (*error != CL_SUCCESS) return SYN_OK; /* the caller says so */
    t->to = syn_seconds();
    ctx->record->n++;
    return SYN_OK;
}

/* A library enqueues what it likes: markers around it are its times. */
syn_status syn_record_mark(syn_ctx *ctx, bool behind) {
    if (!ctx->record) return SYN_OK;
    syn_record *r = ctx->record;
    taken *t = behind ? &r->launch[r->n] : next(r);
    if (!t) return syn_no_memory(sizeof *t);
    SYN_CL(ctx, "clEnqueueMarkerWithWaitList",
           clEnqueueMarkerWithWaitList(ctx->queue, 0, NULL, behind ? &t->event : &t->before));
    if (!behind) return SYN_OK;
    t->to = syn_seconds();
    r->n++;
    return SYN_OK;
}

static syn_status at(const syn_ctx *ctx, cl_event event, cl_profiling_info what, double *seconds) {
    cl_ulong ns = 0;
    SYN_CL(ctx, "clGetEventProfilingInfo",
           clGetEventProfilingInfo(event, what, sizeof ns, &ns, NULL));
    *seconds = 1e-9 * (double)ns;
    return SYN_OK;
}

static syn_status read_span(const syn_ctx *ctx, const taken *t, syn_span *s) {
    *s = (syn_span){ .tag = t->tag, .from = t->from, .to = t->to };
    SYN_TRY(at(ctx, t->event, CL_PROFILING_COMMAND_QUEUED, &s->queued));
    if (t->before)
        SYN_TRY(at(ctx, t->before, CL_PROFILING_COMMAND_END, &s->start));
    else
        SYN_TRY(at(ctx, t->event, CL_PROFILING_COMMAND_START, &s->start));
    return at(ctx, t->event, CL_PROFILING_COMMAND_END, &s->end);
}

syn_status syn_ctx_record_take(syn_ctx *ctx, syn_span **span, int *n) {
    syn_record *r = ctx->record;
    *span = NULL;
    *n = 0;
    SYN_TRY(syn_ctx_finish(ctx));
    syn_span *s = malloc(((size_t)r->n + 1) * sizeof *s);
    if (!s) return syn_no_memory((size_t)r->n * sizeof *s);
    for (int i = 0; i < r->n; i++) {
        syn_status status = read_span(ctx, &r->launch[i], &s[i]);
        if (status == SYN_OK) continue;
        free(s);
        return status;
    }
    *span = s;
    *n = r->n;
    forget(r);
    return SYN_OK;
}
