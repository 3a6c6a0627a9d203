/* The ceilings of a device: multiply-adds a second in registers, bytes a second of a long copy. */
#include "device/private.h"

#include <stdlib.h>

enum {
    RUNS = 12,             /* the best of so many: others may use the device meanwhile */
    COPY_BYTES = 64 << 20, /* of each side: longer than most caches */
    COPY_RUN = 256         /* vectors a CPU's work-item copies */
};

struct syn_peak {
    syn_ctx *ctx;
    int width[4], widths; /* floats of a vector */
    syn_program *program;
    syn_kernel *peak[4], *copy;
    syn_buffer *from, *to;
    int64_t bytes; /* of a side */
    int vectors;   /* of the copy, in all */
    double best[4];
    int loops[4]; /* long enough to time, once known */
    syn_ceilings found;
};

static syn_status build(syn_peak *p) {
    const syn_profile *device = &p->ctx->profile;
    syn_text t = { 0 };
    char *text = NULL, *name = NULL;
    SYN_TRY(syn_cl_text("device/peak.cl", &text));
    syn_text_add(&t,
                 "#define CAT_(a, b) a##b\n#define CAT(a, b) CAT_(a, b)\n"
                 "#define KERNEL(name) __kernel void CAT(CAT(name, _), WIDTH)\n#define RUN %d\n",
                 device->cpu ? COPY_RUN : 1);
    for (int i = 0; i < p->widths; i++)
        syn_text_add(&t, "#define WIDTH %d\n%s\n#undef WIDTH\n", p->width[i], text);
    free(text);
    syn_status status = syn_text_status(&t);
    if (status == SYN_OK) status = syn_program_build(&p->program, p->ctx, t.s, "-cl-std=CL1.2");
    syn_text_free(&t);
    for (int i = 0; status == SYN_OK && i < p->widths; i++) {
        name = syn_format("peak_%d", p->width[i]);
        status = name ? syn_kernel_create(&p->peak[i], p->program, name) : syn_no_memory(16);
        free(name);
    }
    SYN_TRY(status);
    name = syn_format("copy_%d", p->width[p->widths - 1]);
    status = name ? syn_kernel_create(&p->copy, p->program, name) : syn_no_memory(16);
    free(name);
    return status;
}

static syn_status prepare(syn_peak *p) {
    const syn_profile *device = &p->ctx->profile;
    /* All widths up to the device's: the widest is not always the fastest. */
    for (int w = 1; w <= device->vec_float && p->widths < 4; w *= w == 1 ? 4 : 2)
        p->width[p->widths++] = w;
    SYN_TRY(build(p));
    p->bytes = device->max_alloc < COPY_BYTES ? device->max_alloc : COPY_BYTES;
    int width = p->width[p->widths - 1];
    p->vectors = (int)(p->bytes / (4 * width));
    SYN_TRY(syn_buffer_create(&p->from, p->ctx, p->bytes, "the copy's source"));
    SYN_TRY(syn_buffer_create(&p->to, p->ctx, p->bytes, "the copy's result"));
    SYN_TRY(syn_buffer_zero(p->from));
    SYN_TRY(syn_buffer_zero(p->to));
    const float s = .5f;
    for (int i = 0; i < p->widths; i++) {
        p->loops[i] = 1000;
        SYN_TRY(syn_kernel_buffer(p->peak[i], 0, p->to));
        SYN_TRY(syn_kernel_value(p->peak[i], 2, &s, sizeof s));
    }
    SYN_TRY(syn_kernel_buffer(p->copy, 0, p->from));
    SYN_TRY(syn_kernel_buffer(p->copy, 1, p->to));
    return syn_kernel_value(p->copy, 2, &p->vectors, sizeof p->vectors);
}

syn_status syn_peak_open(syn_peak **out, syn_ctx *ctx) {
    *out = NULL;
    syn_peak *p = calloc(1, sizeof *p);
    if (!p) return syn_no_memory(sizeof *p);
    p->ctx = ctx;
    syn_status status = prepare(p);
    if (status != SYN_OK)
        syn_peak_close(p);
    else
        *out = p;
    return status;
}

void syn_peak_close(syn_peak *p) {
    if (!p) return;
    for (int i = 0; i < 4; i++) syn_kernel_destroy(p->peak[i]);
    syn_kernel_destroy(p->copy);
    syn_program_destroy(p->program);
    syn_buffer_destroy(p->from);
    syn_buffer_destroy(p->to);
    free(p);
}

static syn_status timed(syn_peak *p, syn_kernel *kernel, size_t global, size_t local,
                        double *seconds) {
    double start = syn_seconds();
    SYN_TRY(syn_kernel_run(kernel, 1, &global, &local));
    SYN_TRY(syn_ctx_finish(p->ctx));
    *seconds = syn_seconds() - start;
    return SYN_OK;
}

static syn_status run_peak(syn_peak *p, int i) {
    const bool cpu = p->ctx->profile.cpu;
    size_t local = cpu ? 1 : 256,
           global = (size_t)p->ctx->profile.compute_units * (cpu ? 4 : 16 * local);
    while ((int64_t)global * p->width[i] * 4 > p->bytes)
        global /= 2; /* every item stores a vector */
    double seconds, best = 0;
    for (int run = 0; run < RUNS; run++) {
        SYN_TRY(syn_kernel_value(p->peak[i], 1, &p->loops[i], sizeof p->loops[i]));
        SYN_TRY(timed(p, p->peak[i], global, local, &seconds));
        if (seconds < 3e-3 && p->loops[i] < 1 << 28) { /* too short to tell */
            p->loops[i] *= 4;
            run = -1;
            continue;
        }
        double flops = 2.0 * 12 * p->width[i] * (double)global * p->loops[i] / seconds;
        if (flops > best) best = flops;
    }
    if (best > p->found.flops) p->found.flops = best;
    return SYN_OK;
}

syn_status syn_peak_measure(syn_peak *p, syn_ceilings *c) {
    const bool cpu = p->ctx->profile.cpu;
    size_t local = cpu ? 1 : 64,
           global =
               (size_t)syn_round_up(syn_ceil_div(p->vectors, cpu ? COPY_RUN : 1), (int64_t)local);
    for (int i = 0; i < p->widths; i++) SYN_TRY(run_peak(p, i));
    for (int run = 0; run < RUNS; run++) {
        double seconds;
        SYN_TRY(timed(p, p->copy, global, local, &seconds));
        double rate = 2.0 * (double)p->bytes / seconds;
        if (run && rate > p->found.bandwidth) p->found.bandwidth = rate;
    }
    *c = p->found;
    return SYN_OK;
}
