// The frame of the update kernel (src/optim/update.c). A tile is a piece of one segment:
// (offset in the parameters, offset in gradients and slots, valid length, segment).
#define SCALAR_ROWS 256 // as in src/plan/control.h

#if SYN_CPU
#define TILE_NUMBER ((int)get_global_id(0))
#define TILE_FROM 0
#define TILE_STRIDE 1
#else
#define TILE_NUMBER ((int)get_group_id(0))
#define TILE_FROM ((int)get_local_id(0))
#define TILE_STRIDE ((int)get_local_size(0))
#endif

// The smallest guilty segment stays: complements grow as segments shrink.
static void latch_gradient(__global uint *ctl, int segment) {
    atomic_max(&CTL_GRAD_LATCH(ctl), 0xffffffffu - (uint)segment);
}

static int all_finite(__global const real *g, int length, int from, int stride) {
    int bad = 0;
#if SYN_CPU && SYN_VEC > 1
    int i = 0;
    irealv bads = 0;
    for (; i + SYN_VEC <= length; i += SYN_VEC) {
        const realv v = VLOAD(g, i);
        bads |= (v - v) != (realv)(0);
    }
    bad = any(bads);
    from = i;
#endif
    for (int k = from; k < length; k += stride) {
        const real v = LOAD(g, k);
        bad |= (v - v) != 0;
    }
    return !bad;
}

// A step whose loss was not finite changes nothing; nor does a tile with a gradient that is not.
#define UPDATE_BEGIN                                                                               \
    if (CTL_LATCH(ctl) || TILE_NUMBER >= n_tiles) return;                                          \
    const int4 tile = tiles[TILE_NUMBER];                                                          \
    const int first = tile.x, gfirst = tile.y, length = tile.z;                                    \
    const int row = (int)((CTL_STEP(ctl) - 1) % SCALAR_ROWS);                                      \
    if (!all_finite(grads + gfirst, length, TILE_FROM, TILE_STRIDE)) {                             \
        latch_gradient(ctl, tile.w);                                                               \
        return;                                                                                    \
    }
