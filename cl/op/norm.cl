// In front of the update: n parts (first tile, tiles, parameter, k) -> partial[k], the sum of |g|, g^2
// or the largest |g| of the prepared gradient, and partial[n_parts + k], the penalty of its weights.
#define NORM_ELEMENTS(T, load, sum, penalties, i)                                                  \
    {                                                                                              \
        const T w = PENALTY || COUPLED ? load(params, first + (i)) : (T)(0);                       \
        T g = load(grads, gfirst + (i));                                                           \
        PREPARE(T, w, g)                                                                           \
        NORM_GATHER(CLIP_P, sum, g)                                                                           \
        if (PENALTY) penalties += l1 * fabs(w) + l2 / 2 * w * w;                                   \
    }

// `params`: the weights at which the gradient was taken, or the block of slots, whose first has them.
#if AHEAD
#define POINT(tile) (tile).y
#else
#define POINT(tile) (tile).x
#endif

// Parts are taken from the last to the first: what was read last is still near when the update, which
// goes the other way, begins.
KERNEL(norm)(__global const real *params, __global const real *grads, __global const int4 *tiles,
             __global const int4 *parts, __global const real *factors, __global const uint *ctl,
             __global real *partial, const int n, const int n_parts) {
#if SYN_CPU
    const int4 part = parts[n - 1 - (int)get_global_id(0)];
#else
    const int4 part = parts[n - 1 - (int)get_group_id(0)];
#endif
    const int4 head = tiles[part.x], tail = tiles[part.x + part.y - 1];
    const int first = POINT(head), gfirst = head.y, length = tail.y + tail.z - head.y; // tiles follow each other
    __global const real *factor = TILE_FACTORS(factors, head);
    const real decay = LOAD(factor, 1), l1 = LOAD(factor, 2), l2 = LOAD(factor, 3);
    const real share = UNSCALED(ACCUMULATE ? 1 / (real)CTL_GRADS(ctl) : (real)1, 1 / as_float(CTL_LOSS_SCALE(ctl)));
    real norm = 0, penalty = 0;
    int i = TILE_FROM;
#if SYN_CPU
    // Four quarters at once: a core that reads one place after the other uses a good half of the memory's
    // speed, and one sum would wait for its own last addition.
    realv sums = 0, sums1 = 0, sums2 = 0, sums3 = 0, penalties = 0;
    const int quarter = length / (4 * SYN_VEC) * SYN_VEC;
    for (; i < quarter; i += SYN_VEC) {
        NORM_ELEMENTS(realv, VLOAD, sums, penalties, i)
        NORM_ELEMENTS(realv, VLOAD, sums1, penalties, i + quarter)
        NORM_ELEMENTS(realv, VLOAD, sums2, penalties, i + 2 * quarter)
        NORM_ELEMENTS(realv, VLOAD, sums3, penalties, i + 3 * quarter)
    }
    i = 4 * quarter;
    for (; i + SYN_VEC <= length; i += SYN_VEC) NORM_ELEMENTS(realv, VLOAD, sums, penalties, i)
#endif
    for (; i < length; i += TILE_STRIDE) NORM_ELEMENTS(real, LOAD, norm, penalty, i)
#if SYN_CPU
    sums = NORM_JOIN(CLIP_P, NORM_JOIN(CLIP_P, sums, sums1), NORM_JOIN(CLIP_P, sums2, sums3));
    norm = NORM_JOIN(CLIP_P, norm, norm_lanes(CLIP_P, sums));
    penalty += row_sum(penalties);
    STORE(norm, partial, part.w);
    STORE(penalty, partial, n_parts + part.w);
#else
    __local real norms[NORM_GROUP], penalties[NORM_GROUP];
    const int lane = (int)get_local_id(0);
    norms[lane] = norm;
    penalties[lane] = penalty;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0) {
        for (int k = 1; k < NORM_GROUP; k++) {
            norm = NORM_JOIN(CLIP_P, norm, norms[k]);
            penalty += penalties[k];
        }
        STORE(norm, partial, part.w);
        STORE(penalty, partial, n_parts + part.w);
    }
#endif
}
#undef NORM_ELEMENTS
#undef POINT
