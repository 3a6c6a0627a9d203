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
// memory. So the sums are wanted as soon as two groups are joined, in registers, where a vector fits one.
#define FLOATS (SYN_VEC << SYN_DOUBLE)
#if FLOATS == 16 && defined(__AVX512F__) || FLOATS == 8 && defined(__AVX__) || FLOATS == 4 && defined(__SSE2__)
#define WANTED(a, b) __asm__ volatile("" : "+v"(a), "+v"(b) : : "memory")
#else
#define WANTED(a, b)
#endif
// In a turn the sums of SYN_VEC groups are taken, what follows from those of the SYN_VEC before in the midst of it, and
// the SYN_VEC before these are written: neither joins, root and quotient, nor reads and stores wait for each other.
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

// The sums of the lanes of four vectors: two become one twice, by halves and by single lanes of each four, then the fours
// are added up. Lanes 0 to 3 of each four are the sums of a, c, b and d. EACH is a mask of four lanes.
#define REAL4 CAT(REAL_NAME, 4)
#if SYN_VEC == 16
#define EACH(a, b, c, d) (irealv)(a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d)
#define SWAP_FOUR(v) v.s45670123cdef89ab
#define SWAP_TWO(v) v.s23016745ab89efcd
#define SWAP_ONE(v) v.s1032547698badcfe
#define SPREAD_0(v) v.s000044448888cccc
#define SPREAD_1(v) v.s111155559999dddd
#define SPREAD_2(v) v.s22226666aaaaeeee
#define SPREAD_3(v) v.s33337777bbbbffff
#elif SYN_VEC == 8
#define EACH(a, b, c, d) (irealv)(a, b, c, d, a, b, c, d)
#define SWAP_FOUR(v) v.s45670123
#define SWAP_TWO(v) v.s23016745
#define SWAP_ONE(v) v.s10325476
#define SPREAD_0(v) v.s00004444
#define SPREAD_1(v) v.s11115555
#define SPREAD_2(v) v.s22226666
#define SPREAD_3(v) v.s33337777
#else
#define EACH(a, b, c, d) (FOUR_MASK)(a, b, c, d)
#define SWAP_TWO(v) v.s2301
#define SWAP_ONE(v) v.s1032
#define SPREAD_0(v) v.s0
#define SPREAD_1(v) v.s1
#define SPREAD_2(v) v.s2
#define SPREAD_3(v) v.s3
#endif
#define TAKE(swap, mask, a, b) ((mask) ? a : b) + swap(((mask) ? b : a))
#if SYN_DOUBLE
#define FOUR_MASK long4
#else
#define FOUR_MASK int4
#endif
#if SYN_VEC >= 4
#define SUMS realv
#else
#define SUMS REAL4
#endif
static INLINED SUMS FN(lane_sums)(const realv a, const realv b, const realv c, const realv d) {
#if SYN_VEC >= 4
    const realv u = TAKE(SWAP_TWO, EACH(-1, -1, 0, 0), a, b), v = TAKE(SWAP_TWO, EACH(-1, -1, 0, 0), c, d);
    SUMS sum = TAKE(SWAP_ONE, EACH(-1, 0, -1, 0), u, v);
#if SYN_VEC == 16
    sum += sum.s89abcdef01234567;
#endif
#if SYN_VEC >= 8
    sum += SWAP_FOUR(sum);
#endif
    return sum;
#else
    return (REAL4)(lane_sum(a), lane_sum(c), lane_sum(b), lane_sum(d));
#endif
}

// A group of one row, or of two below one another: so gamma, dgamma and dbeta are read, and the latter written, half as
// often, and nothing else twice. With h = r g: dx = h - sum(h) / GROUP - (x - mean) r^2 sum(h (x - mean)) / GROUP; `square`
// is r^2 / GROUP of each group of a row, then of the next. What binds are the vectors added, multiplied and moved. x and
// dy are read before dx is written: they meet at the same offset of a page, where loads wait for stores that are not
// theirs; the sums lie elsewhere.
static INLINED void FN(squares)(real *square, const FN(tensors) *p, const int k, const int rows) {
    for (int row = 0; row < rows; row++)
        for (int g = 0; g < GROUPS; g += SYN_VEC) {
            const realv r = VLOAD(p->rstd, k + row * GROUPS + g);
            VSET(r * r * (1 / (real)GROUP), square + row * GROUPS, g);
        }
}
static INLINED void FN(group)(const FN(tensors) *p, const real *square, const int k, const int at, const int col,
                              const int rows) {
    realv d[2][COUNT], h[2][COUNT], s[2], t[2];
    UNROLL for (int i = 0; i < COUNT; i++) {
        const int c = col + i * SYN_VEC;
        const realv scale = GAMMA ? VLOAD(p->gamma, c) : (realv)(1);
        realv all = DBETA ? VLOAD(p->dbeta, c) : (realv)(0), all_x = DGAMMA ? VLOAD(p->dgamma, c) : (realv)(0);
        UNROLL for (int row = 0; row < rows; row++) {
            const realv v = VLOAD(p->dy, at + row * COLS + i * SYN_VEC);
            const realv e = VLOAD(p->x, at + row * COLS + i * SYN_VEC);
            const realv u = v * LOAD(p->rstd, k + row * GROUPS);
            d[row][i] = RMS ? e : e - LOAD(p->mean, k + row * GROUPS);
            h[row][i] = u * scale;
            s[row] = i ? s[row] + h[row][i] : h[row][i];
            t[row] = i ? t[row] + h[row][i] * d[row][i] : h[row][i] * d[row][i];
            all += v;
            all_x += u * d[row][i];
        }
        if (DGAMMA) VSTORE(all_x, p->dgamma, c);
        if (DBETA) VSTORE(all, p->dbeta, c);
    }
    SUMS sum = FN(lane_sums)(s[0], t[0], s[rows - 1], t[rows - 1]);
    sum = EACH(0, 0, -1, 0) ? sum * square[0] : sum;
    if (rows == 2) sum = EACH(0, 0, 0, -1) ? sum * square[GROUPS] : sum;
    UNROLL for (int i = 0; DX && i < COUNT; i++) {
        const realv one = RMS ? h[0][i] : h[0][i] - SPREAD_0(sum) * (1 / (real)GROUP);
        VSTORE(one - d[0][i] * SPREAD_2(sum), p->dx, at + i * SYN_VEC);
    }
    UNROLL for (int i = 0; DX && rows == 2 && i < COUNT; i++) {
        const realv two = RMS ? h[1][i] : h[1][i] - SPREAD_1(sum) * (1 / (real)GROUP);
        VSTORE(two - d[1][i] * SPREAD_3(sum), p->dx, at + COLS + i * SYN_VEC);
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
    real __attribute__((aligned(sizeof(realv)))) square[2 * GROUPS];
    for (int n = first; n < last; n += 2)
        if (n + 1 < last) {
            FN(squares)(square, &p, n * GROUPS, 2);
            for (int g = 0; g < GROUPS; g++)
                FN(group)(&p, square + g, n * GROUPS + g, n * COLS + g * GROUP, g * GROUP, 2);
        } else {
            FN(squares)(square, &p, n * GROUPS, 1);
            for (int g = 0; g < GROUPS; g++)
                FN(group)(&p, square + g, n * GROUPS + g, n * COLS + g * GROUP, g * GROUP, 1);
        }
}
#endif
#undef INLINED
#undef GROUPS
#undef COUNT
#undef UNROLL
#undef REAL4
#undef FLOATS
#undef WANTED
#undef EACH
#undef SWAP_FOUR
#undef SWAP_TWO
#undef SWAP_ONE
#undef TAKE
#undef SPREAD_0
#undef SPREAD_1
#undef SPREAD_2
#undef SPREAD_3
#undef FOUR_MASK
#undef SUMS
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
