// The frame of the update kernel (src/optim/update.c) and of the norm kernel in front of it. A tile is a
// piece of one parameter: (offset in the parameters, offset in gradients and slots, valid length,
// parameter). The capitals are macros of the instance: src/optim/frame.c.
#define SCALAR_ROWS 256 // as in src/plan/control.h
#define FRAME_LR 0      // as in src/optim/frame.h
#define FRAME_CLIP 1
#define FRAME_EMA 2
#define FRAME_SCALARS 3
#define FACTORS 4

#if SYN_CPU
#define TILE_NUMBER ((int)get_global_id(0))
#define TILE_FROM 0
#define TILE_STRIDE 1
#else
#define TILE_NUMBER ((int)get_group_id(0))
#define TILE_FROM ((int)get_local_id(0))
#define TILE_STRIDE ((int)get_local_size(0))
#endif

// The smallest guilty parameter stays: complements grow as numbers shrink.
static void latch_gradient(__global uint *ctl, int parameter) {
    atomic_max(&CTL_GRAD_LATCH(ctl), 0xffffffffu - (uint)parameter);
}

// Gradients are looked at a short run ahead of their use: a pass over the whole tile in front of the update
// would keep memory busy with one block instead of all.
#define CHECK_RUN 256
static int all_finite(__global const real *g, int length) {
    int bad = 0, i = 0;
#if SYN_VEC > 1
    irealv bads = 0;
    for (; i + SYN_VEC <= length; i += SYN_VEC) {
        const realv v = VLOAD(g, i);
        bads |= (v - v) != (realv)(0);
    }
    bad = any(bads);
#endif
    for (; i < length; i++) {
        const real v = LOAD(g, i);
        bad |= (v - v) != 0;
    }
    return !bad;
}

// Scalars of the step under way; the factors of the tile's parameter.
#define STEP_SCALARS(table, ctl) (table + (int)(CTL_UPDATE_STEP(ctl) % SCALAR_ROWS) * N_SCALARS)
#define TILE_FACTORS(factors, tile) (factors + (tile).w * FACTORS)

// Gradients that started at a scaled loss are brought back before anything reads them.
#if SYN_HALF
#define UNSCALED(x, by) ((x) * (by))
#else
#define UNSCALED(x, by) (x)
#endif

// What a tile's update knows besides its elements.
#define UPDATE_TILE(tile)                                                                          \
    const int first = tile.x, gfirst = tile.y, length = tile.z;                                    \
    __global const real *row = STEP_SCALARS(table, ctl);                                           \
    __global const real *factor = TILE_FACTORS(factors, tile);                                     \
    const real lr_factor = LR_FACTORS ? LOAD(factor, 0) : (real)1, decay = LOAD(factor, 1);        \
    const real coupled = COUPLED ? decay : (real)0;                                                \
    const real l1 = LOAD(factor, 2), l2 = LOAD(factor, 3);                                         \
    const real share = UNSCALED(ACCUMULATE ? 1 / (real)CTL_MICRO(ctl) : (real)1, as_float(CTL_UNSCALE(ctl))); \
    const real scheduled_lr = LOAD(row, FRAME_LR) * lr_factor, ema_kept = LOAD(row, FRAME_EMA);    \
    const real clip = CLIP_VALUE  ? LOAD(row, FRAME_CLIP)                                          \
                      : CLIP_EACH ? LOAD(norms, tile.w)                                            \
                      : CLIP_NORM ? LOAD(metrics, METRIC_CLIP)                                     \
                                  : (real)1;

// A step whose loss was not finite changes nothing; a gradient that is not ends its tile.
#define UPDATE_BEGIN                                                                               \
    if (CTL_LATCH(ctl) || CTL_SKIP(ctl) || TILE_NUMBER >= n_tiles) return;                         \
    const int4 tile = tiles[TILE_NUMBER];                                                          \
    UPDATE_TILE(tile)

// Norms over the tile's parameter, from the partial sums of the trust kernel. Where they are not finite,
// no tile of the parameter is updated, not even those whose own gradient is.
#define UPDATE_NORMS                                                                               \
    real w_norm = 0, u_norm = 0;                                                                   \
    const int4 range = ranges[tile.w];                                                             \
    for (int k = range.x; k < range.x + range.y; k++) {                                            \
        w_norm += LOAD(trusts, k);                                                                 \
        u_norm += LOAD(trusts, n_parts + k);                                                       \
    }                                                                                              \
    if (CHECK && (w_norm - w_norm != 0 || u_norm - u_norm != 0)) {                                 \
        latch_gradient(ctl, tile.w);                                                               \
        return;                                                                                    \
    }                                                                                              \
    w_norm = sqrt(w_norm);                                                                         \
    u_norm = sqrt(u_norm);

// From the loss's gradient to what is clipped ...
#define PREPARE(T, w, g)                                                                           \
    if (ACCUMULATE || SYN_HALF) g *= share;                                                        \
    if (PENALTY) g += l1 * sign(w) + l2 * w;                                                       \
    if (COUPLED && DECAY_FIRST) g += decay * w;

// ... and on to what the optimizer gets. Comparisons let NaN through.
#define FINISH(T, w, point, g)                                                                         \
    if (CLIP_VALUE) g = g > (T)(clip) ? (T)(clip) : g < (T)(-clip) ? (T)(-clip) : g;               \
    if (CLIP_NORM) g *= clip;                                                                      \
    if (COUPLED && !DECAY_FIRST) g += decay * point;                                               \
    if (DECOUPLED) w -= scheduled_lr * decay * w;
