/* Programs and kernels; the texts under cl/. */
#include "device/embedded.h"
#include "device/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct syn_program {
    syn_ctx *ctx;
    cl_program program;
};

struct syn_kernel {
    syn_ctx *ctx;
    cl_kernel kernel;
    char name[96];
};

syn_status syn_cl_text(const char *path, char **text) {
    const char *dir = getenv("SYNCLINE_CL_DIR");
    if (dir && *dir) {
        char *file = syn_format("%s/%s", dir, path);
        FILE *f = file ? fopen(file, "rb") : NULL;
        syn_text t = { 0 };
        char piece[4096];
        size_t n;
        while (f && (n = fread(piece, 1, sizeof piece, f)) > 0) syn_text_put(&t, piece, n);
        bool read = f && !ferror(f) && !t.failed;
        if (f) fclose(f);
        free(file);
        *text = read ? (t.s ? t.s : syn_strdup("")) : NULL;
        if (read && *text) return SYN_OK;
        syn_text_free(&t);
        return syn_fail(SYN_E_IO, "SYNCLINE_CL_DIR: cannot read %s/%s", dir, path);
    }
    for (int i = 0; i < syn_embedded_cl_count; i++)
        if (strcmp(syn_embedded_cl[i].path, path) == 0) {
            *text = syn_strdup(syn_embedded_cl[i].text);
            return *text ? SYN_OK : syn_no_memory(strlen(syn_embedded_cl[i].text));
        }
    return syn_fail(SYN_E_ARGUMENT, "there is no kernel file cl/%s", path);
}

syn_status syn_call_epilogue(syn_call *c, const syn_epilogue *e) {
    char *file = NULL;
    if (!c->text) SYN_TRY(syn_cl_text(c->source, &file));
    char *text = syn_format("%s\n%s", e->text, c->text ? c->text : file);
    char *defs = syn_format("%s#define EPILOGUE_PARAMS %s\n#define EPILOGUE_ARGS %s\n", c->defs ? c->defs : "", e->params,
                            e->args);
    free(file);
    if (!text || !defs || c->n_args + e->n_args > SYN_MAX_ARGS) {
        free(text);
        free(defs);
        return syn_no_memory(4096);
    }
    free(c->defs);
    free(c->text);
    c->defs = defs;
    c->text = text;
    for (int i = 0; i < e->n_args; i++) syn_call_arg(c, e->arg[i]);
    c->flops += e->flops;
    c->bytes += e->bytes;
    return SYN_OK;
}

/* The source line an error message of the compiler points at: "...:LINE:COLUMN: error: ...". */
static void quote_line(const char *log, const char *source, syn_text *t) {
    const char *at = strstr(log, "error:");
    if (!at) return;
    while (at > log && at[-1] != '\n') at--;
    int len = (int)strcspn(at, "\n");
    syn_text_add(t, "%.*s", len > 400 ? 400 : len, at);
    for (const char *c = at; c < at + len; c++) {
        int line, column;
        if (*c != ':' || sscanf(c, ":%d:%d:", &line, &column) != 2) continue;
        const char *s = source;
        for (int i = 1; i < line && (s = strchr(s, '\n')); i++) s++;
        if (s) syn_text_add(t, "\n    %d | %.*s", line, (int)strcspn(s, "\n"), s);
        return;
    }
}

static syn_status build_failed(syn_ctx *ctx, cl_program program, const char *source, cl_int error) {
    size_t size = 0;
    clGetProgramBuildInfo(program, ctx->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = calloc(1, size + 1);
    if (log) clGetProgramBuildInfo(program, ctx->device, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    syn_text t = { 0 };
    if (log) quote_line(log, source, &t);
    if (log && log[strspn(log, " \n")]) syn_ctx_log(ctx, SYN_LOG_ERROR, "build log of %s:\n%s", ctx->info.name, log);
    syn_fail(SYN_E_BUILD, "a kernel does not compile on %s (driver %s): %s%s%s", ctx->info.name, ctx->info.driver,
             syn_cl_error_name(error), t.len ? "\n" : "", syn_text_str(&t));
    syn_text_free(&t);
    free(log);
    return SYN_E_BUILD;
}

syn_status syn_program_build(syn_program **p, syn_ctx *ctx, const char *text, const char *options) {
    cl_int error;
    *p = NULL;
    syn_count(SYN_COUNT_KERNELS);
    cl_program program = clCreateProgramWithSource(ctx->context, 1, &text, NULL, &error);
    SYN_CL(ctx, "clCreateProgramWithSource", error);
    error = clBuildProgram(program, 1, &ctx->device, options, NULL, NULL);
    if (error != CL_SUCCESS) {
        syn_status status = build_failed(ctx, program, text, error);
        clReleaseProgram(program);
        return status;
    }
    *p = calloc(1, sizeof **p);
    if (!*p) {
        clReleaseProgram(program);
        return syn_no_memory(sizeof **p);
    }
    syn_ctx_retain(ctx);
    **p = (syn_program){ ctx, program };
    return SYN_OK;
}

void syn_program_destroy(syn_program *p) {
    if (!p) return;
    clReleaseProgram(p->program);
    syn_ctx_destroy(p->ctx);
    free(p);
}

syn_status syn_kernel_create(syn_kernel **k, syn_program *p, const char *name) {
    cl_int error;
    *k = NULL;
    syn_count(SYN_COUNT_KERNELS);
    cl_kernel kernel = clCreateKernel(p->program, name, &error);
    if (error != CL_SUCCESS)
        return syn_fail_in(syn_cl_fail(p->ctx, error, "clCreateKernel"), "kernel %s", name);
    *k = calloc(1, sizeof **k);
    if (!*k) {
        clReleaseKernel(kernel);
        return syn_no_memory(sizeof **k);
    }
    syn_ctx_retain(p->ctx);
    (*k)->ctx = p->ctx;
    (*k)->kernel = kernel;
    snprintf((*k)->name, sizeof (*k)->name, "%s", name);
    return SYN_OK;
}

void syn_kernel_destroy(syn_kernel *k) {
    if (!k) return;
    clReleaseKernel(k->kernel);
    syn_ctx_destroy(k->ctx);
    free(k);
}

syn_status syn_kernel_value(syn_kernel *k, int index, const void *value, size_t size) {
    syn_count(SYN_COUNT_ARGS);
    cl_int error = clSetKernelArg(k->kernel, (cl_uint)index, size, value);
    if (error == CL_SUCCESS) return SYN_OK;
    return syn_fail_in(syn_cl_fail(k->ctx, error, "clSetKernelArg"), "%s, argument %d", k->name, index);
}

syn_status syn_kernel_buffer(syn_kernel *k, int index, const syn_buffer *b) {
    return syn_kernel_value(k, index, &b->mem, sizeof b->mem);
}

syn_status syn_kernel_check(syn_kernel *k, int dims, const size_t *local) {
    size_t most = 0, items = 1;
    cl_ulong bytes = 0;
    if (!local[0]) return SYN_OK; /* the driver chooses */
    for (int d = 0; d < dims; d++) items *= local[d];
    SYN_CL(k->ctx, "clGetKernelWorkGroupInfo",
           clGetKernelWorkGroupInfo(k->kernel, k->ctx->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most, NULL));
    SYN_CL(k->ctx, "clGetKernelWorkGroupInfo",
           clGetKernelWorkGroupInfo(k->kernel, k->ctx->device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL));
    if (items <= most && bytes <= (cl_ulong)k->ctx->profile.local_bytes) return SYN_OK;
    return syn_fail(SYN_E_DEVICE, "kernel %s takes work-groups of %zu items and %llu bytes of local memory; %s has room "
                                  "for %zu and %lld: SYNCLINE_PROFILE=cpu has kernels that need neither", k->name, items,
                    (unsigned long long)bytes, k->ctx->info.name, most, (long long)k->ctx->profile.local_bytes);
}

syn_status syn_kernel_run(syn_kernel *k, int dims, const size_t *global, const size_t *local) {
    cl_int error = CL_SUCCESS;
    if (!local[0]) local = NULL;
    if (k->ctx->record)
        SYN_TRY(syn_record_launch(k->ctx, k->kernel, dims, global, local, &error));
    else
        error = clEnqueueNDRangeKernel(k->ctx->queue, k->kernel, (cl_uint)dims, NULL, global, local, 0, NULL, NULL);
    if (error == CL_SUCCESS) return SYN_OK;
    return syn_fail_in(syn_cl_fail(k->ctx, error, "clEnqueueNDRangeKernel"), "%s", k->name);
}
