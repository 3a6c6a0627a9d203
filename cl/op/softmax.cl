// y = softmax(x) or its logarithm (LOG), row by row; BACKWARD: dx from y and dy.
#define FULL (COLS / SYN_VEC * SYN_VEC)
#if BACKWARD
KERNEL(softmax_grad)(__global const cell *y, __global const cell *dy, __global cell *dx, const int rows) {
    FOR_ROWS(r, rows) {
        const size_t at = (size_t)r * COLS;
        realv part = 0;
        for (int c = 0; c < FULL; c += SYN_VEC)
            part += LOG ? VLOAD(dy, at + c) : VLOAD(dy, at + c) * VLOAD(y, at + c);
        if (FULL < COLS) {
            const realv d = VLOAD_TAIL(dy, at + FULL, COLS - FULL, 0);
            part += LOG ? d : d * VLOAD_TAIL(y, at + FULL, COLS - FULL, 0);
        }
        const real sum = row_sum(part);
        for (int c = 0; c < FULL; c += SYN_VEC) {
            const realv d = VLOAD(dy, at + c), v = VLOAD(y, at + c);
            VSTORE(LOG ? d - exp(v) * sum : v * (d - sum), dx, at + c);
        }
        if (FULL < COLS) {
            const realv d = VLOAD_TAIL(dy, at + FULL, COLS - FULL, 0);
            const realv v = VLOAD_TAIL(y, at + FULL, COLS - FULL, 0);
            VSTORE_TAIL(LOG ? d - exp(v) * sum : v * (d - sum), dx, at + FULL, COLS - FULL);
        }
    }
}
#else
KERNEL(softmax)(__global const cell *x, __global cell *y, const int rows) {
    FOR_ROWS(r, rows) {
        const size_t at = (size_t)r * COLS;
        realv top = (realv)(-INFINITY), sum = 0, tail = 0;
        for (int c = 0; c < FULL; c += SYN_VEC) top = fmax(top, VLOAD(x, at + c));
        if (FULL < COLS) {
            tail = VLOAD_TAIL(x, at + FULL, COLS - FULL, -INFINITY);
            top = fmax(top, tail);
        }
        const real m = row_max(top);
        for (int c = 0; c < FULL; c += SYN_VEC) {
            const realv p = exp(VLOAD(x, at + c) - m);
            sum += p;
#if !LOG && !SYN_HALF
            VSTORE(p, y, at + c);
#endif
        }
        if (FULL < COLS) {
            const realv p = exp(tail - m);
            sum += p;
#if !LOG
            tail = p;
#endif
        }
#if LOG
        // log(sum) apart from m: their sum would round away what tells large logits apart.
        const real rest = log(row_sum(sum));
        for (int c = 0; c < FULL; c += SYN_VEC) VSTORE((VLOAD(x, at + c) - m) - rest, y, at + c);
        if (FULL < COLS) VSTORE_TAIL((tail - m) - rest, y, at + FULL, COLS - FULL);
#else
        const real scale = 1 / row_sum(sum);
#if SYN_HALF // rounded once
        for (int c = 0; c < FULL; c += SYN_VEC) VSTORE(exp(VLOAD(x, at + c) - m) * scale, y, at + c);
#else
        for (int c = 0; c < FULL; c += SYN_VEC) VSTORE(VLOAD(y, at + c) * scale, y, at + c);
#endif
        if (FULL < COLS) VSTORE_TAIL(tail * scale, y, at + FULL, COLS - FULL);
#endif
    }
}
#endif
#undef FULL
