// Gradients of y = x > 0 ? x : x alpha, alpha a row: dx, and dalpha[block] the sums over the rows of a block.
//     dx = dy (x > 0 ? 1 : alpha),  dalpha = sum(dy (x > 0 ? 0 : x))
#if SYN_CPU
#define LOADV(p, c) row_load(p, c, COLS, 0)
#define STOREV(v, p, c) row_store(v, p, c, COLS)
// ROWS side by side: 1 in small tensors. All loads before the first store.
#define EACH(n) _Pragma("unroll") for (int k = 0; k < (n); k++)
#define TAKE(v, sum, slope, row, c)                                                                \
    {                                                                                              \
        const realv a = LOADV(x + (row) * COLS, c), d = LOADV(dy + (row) * COLS, c);               \
        v = a > 0 ? d : d * slope;                                                                 \
        sum += d * (a > 0 ? (realv)(0) : a);                                                       \
    }
#endif

KERNEL(prelu_grad)(__global const cell *x, __global const cell *dy, __global const ALPHA *alpha, __global cell *dx,
                   __global real *dalpha, const int rows) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * BLOCK, n = min(BLOCK, rows - first);
    x += first * COLS, dy += first * COLS, dx += first * COLS;
    dalpha += get_global_id(0) * COLS;
    for (int c = 0; c < COLS; c += LINE) OWN(dalpha + c); // other cores read the last sums
    for (int r = 0; r < n; r += ROWS)
        for (int c = 0; c < COLS; c += SYN_VEC) {
            const realv slope = LOADV(alpha, c);
            realv sum = r ? LOADV(dalpha, c) : (realv)(0), v[ROWS];
            if (r + ROWS <= n) {
                EACH(ROWS) TAKE(v[k], sum, slope, r + k, c)
                EACH(ROWS) STOREV(v[k], dx + (r + k) * COLS, c);
            } else {
                for (int k = r; k < n; k++) {
                    TAKE(v[0], sum, slope, k, c)
                    STOREV(v[0], dx + k * COLS, c);
                }
            }
            STOREV(sum, dalpha, c);
        }
#else
    const int c = (int)get_global_id(0), block = (int)get_global_id(1);
    if (c >= COLS) return;
    const real slope = LOAD(alpha, c);
    real sum = 0;
    for (int r = block * BLOCK; r < min((block + 1) * BLOCK, rows); r++) {
        const real a = LOAD(x, r * COLS + c), d = LOAD(dy, r * COLS + c);
        STORE(a > 0 ? d : d * slope, dx, r * COLS + c);
        sum += d * (a > 0 ? (real)0 : a);
    }
    STORE(sum, dalpha, block * COLS + c);
#endif
}
#if SYN_CPU
#undef STOREV
#undef LOADV
#undef EACH
#undef TAKE
#endif
