/* Buffers, queues and events. */
#include "device/private.h"

#include <stdlib.h>

static void count(syn_ctx *ctx, int64_t bytes) {
    long long now = atomic_fetch_add(&ctx->bytes, bytes) + bytes;
    long long peak = atomic_load(&ctx->peak);
    while (now > peak && !atomic_compare_exchange_weak(&ctx->peak, &peak, now)) {}
}

static atomic_llong counts[SYN_COUNTS];

void syn_count(syn_counted what) {
    atomic_fetch_add_explicit(&counts[what], 1, memory_order_relaxed);
}

void syn_device_counts(int64_t count[SYN_COUNTS]) {
    for (int i = 0; i < SYN_COUNTS; i++) count[i] = atomic_load(&counts[i]);
}

static syn_status make(syn_buffer **b, syn_ctx *ctx, cl_mem mem, int64_t bytes, bool counted) {
    syn_count(SYN_COUNT_BUFFERS);
    *b = calloc(1, sizeof **b);
    if (!*b) {
        clReleaseMemObject(mem);
        return syn_no_memory(sizeof **b);
    }
    **b = (syn_buffer){ .ctx = ctx, .mem = mem, .bytes = bytes, .counted = counted };
    syn_ctx_retain(ctx);
    if (counted) count(ctx, bytes);
    return SYN_OK;
}

syn_status syn_buffer_create(syn_buffer **b, syn_ctx *ctx, int64_t bytes, const char *what) {
    *b = NULL;
    if (bytes < 1) bytes = 1;
    if (bytes > ctx->profile.max_alloc)
        return syn_fail(SYN_E_MEMORY, "%s takes %lld bytes; the largest single allocation of %s is "
                                      "%lld: a smaller batch or a smaller layer would fit", what,
                        (long long)bytes, ctx->info.name, (long long)ctx->profile.max_alloc);
    cl_int error = CL_SUCCESS;
    cl_mem mem = syn_pages_buffer(ctx, bytes);
    if (!mem) mem = clCreateBuffer(ctx->context, CL_MEM_READ_WRITE, (size_t)bytes, NULL, &error);
    if (error != CL_SUCCESS) {
        syn_status status = syn_cl_fail(ctx, error, "clCreateBuffer");
        return syn_fail_in(status, "%s, %lld bytes (%lld in use)", what, (long long)bytes,
                           (long long)ctx->bytes);
    }
    return make(b, ctx, mem, bytes, true);
}

syn_status syn_buffer_sub(syn_buffer **b, syn_buffer *parent, int64_t offset, int64_t bytes) {
    cl_int error;
    cl_buffer_region region = { (size_t)offset, (size_t)(bytes < 1 ? 1 : bytes) };
    *b = NULL;
    cl_mem mem = clCreateSubBuffer(parent->mem, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                   &region, &error);
    SYN_CL(parent->ctx, "clCreateSubBuffer", error);
    SYN_TRY(make(b, parent->ctx, mem, bytes, false));
    (*b)->parent = parent;
    (*b)->offset = offset;
    return SYN_OK;
}

syn_status syn_buffer_again(syn_buffer **b, syn_buffer *same) {
    *b = NULL;
    SYN_CL(same->ctx, "clRetainMemObject", clRetainMemObject(same->mem));
    SYN_TRY(make(b, same->ctx, same->mem, same->bytes, false));
    (*b)->parent = same->parent;
    (*b)->offset = same->offset;
    return SYN_OK;
}

syn_buffer *syn_buffer_whole(syn_buffer *b, int64_t *offset) {
    *offset = b->parent ? b->offset : 0;
    return b->parent ? b->parent : b;
}

syn_status syn_buffer_wrap(syn_buffer **b, syn_ctx *ctx, void *cl_mem_, int64_t offset,
                           int64_t bytes) {
    *b = NULL;
    return syn_buffer_rewrap(b, ctx, cl_mem_, offset, bytes);
}

/* The caller's memory at the offset, retained. */
static syn_status region_of(syn_ctx *ctx, cl_mem mem, int64_t offset, int64_t bytes, cl_mem *out) {
    size_t size = 0;
    SYN_CL(ctx, "clGetMemObjectInfo",
           clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof size, &size, NULL));
    if (offset < 0 || (int64_t)size - offset < bytes)
        return syn_fail(SYN_E_SHAPE, "the caller's buffer holds %zu bytes; %lld from offset %lld are wanted",
                        size, (long long)bytes, (long long)offset);
    if (offset == 0) {
        SYN_CL(ctx, "clRetainMemObject", clRetainMemObject(mem));
        *out = mem;
        return SYN_OK;
    }
    cl_int error;
    cl_mem whole = NULL; /* a part of a part is none */
    size_t part = 0;
    SYN_CL(ctx, "clGetMemObjectInfo",
           clGetMemObjectInfo(mem, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof whole, &whole, NULL));
    if (whole)
        SYN_CL(ctx, "clGetMemObjectInfo", clGetMemObjectInfo(mem, CL_MEM_OFFSET, sizeof part, &part, NULL));
    cl_buffer_region region = { part + (size_t)offset, (size_t)bytes };
    syn_count(SYN_COUNT_BUFFERS);
    *out = clCreateSubBuffer(whole ? whole : mem, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &error);
    SYN_CL(ctx, "clCreateSubBuffer", error);
    return SYN_OK;
}

syn_status syn_buffer_rewrap(syn_buffer **b, syn_ctx *ctx, void *cl_mem_, int64_t offset,
                             int64_t bytes) {
    cl_mem mem = NULL;
    if (*b && (*b)->mem) clReleaseMemObject((*b)->mem);
    if (*b) (*b)->mem = NULL;
    if (!cl_mem_) return SYN_OK;
    SYN_TRY(region_of(ctx, cl_mem_, offset, bytes, &mem));
    if (!*b) return make(b, ctx, mem, bytes, false);
    (*b)->mem = mem;
    (*b)->bytes = bytes;
    return SYN_OK;
}

void syn_buffer_destroy(syn_buffer *b) {
    if (!b) return;
    if (b->mem) clReleaseMemObject(b->mem);
    if (b->counted) count(b->ctx, -b->bytes);
    syn_ctx_destroy(b->ctx);
    free(b);
}

bool syn_buffer_owned(const syn_buffer *b) { return b->counted; }
int64_t syn_buffer_bytes(const syn_buffer *b) { return b->bytes; }

syn_status syn_buffer_write(syn_buffer *b, int64_t offset, const void *from, int64_t bytes,
                            bool wait) {
    if (bytes <= 0) return SYN_OK;
    if (wait) syn_count(SYN_COUNT_WAITS);
    SYN_CL(b->ctx, "clEnqueueWriteBuffer",
           clEnqueueWriteBuffer(b->ctx->queue, b->mem, wait, (size_t)offset, (size_t)bytes, from, 0,
                                NULL, NULL));
    return SYN_OK;
}

syn_status syn_buffer_read(syn_buffer *b, int64_t offset, void *to, int64_t bytes, bool wait) {
    if (bytes <= 0) return SYN_OK;
    if (wait) syn_count(SYN_COUNT_WAITS);
    SYN_CL(b->ctx, "clEnqueueReadBuffer",
           clEnqueueReadBuffer(b->ctx->queue, b->mem, wait, (size_t)offset, (size_t)bytes, to, 0,
                               NULL, NULL));
    return SYN_OK;
}

/* Written from the host in pieces: FillBuffer fails beyond 2^31 bytes on some drivers. */
syn_status syn_buffer_zero(syn_buffer *b) {
    enum { PIECE = 1 << 20 };
    static const char zeros[PIECE];
    for (int64_t at = 0; at < b->bytes; at += PIECE)
        SYN_TRY(syn_buffer_write(b, at, zeros, b->bytes - at < PIECE ? b->bytes - at : PIECE, false));
    return SYN_OK;
}

syn_status syn_buffer_copy(syn_buffer *from, int64_t from_offset, syn_buffer *to, int64_t to_offset,
                           int64_t bytes) {
    SYN_CL(from->ctx, "clEnqueueCopyBuffer",
           clEnqueueCopyBuffer(from->ctx->queue, from->mem, to->mem, (size_t)from_offset,
                               (size_t)to_offset, (size_t)bytes, 0, NULL, NULL));
    return SYN_OK;
}

/* A syn_event is OpenCL's own event under another name: marks in a loop allocate nothing. */
static cl_event event_of(syn_event *event) { return (cl_event)event; }

syn_status syn_buffer_send(syn_buffer *b, const void *from, int64_t bytes, syn_event *after,
                           syn_event **done) {
    cl_event event;
    SYN_CL(b->ctx, "clEnqueueWriteBuffer",
           clEnqueueWriteBuffer(b->ctx->transfer, b->mem, CL_FALSE, 0, (size_t)bytes, from,
                                after ? 1 : 0, after ? (const cl_event[]){ event_of(after) } : NULL,
                                &event));
    *done = (syn_event *)event;
    SYN_CL(b->ctx, "clFlush", clFlush(b->ctx->transfer));
    return SYN_OK;
}

syn_status syn_ctx_mark(syn_ctx *ctx, syn_event **event) {
    cl_event e;
    SYN_CL(ctx, "clEnqueueMarkerWithWaitList",
           clEnqueueMarkerWithWaitList(ctx->queue, 0, NULL, &e));
    *event = (syn_event *)e;
    return SYN_OK;
}

syn_status syn_ctx_wait_for(syn_ctx *ctx, syn_event *event) {
    SYN_CL(
        ctx, "clEnqueueBarrierWithWaitList",
        clEnqueueBarrierWithWaitList(ctx->queue, 1, (const cl_event[]){ event_of(event) }, NULL));
    return SYN_OK;
}

syn_status syn_event_wait(syn_event *event) {
    syn_count(SYN_COUNT_EVENT_WAITS);
    cl_int error = clWaitForEvents(1, (const cl_event[]){ event_of(event) });
    return error == CL_SUCCESS ? SYN_OK : syn_cl_fail(NULL, error, "clWaitForEvents");
}

bool syn_event_done(syn_event *event) {
    cl_int status = CL_QUEUED;
    clGetEventInfo(event_of(event), CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status,
                   NULL);
    return status <= CL_COMPLETE; /* negative: failed; waiting tells */
}

void syn_event_release(syn_event *event) {
    if (event) clReleaseEvent(event_of(event));
}

void syn_event_take(syn_event *event, void *cl_event_out) {
    *(cl_event *)cl_event_out = event_of(event);
}

syn_status syn_ctx_flush(syn_ctx *ctx) {
    SYN_CL(ctx, "clFlush", clFlush(ctx->queue));
    return SYN_OK;
}

syn_status syn_ctx_finish(syn_ctx *ctx) {
    syn_count(SYN_COUNT_WAITS);
    SYN_CL(ctx, "clFinish", clFinish(ctx->queue));
    return SYN_OK;
}
