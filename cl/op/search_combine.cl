// Of optimizers that search along a line: vector `to` = a x + b y. partial[k] of each part: its product with
// vector `with` (which may be `to` itself: the new one), and the largest of its magnitudes.
KERNEL(combine)(__global real *vectors, __global const int4 *tiles, __global const int4 *parts,
                __global real *partial, const int n_parts, const int length, const int to, const int x,
                const int y, const int with, const real a, const real b) {
#if SYN_CPU
    const int number = (int)get_global_id(0);
    realv dots = 0, mosts = 0;
#else
    const int number = (int)get_group_id(0);
#endif
    const int4 part = parts[number];
    real dot_sum = 0, most = 0;
    for (int k = part.x; k < part.x + part.y; k++) {
        const int4 tile = tiles[k];
        __global real *out = vectors + (size_t)to * length + tile.y;
        __global const real *left = vectors + (size_t)x * length + tile.y;
        __global const real *right = vectors + (size_t)y * length + tile.y;
        __global const real *other = vectors + (size_t)with * length + tile.y;
        int i = TILE_FROM;
#if SYN_CPU
        for (; i + SYN_VEC <= tile.z; i += SYN_VEC) {
            const realv v = a * VLOAD(left, i) + b * VLOAD(right, i);
            VSTORE(v, out, i);
            dots += v * VLOAD(other, i);
            mosts = fmax(mosts, fabs(v));
        }
#endif
        for (; i < tile.z; i += TILE_STRIDE) {
            const real v = a * LOAD(left, i) + b * LOAD(right, i);
            STORE(v, out, i);
            dot_sum += v * LOAD(other, i);
            most = fmax(most, fabs(v));
        }
    }
#if SYN_CPU
    dot_sum += row_sum(dots);
    most = fmax(most, row_max(mosts));
#else
    __local real kept[2][NORM_GROUP];
    const int lane = (int)get_local_id(0);
    kept[0][lane] = dot_sum;
    kept[1][lane] = most;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane) return;
    for (int k = 1; k < NORM_GROUP; k++) {
        dot_sum += kept[0][k];
        most = fmax(most, kept[1][k]);
    }
#endif
    STORE(dot_sum, partial, number);
    STORE(most, partial, n_parts + number);
}
