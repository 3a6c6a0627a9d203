// Normalisation over groups of GROUP adjacent columns in SPAN rows of COLS: layer_norm and rms_norm (a
// sample is a row: SPAN 1, GROUP = COLS) and group_norm with wide groups. The statistics of group g of
// sample n stand at [n * GROUPS + g].
//     y = (x - mean) r gamma + beta,  r = 1 / sqrt(var + EPS)
#define GROUPS (COLS / GROUP)
#define FULL (GROUP / SYN_VEC * SYN_VEC)
#define LOADV(p, c, pad) row_load(p, c, GROUP, pad)
#define STOREV(v, p, c) row_store(v, p, c, GROUP)

#if SYN_CPU
#define INLINED __attribute__((always_inline))
#define MANY 4096 // values of a group
#define TWO CAT(REAL_NAME, 2)

// Sums over a group of x - m and of its squares.
static TWO FN(moments)(__global const cell *x, const real m) {
    realv s0 = 0, s1 = 0, q0 = 0, q1 = 0;
    for (int s = 0; s < SPAN; s++, x += COLS) {
        int c = 0;
        for (; c + 2 * SYN_VEC <= FULL; c += 2 * SYN_VEC) {
            const realv a = VLOAD(x, c) - m, b = VLOAD(x, c + SYN_VEC) - m;
            s0 += a;
            s1 += b;
            q0 += a * a;
            q1 += b * b;
        }
        for (; c < GROUP; c += SYN_VEC) {
            const realv a = LOADV(x, c, m) - m;
            s0 += a;
            q0 += a * a;
        }
    }
    return (TWO)(lane_sum(s0 + s1), lane_sum(q0 + q1));
}

// Near the mean of a group: the mean of its first vectors.
#define FIRST (FULL < 8 * SYN_VEC ? FULL : 8 * SYN_VEC)
static real FN(near)(__global const cell *x) {
    realv sum = 0;
    for (int c = 0; c < FIRST; c += SYN_VEC) sum += VLOAD(x, c);
    return RMS ? (real)0 : FIRST ? lane_sum(sum) * (1 / (real)max(FIRST, 1)) : LOAD(x, 0);
}
#undef FIRST
#endif

#if SYN_CPU && !FORWARD
// A group of one sample. TURN samples are summed up, then their dx is written: they are still in the first cache, of
// long rows one, for all its columns fall into the same few places there.
#define TURN (SPAN * GROUP > 512 ? 1 : 4)
typedef struct {
    __global const cell *x, *dy, *gamma;
    real m, r;
} FN(sample);
static INLINED void FN(take)(FN(sample) *p, __global const cell *x, __global const cell *dy, __global const cell *gamma,
                             __global const real *mean, __global const real *rstd, const int n, const int g) {
    const int at = n * SPAN * COLS + g * GROUP, k = n * GROUPS + g;
    p->x = x + at;
    p->dy = dy + at;
    p->gamma = gamma;
    p->m = RMS ? (real)0 : LOAD(mean, k);
    p->r = LOAD(rstd, k);
}
// What vector c of row k adds to sum(g) and sum(g (x - mean)), and to dgamma and dbeta.
static INLINED void FN(add)(const FN(sample) *p, realv *s, realv *t, __global real *dgamma, __global real *dbeta,
                            const int k, const int c, const int is_first) {
    const realv scale = GAMMA ? LOADV(p->gamma, c, 0) : (realv)(1), e = LOADV(p->dy + k * COLS, c, 0);
    const realv d = (LOADV(p->x + k * COLS, c, 0) - p->m) * e;
    if (DGAMMA) STOREV(is_first ? d * p->r : LOADV(dgamma, c, 0) + d * p->r, dgamma, c);
    if (DBETA) STOREV(is_first ? e : LOADV(dbeta, c, 0) + e, dbeta, c);
    if (!RMS) *s += e * scale;
    *t += d * scale;
}
static INLINED void FN(sums)(const FN(sample) *p, real *a, real *b, __global real *dgamma, __global real *dbeta,
                             const int first) {
    realv s = 0, t = 0;
    for (int k = 0; k < SPAN; k++)
        for (int c = 0; c < GROUP; c += SYN_VEC)
            if (k == 0 && first) FN(add)(p, &s, &t, dgamma, dbeta, k, c, 1);
            else FN(add)(p, &s, &t, dgamma, dbeta, k, c, 0);
    *a = RMS ? (real)0 : lane_sum(s) * (p->r / (SPAN * GROUP));
    *b = lane_sum(t) * (p->r * p->r * p->r / (SPAN * GROUP));
}
// dx = r g - a - b (x - mean)
static INLINED void FN(write)(const FN(sample) *p, const real a, const real b, __global cell *dx) {
    for (int k = 0; k < SPAN; k++)
        for (int c = 0; c < GROUP; c += SYN_VEC) {
            const realv scale = GAMMA ? LOADV(p->gamma, c, 0) : (realv)(1), g = LOADV(p->dy + k * COLS, c, 0) * p->r;
            STOREV((g * scale - a) - (LOADV(p->x + k * COLS, c, 0) - p->m) * b, dx + k * COLS, c);
        }
}
#endif

#if FORWARD
// EPILOGUE_PARAMS: FN(epilogue) in front of this text takes y, vectors on CPUs, instead of its being stored.
#ifdef EPILOGUE_PARAMS
#define PUT(v, row, col, left) FN(epilogue)(v, row, col, left, y EPILOGUE_ARGS)
#else
#define EPILOGUE_PARAMS
#if SYN_CPU
#define PUT(v, row, col, left) STOREV(v, y + (row) * COLS + (col) - c, c)
#else
#define PUT(v, row, col, left) STORE(v, y, (row) * COLS + (col))
#endif
#endif
KERNEL(row_norm)(__global const cell *x,
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
#if SYN_CPU
    const int first = (int)get_global_id(0) * BLOCK, last = min(first + BLOCK, samples);
    for (int g = 0; g < GROUPS; g++) {
        const int col = g * GROUP;
        // A sample's sums are taken while the one before it is written, so that reads never stop: of differences from a
        // value near its mean, which costs the variance no digits, and where there are many, once more from the mean.
        real near = FN(near)(x + first * SPAN * COLS + col);
        TWO ahead = FN(moments)(x + first * SPAN * COLS + col, near);
        for (int n = first; n < last; n++) {
            const int at = n * SPAN * COLS + col, next = min(n + 1, last - 1) * SPAN * COLS + col;
            const real apart = RMS ? (real)0 : ahead.x / (SPAN * GROUP), m = near + apart;
            real var = ahead.y / (SPAN * GROUP);
#if !RMS
            if (SPAN * GROUP > MANY) var = FN(moments)(x + at, m).y / (SPAN * GROUP);
            else var = max(var - apart * apart, (real)0);
            STORE(m, mean, n * GROUPS + g);
#endif
            const real r = 1 / sqrt(var + (real)EPS);
            STORE(r, rstd, n * GROUPS + g);
            near = FN(near)(x + next);
            realv sum = 0, square = 0;
            for (int s = 0; s < SPAN; s++) {
                realv part = 0;
                for (int c = 0; c < GROUP; c += SYN_VEC) {
                    const realv u = LOADV(x + next + s * COLS, c, near) - near;
                    realv v = (LOADV(x + at + s * COLS, c, 0) - m) * r;
#if GAMMA
                    v *= LOADV(gamma + col, c, 0);
#endif
#if BETA
                    v += LOADV(beta + col, c, 0);
#endif
                    if (!RMS) sum += u;
                    part += u * u;
                    PUT(v, n * SPAN + s, col + c, GROUP % SYN_VEC ? GROUP - c : SYN_VEC);
                }
                square += part;
            }
            ahead = (TWO)(lane_sum(sum), lane_sum(square));
        }
    }
#else
    // A work-group of LANES items for each group.
    __local real sums[LANES];
    const int k = (int)get_group_id(0), lane = (int)get_local_id(0);
    const int at = k / GROUPS * SPAN * COLS + k % GROUPS * GROUP;
    real sum = 0, m = 0;
#if !RMS
    for (int i = lane; i < SPAN * GROUP; i += LANES) sum += LOAD(x, at + i / GROUP * COLS + i % GROUP);
    m = group_sum(sums, lane, LANES, sum) / (SPAN * GROUP);
    if (lane == 0) STORE(m, mean, k);
    sum = 0;
#endif
    for (int i = lane; i < SPAN * GROUP; i += LANES) {
        const real d = LOAD(x, at + i / GROUP * COLS + i % GROUP) - m;
        sum += d * d;
    }
    const real r = 1 / sqrt(group_sum(sums, lane, LANES, sum) / (SPAN * GROUP) + (real)EPS);
    if (lane == 0) STORE(r, rstd, k);
    for (int i = lane; i < SPAN * GROUP; i += LANES) {
        const int row = k / GROUPS * SPAN + i / GROUP, col = k % GROUPS * GROUP + i % GROUP;
        real v = (LOAD(x, row * COLS + col) - m) * r;
#if GAMMA
        v *= LOAD(gamma, col);
#endif
#if BETA
        v += LOAD(beta, col);
#endif
        PUT(v, row, col, 1);
    }
#endif
}
#else
// With g = dy gamma and K = SPAN * GROUP values in a group:
//     dx = r (g - sum(g) / K - (x - mean) r^2 sum(g (x - mean)) / K)     (rms: without the first sum)
//     dgamma = sum(dy (x - mean) r),  dbeta = sum(dy), over the BLOCK samples of a work-item.
#if SYN_CPU || !PARAMS_ONLY
KERNEL(row_norm_grad)(__global const cell *x, __global const cell *dy,
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
#if SYN_CPU
    const int first = (int)get_global_id(0) * BLOCK, last = min(first + BLOCK, samples);
#if RMS
    __global const real *mean = 0;
#endif
    for (int g = 0; g < GROUPS; g++) {
        const int col = g * GROUP, sums = (int)get_global_id(0) * COLS + col;
#if GAMMA
        __global const cell *scale = gamma + col;
#else
        __global const cell *scale = 0;
#endif
#if DGAMMA
        __global real *sum_x = dgamma + sums;
#else
        __global real *sum_x = 0;
#endif
#if DBETA
        __global real *sum = dbeta + sums;
#else
        __global real *sum = 0;
#endif
        for (int c = 0; c < GROUP; c += LINE) { // other cores read the last sums
            if (DGAMMA) OWN(sum_x + c);
            if (DBETA) OWN(sum + c);
        }
        for (int n = first; n < last; n += TURN) {
            const int end = min(n + TURN, last);
            real a[TURN], b[TURN];
            for (int i = n; i < end; i++) {
                FN(sample) p;
                FN(take)(&p, x, dy, scale, mean, rstd, i, g);
                if (i == first) FN(sums)(&p, a + (i - n), b + (i - n), sum_x, sum, 1);
                else FN(sums)(&p, a + (i - n), b + (i - n), sum_x, sum, 0);
            }
#if DX
            for (int i = n; i < end; i++) {
                FN(sample) p;
                FN(take)(&p, x, dy, scale, mean, rstd, i, g);
                FN(write)(&p, a[i - n], b[i - n], dx + i * SPAN * COLS + col);
            }
#endif
        }
    }
#else
    __local real sums[LANES];
    const int k = (int)get_group_id(0), lane = (int)get_local_id(0);
    const int at = k / GROUPS * SPAN * COLS + k % GROUPS * GROUP, col = k % GROUPS * GROUP;
    const real r = LOAD(rstd, k);
#if RMS
    const real m = 0;
#else
    const real m = LOAD(mean, k);
#endif
    real a = 0, b = 0;
    for (int i = lane; i < SPAN * GROUP; i += LANES) {
        const int e = at + i / GROUP * COLS + i % GROUP;
        real g = LOAD(dy, e);
#if GAMMA
        g *= LOAD(gamma, col + i % GROUP);
#endif
        a += g;
        b += g * (LOAD(x, e) - m);
    }
#if RMS
    a = 0;
#else
    a = group_sum(sums, lane, LANES, a) / (SPAN * GROUP);
#endif
    b = group_sum(sums, lane, LANES, b) * (r * r / (SPAN * GROUP));
    for (int i = lane; i < SPAN * GROUP; i += LANES) {
        const int e = at + i / GROUP * COLS + i % GROUP;
        real g = LOAD(dy, e);
#if GAMMA
        g *= LOAD(gamma, col + i % GROUP);
#endif
        STORE((g - a - (LOAD(x, e) - m) * b) * r, dx, e);
    }
#endif
}
#else
// GPU: a column and BLOCK samples for each work-item.
KERNEL(row_norm_params)(__global const cell *x, __global const cell *dy,
#if !RMS
                        __global const real *mean,
#endif
                        __global const real *rstd,
#if DGAMMA
                        __global real *dgamma,
#endif
#if DBETA
                        __global real *dbeta,
#endif
                        const int samples) {
    const int c = (int)get_global_id(0), block = (int)get_global_id(1);
    const int last = min(block * BLOCK + BLOCK, samples);
    if (c >= COLS) return;
    real sum = 0, sum_x = 0;
    for (int n = block * BLOCK; n < last; n++) {
        const int k = n * GROUPS + c / GROUP;
        const real r = LOAD(rstd, k);
#if RMS
        const real m = 0;
#else
        const real m = LOAD(mean, k);
#endif
        for (int s = 0; s < SPAN; s++) {
            const int e = (n * SPAN + s) * COLS + c;
            const real d = LOAD(dy, e);
            sum += d;
            sum_x += d * (LOAD(x, e) - m) * r;
        }
    }
#if DGAMMA
    STORE(sum_x, dgamma, block * COLS + c);
#endif
#if DBETA
    STORE(sum, dbeta, block * COLS + c);
#endif
}
#endif
#endif
#undef GROUPS
#undef FULL
#undef LOADV
#undef STOREV
#undef MANY
#undef TURN
#undef INLINED
#undef TWO
#undef PUT
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
