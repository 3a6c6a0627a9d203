/* Platforms, devices, contexts. */
#include "device/private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct found {
    syn_device_info info;
    cl_device_id id;
    cl_platform_id platform;
} found;

static int rank_of(const syn_device_info *d) { return d->gpu ? 0 : d->cpu ? 2 : 1; }

static int best_first(const void *a, const void *b) {
    const syn_device_info *x = &((const found *)a)->info, *y = &((const found *)b)->info;
    if (rank_of(x) != rank_of(y)) return rank_of(x) - rank_of(y);
    if (x->compute_units != y->compute_units) return y->compute_units - x->compute_units;
    if (x->platform != y->platform) return x->platform - y->platform;
    return x->index - y->index;
}

static syn_status enumerate(found **list, int *n) {
    cl_uint n_platforms = 0;
    *list = NULL;
    *n = 0;
    /* A loader without any driver answers with an error: no devices, then. */
    if (clGetPlatformIDs(0, NULL, &n_platforms) != CL_SUCCESS || !n_platforms) return SYN_OK;
    cl_platform_id *platform = calloc(n_platforms, sizeof *platform);
    if (!platform) return syn_no_memory(n_platforms * sizeof *platform);
    clGetPlatformIDs(n_platforms, platform, NULL);
    int cap = 0;
    for (cl_uint p = 0; p < n_platforms; p++) {
        cl_device_id device[64];
        cl_uint count = 0;
        if (clGetDeviceIDs(platform[p], CL_DEVICE_TYPE_ALL, 64, device, &count) != CL_SUCCESS) continue;
        for (cl_uint d = 0; d < count && d < 64; d++) {
            if (!syn_grow(list, &cap, *n + 1, sizeof **list)) {
                free(platform);
                free(*list);
                return syn_no_memory(sizeof **list);
            }
            found *f = &(*list)[(*n)++];
            f->id = device[d];
            f->platform = platform[p];
            syn_device_describe(platform[p], device[d], (int)p, (int)d, &f->info);
        }
    }
    free(platform);
    if (*n) qsort(*list, (size_t)*n, sizeof **list, best_first);
    return SYN_OK;
}

syn_status syn_devices(syn_device_info **list, int *n) {
    found *all;
    SYN_TRY(enumerate(&all, n));
    *list = calloc((size_t)*n + 1, sizeof **list);
    for (int i = 0; *list && i < *n; i++) (*list)[i] = all[i].info;
    free(all);
    return *list ? SYN_OK : syn_no_memory(sizeof **list);
}

static bool contains(const char *text, const char *part) {
    size_t n = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) i++;
        if (i == n) return true;
    }
    return false;
}

static bool matches(const syn_device_info *d, const char *want) {
    int platform, index;
    char rest;
    if (strcmp(want, "gpu") == 0) return d->gpu;
    if (strcmp(want, "cpu") == 0) return d->cpu;
    if (sscanf(want, "%d:%d%c", &platform, &index, &rest) == 2)
        return d->platform == platform && d->index == index;
    return contains(d->name, want) || contains(d->platform_name, want);
}

static syn_status no_device(const found *all, int n, const char *want) {
    if (n == 0)
        return syn_fail(SYN_E_DEVICE, "no OpenCL device; `clinfo -l` lists what the loader sees; "
                                      "the package pocl-opencl-icd makes the CPU one");
    syn_text t = { 0 };
    for (int i = 0; i < n; i++)
        syn_text_add(&t, "%s%d:%d %s", i ? ", " : "", all[i].info.platform, all[i].info.index,
                     all[i].info.name);
    syn_fail(SYN_E_DEVICE, "no OpenCL device matches '%s'; there is: %s", want, syn_text_str(&t));
    syn_text_free(&t);
    return SYN_E_DEVICE;
}

static void log_stderr(syn_log_level level, const char *line, void *user) {
    (void)user;
    if (level <= SYN_LOG_WARN || level == SYN_LOG_TRACE) fprintf(stderr, "syncline: %s\n", line);
}

void syn_ctx_log(const syn_ctx *ctx, syn_log_level level, const char *fmt, ...) {
    if (!ctx->log) return;
    syn_text t = { 0 };
    va_list ap;
    va_start(ap, fmt);
    syn_text_addv(&t, fmt, ap);
    va_end(ap);
    ctx->log(level, syn_text_str(&t), ctx->log_user);
    syn_text_free(&t);
}

static syn_status wants_cpu(const syn_ctx_opts *o, const syn_device_info *d, bool *cpu) {
    const char *profile = o->profile ? o->profile : getenv("SYNCLINE_PROFILE");
    *cpu = d->cpu;
    if (!profile || !*profile) return SYN_OK;
    if (strcmp(profile, "cpu") != 0 && strcmp(profile, "gpu") != 0)
        return syn_fail(SYN_E_ARGUMENT, "profile (SYNCLINE_PROFILE) is '%s', allowed: cpu, gpu",
                        profile);
    *cpu = strcmp(profile, "cpu") == 0;
    return SYN_OK;
}

/* SYNCLINE_MASKS: for measuring the way that the profile would not take, and for tests. */
static syn_status choose_masks(syn_profile *p) {
    static const char *const name[] = { "drawn", "bits", "kept" };
    const char *masks = getenv("SYNCLINE_MASKS");
    if (!masks || !*masks) return SYN_OK;
    for (int i = 0; i < SYN_MASKS_WAYS; i++)
        if (strcmp(masks, name[i]) == 0) {
            p->masks = (syn_masks)i;
            return SYN_OK;
        }
    return syn_fail(SYN_E_ARGUMENT, "SYNCLINE_MASKS is '%s', allowed: drawn, bits, kept", masks);
}

/* Fills a context whose OpenCL context, device and queue stand. */
static syn_status finish_context(syn_ctx *c, const syn_ctx_opts *o) {
    bool cpu;
    cl_int error;
    SYN_TRY(wants_cpu(o, &c->info, &cpu));
    syn_device_profile(c->device, &c->info, cpu, &c->profile);
    SYN_TRY(choose_masks(&c->profile));
    snprintf(c->key, sizeof c->key, "%s|%s|%s|%s", c->info.name, c->info.version, c->info.driver,
             cpu ? "cpu" : "gpu");
    c->log = o->quiet ? NULL : o->log ? o->log : log_stderr;
    c->log_user = o->log_user;
    c->no_selftest = o->no_selftest;
    c->transfer = clCreateCommandQueue(c->context, c->device, 0, &error);
    SYN_CL(c, "clCreateCommandQueue", error);
    c->host_memory = c->info.cpu && strcmp(c->info.platform_name, "Portable Computing Language") == 0;
    SYN_TRY(syn_tuning_open(c));
    syn_tuning_load(c);
    return SYN_OK;
}

syn_status syn_ctx_create(syn_ctx **ctx, const syn_ctx_opts *opts) {
    const syn_ctx_opts none = { 0 }, *o = opts ? opts : &none;
    const char *want = o->device ? o->device : getenv("SYNCLINE_DEVICE");
    found *all;
    int n, pick = -1;
    *ctx = NULL;
    SYN_TRY(enumerate(&all, &n));
    for (int i = 0; i < n && pick < 0; i++)
        if (!want || !*want || matches(&all[i].info, want)) pick = i;
    if (pick < 0) {
        syn_status status = no_device(all, n, want ? want : "");
        free(all);
        return status;
    }
    const found f = all[pick];
    free(all);
    syn_ctx *c = calloc(1, sizeof *c);
    if (!c) return syn_no_memory(sizeof *c);
    atomic_init(&c->refs, 1);
    c->info = f.info;
    c->device = f.id;
    c->own_queue = true;
    cl_int error;
    cl_context_properties of[] = { CL_CONTEXT_PLATFORM, (cl_context_properties)f.platform, 0 };
    c->context = clCreateContext(of, 1, &f.id, NULL, NULL, &error);
    syn_status status = error == CL_SUCCESS ? SYN_OK : syn_cl_fail(c, error, "clCreateContext");
    if (status == SYN_OK) {
        c->queue = clCreateCommandQueue(c->context, c->device, 0, &error);
        if (error != CL_SUCCESS) status = syn_cl_fail(c, error, "clCreateCommandQueue");
    }
    if (status == SYN_OK) status = finish_context(c, o);
    if (status != SYN_OK) syn_ctx_destroy(c);
    else *ctx = c;
    return status;
}

static syn_status check_callers(cl_context context, cl_device_id device, cl_command_queue queue) {
    cl_device_id in_context[64];
    size_t bytes = 0;
    if (!context || !device)
        return syn_fail(SYN_E_ARGUMENT, "syn_ctx_create_from: context and device must be given");
    SYN_CL(NULL, "clGetContextInfo",
           clGetContextInfo(context, CL_CONTEXT_DEVICES, sizeof in_context, in_context, &bytes));
    bool there = false;
    for (size_t i = 0; i < bytes / sizeof *in_context; i++) there |= in_context[i] == device;
    if (!there) return syn_fail(SYN_E_ARGUMENT, "syn_ctx_create_from: the device is not of the context");
    if (!queue) return SYN_OK;
    cl_context queue_context = NULL;
    cl_device_id queue_device = NULL;
    cl_command_queue_properties properties = 0;
    SYN_CL(NULL, "clGetCommandQueueInfo", clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT,
           sizeof queue_context, &queue_context, NULL));
    clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof queue_device, &queue_device, NULL);
    clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
    if (queue_context != context || queue_device != device)
        return syn_fail(SYN_E_ARGUMENT, "syn_ctx_create_from: the queue is of another context or device");
    if (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)
        return syn_fail(SYN_E_ARGUMENT, "syn_ctx_create_from: the queue must be in order");
    return SYN_OK;
}

syn_status syn_ctx_create_from(syn_ctx **ctx, cl_context context, cl_device_id device,
                               cl_command_queue queue, const syn_ctx_opts *opts) {
    const syn_ctx_opts none = { 0 };
    *ctx = NULL;
    SYN_TRY(check_callers(context, device, queue));
    syn_ctx *c = calloc(1, sizeof *c);
    if (!c) return syn_no_memory(sizeof *c);
    atomic_init(&c->refs, 1);
    cl_platform_id platform = NULL;
    clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
    syn_device_describe(platform, device, 0, 0, &c->info);
    clRetainContext(context);
    c->context = context;
    c->device = device;
    syn_status status = SYN_OK;
    if (queue) {
        clRetainCommandQueue(queue);
        c->queue = queue;
    } else {
        cl_int error;
        c->own_queue = true;
        c->queue = clCreateCommandQueue(context, device, 0, &error);
        if (error != CL_SUCCESS) status = syn_cl_fail(c, error, "clCreateCommandQueue");
    }
    if (status == SYN_OK) status = finish_context(c, opts ? opts : &none);
    if (status != SYN_OK) syn_ctx_destroy(c);
    else *ctx = c;
    return status;
}

void syn_ctx_retain(syn_ctx *ctx) { atomic_fetch_add(&ctx->refs, 1); }

void syn_ctx_destroy(syn_ctx *ctx) {
    if (!ctx || atomic_fetch_sub(&ctx->refs, 1) > 1) return;
    if (ctx->used_clblast) syn_clblast_forget();
    syn_tuning_close(ctx);
    if (ctx->queue) clReleaseCommandQueue(ctx->queue);
    if (ctx->transfer) clReleaseCommandQueue(ctx->transfer);
    if (ctx->context) clReleaseContext(ctx->context);
    free(ctx);
}

void syn_ctx_device(const syn_ctx *ctx, syn_device_info *info) { *info = ctx->info; }
const char *syn_ctx_profile(const syn_ctx *ctx) { return ctx->profile.cpu ? "cpu" : "gpu"; }
const syn_profile *syn_ctx_profile_of(const syn_ctx *ctx) { return &ctx->profile; }
const char *syn_ctx_key(const syn_ctx *ctx) { return ctx->key; }
int64_t syn_ctx_bytes(const syn_ctx *ctx) { return (int64_t)ctx->bytes; }
int64_t syn_ctx_peak_bytes(const syn_ctx *ctx) { return (int64_t)ctx->peak; }

bool syn_ctx_claim_selftest(syn_ctx *ctx) {
    bool claimed = atomic_exchange(&ctx->selftest_claimed, true);
    return !claimed && !ctx->no_selftest;
}

void syn_ctx_ban_gemm(syn_ctx *ctx, const char *provider) {
    for (size_t i = 0; i < SYN_COUNT(ctx->banned); i++)
        if (!ctx->banned[i]) {
            ctx->banned[i] = provider;
            return;
        }
}
