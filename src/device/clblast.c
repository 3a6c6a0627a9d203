/* CLBlast as a GEMM provider: called column major with swapped operands (row major would transpose
 * C every time), with scratch from the arena, and with the parameters that were measured (clblast_set.h):
 * on CPU devices its own are ten times slower. */
#include "device/clblast_set.h"
#include "device/private.h"
#include "device/tuning.h"

#include <clblast_c.h>

/* Calls are serialised: version 1.5.3 lacks a fix of its caches, and overriding is global. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What CLBlast was told in this process: overriding is by device and precision, and for all contexts. */
static struct {
    cl_device_id device;
    syn_dtype dtype;
    syn_clblast_set set;
    bool refused;
} told[32];

static int told_at(const syn_ctx *ctx, syn_dtype dtype) {
    int i = 0;
    while (i < (int)SYN_COUNT(told) && told[i].device && (told[i].device != ctx->device || told[i].dtype != dtype)) i++;
    return i;
}

static syn_status refused(const syn_ctx *ctx, const syn_clblast_set *s) {
    return syn_fail(SYN_E_DEVICE, "CLBlast refuses the parameters '%s' on %s", s->name, ctx->info.name);
}

static syn_status override(const syn_ctx *ctx, syn_dtype dtype, const syn_clblast_set *s) {
    const CLBlastPrecision precision = dtype == SYN_DOUBLE ? CLBlastPrecisionDouble : CLBlastPrecisionSingle;
    for (int i = 0; i < SYN_CLBLAST_PARAMS;) {
        const char *name[SYN_CLBLAST_PARAMS], *kernel, *of;
        size_t value[SYN_CLBLAST_PARAMS];
        int n = 0;
        for (name[0] = syn_clblast_param(i, &kernel), of = kernel; of == kernel;) {
            value[n++] = (size_t)s->value[i++];
            if (i == SYN_CLBLAST_PARAMS) break;
            name[n] = syn_clblast_param(i, &of);
        }
        if (CLBlastOverrideParameters(ctx->device, kernel, precision, (size_t)n, name, value) != CLBlastSuccess)
            return refused(ctx, s);
    }
    return SYN_OK;
}

/* Under the lock. */
static syn_status tell(syn_ctx *ctx, syn_dtype dtype) {
    syn_clblast_set want;
    syn_tuning_clblast(ctx, dtype, &want);
    const int i = told_at(ctx, dtype);
    const bool fresh = i < (int)SYN_COUNT(told) && !told[i].device;
    if (i == (int)SYN_COUNT(told) || (fresh && want.installed)) return SYN_OK;
    if (!fresh && syn_clblast_set_same(&told[i].set, &want)) return told[i].refused ? refused(ctx, &want) : SYN_OK;
    if (want.installed)
        return syn_fail(SYN_E_DEVICE, "CLBlast cannot go back to its own parameters in this process on %s", ctx->info.name);
    told[i].device = ctx->device;
    told[i].dtype = dtype;
    told[i].set = want;
    syn_status status = override(ctx, dtype, &want);
    told[i].refused = status != SYN_OK;
    return status;
}

syn_status syn_clblast_tell(syn_ctx *ctx, syn_dtype dtype) {
    pthread_mutex_lock(&lock);
    syn_status status = tell(ctx, dtype);
    pthread_mutex_unlock(&lock);
    return status;
}

bool syn_clblast_told(const syn_ctx *ctx, syn_dtype dtype) {
    pthread_mutex_lock(&lock);
    const int i = told_at(ctx, dtype);
    const bool is = i < (int)SYN_COUNT(told) && told[i].device;
    pthread_mutex_unlock(&lock);
    return is;
}

/* A refusal leaves CLBlast slower, not wrong; once is enough to say so. */
static void tell_or_warn(syn_ctx *ctx, syn_dtype dtype) {
    if (tell(ctx, dtype) == SYN_OK || ctx->warned_clblast) return;
    ctx->warned_clblast = true;
    syn_ctx_log(ctx, SYN_LOG_WARN, "%s; products may be slower, and sums not the recorded ones", syn_error_text());
}

void syn_clblast_forget(void) {
    pthread_mutex_lock(&lock);
    (void)CLBlastClearCache(); /* global: an embedding program's own kernels are built again */
    pthread_mutex_unlock(&lock);
}

bool syn_gemm_clblast_plan(const syn_gemm *g, const syn_profile *p, syn_arg a, syn_arg b, syn_arg c,
                           syn_gemm_plan *out) {
    (void)a;
    (void)b;
    (void)c;
    if (g->dtype == SYN_DOUBLE && !p->fp64) return false;
    if (g->half[0] || g->half[1] || g->half[2]) return false; /* its Hgemm computes in halves, too */
    /* The indirect kernel pads each operand to multiples of its tiles. */
    const int64_t side = SYN_CLBLAST_MOST;
    int64_t m = syn_round_up(g->m, side), n = syn_round_up(g->n, side), k = syn_round_up(g->k, side);
    int64_t real = g->dtype == SYN_DOUBLE ? 8 : 4, elements = m * k + k * n + m * n;
    out->scratch = elements * real + 3 * 4096;
    if (elements > INT32_MAX || out->scratch > p->max_alloc) return false; /* it counts them in ints */
    out->kernel = "clblast";
    return true;
}

syn_status syn_gemm_clblast(syn_ctx *ctx, const syn_gemm *g, const syn_buffer *a,
                            const syn_buffer *b, const syn_buffer *c, const syn_buffer *scratch) {
    /* Row-major C = op(A) op(B) is column-major C' = op(B)' op(A)'. */
    size_t m = (size_t)g->n, n = (size_t)g->m, k = (size_t)g->k;
    CLBlastTranspose tb = g->tb ? CLBlastTransposeYes : CLBlastTransposeNo;
    CLBlastTranspose ta = g->ta ? CLBlastTransposeYes : CLBlastTransposeNo;
    size_t ldb = g->tb ? k : m, lda = g->ta ? n : k, ldc = m;
    SYN_TRY(syn_record_mark(ctx, false));
    pthread_mutex_lock(&lock);
    tell_or_warn(ctx, g->dtype);
    ctx->used_clblast = true;
    CLBlastStatusCode code;
    if (g->dtype == SYN_DOUBLE)
        code = CLBlastDgemmWithTempBuffer(CLBlastLayoutColMajor, tb, ta, m, n, k, 1.0, b->mem, 0, ldb,
                                          a->mem, 0, lda, g->accumulate ? 1.0 : 0.0, c->mem, 0, ldc,
                                          &ctx->queue, NULL, scratch->mem);
    else
        code = CLBlastSgemmWithTempBuffer(CLBlastLayoutColMajor, tb, ta, m, n, k, 1.0f, b->mem, 0, ldb,
                                          a->mem, 0, lda, g->accumulate ? 1.0f : 0.0f, c->mem, 0,
                                          ldc, &ctx->queue, NULL, scratch->mem);
    pthread_mutex_unlock(&lock);
    if (code == CLBlastSuccess) return syn_record_mark(ctx, true);
    return syn_fail(SYN_E_DEVICE, "CLBlast GEMM %d x %d x %d: status %d on %s", g->m, g->n, g->k,
                    (int)code, ctx->info.name);
}
