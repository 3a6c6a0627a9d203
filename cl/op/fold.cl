// out[c] = sum of part[block, c] over the blocks, in order; two arrays side by side.
KERNEL(fold)(
#if DGAMMA
    __global const real *dgamma_part, __global real *dgamma,
#endif
#if DBETA
    __global const real *dbeta_part, __global real *dbeta,
#endif
    const int blocks) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * SPAN, last = min(first + SPAN, COLS);
    for (int c = first; c + SYN_VEC <= last; c += SYN_VEC) {
        realv sum = 0, sum_x = 0;
        for (int b = 0; b < blocks; b++) {
#if DGAMMA
            sum_x += VLOAD(dgamma_part, b * COLS + c);
#endif
#if DBETA
            sum += VLOAD(dbeta_part, b * COLS + c);
#endif
        }
#if DGAMMA
        VSTORE(sum_x, dgamma, c);
#endif
#if DBETA
        VSTORE(sum, dbeta, c);
#endif
    }
    for (int c = first + (last - first) / SYN_VEC * SYN_VEC; c < last; c++) {
#else
    const int c = (int)get_global_id(0);
    if (c < COLS) {
#endif
        real sum = 0, sum_x = 0;
        for (int b = 0; b < blocks; b++) {
#if DGAMMA
            sum_x += LOAD(dgamma_part, b * COLS + c);
#endif
#if DBETA
            sum += LOAD(dbeta_part, b * COLS + c);
#endif
        }
#if DGAMMA
        STORE(sum_x, dgamma, c);
#endif
#if DBETA
        STORE(sum, dbeta, c);
#endif
    }
}
