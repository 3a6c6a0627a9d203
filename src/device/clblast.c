/* CLBlast as a GEMM provider: called column major with swapped operands (row major would transpose
 * C every time), with scratch from the arena, and with parameters for CPU devices, where its own
 * defaults are ten times slower. */
#include "device/private.h"

#include <clblast_c.h>

/* Calls are serialised: version 1.5.3 lacks a fix of its caches, and overriding is global. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Xgemm with one work-item a group, whole vectors and no local memory, without the padding copies. */
static void tune_cpu(syn_ctx *ctx) {
    static const char *const name[] = { "GEMMK", "KREG", "KWG",  "KWI",  "MDIMA", "MDIMC", "MWG", "NDIMB",
                                        "NDIMC", "NWG",  "SA",   "SB",   "STRM",  "STRN",  "VWM", "VWN" };
    static const size_t value[] = { 0, 1, 32, 1, 1, 1, 16, 1, 1, 16, 0, 0, 0, 0, 16, 4 };
    static const char *const routine[] = { "XGEMM_MIN_INDIRECT_SIZE" };
    static const size_t always[] = { 1 };
    cl_device_id d = ctx->device;
    /* A refusal leaves CLBlast slower, not wrong. */
    (void)CLBlastOverrideParameters(d, "Xgemm", CLBlastPrecisionSingle, SYN_COUNT(name),
                                    (const char **)(uintptr_t)name, value);
    (void)CLBlastOverrideParameters(d, "GemmRoutine", CLBlastPrecisionSingle, 1,
                                    (const char **)(uintptr_t)routine, always);
}

static void tune_once(syn_ctx *ctx) {
    static cl_device_id tuned[16];
    for (size_t i = 0; i < SYN_COUNT(tuned); i++) {
        if (tuned[i] == ctx->device) return;
        if (tuned[i]) continue;
        tuned[i] = ctx->device;
        if (ctx->info.cpu) tune_cpu(ctx);
        return;
    }
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
    /* The indirect kernel pads each operand to multiples of its tiles, at most 128 each way. */
    int64_t m = syn_round_up(g->m, 128), n = syn_round_up(g->n, 128), k = syn_round_up(g->k, 128);
    int64_t real = g->dtype == SYN_DOUBLE ? 8 : 4;
    out->scratch = (m * k + k * n + m * n) * real + 3 * 4096;
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
    tune_once(ctx);
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
