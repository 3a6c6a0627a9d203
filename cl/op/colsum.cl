// y[block, c] = sum of x[r, c] over the rows of the block, in order. FROM: the type of x.
KERNEL(colsum)(__global const FROM *x, __global real *y, const int rows) {
    const int first = (int)get_global_id(1) * BLOCK, last = min(first + BLOCK, rows);
    y += get_global_id(1) * COLS;
#if SYN_CPU
    int c = (int)get_global_id(0) * VECTORS * SYN_VEC;
    const int end = min(c + VECTORS * SYN_VEC, COLS);
    for (; c + SYN_VEC <= end; c += SYN_VEC) {
        realv sum = 0;
        for (int r = first; r < last; r++) sum += VLOAD(x, (size_t)r * COLS + c);
        VSTORE(sum, y, c);
    }
    for (; c < end; c++) {
#else
    const int c = (int)get_global_id(0);
    if (c < COLS) {
#endif
        real sum = 0;
        for (int r = first; r < last; r++) sum += LOAD(x, (size_t)r * COLS + c);
        STORE(sum, y, c);
    }
}
