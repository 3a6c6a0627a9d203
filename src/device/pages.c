/* Host memory in huge pages, for devices whose memory it is: whole ones, for buffers from a quarter of a MiB on. */
#define _DEFAULT_SOURCE
#include "device/private.h"

#include <stdlib.h>

#ifdef SYN_HUGE_PAGES
#include <sys/mman.h>

enum { HUGE = 2 << 20, LEAST = 256 << 10 }; /* as many small pages fill a core's first TLB */

typedef struct pages {
    void *from;
    size_t bytes;
} pages;

/* An alignment that the system does not promise is cut out of a larger mapping. */
static void *map(size_t bytes) {
    char *all =
        mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return NULL;
    const size_t front = (HUGE - (size_t)all % HUGE) % HUGE;
    if (front) munmap(all, front);
    munmap(all + front + bytes, HUGE - front);
    (void)madvise(all + front, bytes, MADV_HUGEPAGE); /* refused: small pages do */
    return all + front;
}

static void CL_CALLBACK unmap(cl_mem mem, void *data) {
    pages *p = data;
    (void)mem;
    munmap(p->from, p->bytes);
    free(p);
}

cl_mem syn_pages_buffer(syn_ctx *ctx, int64_t bytes) {
    cl_int error;
    if (!ctx->host_memory || bytes < LEAST) return NULL;
    pages *p = malloc(sizeof *p);
    if (!p) return NULL;
    p->bytes = (size_t)syn_round_up(bytes, HUGE);
    p->from = map(p->bytes);
    cl_mem mem = p->from ? clCreateBuffer(ctx->context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR,
                                          (size_t)bytes, p->from, &error)
                         : NULL;
    /* Sub-buffers may outlive the buffer's handle: the memory goes with OpenCL's object. */
    if (mem && clSetMemObjectDestructorCallback(mem, unmap, p) == CL_SUCCESS) return mem;
    if (mem) clReleaseMemObject(mem);
    if (p->from) munmap(p->from, p->bytes);
    free(p);
    return NULL;
}
#else
cl_mem syn_pages_buffer(syn_ctx *ctx, int64_t bytes) {
    (void)ctx;
    (void)bytes;
    return NULL;
}
#endif
