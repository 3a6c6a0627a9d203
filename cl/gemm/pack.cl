// Copies a matrix into panels for gemm/tile.cl: out[panel][k][lane], PANEL lanes wide, zeros behind
// the last lane. The matrix holds depth k, lane l at y[k * LANES + l] or, when TURN, at
// y[l * DEPTH + k]. One work-item copies CHUNK depths of one panel. LANES and DEPTH are numbers, or
// the kernel arguments lanes and depth. TYPE: real or cell.

KERNEL(gemm_pack)(__global const TYPE *y, __global TYPE *out, int lanes, int depth) {
    // What lies side by side in memory is copied one after the other.
    const int lane0 = get_global_id(!TURN ? 0 : 1) * PANEL, count = min(PANEL, LANES - lane0);
    int k = get_global_id(!TURN ? 1 : 0) * CHUNK;
    const int k1 = min(k + CHUNK, DEPTH);
    out += (size_t)lane0 * DEPTH;
#if TURN
    y += (size_t)lane0 * DEPTH;
#if PANEL % SYN_VEC == 0
    for (; k + SYN_VEC <= k1; k += SYN_VEC)
        for (int l0 = 0; l0 < PANEL; l0 += SYN_VEC) {
            realv t[SYN_VEC];
#pragma unroll
            for (int i = 0; i < SYN_VEC; ++i) {
                t[i] = VLOAD(y, (size_t)min(l0 + i, count - 1) * DEPTH + k);
                if (l0 + i >= count) t[i] = 0;
            }
            turn_vectors(t);
#pragma unroll
            for (int i = 0; i < SYN_VEC; ++i) VSTORE(t[i], out, (size_t)(k + i) * PANEL + l0);
        }
#endif
    for (int l = 0; l < PANEL; ++l)
        for (int d = k; d < k1; ++d)
            STORE(l < count ? LOAD(y, (size_t)l * DEPTH + d) : 0, out, (size_t)d * PANEL + l);
#else
    y += lane0;
    if (count == PANEL) {
        for (; k < k1; ++k) {
#if PANEL % SYN_VEC == 0
#pragma unroll
            for (int l = 0; l < PANEL; l += SYN_VEC)
                VSTORE(VLOAD(y, (size_t)k * LANES + l), out, (size_t)k * PANEL + l);
#else
#pragma unroll
            for (int l = 0; l < PANEL; ++l)
                STORE(LOAD(y, (size_t)k * LANES + l), out, (size_t)k * PANEL + l);
#endif
        }
    } else {
        for (; k < k1; ++k)
            for (int l = 0; l < PANEL; ++l)
                STORE(l < count ? LOAD(y, (size_t)k * LANES + l) : 0, out, (size_t)k * PANEL + l);
    }
#endif
}
