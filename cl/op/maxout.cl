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

// Vectors of results: pieces are parted by even and odd places, and joined the same way back.
#define BY_VECTOR (SYN_VEC > 1 && (PIECES == 2 || PIECES == 4))
#if BY_VECTOR
static void FN(part)(realv a, realv b, realv *even, realv *odd) {
    *even = (realv)(a.even, b.even);
    *odd = (realv)(a.odd, b.odd);
}
static void FN(join)(realv even, realv odd, realv *a, realv *b) {
    a->even = even.lo;
    a->odd = odd.lo;
    b->even = even.hi;
    b->odd = odd.hi;
}
static void FN(pieces)(__global const cell *x, realv *piece) {
#if PIECES == 2
    FN(part)(VLOAD(x, 0), VLOAD(x, SYN_VEC), &piece[0], &piece[1]);
#else
    realv even0, even1, odd0, odd1;
    FN(part)(VLOAD(x, 0), VLOAD(x, SYN_VEC), &even0, &odd0);
    FN(part)(VLOAD(x, 2 * SYN_VEC), VLOAD(x, 3 * SYN_VEC), &even1, &odd1);
    FN(part)(even0, even1, &piece[0], &piece[2]);
    FN(part)(odd0, odd1, &piece[1], &piece[3]);
#endif
}
static void FN(put)(const realv *piece, __global cell *dx) {
    realv a, b;
#if PIECES == 2
    FN(join)(piece[0], piece[1], &a, &b);
#else
    realv even0, even1, odd0, odd1;
    FN(join)(piece[0], piece[2], &even0, &even1);
    FN(join)(piece[1], piece[3], &odd0, &odd1);
    FN(join)(even1, odd1, &a, &b);
    VSTORE(a, dx, 2 * SYN_VEC);
    VSTORE(b, dx, 3 * SYN_VEC);
    FN(join)(even0, odd0, &a, &b);
#endif
    VSTORE(a, dx, 0);
    VSTORE(b, dx, SYN_VEC);
}
// The largest, and its number.
static realv FN(largest)(const realv *piece, irealv *best) {
    realv top = piece[0];
    *best = 0;
#pragma unroll
    for (int p = 1; p < PIECES; p++) {
        const irealv take = !(top >= piece[p]) & (top == top); // larger, or the first NaN
        top = take ? piece[p] : top;
        *best = take ? (irealv)(p) : *best;
    }
    return top;
}
#endif

#if BACKWARD
KERNEL(maxout_grad)(__global const cell *x, __global const cell *dy, __global cell *dx, const int n) {
    EACH(i, n) {
        const size_t at = (size_t)i * PIECES;
#if BY_VECTOR
        if (i + SYN_VEC <= i_end) {
            realv piece[PIECES];
            irealv best;
            FN(pieces)(x + at, piece);
            FN(largest)(piece, &best);
            const realv d = VLOAD(dy, i);
#pragma unroll
            for (int p = 0; p < PIECES; p++) piece[p] = best == (irealv)(p) ? d : (realv)(0);
            FN(put)(piece, dx + at);
            i += SYN_VEC - 1;
            continue;
        }
#endif
        const int best = FN(winner)(x + at);
        for (int p = 0; p < PIECES; p++) STORE(p == best ? LOAD(dy, i) : (real)0, dx, at + p);
    }
}
#else
KERNEL(maxout)(__global const cell *x, __global cell *y, const int n) {
    EACH(i, n) {
        const size_t at = (size_t)i * PIECES;
#if BY_VECTOR
        if (i + SYN_VEC <= i_end) {
            realv piece[PIECES];
            irealv best;
            FN(pieces)(x + at, piece);
            VSTORE(FN(largest)(piece, &best), y, i);
            i += SYN_VEC - 1;
            continue;
        }
#endif
        STORE(LOAD(x, at + FN(winner)(x + at)), y, i);
    }
}
#endif
#undef EACH
#undef BY_VECTOR
