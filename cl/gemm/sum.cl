// C = the sum of `parts` matrices of ROWS x COLS elements, one behind the other, in their order.
// One work-item per vector of a row.
#ifdef GEMM_OUT
#define OUT(x, row, col) GEMM_OUT(x, row, col)
#else
#define OUT(x, row, col) (x)
#endif
#if ACCUMULATE
#define PUT(x, i, row, col) STORE(LOAD(c, i) + OUT(x, row, col), c, i)
#define VPUT(x, i, row, col) VSTORE(VLOAD(c, i) + OUT(x, row, col), c, i)
#else
#define PUT(x, i, row, col) STORE(OUT(x, row, col), c, i)
#define VPUT(x, i, row, col) VSTORE(OUT(x, row, col), c, i)
#endif

KERNEL(gemm_sum)(__global const real *part, __global real *c, int parts) {
    const int row = get_global_id(1), col = get_global_id(0) * SYN_VEC;
    const size_t at = (size_t)row * COLS + col, next = (size_t)ROWS * COLS;
    if (col + SYN_VEC <= COLS) {
        realv sum = VLOAD(part, at);
        for (int p = 1; p < parts; ++p) sum += VLOAD(part, p * next + at);
        VPUT(sum, at, row, col);
    } else {
        for (int l = 0; l < COLS - col; ++l) {
            real sum = LOAD(part, at + l);
            for (int p = 1; p < parts; ++p) sum += LOAD(part, p * next + at + l);
            PUT(sum, at + l, row, col + l);
        }
    }
}
#undef PUT
#undef VPUT
#undef OUT
