// y = softmax(x) row by row.
#define FULL (COLS / SYN_VEC * SYN_VEC)
KERNEL(softmax)(__global const real *x, __global real *y, const int rows) {
    FOR_ROWS(r, rows) {
        const size_t at = (size_t)r * COLS;
        realv top = (realv)(-INFINITY), sum = 0;
        for (int c = 0; c < FULL; c += SYN_VEC) top = fmax(top, VLOAD(x, at + c));
        if (FULL < COLS) top = fmax(top, VLOAD_TAIL(x, at + FULL, COLS - FULL, -INFINITY));
        const real m = row_max(top);
        for (int c = 0; c < FULL; c += SYN_VEC) {
            const realv p = exp(VLOAD(x, at + c) - m);
            sum += p;
            VSTORE(p, y, at + c);
        }
        realv tail = 0;
        if (FULL < COLS) {
            tail = exp(VLOAD_TAIL(x, at + FULL, COLS - FULL, -INFINITY) - m);
            sum += tail;
        }
        const real scale = 1 / row_sum(sum);
        for (int c = 0; c < FULL; c += SYN_VEC) VSTORE(VLOAD(y, at + c) * scale, y, at + c);
        if (FULL < COLS) VSTORE_TAIL(tail * scale, y, at + FULL, COLS - FULL);
    }
}
#undef FULL
