// Normalisation over many short groups of adjacent columns on CPUs, row_norm.cl's formulas: GROUP is one to four
// vectors, and the groups of a row are a multiple of SYN_VEC. Forward, the sums over the lanes of SYN_VEC groups are
// taken together, and so are their means and square roots. Backward a group stays in registers.
#define INLINED __attribute__((always_inline))
#define GROUPS (COLS / GROUP)
#define COUNT (GROUP / SYN_VEC)
#define UNROLL _Pragma("unroll")

// Two numbers of each lane: sum and sum of squared differences from the mean.
typedef struct {
    realv s, q;
} FN(two);

// Of two halves of n values each (Chan, Golub and LeVeque 1983), the squares n times what they are, but for RMS: so the
// sums ask for no constants.
static INLINED FN(two) FN(join)(const realv s0, const realv s1, const realv q0, const realv q1) {
    const realv d = s0 - s1, q = q0 + q1;
    return (FN(two)){ s0 + s1, RMS ? q : (q + q) + d * d };
}
#define JOIN(low, high, a, b) FN(join)(low(a.s, b.s), high(a.s, b.s), low(a.q, b.q), high(a.q, b.q))

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
#define LEVEL(name, of, low, high, step)                                                           \
    static INLINED FN(two) FN(name)(FN(groups) *p, const int g) {                                  \
        const FN(two) a = FN(of)(p, g), b = FN(of)(p, g + step);                                   \
        FN(two) m = JOIN(low, high, a, b);                                                         \
        if (step == 1) WANTED(m.s, m.q);                                                           \
        return m;                                                                                  \
    }
#if SYN_VEC == 16
#define LEVELS                                                                                     \
    LEVEL(pair, group, LOW_HALVES, HIGH_HALVES, 1)                                                 \
    LEVEL(four, pair, LOW_QUARTERS, HIGH_QUARTERS, 2)                                              \
    LEVEL(eight, four, LOW_EIGHTHS, HIGH_EIGHTHS, 4)                                               \
    LEVEL(all, eight, EVEN, ODD, 8)
#elif SYN_VEC == 8
#define LEVELS                                                                                     \
    LEVEL(pair, group, LOW_HALVES, HIGH_HALVES, 1)                                                 \
    LEVEL(four, pair, LOW_QUARTERS, HIGH_QUARTERS, 2)                                              \
    LEVEL(all, four, EVEN, ODD, 4)
#elif SYN_VEC == 4
#define LEVELS                                                                                     \
    LEVEL(pair, group, LOW_HALVES, HIGH_HALVES, 1)                                                 \
    LEVEL(all, pair, EVEN, ODD, 2)
#else
#define LEVELS LEVEL(all, group, EVEN, ODD, 1)
#endif

#if FORWARD
// A compiler puts off the sums of all groups to where they are joined, behind the loads of all, and keeps those in
// memory. So the sums are wanted as soon as two groups are joined.
#if defined(__x86_64__) && SYN_VEC * (4 + 4 * SYN_DOUBLE) >= 16
#define WANTED(a, b) __asm__ volatile("" : "+v"(a), "+v"(b) : : "memory")
#else
#define WANTED(a, b)
#endif
// In a turn the sums of SYN_VEC groups are taken, what follows from those of the SYN_VEC before in the midst of it, and
// the SYN_VEC before these are written: nothing waits for joins, root and quotient, and neither reads nor stores for
// the others.
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
    __global real *mean, *rstd;
    int ready; // how many groups may be written
    real *scale, *shift;
    const real *scale_now, *shift_now;
    realv s, q, root; // of the groups before
} FN(groups);

static INLINED realv FN(value)(const FN(groups) *p, const int c, const int g) {
    const realv v = VLOAD(p->x_now, c) * p->scale_now[g] + p->shift_now[g];
#if GAMMA && BETA
    return v * VLOAD(p->gamma, c) + VLOAD(p->beta, c);
#elif GAMMA
    return v * VLOAD(p->gamma, c);
#elif BETA
    return v + VLOAD(p->beta, c);
#else
    return v;
#endif
}
// Groups g and g + 1, loads before stores.
static INLINED void FN(write)(const FN(groups) *p, const int g) {
    realv v[2 * COUNT];
    UNROLL for (int i = 0; i < 2 * COUNT; i++) v[i] = FN(value)(p, g * GROUP + i * SYN_VEC, g + i / COUNT);
    UNROLL for (int i = 0; i < 2 * COUNT; i++) VSTORE(v[i], p->y_now, g * GROUP + i * SYN_VEC);
}
// What follows from the sums, in three steps, each of which finds what it needs.
static INLINED void FN(finish)(FN(groups) *p, const int step) {
    if (step == 0) {
        p->root = sqrt(p->q * (1 / ((real)GROUP * (RMS ? 1 : GROUP))) + (real)EPS);
        p->s *= 1 / (real)GROUP;
        WANTED(p->root, p->s);
    } else if (step == 1) {
        p->root = 1 / p->root;
        WANTED(p->root, p->s);
    } else {
        VSET(p->root, p->scale, 0);
        VSET(RMS ? (realv)(0) : -p->s * p->root, p->shift, 0);
        VSTORE(p->root, p->rstd, 0);
        if (!RMS) VSTORE(p->s, p->mean, 0);
    }
}
static INLINED FN(two) FN(group)(FN(groups) *p, const int g) {
    UNROLL for (int step = 0; step < 3; step++)
        if (g == SYN_VEC * (step + 1) / 8 * 2) FN(finish)(p, step);
    if (!APART && g % 2 == 0 && p->ready > g) FN(write)(p, g);
    FN(two) m = { 0, 0 };
    __global const cell *x = p->x + g * GROUP;
#if COUNT == 2 && !RMS
    const realv a = VLOAD(x, 0), b = VLOAD(x, SYN_VEC), d = a - b;
    m.s = a + b;
    m.q = d * d;
#else
    UNROLL for (int i = 0; i < COUNT; i++) m.s += VLOAD(x, i * SYN_VEC);
    UNROLL for (int i = 0; i < COUNT; i++) {
        const realv v = VLOAD(x, i * SYN_VEC), d = v - m.s * (1 / (real)COUNT);
        m.q += RMS ? v * v : d * d * COUNT;
    }
#endif
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
#if RMS
    __global real *mean = 0;
#endif
    const int start = (int)get_global_id(0) * BLOCK * GROUPS, end = min(start + BLOCK * GROUPS, samples * GROUPS);
    real __attribute__((aligned(sizeof(realv)))) scale[2][SYN_VEC], shift[2][SYN_VEC];
    FN(groups) p = { .s = 0, .q = 0 };
    for (int k = start; k < end + 2 * SYN_VEC; k += SYN_VEC) {
        const int turn = (k - start) / SYN_VEC, now = max(k - 2 * SYN_VEC, start), col = now % GROUPS * GROUP;
        p.x = x + k * GROUP;
        p.x_now = x + now * GROUP;
        p.gamma = gamma + col;
        p.beta = beta + col;
        p.y_now = y + now * GROUP;
        p.mean = mean + max(k - SYN_VEC, start); // the first time it is nobody's, and overwritten
        p.rstd = rstd + max(k - SYN_VEC, start);
        p.ready = (turn - 1) * SYN_VEC;
        p.scale = scale[1 - turn % 2];
        p.shift = shift[1 - turn % 2];
        p.scale_now = scale[turn % 2];
        p.shift_now = shift[turn % 2];
#if APART
        for (int c = 0; turn > 1 && c < SYN_VEC * GROUP; c += SYN_VEC)
            FN(epilogue)(FN(value)(&p, c, c / GROUP), now / GROUPS, col + c, SYN_VEC, y EPILOGUE_ARGS);
#endif
        if (k < end) {
            const FN(two) m = FN(all)(&p, 0);
            p.s = m.s;
            p.q = m.q;
        } else {
            for (int step = 0; step < 3 && k == end; step++) FN(finish)(&p, step);
            for (int g = 0; !APART && g < SYN_VEC && p.ready > g; g += 2) FN(write)(&p, g);
        }
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
#undef WANTED
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
