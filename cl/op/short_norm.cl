// Normalisation over many short groups of adjacent columns on CPUs, row_norm.cl's formulas: GROUP is one to four
// vectors, and the groups of a row are a multiple of SYN_VEC. Forward, the sums over the lanes of SYN_VEC groups are
// taken together, and so are their means and square roots. Each group read is a group of the SYN_VEC before them
// written, so that neither reads nor stores wait for the others. Backward a group stays in registers.
#define INLINED __attribute__((always_inline))
#define GROUPS (COLS / GROUP)
#define COUNT (GROUP / SYN_VEC)
#define UNROLL _Pragma("unroll")
// The vectors of group g, as offsets from the first of SYN_VEC groups.
#define FOR_GROUP(c, g) _Pragma("unroll") for (int c = (g) * GROUP; c < (g) * GROUP + GROUP; c += SYN_VEC)
#define LANES_OF(name) real __attribute__((aligned(sizeof(realv)))) name[SYN_VEC]

// Two numbers of each lane: sum and sum of squared differences from the mean.
typedef struct {
    realv s, q;
} FN(two);

// Of two halves of n values each (Chan, Golub and LeVeque 1983).
static INLINED FN(two) FN(join)(const realv s0, const realv s1, const realv q0, const realv q1, const real n) {
    const realv d = s0 - s1;
    return (FN(two)){ s0 + s1, !RMS ? (q0 + q1) + d * d * (1 / (2 * n)) : q0 + q1 };
}
#define JOIN(low, high, a, b, n) FN(join)(low(a.s, b.s), high(a.s, b.s), low(a.q, b.q), high(a.q, b.q), n)

// Two vectors become one as often as there are lanes to join: their halves first, then quarters and so on, for a whole
// half or quarter is one cheap instruction to move. Lane g of the last is of group g.
#define LOW_HALVES(a, b) (realv)(a.lo, b.lo)
#define HIGH_HALVES(a, b) (realv)(a.hi, b.hi)
#define LOW_QUARTERS(a, b) (realv)(a.lo.lo, a.hi.lo, b.lo.lo, b.hi.lo)
#define HIGH_QUARTERS(a, b) (realv)(a.lo.hi, a.hi.hi, b.lo.hi, b.hi.hi)
#if SYN_DOUBLE
#define LOW_EIGHTHS(a, b)                                                                          \
    (realv)(a.lo.lo.lo, a.lo.hi.lo, a.hi.lo.lo, a.hi.hi.lo, b.lo.lo.lo, b.lo.hi.lo, b.hi.lo.lo, b.hi.hi.lo)
#define HIGH_EIGHTHS(a, b)                                                                         \
    (realv)(a.lo.lo.hi, a.lo.hi.hi, a.hi.lo.hi, a.hi.hi.hi, b.lo.lo.hi, b.lo.hi.hi, b.hi.lo.hi, b.hi.hi.hi)
#else // two floats of 16 as a long of 8
#define LOW_EIGHTHS(a, b) as_float16((ulong8)(as_ulong8(a).even, as_ulong8(b).even))
#define HIGH_EIGHTHS(a, b) as_float16((ulong8)(as_ulong8(a).odd, as_ulong8(b).odd))
#endif
#define EVEN(a, b) (realv)(a.even, b.even)
#define ODD(a, b) (realv)(a.odd, b.odd)
#define LEVEL(name, of, low, high, step, n)                                                        \
    static INLINED FN(two) FN(name)(const FN(groups) *p, const int writes, const int g) {          \
        const FN(two) a = FN(of)(p, writes, g), b = FN(of)(p, writes, g + step);                   \
        return JOIN(low, high, a, b, n);                                                           \
    }
#if SYN_VEC == 16
#define LEVELS                                                                                     \
    LEVEL(pair, group, LOW_HALVES, HIGH_HALVES, 1, COUNT)                                          \
    LEVEL(four, pair, LOW_QUARTERS, HIGH_QUARTERS, 2, 2 * COUNT)                                   \
    LEVEL(eight, four, LOW_EIGHTHS, HIGH_EIGHTHS, 4, 4 * COUNT)                                    \
    LEVEL(all, eight, EVEN, ODD, 8, 8 * COUNT)
#elif SYN_VEC == 8
#define LEVELS                                                                                     \
    LEVEL(pair, group, LOW_HALVES, HIGH_HALVES, 1, COUNT)                                          \
    LEVEL(four, pair, LOW_QUARTERS, HIGH_QUARTERS, 2, 2 * COUNT)                                   \
    LEVEL(all, four, EVEN, ODD, 4, 4 * COUNT)
#elif SYN_VEC == 4
#define LEVELS                                                                                     \
    LEVEL(pair, group, LOW_HALVES, HIGH_HALVES, 1, COUNT)                                          \
    LEVEL(all, pair, EVEN, ODD, 2, 2 * COUNT)
#else
#define LEVELS LEVEL(all, group, EVEN, ODD, 1, COUNT)
#endif

// SYN_VEC groups whose sums are taken, if any, and those before them, which are written.
#if FORWARD
// EPILOGUE_PARAMS: FN(epilogue) in front of this text takes the vectors of y instead of their being stored. It stands
// in a loop, once, and not in the midst of the sums of each group.
#ifdef EPILOGUE_PARAMS
#define APART 1
#else
#define APART 0
#define EPILOGUE_PARAMS
#endif
typedef struct {
    __global const cell *x, *x_now, *gamma, *beta;
    __global cell *y_now;
    const real *scale, *shift;
} FN(groups);

static INLINED realv FN(value)(const FN(groups) *p, const int c, const int g) {
    realv v = VLOAD(p->x_now, c) * p->scale[g] + p->shift[g];
    if (GAMMA) v *= VLOAD(p->gamma, c);
    if (BETA) v += VLOAD(p->beta, c);
    return v;
}
static INLINED void FN(write)(const FN(groups) *p, const int g) {
    FOR_GROUP(c, g) VSTORE(FN(value)(p, c, g), p->y_now, c);
}
static INLINED FN(two) FN(group)(const FN(groups) *p, const int writes, const int g) {
    FN(two) m = { 0, 0 };
#if COUNT == 2 && !RMS
    const realv a = VLOAD(p->x, g * GROUP), b = VLOAD(p->x, g * GROUP + SYN_VEC), d = a - b;
    m.s = a + b;
    m.q = d * d * (real).5;
#else
    FOR_GROUP(c, g) m.s += VLOAD(p->x, c);
    FOR_GROUP(c, g) {
        const realv v = VLOAD(p->x, c), d = RMS ? v : v - m.s * (1 / (real)COUNT);
        m.q += d * d;
    }
#endif
    if (writes) FN(write)(p, g);
    return m;
}
LEVELS

KERNEL(short_norm)(__global const cell *x,
#if GAMMA
                   __global const cell *gamma,
#endif
#if BETA
                   __global const cell *beta,
#endif
                   __global cell *y,
#if !RMS
                   __global real *mean,
#endif
                   __global real *rstd, const int samples EPILOGUE_PARAMS) {
#if !GAMMA
    __global const cell *gamma = 0;
#endif
#if !BETA
    __global const cell *beta = 0;
#endif
    const int start = (int)get_global_id(0) * BLOCK * GROUPS, end = min(start + BLOCK * GROUPS, samples * GROUPS);
    LANES_OF(scale);
    LANES_OF(shift);
    for (int k = start; k <= end; k += SYN_VEC) {
        const int at = (k - SYN_VEC) * GROUP, col = (k + GROUPS - SYN_VEC) % GROUPS * GROUP;
        const FN(groups) p = { x + k * GROUP, x + at, gamma + col, beta + col, y + at, scale, shift };
#if APART
        for (int c = 0; k > start && c < SYN_VEC * GROUP; c += SYN_VEC)
            FN(epilogue)(FN(value)(&p, c, c / GROUP), (k - SYN_VEC) / GROUPS, col + c, SYN_VEC, y EPILOGUE_ARGS);
        if (k == end) break;
#else
        if (k == end) {
            for (int g = 0; g < SYN_VEC; g++) FN(write)(&p, g);
            break;
        }
#endif
        const FN(two) m = k > start && !APART ? FN(all)(&p, 1, 0) : FN(all)(&p, 0, 0);
        const realv r = 1 / sqrt(m.q * (1 / (real)GROUP) + (real)EPS);
        VSTORE(r, rstd, k);
        VSET(r, scale, 0);
#if RMS
        VSET((realv)(0), shift, 0);
#else
        const realv means = m.s * (1 / (real)GROUP);
        VSTORE(means, mean, k);
        VSET(-means * r, shift, 0);
#endif
    }
}
#else
typedef struct {
    __global const cell *x, *dy, *gamma;
    __global const real *mean, *rstd;
    __global cell *dx;
    __global real *dgamma, *dbeta;
} FN(tensors);

// The sums of the lanes of four vectors.
#define REAL4 CAT(REAL_NAME, 4)
static INLINED REAL4 FN(lane_sums)(const realv a, const realv b, const realv c, const realv d) {
#if SYN_VEC >= 4
    const realv ab = LOW_HALVES(a, b) + HIGH_HALVES(a, b), cd = LOW_HALVES(c, d) + HIGH_HALVES(c, d);
    realv v = LOW_QUARTERS(ab, cd) + HIGH_QUARTERS(ab, cd);
#if SYN_VEC == 16
    v += v.s23016745ab89efcd;
    v += v.s1032547698badcfe;
    return (REAL4)(v.s0, v.s4, v.s8, v.sc);
#elif SYN_VEC == 8
    v += v.s10325476;
    return (REAL4)(v.s0, v.s2, v.s4, v.s6);
#else
    return v;
#endif
#else
    return (REAL4)(lane_sum(a), lane_sum(b), lane_sum(c), lane_sum(d));
#endif
}

// A group of one row, or of two below one another: so gamma, dgamma and dbeta are read, and the latter written, half as
// often, and nothing else twice. With h = r g: dx = h - sum(h) / GROUP - (x - mean) r^2 sum(h (x - mean)) / GROUP. All
// loads before the first store: rows and sums meet at the same offset of a page, where loads wait for stores that are
// not theirs.
typedef struct {
    realv d[COUNT], h[COUNT], s, t;
    real m, r;
} FN(row);
static INLINED void FN(row_sums)(FN(row) *row, const FN(tensors) *p, const int k, const int at, const realv *scale,
                                 realv *all, realv *all_x) {
    row->r = LOAD(p->rstd, k);
    row->m = RMS ? (real)0 : LOAD(p->mean, k);
    UNROLL for (int i = 0; i < COUNT; i++) {
        const realv v = VLOAD(p->dy, at + i * SYN_VEC), u = v * row->r, d = VLOAD(p->x, at + i * SYN_VEC) - row->m;
        const realv h = u * scale[i];
        row->s = i ? row->s + h : h;
        row->t = i ? row->t + h * d : h * d;
        row->d[i] = d;
        row->h[i] = h;
        all[i] += v;
        all_x[i] += u * d;
    }
}
static INLINED void FN(row_write)(const FN(row) *row, const FN(tensors) *p, const int at, const real s, const real t) {
    const real b = t * row->r * row->r;
    UNROLL for (int i = 0; DX && i < COUNT; i++)
        VSTORE((row->h[i] - (RMS ? (real)0 : s)) - row->d[i] * b, p->dx, at + i * SYN_VEC);
}
static INLINED void FN(group)(const FN(tensors) *p, const int k, const int at, const int col, const int rows) {
    realv scale[COUNT], all[COUNT], all_x[COUNT];
    FN(row) one, two;
    UNROLL for (int i = 0; i < COUNT; i++) {
        const int c = col + i * SYN_VEC;
        scale[i] = GAMMA ? VLOAD(p->gamma, c) : (realv)(1);
        all[i] = DBETA ? VLOAD(p->dbeta, c) : (realv)(0);
        all_x[i] = DGAMMA ? VLOAD(p->dgamma, c) : (realv)(0);
    }
    FN(row_sums)(&one, p, k, at, scale, all, all_x);
    if (rows == 2) FN(row_sums)(&two, p, k + GROUPS, at + COLS, scale, all, all_x);
    else two = one;
    const REAL4 sum = FN(lane_sums)(one.s, one.t, two.s, two.t) * (1 / (real)GROUP);
    FN(row_write)(&one, p, at, sum.s0, sum.s1);
    if (rows == 2) FN(row_write)(&two, p, at + COLS, sum.s2, sum.s3);
    UNROLL for (int i = 0; i < COUNT; i++) {
        if (DGAMMA) VSTORE(all_x[i], p->dgamma, col + i * SYN_VEC);
        if (DBETA) VSTORE(all[i], p->dbeta, col + i * SYN_VEC);
    }
}

KERNEL(short_norm_grad)(__global const cell *x, __global const cell *dy,
#if GAMMA
                        __global const cell *gamma,
#endif
#if !RMS
                        __global const real *mean,
#endif
                        __global const real *rstd,
#if DX
                        __global cell *dx,
#endif
#if DGAMMA
                        __global real *dgamma,
#endif
#if DBETA
                        __global real *dbeta,
#endif
                        const int samples) {
#if !GAMMA
    __global const cell *gamma = 0;
#endif
#if RMS
    __global const real *mean = 0;
#endif
#if !DX
    __global cell *dx = 0;
#endif
#if !DGAMMA
    __global real *dgamma = 0;
#endif
#if !DBETA
    __global real *dbeta = 0;
#endif
    const int first = (int)get_global_id(0) * BLOCK, last = min(first + BLOCK, samples);
    const int part = (int)get_global_id(0) * COLS;
    const FN(tensors) p = { x, dy, gamma, mean, rstd, dx, dgamma + part, dbeta + part };
    for (int c = 0; c < COLS; c += LINE) { // other cores read the last sums
        if (DGAMMA) OWN(dgamma + part + c);
        if (DBETA) OWN(dbeta + part + c);
    }
    for (int c = 0; c < COLS; c += SYN_VEC) {
        if (DGAMMA) VSTORE((realv)(0), dgamma + part, c);
        if (DBETA) VSTORE((realv)(0), dbeta + part, c);
    }
    for (int n = first; n < last; n += 2)
        if (n + 1 < last)
            for (int g = 0; g < GROUPS; g++)
                FN(group)(&p, n * GROUPS + g, n * COLS + g * GROUP, g * GROUP, 2);
        else
            for (int g = 0; g < GROUPS; g++)
                FN(group)(&p, n * GROUPS + g, n * COLS + g * GROUP, g * GROUP, 1);
}
#endif
#undef INLINED
#undef GROUPS
#undef COUNT
#undef UNROLL
#undef REAL4
#undef FOR_GROUP
#undef LANES_OF
#undef JOIN
#undef LOW_HALVES
#undef HIGH_HALVES
#undef LOW_QUARTERS
#undef HIGH_QUARTERS
#undef LOW_EIGHTHS
#undef HIGH_EIGHTHS
#undef EVEN
#undef ODD
#undef LEVEL
#undef LEVELS
#undef APART
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
