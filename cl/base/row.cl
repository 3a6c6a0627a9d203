// Kernels that work row by row: FOR_ROWS visits the rows of a work-item, and the helpers read a row
// in whole vectors, the tail padded.
#if SYN_CPU
#define FOR_ROWS(r, rows)                                                                          \
    for (int r = (int)get_global_id(0) * 8, r##_end = min(r + 8, rows); r < r##_end; r++)
#else
#define FOR_ROWS(r, rows) for (int r = (int)get_global_id(0); r < rows; r = rows)
#endif

#if SYN_VEC == 1
#define VLOAD_TAIL(p, i, n, pad) ((real)(pad)) // -INFINITY alone is a float
#define VSTORE_TAIL(v, p, i, n)
static real row_sum(realv v) { return v; }
static real row_max(realv v) { return v; }
#else
// The n < SYN_VEC elements at p + i, then `pad`.
static realv vload_tail(__global const real *p, int n, real pad) {
    real lane[SYN_VEC];
    for (int k = 0; k < SYN_VEC; k++) lane[k] = k < n ? LOAD(p, k) : pad;
    return CAT(vload, SYN_VEC)(0, lane);
}
static void vstore_tail(realv v, __global real *p, int n) {
    real lane[SYN_VEC];
    CAT(vstore, SYN_VEC)(v, 0, lane);
    for (int k = 0; k < n; k++) STORE(lane[k], p, k);
}
#define VLOAD_TAIL(p, i, n, pad) vload_tail((p) + (i), n, pad)
#define VSTORE_TAIL(v, p, i, n) vstore_tail(v, (p) + (i), n)
static real row_sum(realv v) {
    real lane[SYN_VEC], sum = 0;
    CAT(vstore, SYN_VEC)(v, 0, lane);
    for (int k = 0; k < SYN_VEC; k++) sum += lane[k];
    return sum;
}
static real row_max(realv v) {
    real lane[SYN_VEC];
    CAT(vstore, SYN_VEC)(v, 0, lane);
    real m = lane[0];
    for (int k = 1; k < SYN_VEC; k++) m = fmax(m, lane[k]);
    return m;
}
#endif
