// Columns [X_FIRST, X_FIRST + COLS) of x become columns [Y_FIRST, Y_FIRST + COLS) of y.
KERNEL(columns)(__global const cell *x, __global cell *y, const int rows) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * 16, last = min(first + 16, rows);
    for (int r = first; r < last; r++) {
        const size_t from = (size_t)r * X_COLS + X_FIRST, to = (size_t)r * Y_COLS + Y_FIRST;
        int c = 0;
        for (; c + SYN_VEC <= COLS; c += SYN_VEC) VSTORE(VLOAD(x, from + c), y, to + c);
        for (; c < COLS; c++) STORE(LOAD(x, from + c), y, to + c);
    }
#else
    const int at = (int)get_global_id(0), r = at / COLS, c = at - r * COLS;
    if (r < rows) STORE(LOAD(x, (size_t)r * X_COLS + X_FIRST + c), y, (size_t)r * Y_COLS + Y_FIRST + c);
#endif
}
