// Rows of the stored set: out[r] = (x[perm[cursor + r]] - shift) * scale, or labels as they are. TO: the type of out.
#if DIRECT
#define SOURCE_ROW(r) (r)
#else
#define SOURCE_ROW(r) (perm[CTL_CURSOR(ctl) + (r)])
#endif

#if LABELS
KERNEL(labels)(__global const STORED *x, __global const int *perm, __global const uint *ctl,
               __global int *out, const int rows) {
#if SYN_CPU
    for (int r = 0; r < rows; r++)
#else
    const int r = (int)get_global_id(0);
    if (r < rows)
#endif
        out[r] = (int)x[SOURCE_ROW(r)];
}
#else
KERNEL(feed)(__global const STORED *x, __global const int *perm, __global const uint *ctl,
#if STANDARDISE
             __global const real *shift, __global const real *scale,
#endif
             __global TO *out, const int rows) {
#if SYN_CPU
    FOR_ROWS(r, rows) {
        const size_t from = (size_t)SOURCE_ROW(r) * COLS, to = (size_t)r * COLS;
        int c = 0;
        for (; c + SYN_VEC <= COLS; c += SYN_VEC) {
#if SYN_VEC == 1
            realv v = TO_REALV(x[from + c]);
#else
            realv v = TO_REALV(CAT(vload, SYN_VEC)(0, x + from + c));
#endif
#if STANDARDISE
            v = (v - VLOAD(shift, c)) * VLOAD(scale, c);
#endif
            VSTORE(v, out, to + c);
        }
        for (; c < COLS; c++) {
#else
    {
        const int at = (int)get_global_id(0), r = at / COLS, c = at - r * COLS;
        if (r < rows) {
            const size_t from = (size_t)SOURCE_ROW(r) * COLS, to = (size_t)r * COLS;
#endif
            real v = (real)x[from + c];
#if STANDARDISE
            v = (v - LOAD(shift, c)) * LOAD(scale, c);
#endif
            STORE(v, out, to + c);
        }
    }
}
#endif
#undef SOURCE_ROW
