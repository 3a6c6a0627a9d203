/* GEMM on GPU profiles: work-group tiles in local memory (cl/gemm/local.cl), the depth split with a
 * fixed-order sum (sum.cl) where the tiles alone are too few to fill a device.
 *
 * The partition follows from the shape and the profile's limits, never from the compute units. */
#include "device/gemm_own.h"

#include "base/base.h"

#include <stdlib.h>

enum {
    DEPTH_STEP = 16,   /* depths in local memory at once */
    MANY_TILES = 256,  /* enough to fill a device: prefer the larger tile from here on */
    FEW_TILES = 128,   /* below: split the depth ... */
    LEAST_CHUNK = 256, /* ... into chunks no shorter than this */
    MOST_CHUNKS = 64
};

typedef struct tiling {
    int side, reg; /* side × side work-items of reg × reg elements */
    int chunk;     /* 0: the depth is not split */
} tiling;

static int64_t tiles_of(const syn_gemm *g, int tile) {
    return syn_ceil_div(g->m, tile) * syn_ceil_div(g->n, tile);
}

/* Bytes of local memory that a tile takes. */
static int64_t local_bytes(const syn_gemm *g, int tile) {
    return 2LL * DEPTH_STEP * (tile + 1) * (g->dtype == SYN_DOUBLE ? 8 : 4);
}

/* False: not even one work-item's tile fits into local memory. */
static bool choose(const syn_gemm *g, const syn_profile *p, tiling *t) {
    t->side = 16;
    while (t->side > 1 && t->side * t->side > p->max_group) t->side /= 2;
    t->reg = g->dtype == SYN_DOUBLE ? 4 : 8; /* 64 accumulators are too many as doubles */
    while (t->reg > 2 && tiles_of(g, t->side * t->reg) < MANY_TILES) t->reg /= 2;
    /* Half of local memory at most, so that two groups share a multiprocessor. */
    while (local_bytes(g, t->side * t->reg) > p->local_bytes / 2) {
        if (t->reg > 2) t->reg /= 2;
        else if (t->side > 1) t->side /= 2;
        else return false;
    }
    int64_t tiles = tiles_of(g, t->side * t->reg);
    t->chunk = 0;
    if (tiles < FEW_TILES && g->k >= 2 * LEAST_CHUNK) {
        int64_t parts = syn_ceil_div(MANY_TILES, tiles);
        if (parts > MOST_CHUNKS) parts = MOST_CHUNKS;
        int64_t chunk = syn_round_up(syn_ceil_div(g->k, parts), DEPTH_STEP);
        t->chunk = chunk < LEAST_CHUNK ? LEAST_CHUNK : (int)chunk;
        if (t->chunk >= g->k) t->chunk = 0;
    }
    return true;
}

/* A measured choice in place of our own, where it is possible. */
static void vary(const syn_gemm *g, const syn_profile *p, const syn_gemm_variant *v, tiling *t) {
    if ((v->rows != 2 && v->rows != 4 && v->rows != 8) || local_bytes(g, t->side * v->rows) > p->local_bytes ||
        (v->chunk && (v->chunk % DEPTH_STEP || v->chunk >= g->k)))
        return;
    t->reg = v->rows;
    t->chunk = v->chunk;
}

static const char *type_of(bool half) { return half ? "cell" : "real"; }

static void add_local(const syn_gemm *g, const tiling *t, syn_arg a, syn_arg b, syn_arg c,
                      syn_call *call) {
    int tile = t->side * t->reg;
    size_t parts = t->chunk ? (size_t)syn_ceil_div(g->k, t->chunk) : 1;
    *call = (syn_call){ .source = "gemm/local.cl", .entry = "gemm_local", .dims = 3 };
    syn_text s = { 0 };
    syn_text_add(&s, "#define SIDE %d\n#define REG %d\n#define TK %d\n#define SPLIT %d\n", t->side,
                 t->reg, DEPTH_STEP, t->chunk);
    syn_text_add(&s, "#define TA %d\n#define TB %d\n#define ACCUMULATE %d\n", g->ta, g->tb,
                 g->accumulate && !t->chunk);
    syn_text_add(&s, "#define A_TYPE %s\n#define B_TYPE %s\n#define C_TYPE %s\n", type_of(g->half[0]),
                 type_of(g->half[1]), type_of(g->half[2] && !t->chunk));
    /* The batch is k in weight gradients, else m: an argument, so that its sizes share a kernel. */
    if (g->ta) syn_text_add(&s, "#define M %d\n#define N %d\n#define K k\n", g->m, g->n);
    else syn_text_add(&s, "#define M m\n#define N %d\n#define K %d\n", g->n, g->k);
    call->defs = s.s;
    if (s.failed) {
        syn_text_free(&s);
        call->defs = NULL;
    }
    syn_call_arg(call, a);
    syn_call_arg(call, b);
    syn_call_arg(call, c);
    syn_call_arg(call, syn_int(g->m));
    syn_call_arg(call, syn_int(g->n));
    syn_call_arg(call, syn_int(g->k));
    call->local[0] = call->local[1] = (size_t)t->side;
    call->local[2] = 1;
    call->global[0] = (size_t)(syn_ceil_div(g->n, tile) * t->side);
    call->global[1] = (size_t)(syn_ceil_div(g->m, tile) * t->side);
    call->global[2] = parts;
    call->flops = 2.0 * g->m * g->n * g->k;
    const double real = g->dtype == SYN_DOUBLE ? 8 : 4;
    call->bytes = (g->half[0] ? 2 : real) * g->m * g->k + (g->half[1] ? 2 : real) * g->n * g->k +
                  (g->half[2] && !t->chunk ? 2 : real) * g->m * g->n * (double)parts;
}

static void add_sum(const syn_gemm *g, const tiling *t, int vec, syn_arg parts, syn_arg c,
                    syn_call *call) {
    int count = (int)syn_ceil_div(g->k, t->chunk);
    *call = (syn_call){ .source = "gemm/sum.cl", .entry = "gemm_sum", .dims = 2 };
    call->defs = syn_format("#define ROWS %d\n#define COLS %d\n#define ACCUMULATE %d\n#define C_TYPE %s\n", g->m, g->n,
                            g->accumulate, type_of(g->half[2]));
    syn_call_arg(call, parts);
    syn_call_arg(call, c);
    syn_call_arg(call, syn_int(count));
    call->global[0] = (size_t)syn_ceil_div(g->n, vec);
    call->global[1] = (size_t)g->m;
    call->flops = (double)g->m * g->n * count;
    call->bytes = (g->dtype == SYN_DOUBLE ? 8.0 : 4.0) * g->m * g->n * (count + 1);
}

bool syn_gemm_gpu_plan(const syn_gemm *g, const syn_profile *p, syn_arg a, syn_arg b, syn_arg c,
                       syn_gemm_plan *out) {
    static const char *names[2][3] = {
        { "local 2x2", "local 4x4", "local 8x8" },
        { "local 2x2 + sum", "local 4x4 + sum", "local 8x8 + sum" },
    };
    tiling t;
    *out = (syn_gemm_plan){ 0 };
    if (!choose(g, p, &t)) return false;
    if (p->cpu && t.side == 1) return false; /* groups of one work-item could become a phase, and these have barriers (plan/phases.h) */
    if (g->variant) vary(g, p, g->variant, &t);
    out->variant = (syn_gemm_variant){ .rows = t.reg, .chunk = t.chunk };
    c.writes = true;
    if (t.chunk) {
        int vec = g->dtype == SYN_DOUBLE ? p->vec_double : p->vec_float;
        int size = g->dtype == SYN_DOUBLE ? 8 : 4;
        syn_arg parts = syn_scratch(0);
        out->scratch = syn_round_up(syn_ceil_div(g->k, t.chunk) * g->m * g->n * size, p->align);
        add_local(g, &t, a, b, parts, &out->call[out->n_calls++]);
        parts.writes = false;
        add_sum(g, &t, vec < 1 ? 1 : vec, parts, c, &out->call[out->n_calls++]);
    } else {
        add_local(g, &t, a, b, c, &out->call[out->n_calls++]);
    }
    out->kernel = names[t.chunk != 0][t.reg == 8 ? 2 : t.reg == 4];
    bool whole = true;
    for (int i = 0; i < out->n_calls; ++i) whole = whole && out->call[i].defs;
    if (whole) return true;
    syn_gemm_plan_free(out);
    *out = (syn_gemm_plan){ .no_memory = true };
    return false;
}
