// In front of the update: parts[k] = (first tile, tiles, parameter, 0) -> partial[k], the sum of |g|, g^2
// or the largest |g| of the prepared gradient, and partial[n_parts + k], the penalty of its weights.
#if SYN_VEC > 1
#define ROW_SUM(v) row_sum(v)
#define ROW_MAX(v) row_max(v)
#else
#define ROW_SUM(v) (v)
#define ROW_MAX(v) (v)
#endif
#define GATHER(sum, g)                                                                             \
    if (CLIP_P == 1) sum += fabs(g);                                                               \
    if (CLIP_P == 2) sum += g * g;                                                                 \
    if (CLIP_P == 3) sum = fmax(sum, fabs(g)) + 0 * g; /* fmax passes NaN over */
#define JOIN(a, b) (CLIP_P == 3 ? fmax(a, b) + 0 * (a + b) : a + b)

// One vector of a tile. Four sums take turns: one alone would wait for its own last addition.
#define NORM_VECTOR(sum, i)                                                                        \
    {                                                                                              \
        const realv w = PENALTY || COUPLED ? VLOAD(params, POINT(tile) + (i)) : (realv)(0);             \
        realv g = VLOAD(grads, tile.y + (i));                                                      \
        PREPARE(realv, w, g)                                                                       \
        GATHER(sum, g)                                                                             \
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
             __global real *partial, const int n_parts) {
#if SYN_CPU
    const int number = n_parts - 1 - (int)get_global_id(0);
#else
    const int number = n_parts - 1 - (int)get_group_id(0);
#endif
    const int4 part = parts[number];
    real norm = 0, penalty = 0;
#if SYN_CPU
    realv sums = 0, sums1 = 0, sums2 = 0, sums3 = 0, penalties = 0; // joined once a part: lane by lane takes as long as half a tile
#endif
    for (int k = part.x; k < part.x + part.y; k++) {
        const int4 tile = tiles[k];
        __global const real *factor = TILE_FACTORS(factors, tile);
        const real decay = LOAD(factor, 1), l1 = LOAD(factor, 2), l2 = LOAD(factor, 3);
        const real share = ACCUMULATE ? 1 / (real)CTL_GRADS(ctl) : (real)1;
        int i = TILE_FROM;
#if SYN_CPU
        for (; i + 4 * SYN_VEC <= tile.z; i += 4 * SYN_VEC) {
            NORM_VECTOR(sums, i)
            NORM_VECTOR(sums1, i + SYN_VEC)
            NORM_VECTOR(sums2, i + 2 * SYN_VEC)
            NORM_VECTOR(sums3, i + 3 * SYN_VEC)
        }
        for (; i + SYN_VEC <= tile.z; i += SYN_VEC) NORM_VECTOR(sums, i)
#endif
        for (; i < tile.z; i += TILE_STRIDE) {
            const real w = LOAD(params, POINT(tile) + i);
            real g = LOAD(grads, tile.y + i);
            PREPARE(real, w, g)
            GATHER(norm, g)
            if (PENALTY) penalty += l1 * fabs(w) + l2 / 2 * w * w;
        }
    }
#if SYN_CPU
    sums = JOIN(JOIN(sums, sums1), JOIN(sums2, sums3));
    const real joined = CLIP_P == 3 ? ROW_MAX(sums) + 0 * ROW_SUM(sums) : ROW_SUM(sums);
    norm = JOIN(norm, joined);
    penalty += ROW_SUM(penalties);
    STORE(norm, partial, number);
    STORE(penalty, partial, n_parts + number);
#else
    __local real norms[NORM_GROUP], penalties[NORM_GROUP];
    const int lane = (int)get_local_id(0);
    norms[lane] = norm;
    penalties[lane] = penalty;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0) {
        for (int k = 1; k < NORM_GROUP; k++) {
            norm = JOIN(norm, norms[k]);
            penalty += penalties[k];
        }
        STORE(norm, partial, number);
        STORE(penalty, partial, n_parts + number);
    }
#endif
}
#undef ROW_SUM
#undef ROW_MAX
#undef GATHER
#undef JOIN
#undef NORM_VECTOR
#undef POINT
