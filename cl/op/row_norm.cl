// Normalisation over groups of GROUP adjacent columns in SPAN rows of COLS: layer_norm and rms_norm (a
// sample is a row: SPAN 1, GROUP = COLS) and group_norm with wide groups. The statistics of group g of
// sample n stand at [n * GROUPS + g].
//     y = (x - mean) r gamma + beta,  r = 1 / sqrt(var + EPS)
#define GROUPS (COLS / GROUP)
#define FULL (GROUP / SYN_VEC * SYN_VEC)
#define LOADV(p, c, pad) ((c) < FULL ? VLOAD(p, c) : VLOAD_TAIL(p, FULL, GROUP - FULL, pad))

// Many short groups in a row: sums over the lanes of SYN_VEC groups are taken together.
#define MANY (SYN_VEC > 1 && SPAN == 1 && GROUP % SYN_VEC == 0 && GROUP <= 4 * SYN_VEC && GROUPS % SYN_VEC == 0)

#if SYN_CPU
#define STORE_OF(type)                                                                             \
    static void OVERLOADED FN(store)(realv v, __global type *p, const int c) {                     \
        if (c < FULL) VSTORE(v, p, c);                                                             \
        else VSTORE_TAIL(v, p, FULL, GROUP - FULL);                                                \
    }
FOR_TYPES(STORE_OF)
#undef STORE_OF

// Sum of x - m, or of its square, over a group.
static real FN(sum)(__global const cell *x, const real m, const int square) {
    realv s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (int s = 0; s < SPAN; s++, x += COLS) {
        int c = 0;
        for (; c + 4 * SYN_VEC <= FULL; c += 4 * SYN_VEC) {
            const realv a = VLOAD(x, c) - m, b = VLOAD(x, c + SYN_VEC) - m;
            const realv d = VLOAD(x, c + 2 * SYN_VEC) - m, e = VLOAD(x, c + 3 * SYN_VEC) - m;
            s0 += square ? a * a : a;
            s1 += square ? b * b : b;
            s2 += square ? d * d : d;
            s3 += square ? e * e : e;
        }
        for (; c < GROUP; c += SYN_VEC) {
            const realv a = LOADV(x, c, m) - m;
            s0 += square ? a * a : a;
        }
    }
    return lane_sum((s0 + s1) + (s2 + s3));
}
#endif

#if SYN_CPU && MANY
// Lane g of the result: the sum over the lanes of v[g].
static realv FN(lane_sums)(realv *v) {
    for (int n = SYN_VEC / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            v[i] = (realv)(v[2 * i].even + v[2 * i].odd, v[2 * i + 1].even + v[2 * i + 1].odd);
    return v[0];
}
#endif

#if FORWARD
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
                 __global real *rstd, const int samples) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * BLOCK, last = min(first + BLOCK, samples);
#if MANY
    for (int k = first * GROUPS; k < last * GROUPS; k += SYN_VEC) {
        const int at = k * GROUP, col = k % GROUPS * GROUP;
        realv sums[SYN_VEC];
        real m[SYN_VEC], r[SYN_VEC];
#if RMS
        for (int g = 0; g < SYN_VEC; g++) m[g] = 0;
#else
        for (int g = 0; g < SYN_VEC; g++) {
            sums[g] = VLOAD(x, at + g * GROUP);
            for (int c = SYN_VEC; c < GROUP; c += SYN_VEC) sums[g] += VLOAD(x, at + g * GROUP + c);
        }
        const realv means = FN(lane_sums)(sums) * (1 / (real)GROUP);
        VSTORE(means, mean, k);
        VSET(means, m, 0);
#endif
        for (int g = 0; g < SYN_VEC; g++) {
            sums[g] = 0;
            for (int c = 0; c < GROUP; c += SYN_VEC) {
                const realv d = VLOAD(x, at + g * GROUP + c) - m[g];
                sums[g] += d * d;
            }
        }
        const realv rs = 1 / sqrt(FN(lane_sums)(sums) * (1 / (real)GROUP) + (real)EPS);
        VSTORE(rs, rstd, k);
        VSET(rs, r, 0);
        for (int g = 0; g < SYN_VEC; g++)
            for (int c = g * GROUP; c < (g + 1) * GROUP; c += SYN_VEC) {
                realv v = (VLOAD(x, at + c) - m[g]) * r[g];
#if GAMMA
                v *= VLOAD(gamma, col + c);
#endif
#if BETA
                v += VLOAD(beta, col + c);
#endif
                VSTORE(v, y, at + c);
            }
    }
#else
    for (int k = first * GROUPS; k < last * GROUPS; k++) {
        const int at = k / GROUPS * SPAN * COLS + k % GROUPS * GROUP;
#if RMS
        const real m = 0;
#else
        const real m = FN(sum)(x + at, 0, 0) / (SPAN * GROUP);
        STORE(m, mean, k);
#endif
        const real r = 1 / sqrt(FN(sum)(x + at, m, 1) / (SPAN * GROUP) + (real)EPS);
        STORE(r, rstd, k);
        for (int s = 0; s < SPAN; s++)
            for (int c = 0; c < GROUP; c += SYN_VEC) {
                realv v = (LOADV(x + at + s * COLS, c, 0) - m) * r;
#if GAMMA
                v *= LOADV(gamma + k % GROUPS * GROUP, c, 0);
#endif
#if BETA
                v += LOADV(beta + k % GROUPS * GROUP, c, 0);
#endif
                FN(store)(v, y + at + s * COLS, c);
            }
    }
#endif
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
        const int e = at + i / GROUP * COLS + i % GROUP;
        real v = (LOAD(x, e) - m) * r;
#if GAMMA
        v *= LOAD(gamma, k % GROUPS * GROUP + i % GROUP);
#endif
#if BETA
        v += LOAD(beta, k % GROUPS * GROUP + i % GROUP);
#endif
        STORE(v, y, e);
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
#if DGAMMA
    dgamma += get_global_id(0) * COLS;
    for (int c = 0; c < COLS; c++) STORE(0, dgamma, c);
#endif
#if DBETA
    dbeta += get_global_id(0) * COLS;
    for (int c = 0; c < COLS; c++) STORE(0, dbeta, c);
#endif
#if MANY
    for (int k = first * GROUPS; k < last * GROUPS; k += SYN_VEC) {
        const int at = k * GROUP, col = k % GROUPS * GROUP;
        const realv rs = VLOAD(rstd, k);
        real m[SYN_VEC], r[SYN_VEC], a[SYN_VEC], b[SYN_VEC];
        VSET(rs, r, 0);
#if RMS
        for (int g = 0; g < SYN_VEC; g++) m[g] = 0;
#else
        VSET(VLOAD(mean, k), m, 0);
#endif
#if DX
        realv sums[SYN_VEC], products[SYN_VEC];
        for (int g = 0; g < SYN_VEC; g++) {
            sums[g] = products[g] = 0;
            for (int c = g * GROUP; c < (g + 1) * GROUP; c += SYN_VEC) {
                realv e = VLOAD(dy, at + c);
#if GAMMA
                e *= VLOAD(gamma, col + c);
#endif
                sums[g] += e;
                products[g] += e * (VLOAD(x, at + c) - m[g]);
            }
        }
        VSET(RMS ? (realv)(0) : FN(lane_sums)(sums) * (1 / (real)GROUP), a, 0);
        VSET(FN(lane_sums)(products) * (rs * rs * (1 / (real)GROUP)), b, 0);
#endif
        for (int g = 0; g < SYN_VEC; g++)
            for (int c = g * GROUP; c < (g + 1) * GROUP; c += SYN_VEC) {
                const realv d = VLOAD(x, at + c) - m[g], e = VLOAD(dy, at + c);
#if DGAMMA
                const realv sum_x = VLOAD(dgamma, col + c) + e * d * r[g];
#endif
#if DBETA
                const realv sum = VLOAD(dbeta, col + c) + e;
#endif
#if DX
                realv v = e;
#if GAMMA
                v *= VLOAD(gamma, col + c);
#endif
                VSTORE((v - a[g] - d * b[g]) * r[g], dx, at + c);
#endif
#if DGAMMA
                VSTORE(sum_x, dgamma, col + c);
#endif
#if DBETA
                VSTORE(sum, dbeta, col + c);
#endif
            }
    }
#else
    for (int k = first * GROUPS; k < last * GROUPS; k++) {
        const int at = k / GROUPS * SPAN * COLS + k % GROUPS * GROUP, col = k % GROUPS * GROUP;
        const real r = LOAD(rstd, k);
#if RMS
        const real m = 0;
#else
        const real m = LOAD(mean, k);
#endif
        realv s0 = 0, s1 = 0, t0 = 0, t1 = 0;
#if DX
        for (int s = 0; s < SPAN; s++) {
            __global const cell *px = x + at + s * COLS, *pd = dy + at + s * COLS;
            int c = 0;
            for (; c + 2 * SYN_VEC <= FULL; c += 2 * SYN_VEC) {
                realv g0 = VLOAD(pd, c), g1 = VLOAD(pd, c + SYN_VEC);
#if GAMMA
                g0 *= VLOAD(gamma + col, c);
                g1 *= VLOAD(gamma + col, c + SYN_VEC);
#endif
                s0 += g0;
                s1 += g1;
                t0 += g0 * (VLOAD(px, c) - m);
                t1 += g1 * (VLOAD(px, c + SYN_VEC) - m);
            }
            for (; c < GROUP; c += SYN_VEC) {
                realv g0 = LOADV(pd, c, 0);
#if GAMMA
                g0 *= LOADV(gamma + col, c, 0);
#endif
                s0 += g0;
                t0 += g0 * (LOADV(px, c, 0) - m);
            }
        }
#endif
        const real a = RMS ? (real)0 : lane_sum(s0 + s1) / (SPAN * GROUP);
        const real b = lane_sum(t0 + t1) * (r * r / (SPAN * GROUP));
        // All loads before the first store: rows and sums meet at the same offset of a page, where loads wait
        // for stores that are not theirs.
        for (int s = 0; s < SPAN; s++)
            for (int c = 0; c < GROUP; c += SYN_VEC) {
                const realv d = LOADV(x + at + s * COLS, c, 0) - m, e = LOADV(dy + at + s * COLS, c, 0);
#if DGAMMA
                const realv sum_x = LOADV(dgamma + col, c, 0) + e * d * r;
#endif
#if DBETA
                const realv sum = LOADV(dbeta + col, c, 0) + e;
#endif
#if DX
                realv g = e;
#if GAMMA
                g *= LOADV(gamma + col, c, 0);
#endif
                FN(store)((g - a - d * b) * r, dx + at + s * COLS, c);
#endif
#if DGAMMA
                FN(store)(sum_x, dgamma + col, c);
#endif
#if DBETA
                FN(store)(sum, dbeta + col, c);
#endif
            }
    }
#endif
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
#undef MANY
#undef FULL
#undef LOADV
