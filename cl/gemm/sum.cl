// C = the sum of `parts` matrices of ROWS x COLS elements, one behind the other, in their order.
// One work-item per vector of a row.
// EPILOGUE_PARAMS, C_TYPE: as in gemm/tile.cl.
#if ACCUMULATE
#define PUT(x, i) STORE(LOAD(c, i) + (x), c, i)
#define VPUT(x, i) VSTORE(VLOAD(c, i) + (x), c, i)
#else
#define PUT(x, i) STORE(x, c, i)
#define VPUT(x, i) VSTORE(x, c, i)
#endif

#ifdef EPILOGUE_PARAMS
KERNEL(gemm_sum)(__global const real *part, __global C_TYPE *c, int parts EPILOGUE_PARAMS) {
    const int row = get_global_id(1), col = get_global_id(0) * SYN_VEC, left = COLS - col;
    const size_t at = (size_t)row * COLS + col, next = (size_t)ROWS * COLS;
    realv sum = 0;
    if (left >= SYN_VEC) {
        sum = VLOAD(part, at);
        for (int p = 1; p < parts; ++p) sum += VLOAD(part, p * next + at);
    } else {
        sum = VLOAD_TAIL(part, at, left, 0);
        for (int p = 1; p < parts; ++p) sum += VLOAD_TAIL(part, p * next + at, left, 0);
    }
    FN(epilogue)(sum, row, col, left, c EPILOGUE_ARGS);
}
#else
KERNEL(gemm_sum)(__global const real *part, __global C_TYPE *c, int parts) {
    const int row = get_global_id(1), col = get_global_id(0) * SYN_VEC;
    const size_t at = (size_t)row * COLS + col, next = (size_t)ROWS * COLS;
    if (col + SYN_VEC <= COLS) {
        realv sum = VLOAD(part, at);
        for (int p = 1; p < parts; ++p) sum += VLOAD(part, p * next + at);
        VPUT(sum, at);
    } else {
        for (int l = 0; l < COLS - col; ++l) {
            real sum = LOAD(part, at + l);
            for (int p = 1; p < parts; ++p) sum += LOAD(part, p * next + at + l);
            PUT(sum, at + l);
        }
    }
}
#endif
#undef PUT
#undef VPUT
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
