/* Keeps a driver's threads awake from one launch to the next.
 *
 * PoCL's threads sleep as soon as they find nothing to do: in an in-order queue all but the last
 * one, at the end of every launch. Waking one takes longer than a short launch, whose work-groups
 * are then all run by one thread. So behind each launch goes a nap, in a queue of its own: as many
 * work-groups as there are other threads, which wait until the next launch begins, 200 microseconds
 * at most, and let others have their cores meanwhile. Every kernel therefore rings a bell: its text
 * is given one parameter more, a counter, and its first work-item counts. A nap is a hint about
 * time; no result depends on it. doc/decisions.md has the figures. */
#include "device/private.h"

#include <stdlib.h>
#include <string.h>

struct syn_awake {
    pthread_mutex_t lock;
    cl_command_queue queue; /* of the naps */
    cl_mem bell;            /* counts launches that have begun */
    cl_kernel nap;          /* NULL until a program was built */
    bool napping;           /* `taken` is this context's */
    cl_uint launches;       /* so far */
    size_t sleepers;        /* threads but one */
};

/* One context of a process at a time: naps of two would keep each other's launches from the
 * threads. */
static atomic_flag taken = ATOMIC_FLAG_INIT;

static const char *const bell_param = ", volatile __global uint *syn_bell";
static const char *const bell_ring =
    " if ((get_global_id(0) | get_global_id(1) | get_global_id(2)) == 0) *syn_bell += 1;";

/* The place behind what closes the bracket that opens at s, or NULL. */
static const char *behind(const char *s) {
    int depth = 0;
    for (; *s; s++) {
        if (*s == '(') depth++;
        if (*s == ')' && --depth == 0) return s + 1;
    }
    return NULL;
}

/* Where the parameters of a kernel open whose definition begins at s, or NULL. */
static const char *params_of(const char *s) {
    static const char macro[] = "KERNEL(", plain[] = "__kernel void ";
    if (strncmp(s, macro, sizeof macro - 1) == 0) {
        const char *end = behind(s + sizeof macro - 2);
        return end && *end == '(' ? end : NULL;
    }
    return strncmp(s, plain, sizeof plain - 1) == 0 ? strchr(s, '(') : NULL;
}

syn_status syn_awake_text(const char *text, char **out) {
    syn_text t = { 0 };
    const char *from = text;
    for (const char *s = text; *s;) {
        const bool begins = s == text || s[-1] == '\n';
        const char *open = begins ? params_of(s) : NULL, *close = open ? behind(open) : NULL;
        const char *body = close ? strchr(close, '{') : NULL;
        if (body) {
            syn_text_put(&t, from, (size_t)(close - 1 - from));
            syn_text_add(&t, "%s", bell_param);
            syn_text_put(&t, close - 1, (size_t)(body + 1 - (close - 1)));
            syn_text_add(&t, "%s", bell_ring);
            s = from = body + 1;
        } else {
            s++;
        }
    }
    syn_text_add(&t, "%s\n", from);
    char *nap = NULL;
    syn_status status = syn_cl_text("device/nap.cl", &nap);
    if (status == SYN_OK) {
        syn_text_add(&t, "%s", nap);
        status = syn_text_status(&t);
    }
    free(nap);
    *out = status == SYN_OK ? t.s : NULL;
    if (status != SYN_OK) syn_text_free(&t);
    return status;
}

syn_status syn_awake_open(syn_ctx *ctx) {
    cl_int error;
    const cl_uint zero = 0;
    syn_awake *a = calloc(1, sizeof *a);
    if (!a) return syn_no_memory(sizeof *a);
    ctx->awake = a;
    pthread_mutex_init(&a->lock, NULL);
    a->sleepers = (size_t)ctx->profile.compute_units - 1;
    a->queue = clCreateCommandQueue(ctx->context, ctx->device, 0, &error);
    SYN_CL(ctx, "clCreateCommandQueue", error);
    a->bell = clCreateBuffer(ctx->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof zero,
                             (void *)&zero, &error);
    SYN_CL(ctx, "clCreateBuffer", error);
    return SYN_OK;
}

void syn_awake_close(syn_ctx *ctx) {
    syn_awake *a = ctx->awake;
    if (!a) return;
    if (a->queue) clFinish(a->queue);
    if (a->nap) clReleaseKernel(a->nap);
    if (a->bell) clReleaseMemObject(a->bell);
    if (a->queue) clReleaseCommandQueue(a->queue);
    if (a->napping) atomic_flag_clear(&taken);
    pthread_mutex_destroy(&a->lock);
    free(a);
    ctx->awake = NULL;
}

syn_status syn_awake_program(syn_ctx *ctx, cl_program program) {
    syn_awake *a = ctx->awake;
    cl_int error = CL_SUCCESS;
    pthread_mutex_lock(&a->lock);
    if (!a->nap) {
        a->nap = clCreateKernel(program, "syn_nap", &error);
        if (error == CL_SUCCESS) error = clSetKernelArg(a->nap, 1, sizeof a->bell, &a->bell);
    }
    pthread_mutex_unlock(&a->lock);
    return error == CL_SUCCESS ? SYN_OK : syn_cl_fail(ctx, error, "clCreateKernel");
}

syn_status syn_awake_kernel(syn_ctx *ctx, cl_kernel kernel) {
    cl_uint n;
    SYN_CL(ctx, "clGetKernelInfo", clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof n, &n, NULL));
    SYN_CL(ctx, "clSetKernelArg",
           clSetKernelArg(kernel, n - 1, sizeof ctx->awake->bell, &ctx->awake->bell));
    return SYN_OK;
}

/* Naps are not told to wait for launches: each begins when the last one ends, which is when a
 * launch begins. */
static void nap(syn_awake *a) {
    const size_t one = 1;
    if (!a->napping) a->napping = !atomic_flag_test_and_set(&taken);
    if (!a->napping || !a->sleepers) return;
    cl_int error = clSetKernelArg(a->nap, 0, sizeof a->launches, &a->launches);
    if (error == CL_SUCCESS)
        error =
            clEnqueueNDRangeKernel(a->queue, a->nap, 1, NULL, &a->sleepers, &one, 0, NULL, NULL);
    if (error != CL_SUCCESS) a->sleepers = 0;
}

cl_int syn_awake_enqueue(syn_ctx *ctx, cl_kernel kernel, int dims, const size_t *global,
                         const size_t *local, cl_event *event) {
    syn_awake *a = ctx->awake;
    pthread_mutex_lock(&a->lock);
    const cl_int error = clEnqueueNDRangeKernel(ctx->queue, kernel, (cl_uint)dims, NULL, global,
                                                local, 0, NULL, event);
    if (error == CL_SUCCESS) {
        a->launches++;
        nap(a);
    }
    pthread_mutex_unlock(&a->lock);
    return error;
}

syn_status syn_awake_counts(syn_ctx *ctx, uint32_t *launches, uint32_t *begun) {
    SYN_TRY(syn_ctx_finish(ctx));
    *launches = ctx->awake->launches;
    SYN_CL(ctx, "clEnqueueReadBuffer",
           clEnqueueReadBuffer(ctx->queue, ctx->awake->bell, CL_TRUE, 0, sizeof *begun, begun, 0,
                               NULL, NULL));
    return SYN_OK;
}
