// y = softmax(x) or its logarithm (LOG), row by row; BACKWARD: dx from y and dy. Four vectors at a time: one chain of
// maxima or sums would wait for itself. LEFT: the vectors behind them, and what is no whole vector.
#define FULL (COLS / SYN_VEC * SYN_VEC)
#define FOURS (SYN_CPU ? COLS / (4 * SYN_VEC) * (4 * SYN_VEC) : 0)
#define EACH_FOUR(c) for (int c = 0; c < FOURS; c += 4 * SYN_VEC)
#define EACH_LEFT(c) for (int c = FOURS + lane * SYN_VEC; c < FULL; c += SYN_VEC * ROW_LANES)
#define AT(c, k) ((c) + (k) * SYN_VEC)
#if BACKWARD
#if LOG
#define TERM(at) VLOAD(dy, at)
#define RESULT(d, v) ((d) - exp(v) * sum)
#else
#define TERM(at) (VLOAD(dy, at) * VLOAD(y, at))
#define RESULT(d, v) ((v) * ((d) - sum))
#endif
KERNEL(softmax_grad)(__global const cell *y, __global const cell *dy, __global cell *dx, const int rows) {
    ROW_LOCAL
    FOR_ROWS(r, rows) {
        const size_t at = (size_t)r * COLS;
        realv s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        EACH_FOUR(c) {
            s0 += TERM(at + AT(c, 0));
            s1 += TERM(at + AT(c, 1));
            s2 += TERM(at + AT(c, 2));
            s3 += TERM(at + AT(c, 3));
        }
        EACH_LEFT(c) s0 += TERM(at + c);
        if (FULL < COLS) {
            const realv d = VLOAD_TAIL(dy, at + FULL, COLS - FULL, 0);
            s1 += LOG ? d : d * VLOAD_TAIL(y, at + FULL, COLS - FULL, 0);
        }
        const real sum = ROW_SUM((s0 + s1) + (s2 + s3));
        EACH_VECTOR(c, COLS) {
            const realv d = VLOAD(dy, at + c), v = VLOAD(y, at + c);
            VSTORE(RESULT(d, v), dx, at + c);
        }
        if (FULL < COLS) {
            const realv d = VLOAD_TAIL(dy, at + FULL, COLS - FULL, 0);
            const realv v = VLOAD_TAIL(y, at + FULL, COLS - FULL, 0);
            VSTORE_TAIL(RESULT(d, v), dx, at + FULL, COLS - FULL);
        }
    }
}
#undef TERM
#undef RESULT
#else
// p = e^(x - m) of a vector, kept in y where it is wanted again.
static realv FN(power)(__global const cell *x, __global cell *y, size_t at, real m) {
    const realv p = exp(VLOAD(x, at) - m);
#if !LOG && !SYN_HALF
    VSTORE(p, y, at);
#endif
    return p;
}
KERNEL(softmax)(__global const cell *x, __global cell *y, const int rows) {
    ROW_LOCAL
    FOR_ROWS(r, rows) {
        const size_t at = (size_t)r * COLS;
        realv t0 = (realv)(-INFINITY), t1 = t0, t2 = t0, t3 = t0, tail = 0;
        EACH_FOUR(c) {
            t0 = larger(VLOAD(x, at + AT(c, 0)), t0);
            t1 = larger(VLOAD(x, at + AT(c, 1)), t1);
            t2 = larger(VLOAD(x, at + AT(c, 2)), t2);
            t3 = larger(VLOAD(x, at + AT(c, 3)), t3);
        }
        EACH_LEFT(c) t0 = larger(VLOAD(x, at + c), t0);
        if (FULL < COLS) {
            tail = VLOAD_TAIL(x, at + FULL, COLS - FULL, -INFINITY);
            t1 = larger(tail, t1);
        }
        const real m = ROW_MAX(larger(larger(t0, t1), larger(t2, t3)));
        realv s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        EACH_FOUR(c) {
            s0 += FN(power)(x, y, at + AT(c, 0), m);
            s1 += FN(power)(x, y, at + AT(c, 1), m);
            s2 += FN(power)(x, y, at + AT(c, 2), m);
            s3 += FN(power)(x, y, at + AT(c, 3), m);
        }
        EACH_LEFT(c) s0 += FN(power)(x, y, at + c, m);
        if (FULL < COLS) {
            const realv p = exp(tail - m);
            s1 += p;
#if !LOG
            tail = p;
#endif
        }
        const real sum = ROW_SUM((s0 + s1) + (s2 + s3));
#if LOG
        // log(sum) apart from m: their sum would round away what tells large logits apart.
        const real rest = log(sum);
        EACH_VECTOR(c, COLS) VSTORE((VLOAD(x, at + c) - m) - rest, y, at + c);
        if (FULL < COLS) VSTORE_TAIL((tail - m) - rest, y, at + FULL, COLS - FULL);
#else
        const real scale = 1 / sum;
#if SYN_HALF // rounded once
        EACH_VECTOR(c, COLS) VSTORE(exp(VLOAD(x, at + c) - m) * scale, y, at + c);
#else
        EACH_VECTOR(c, COLS) VSTORE(VLOAD(y, at + c) * scale, y, at + c);
#endif
        if (FULL < COLS) VSTORE_TAIL(tail * scale, y, at + FULL, COLS - FULL);
#endif
    }
}
#endif
#undef FULL
#undef FOURS
#undef EACH_FOUR
#undef EACH_LEFT
#undef AT
