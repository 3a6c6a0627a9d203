// loss[r] = mean (MEAN) or sum over the features of (x - t)^2; dx = 2 (x - t) / (features rows) or
// 2 (x - t), times SCALE; both times OF_SAMPLE(r).
KERNEL(mse)(__global const cell *x, __global const real *t, SAMPLES_ARG __global real *loss,
#if GRAD
            __global cell *dx,
#endif
            const int rows) {
    ROW_LOCAL
#if MEAN
    const real share = 1 / (real)COLS, all = 2 * SCALE / ((real)COLS * (real)rows);
#else
    const real share = 1, all = 2 * SCALE;
#endif
    FOR_ROWS(r, rows) {
        const real factor = all * OF_SAMPLE(r);
        const size_t at = (size_t)r * COLS;
        realv sum = 0;
        EACH_VECTOR(c, COLS) {
            const realv d = VLOAD(x, at + c) - VLOAD(t, at + c);
            sum += d * d;
#if GRAD
            VSTORE(d * factor, dx, at + c);
#endif
        }
        real rest = 0;
        EACH_REST(c, COLS) {
            const real d = LOAD(x, at + c) - LOAD(t, at + c);
            rest += d * d;
#if GRAD
            STORE(d * factor, dx, at + c);
#endif
        }
        const real total = ROW_SUM(sum) + rest;
        if (lane == 0) STORE(total * share * OF_SAMPLE(r), loss, r);
    }
}
