/* GEMM on CPU profiles: register tiles (cl/gemm/tile.cl), panels packed into scratch (pack.cl)
 * and a fixed-order sum over chunks of the depth (sum.cl).
 *
 * C is X Y, or transposed: X is broadcast (rows), Y is read as whole vectors (lanes).
 *   NN, TN   X = op(A), Y = B in place
 *   NT       folded: Y = op(B), each work-item packs the panel it reads, tile below tile, for itself;
 *            where that is too much to pack again, the smaller of A and B is packed into panels first:
 *            Y = op(B) when n <= m, else C' = B A' with X = B, Y = A' and a transposing store
 *   TT       C' = B A' with Y = A in place
 * Everything here depends on the shape, the vector width and the type alone. */
#include "device/device.h"

#include <stdlib.h>

enum {
    DIRECT_ROWS = 512,       /* from this many rows on, packing a Y that outgrows the cache pays */
    DIRECT_BYTES = 1 << 20,  /* ... the cache in question: a core's own */
    SPLIT_DEPTH = 2048,      /* split the depth from here on, when Y is in place and outgrows the */
    SPLIT_TILES = 128,       /* cache, or when there are fewer tiles than this, */
    SPLIT_CHUNK = 512,       /* into chunks of this depth ... */
    SPLIT_CHUNKS = 64,       /* ... or as many deeper ones ... */
    SPLIT_BYTES = 32 << 20,  /* ... whose results stay under this, all together */
    SWAP_DEPTH = 64,         /* below, a transposing store costs more than packing B */
    FOLD_ROWS = 256,         /* work-items pack for themselves up to so many rows, */
    FOLD_LANES = 320,        /* and so many lanes or, whatever the lanes, this depth, */
    FOLD_DEPTH = 128,
    FOLD_BYTES = 192 << 10,  /* in panels of at most so much */
    PACK_TURN = 128,         /* depths one work-item packs, transposing ... */
    PACK_COPY = 128          /* ... and not */
};

/* One register-tile product. A count that varies is the batch's: a kernel argument, not a macro. */
typedef struct product {
    int rows, lanes, depth;
    bool rows_vary, lanes_vary, depth_vary;
    int x_row, x_step, y_step;
    bool turn_y; /* Y is stored lane by lane: pack it */
    bool packed, x_packed, trans, accumulate;
    bool fold; /* each work-item packs the panel of a Y stored lane by lane for itself */
    bool x_half, y_half, c_half;
    int mr, nv, chunk; /* chunk 0: the depth is not split */
    int turns;         /* tiles a work-item takes, one below the other */
    int vec, size;
} product;

/* Rows times vectors of accumulators take half to three quarters of the registers. All rows of a
 * tile are computed, so few rows are dealt out evenly. */
static void choose_tile(product *g) {
    bool wide = g->vec * g->size == 64; /* 32 vector registers, else as few as 16 */
    int vectors = (int)syn_ceil_div(g->lanes, g->vec);
    g->mr = wide ? 8 : 4;
    if (g->rows < 2 * g->mr) g->mr = (int)syn_ceil_div(g->rows, syn_ceil_div(g->rows, g->mr));
    int most = (wide ? 16 : 12) / g->mr;
    if (most > (g->fold ? 3 : 8)) most = g->fold ? 3 : 8;
    g->nv = vectors < most ? vectors : most;
}

/* Tiles below each other share a panel; more of them leave less for other cores. */
static void choose_turns(product *g) {
    const int rows = g->lanes <= g->nv * g->vec ? 32 : g->depth < 256 ? 64 : 128;
    g->turns = (int)syn_ceil_div(rows, g->mr);
}

/* Reading Y in place costs nothing while a core's cache holds what the row tiles share: all of Y,
 * or a shallow strip of it. A deep strip is cut into chunks, or packed if the rows are many. */
static void choose(product *g) {
    choose_tile(g);
    if (g->fold) {
        choose_turns(g);
        return;
    }
    int64_t tiles = syn_ceil_div(g->rows, g->mr) * syn_ceil_div(g->lanes, g->nv * g->vec);
    int64_t result = (int64_t)g->rows * g->lanes * g->size;
    int64_t chunk = syn_ceil_div(g->depth, SPLIT_CHUNKS);
    chunk = chunk < SPLIT_CHUNK ? SPLIT_CHUNK : syn_round_up(chunk, 64);
    bool large = (int64_t)g->lanes * g->depth * g->size > DIRECT_BYTES;
    bool deep = g->depth >= SPLIT_DEPTH &&
                result * syn_ceil_div(g->depth, chunk) <= SPLIT_BYTES;
    bool across = g->x_step > 1; /* X is stored by columns */
    g->packed = g->turn_y;
    if (!g->packed && large)
        g->packed = deep ? g->rows >= DIRECT_ROWS && tiles >= SPLIT_TILES &&
                               (!across || g->lanes >= DIRECT_ROWS)
                         : g->rows >= DIRECT_ROWS || g->depth >= SPLIT_DEPTH;
    /* A row tile of an X by columns touches a part of a line per depth, each on another page. */
    g->x_packed = g->packed && !g->turn_y && across;
    if (deep && (tiles < SPLIT_TILES || (large && !g->packed))) g->chunk = (int)chunk;
}

static const char *type_of(bool half) { return half ? "cell" : "real"; }

static int size_of(const product *g, bool half) { return half ? 2 : g->size; }

static void call_init(syn_call *c, const char *source, const char *entry) {
    *c = (syn_call){ .source = source, .entry = entry, .dims = 3, .local = { 1, 1, 1 } };
}

static char *take_defs(syn_text *t) {
    if (!t->failed) return t->s;
    syn_text_free(t);
    return NULL;
}

/* Packs Y, or X the same way: then its rows are the lanes. */
static void add_pack(const product *g, bool is_x, syn_arg from, syn_arg panels, syn_call *c) {
    int wide = is_x ? g->mr : g->nv * g->vec, lanes = is_x ? g->rows : g->lanes;
    bool turn = is_x ? g->x_step == 1 : g->turn_y;
    int chunk = turn ? PACK_TURN : PACK_COPY;
    call_init(c, "gemm/pack.cl", "gemm_pack");
    syn_text t = { 0 };
    bool half = is_x ? g->x_half : g->y_half;
    syn_text_add(&t, "#define PANEL %d\n#define CHUNK %d\n#define TURN %d\n#define TYPE %s\n", wide, chunk, turn,
                 type_of(half));
    if (is_x ? g->rows_vary : g->lanes_vary) syn_text_add(&t, "#define LANES lanes\n");
    else syn_text_add(&t, "#define LANES %d\n", lanes);
    if (g->depth_vary) syn_text_add(&t, "#define DEPTH depth\n");
    else syn_text_add(&t, "#define DEPTH %d\n", g->depth);
    c->defs = take_defs(&t);
    syn_call_arg(c, from);
    syn_call_arg(c, panels);
    syn_call_arg(c, syn_int(lanes));
    syn_call_arg(c, syn_int(g->depth));
    c->global[turn ? 0 : 1] = (size_t)syn_ceil_div(g->depth, chunk);
    c->global[turn ? 1 : 0] = (size_t)syn_ceil_div(lanes, wide);
    c->global[2] = 1;
    c->bytes = 2.0 * size_of(g, half) * lanes * g->depth;
}

static void add_tile(const product *g, syn_arg x, syn_arg y, syn_arg c_arg, syn_call *c) {
    int panel = g->nv * g->vec;
    size_t row_tiles = (size_t)syn_ceil_div(g->rows, g->mr * g->turns);
    size_t lane_tiles = (size_t)syn_ceil_div(g->lanes, panel);
    size_t parts = g->chunk ? (size_t)syn_ceil_div(g->depth, g->chunk) : 1;
    /* The tiles of the smaller side change fastest: the larger one is read once. */
    bool lanes_first = g->rows > g->lanes;
    int last = g->nv;
    if (!g->lanes_vary) last = (int)syn_ceil_div(g->lanes, g->vec) - ((int)lane_tiles - 1) * g->nv;
    call_init(c, "gemm/tile.cl", "gemm_tile");
    syn_text t = { 0 };
    syn_text_add(&t, "#define MR %d\n#define NV %d\n#define NV_LAST %d\n", g->mr, g->nv, last);
    syn_text_add(&t, "#define X_PACKED %d\n#define X_TYPE %s\n#define Y_TYPE %s\n#define C_TYPE %s\n", g->x_packed,
                 type_of(g->x_half), type_of(g->y_half), type_of(g->c_half && !g->chunk));
    syn_text_add(&t, "#define X_HALF %d\n#define C_HALF %d\n", g->x_half, g->c_half && !g->chunk);
    syn_text_add(&t, "#define PACKED %d\n#define FOLD %d\n#define TURNS %d\n#define TRANS %d\n#define SPLIT %d\n",
                 g->packed, g->fold, g->turns, g->trans, g->chunk);
    syn_text_add(&t, "#define ACCUMULATE %d\n#define LANES_FIRST %d\n",
                 g->accumulate && !g->chunk, lanes_first);
    if (g->rows_vary) syn_text_add(&t, "#define ROWS rows\n");
    else syn_text_add(&t, "#define ROWS %d\n", g->rows);
    if (g->lanes_vary) syn_text_add(&t, "#define LANES lanes\n");
    else syn_text_add(&t, "#define LANES %d\n", g->lanes);
    if (g->depth_vary) syn_text_add(&t, "#define DEPTH depth\n");
    else syn_text_add(&t, "#define DEPTH %d\n", g->depth);
    syn_text_add(&t, "#define X_ROW %d\n#define X_STEP %d\n#define Y_STEP %d\n#define C_STEP %d\n",
                 g->x_row, g->x_packed ? g->mr : g->x_step, g->y_step,
                 g->trans ? g->rows : g->lanes);
    c->defs = take_defs(&t);
    syn_call_arg(c, x);
    syn_call_arg(c, y);
    syn_call_arg(c, c_arg);
    syn_call_arg(c, syn_int(g->rows));
    syn_call_arg(c, syn_int(g->lanes));
    syn_call_arg(c, syn_int(g->depth));
    c->global[0] = lanes_first ? lane_tiles : row_tiles;
    c->global[1] = lanes_first ? row_tiles : lane_tiles;
    c->global[2] = parts;
    c->flops = 2.0 * g->rows * g->lanes * g->depth;
    c->bytes = (double)size_of(g, g->x_half) * g->rows * g->depth + (double)size_of(g, g->y_half) * g->lanes * g->depth +
               (double)size_of(g, g->c_half && !g->chunk) * g->rows * g->lanes * (double)parts;
}

static void add_sum(const product *g, int m, int n, syn_arg parts, syn_arg c_arg, syn_call *c) {
    int count = (int)syn_ceil_div(g->depth, g->chunk);
    call_init(c, "gemm/sum.cl", "gemm_sum");
    c->defs = syn_format("#define ROWS %d\n#define COLS %d\n#define ACCUMULATE %d\n#define C_TYPE %s\n", m, n,
                         g->accumulate, type_of(g->c_half));
    syn_call_arg(c, parts);
    syn_call_arg(c, c_arg);
    syn_call_arg(c, syn_int(count));
    c->global[0] = (size_t)syn_ceil_div(n, g->vec);
    c->global[1] = (size_t)m;
    c->global[2] = 1;
    c->flops = (double)m * n * count;
    c->bytes = (double)(g->size * count + size_of(g, g->c_half)) * m * n;
}

static bool add_norm(const syn_gemm *s, syn_call *c) {
    char *defs = syn_format("%s#define NORM %d\n", c->defs ? c->defs : "", s->norm);
    if (!defs) return false;
    free(c->defs);
    c->defs = defs;
    syn_call_arg(c, syn_block_arg(SYN_BLOCK_PARTIAL, true));
    syn_call_arg(c, syn_int(s->norm_base));
    return true;
}

static bool folds(const syn_gemm *s, int wide, int size) {
    return s->tb && !s->ta && s->m <= FOLD_ROWS && (s->n <= FOLD_LANES || s->k <= FOLD_DEPTH) &&
           (int64_t)s->k * wide * size <= FOLD_BYTES;
}

static void set_product(const syn_gemm *s, const syn_profile *p, product *g) {
    *g = (product){
        .rows = s->m, .lanes = s->n, .depth = s->k, .accumulate = s->accumulate, .turns = 1
    };
    g->size = s->dtype == SYN_DOUBLE ? 8 : 4;
    g->vec = s->dtype == SYN_DOUBLE ? p->vec_double : p->vec_float;
    if (g->vec < 1) g->vec = 1;
    g->fold = folds(s, 3 * g->vec, g->size);
    bool swap = s->tb && (s->ta || (s->n > s->m && s->k >= SWAP_DEPTH && !g->fold));
    if (s->variant && s->tb && !s->ta) swap = s->variant->swap;
    g->x_half = s->half[swap];
    g->y_half = s->half[!swap];
    g->c_half = s->half[2];
    bool batch_rows = !s->ta; /* the batch is m, or k in weight gradients */
    if (swap) {
        g->rows = s->n;
        g->lanes = s->m;
        g->trans = true;
        g->x_row = s->k;
        g->x_step = 1;
        g->y_step = s->m;
        g->turn_y = !s->ta;
        g->lanes_vary = batch_rows;
    } else {
        g->x_row = s->ta ? 1 : s->k;
        g->x_step = s->ta ? s->m : 1;
        g->y_step = s->n;
        g->turn_y = s->tb;
        g->rows_vary = batch_rows;
        g->depth_vary = s->ta;
    }
}

/* A measured choice in place of our own, where it is possible. */
static void vary(product *g, const syn_gemm_variant *v) {
    int64_t parts = v->chunk ? syn_ceil_div(g->depth, v->chunk) : 1;
    /* A tile wider than the product would read behind it. */
    if (v->rows < 1 || v->rows > 16 || v->vectors < 1 || v->vectors > 8 || v->rows * v->vectors > 32 ||
        v->vectors > syn_ceil_div(g->lanes, g->vec) ||
        (v->chunk && (v->chunk < 16 || parts < 2 || (int64_t)g->rows * g->lanes * g->size * parts > SPLIT_BYTES)))
        return;
    g->mr = v->rows;
    g->nv = v->vectors;
    g->turns = 1;
    g->fold = g->turn_y && !v->packed && !v->chunk && (int64_t)g->depth * v->vectors * g->vec * g->size <= FOLD_BYTES;
    if (g->fold) choose_turns(g);
    g->packed = v->packed || (g->turn_y && !g->fold);
    g->x_packed = g->packed && !g->turn_y && g->x_step > 1;
    g->chunk = v->chunk;
}

/* A transposing store has whole vectors of C's rows for an epilogue where a work-item takes as many
 * rows as a vector is long, tile by tile. */
static bool turn_for_epilogue(product *g) {
    if (g->chunk || !(g->packed || g->fold) || g->mr < 2 || g->vec % g->mr || (g->mr & (g->mr - 1)))
        return false;
    g->turns = g->vec / g->mr;
    return true;
}

static const char *name_of(const product *g) {
    static const char *names[5][2] = {
        { "tile", "tile, split" },
        { "tile, packed", "tile, packed, split" },
        { "tile, packed, transposed", "tile, packed, transposed, split" },
        { "tile, folded", NULL },
        { "tile, folded, transposed", NULL },
    };
    int kind = g->fold ? 3 + g->trans : !g->packed ? 0 : g->trans ? 2 : 1;
    return names[kind][g->chunk != 0];
}

static syn_arg pack(const product *g, const syn_profile *p, bool is_x, syn_arg from,
                    syn_gemm_plan *out) {
    int64_t lanes = is_x ? syn_round_up(g->rows, g->mr) : syn_round_up(g->lanes, g->nv * g->vec);
    syn_arg to = syn_scratch(out->scratch);
    add_pack(g, is_x, from, to, &out->call[out->n_calls++]);
    out->scratch += syn_round_up(lanes * g->depth * size_of(g, is_x ? g->x_half : g->y_half), p->align);
    to.writes = false;
    return to;
}

bool syn_gemm_cpu_plan(const syn_gemm *s, const syn_profile *p, syn_arg a, syn_arg b, syn_arg c,
                       syn_gemm_plan *out) {
    product g;
    *out = (syn_gemm_plan){ 0 };
    set_product(s, p, &g);
    choose(&g);
    if (s->variant) vary(&g, s->variant);
    bool epilogue = s->epilogue && !g.accumulate;
    if (epilogue && g.trans && !g.chunk) epilogue = turn_for_epilogue(&g);
    out->variant = (syn_gemm_variant){ .rows = g.mr, .vectors = g.nv, .packed = g.packed, .swap = g.trans,
                                       .chunk = g.chunk };
    syn_arg x = g.trans ? b : a, y = g.trans ? a : b;
    if (g.x_packed) x = pack(&g, p, true, x, out);
    if (g.packed) y = pack(&g, p, false, y, out);
    c.writes = true;
    if (g.chunk) {
        int64_t parts = syn_ceil_div(g.depth, g.chunk) * g.rows * g.lanes * g.size;
        syn_arg to = syn_scratch(out->scratch);
        add_tile(&g, x, y, to, &out->call[out->n_calls++]);
        out->scratch += syn_round_up(parts, p->align);
        to.writes = false;
        add_sum(&g, s->m, s->n, to, c, &out->call[out->n_calls++]);
    } else {
        add_tile(&g, x, y, c, &out->call[out->n_calls++]);
    }
    out->kernel = name_of(&g);
    syn_call *last = &out->call[out->n_calls - 1];
    bool whole = true;
    for (int i = 0; i < out->n_calls; ++i) whole = whole && out->call[i].defs;
    if (whole && epilogue) whole = out->epilogue = syn_call_epilogue(last, s->epilogue) == SYN_OK;
    if (whole && s->norm && !s->epilogue && !g.accumulate && !g.trans && !g.chunk) {
        whole = add_norm(s, last);
        out->norms = (int)(last->global[0] * last->global[1]);
    }
    if (whole) return true;
    syn_gemm_plan_free(out);
    *out = (syn_gemm_plan){ .no_memory = true };
    return false;
}
