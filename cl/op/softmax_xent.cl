// loss[r] = log(sum exp x[r]) - x[r, label]; hit[r] = (argmax x[r] == label);
// dx = (softmax(x) - onehot(label)) / rows (MEAN) or * 1, times SCALE; both times OF_SAMPLE(r). A label that is no class,
// in a caller's buffer, makes the loss NaN.
#define FULL (COLS / SYN_VEC * SYN_VEC)
#define ROWS_A_TIME (SYN_VEC < 8 ? 8 : SYN_VEC) // at least FOR_ROWS's
KERNEL(softmax_xent)(__global const cell *x, __global const int *label,
                     SAMPLES_ARG __global real *loss, __global int *hit,
#if GRAD
                     __global cell *dx,
#endif
                     const int rows) {
    ROW_LOCAL
#if SYN_CPU // logarithms of the rows as vectors, behind them
    real sums[ROWS_A_TIME], rests[ROWS_A_TIME];
    for (int k = 0; k < ROWS_A_TIME; k++) sums[k] = 1, rests[k] = 0;
#endif
    FOR_ROWS(r, rows) {
        const size_t at = (size_t)r * COLS;
        realv top = (realv)(-INFINITY), sum = 0;
        EACH_VECTOR(c, COLS) top = larger(VLOAD(x, at + c), top);
        realv tail = 0;
        if (FULL < COLS) {
            tail = VLOAD_TAIL(x, at + FULL, COLS - FULL, -INFINITY);
            top = larger(tail, top);
        }
        const real m = ROW_MAX(top);
        EACH_VECTOR(c, COLS) sum += exp(VLOAD(x, at + c) - m);
        if (FULL < COLS) {
            tail = exp(tail - m);
            sum += tail;
        }
        const int l = label[r], known = (uint)l < (uint)COLS;
        const real s = ROW_SUM(sum), xl = known ? LOAD(x, at + l) : (real)NAN;
        // A NaN anywhere reaches s through exp, also where the maximum passed it over.
#if SYN_CPU
        sums[r & 7] = s;
        rests[r & 7] = m - xl;
#else
        if (lane == 0) STORE((log(s) + (m - xl)) * OF_SAMPLE(r), loss, r);
#endif
        // First of equal maxima, as argmax does.
        int other = 0;
        EACH_ONE(c, 0, known ? l : 0) other |= !(LOAD(x, at + c) < m);
        other = ROW_ANY(other);
        if (lane == 0) hit[r] = !other && xl == m;
#if GRAD
#if MEAN
        const real factor = SCALE / (real)rows * OF_SAMPLE(r);
#else
        const real factor = SCALE * OF_SAMPLE(r);
#endif
        const real scale = factor / s;
        EACH_VECTOR(c, COLS) VSTORE(exp(VLOAD(x, at + c) - m) * scale, dx, at + c);
        if (FULL < COLS) VSTORE_TAIL(tail * scale, dx, at + FULL, COLS - FULL);
        ROW_FENCE
#if SYN_HALF // what was stored is too coarse to take the factor from
        if (lane == 0 && known) STORE((exp(xl - m) - s) * scale, dx, at + l);
#else
        if (lane == 0 && known) STORE(LOAD(dx, at + l) - factor, dx, at + l);
#endif
#endif
    }
#if SYN_CPU
    for (int k = 0; k < ROWS_A_TIME; k += SYN_VEC) VSET(log(VGET(sums, k)) + VGET(rests, k), sums, k);
    FOR_ROWS(r, rows) STORE(sums[r & 7] * OF_SAMPLE(r), loss, r);
#endif
}
#undef ROWS_A_TIME
#undef FULL
