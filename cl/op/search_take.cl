// Of optimizers that search along a line: the gradient of the objective, penalties and coupled decay among it,
// becomes vector `to`. partial[k] of each part: its product with vector `with`, with itself, the sum and the
// largest of |g|, and the penalty; n_parts of each.
#define TAKE(T, w, g)                                                                              \
    if (ACCUMULATE) g *= share;                                                                    \
    if (PENALTY) g += l1 * sign(w) + l2 * w;                                                       \
    if (COUPLED) g += decay * w;

KERNEL(take)(__global const real *params, __global const real *grads, __global real *vectors,
             __global const int4 *tiles, __global const int4 *parts, __global const real *factors,
             __global const uint *ctl, __global real *partial, const int n_parts, const int length,
             const int to, const int with) {
#if SYN_CPU
    const int number = (int)get_global_id(0);
    realv dots = 0, squares = 0, sums = 0, mosts = 0, penalties = 0;
#else
    const int number = (int)get_group_id(0);
#endif
    const int4 part = parts[number];
    real dot_sum = 0, square = 0, sum = 0, most = 0, penalty = 0;
    for (int k = part.x; k < part.x + part.y; k++) {
        const int4 tile = tiles[k];
        __global const real *factor = TILE_FACTORS(factors, tile);
        const real decay = LOAD(factor, 1), l1 = LOAD(factor, 2), l2 = LOAD(factor, 3);
        const real share = ACCUMULATE ? 1 / (real)CTL_GRADS(ctl) : (real)1;
        __global real *out = vectors + (size_t)to * length + tile.y;
        __global const real *other = vectors + (size_t)with * length + tile.y;
        int i = TILE_FROM;
#if SYN_CPU
        for (; i + SYN_VEC <= tile.z; i += SYN_VEC) {
            const realv w = PENALTY || COUPLED ? VLOAD(params, tile.x + i) : (realv)(0);
            realv g = VLOAD(grads, tile.y + i);
            TAKE(realv, w, g)
            VSTORE(g, out, i);
            dots += g * VLOAD(other, i);
            squares += g * g;
            sums += fabs(g);
            mosts = fmax(mosts, fabs(g));
            if (PENALTY) penalties += l1 * fabs(w) + l2 / 2 * w * w;
            if (COUPLED) penalties += decay / 2 * w * w;
        }
#endif
        for (; i < tile.z; i += TILE_STRIDE) {
            const real w = LOAD(params, tile.x + i);
            real g = LOAD(grads, tile.y + i);
            TAKE(real, w, g)
            STORE(g, out, i);
            dot_sum += g * LOAD(other, i);
            square += g * g;
            sum += fabs(g);
            most = fmax(most, fabs(g));
            if (PENALTY) penalty += l1 * fabs(w) + l2 / 2 * w * w;
            if (COUPLED) penalty += decay / 2 * w * w;
        }
    }
#if SYN_CPU
    dot_sum += row_sum(dots);
    square += row_sum(squares);
    sum += row_sum(sums);
    most = fmax(most, row_max(mosts));
    penalty += row_sum(penalties);
#else
    __local real kept[5][NORM_GROUP];
    const int lane = (int)get_local_id(0);
    kept[0][lane] = dot_sum;
    kept[1][lane] = square;
    kept[2][lane] = sum;
    kept[3][lane] = most;
    kept[4][lane] = penalty;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane) return;
    for (int k = 1; k < NORM_GROUP; k++) {
        dot_sum += kept[0][k];
        square += kept[1][k];
        sum += kept[2][k];
        most = fmax(most, kept[3][k]);
        penalty += kept[4][k];
    }
#endif
    STORE(dot_sum, partial, number);
    STORE(square, partial, n_parts + number);
    STORE(sum, partial, 2 * n_parts + number);
    STORE(most, partial, 3 * n_parts + number);
    STORE(penalty, partial, 4 * n_parts + number);
}
#undef TAKE
