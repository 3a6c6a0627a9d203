// loss[r] = log(sum exp x[r]) - x[r, label]; hit[r] = (argmax x[r] == label);
// dx = (softmax(x) - onehot(label)) / rows (MEAN) or * 1, times SCALE; both times OF_SAMPLE(r).
#define FULL (COLS / SYN_VEC * SYN_VEC)
KERNEL(softmax_xent)(__global const cell *x, __global const int *label,
                     SAMPLES_ARG __global real *loss, __global int *hit,
#if GRAD
                     __global cell *dx,
#endif
                     const int rows) {
    FOR_ROWS(r, rows) {
        const size_t at = (size_t)r * COLS;
        realv top = (realv)(-INFINITY), sum = 0;
        for (int c = 0; c < FULL; c += SYN_VEC) top = fmax(top, VLOAD(x, at + c));
        realv tail = 0;
        if (FULL < COLS) {
            tail = VLOAD_TAIL(x, at + FULL, COLS - FULL, -INFINITY);
            top = fmax(top, tail);
        }
        const real m = row_max(top);
        for (int c = 0; c < FULL; c += SYN_VEC) sum += exp(VLOAD(x, at + c) - m);
        if (FULL < COLS) {
            tail = exp(tail - m);
            sum += tail;
        }
        const real s = row_sum(sum), xl = LOAD(x, at + label[r]);
        // A NaN anywhere reaches s through exp, for fmax passes NaN over.
        STORE((log(s) + (m - xl)) * OF_SAMPLE(r), loss, r);
        // First of equal maxima, as argmax does.
        int best = 1;
        for (int c = 0; c < label[r]; c++) best &= LOAD(x, at + c) < m;
        hit[r] = best && xl == m;
#if GRAD
#if MEAN
        const real factor = SCALE / (real)rows * OF_SAMPLE(r);
#else
        const real factor = SCALE * OF_SAMPLE(r);
#endif
        const real scale = factor / s;
        for (int c = 0; c < FULL; c += SYN_VEC) VSTORE(exp(VLOAD(x, at + c) - m) * scale, dx, at + c);
        if (FULL < COLS) VSTORE_TAIL(tail * scale, dx, at + FULL, COLS - FULL);
#if SYN_HALF // what was stored is too coarse to take the factor from
        STORE((exp(xl - m) - s) * scale, dx, at + label[r]);
#else
        STORE(LOAD(dx, at + label[r]) - factor, dx, at + label[r]);
#endif
#endif
    }
}
#undef FULL
