// y[i] = max of x[i * PIECES ...]; BACKWARD: dx is dy at the first of the largest, else 0. NaN wins.
#if SYN_CPU
#define EACH(i, n)                                                                                 \
    for (int i = (int)get_global_id(0) * RUN, i##_end = min(i + RUN, n); i < i##_end; i++)
#else
#define EACH(i, n) for (int i = (int)get_global_id(0); i < n; i = n)
#endif
static int FN(winner)(__global const cell *x) {
    int best = 0;
    real top = LOAD(x, 0);
    for (int p = 1; p < PIECES; p++) {
        const real v = LOAD(x, p);
        if (v > top || (v != v && top == top)) {
            top = v;
            best = p;
        }
    }
    return best;
}
#if BACKWARD
KERNEL(maxout_grad)(__global const cell *x, __global const cell *dy, __global cell *dx, const int n) {
    EACH(i, n) {
        const size_t at = (size_t)i * PIECES;
        const int best = FN(winner)(x + at);
        for (int p = 0; p < PIECES; p++) STORE(p == best ? LOAD(dy, i) : (real)0, dx, at + p);
    }
}
#else
KERNEL(maxout)(__global const cell *x, __global cell *y, const int n) {
    EACH(i, n) {
        const size_t at = (size_t)i * PIECES;
        STORE(LOAD(x, at + FN(winner)(x + at)), y, i);
    }
}
#endif
#undef EACH
