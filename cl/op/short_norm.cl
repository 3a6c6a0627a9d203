// Normalisation over many short groups of adjacent columns on CPUs, row_norm.cl's formulas: GROUP is one to four
// vectors, and the groups of a row are a multiple of SYN_VEC. The sums over the lanes of SYN_VEC groups are taken
// together, and so are their means and square roots.
#define GROUPS (COLS / GROUP)
#define FOR_GROUPS(g) for (int g = 0; g < SYN_VEC; g++)
// The vectors of group g, as offsets from the first of SYN_VEC groups.
#define FOR_GROUP(c, g) for (int c = (g) * GROUP; c < (g) * GROUP + GROUP; c += SYN_VEC)
#define LANES_OF(name) real name[SYN_VEC] __attribute__((aligned(sizeof(realv))))

// Lane g of the result: the sum over the lanes of v[g]. Neighbouring lanes of neighbouring vectors are added until
// one vector is left.
#define PAIR(i) v[i] = (realv)(v[2 * i].even, v[2 * i + 1].even) + (realv)(v[2 * i].odd, v[2 * i + 1].odd);
static realv FN(lane_sums)(realv *v) {
#if SYN_VEC >= 16
    PAIR(0) PAIR(1) PAIR(2) PAIR(3) PAIR(4) PAIR(5) PAIR(6) PAIR(7)
#endif
#if SYN_VEC >= 8
    PAIR(0) PAIR(1) PAIR(2) PAIR(3)
#endif
#if SYN_VEC >= 4
    PAIR(0) PAIR(1)
#endif
    PAIR(0)
    return v[0];
}

#if FORWARD
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
                   __global real *rstd, const int samples) {
    const int first = (int)get_global_id(0) * BLOCK, last = min(first + BLOCK, samples);
    for (int k = first * GROUPS; k < last * GROUPS; k += SYN_VEC) {
        const int at = k * GROUP, col = k % GROUPS * GROUP;
        realv sums[SYN_VEC];
        LANES_OF(m);
        LANES_OF(r);
#if RMS
        VSET((realv)(0), m, 0);
#else
        FOR_GROUPS(g) {
            realv sum = 0;
            FOR_GROUP(c, g) sum += VLOAD(x, at + c);
            sums[g] = sum;
        }
        const realv means = FN(lane_sums)(sums) * (1 / (real)GROUP);
        VSTORE(means, mean, k);
        VSET(means, m, 0);
#endif
        FOR_GROUPS(g) {
            realv square = 0;
            FOR_GROUP(c, g) {
                const realv d = VLOAD(x, at + c) - m[g];
                square += d * d;
            }
            sums[g] = square;
        }
        const realv rs = 1 / sqrt(FN(lane_sums)(sums) * (1 / (real)GROUP) + (real)EPS);
        VSTORE(rs, rstd, k);
        VSET(rs, r, 0);
        FOR_GROUPS(g) FOR_GROUP(c, g) {
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
}
#else
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
    const int first = (int)get_global_id(0) * BLOCK, last = min(first + BLOCK, samples);
    for (int n = first; n < last; n++)
        for (int group = 0; group < GROUPS; group += SYN_VEC) {
            const int k = n * GROUPS + group, at = k * GROUP, col = group * GROUP;
            const realv rs = VLOAD(rstd, k);
            LANES_OF(m);
            LANES_OF(r);
            VSET(rs, r, 0);
#if RMS
            VSET((realv)(0), m, 0);
#else
            VSET(VLOAD(mean, k), m, 0);
#endif
            realv sums[SYN_VEC], products[SYN_VEC];
            // All loads before the first store: rows and sums meet at the same offset of a page, where loads wait
            // for stores that are not theirs.
            FOR_GROUPS(g) {
                realv s = 0, t = 0;
                FOR_GROUP(c, g) {
                    const realv e = VLOAD(dy, at + c), p = (VLOAD(x, at + c) - m[g]) * e;
#if GAMMA
                    const realv scale = VLOAD(gamma, col + c);
#else
                    const realv scale = 1;
#endif
                    s += e * scale;
                    t += p * scale;
#if DGAMMA
                    __global real *sum_x = dgamma + get_global_id(0) * COLS + col + c;
                    const realv all_x = n == first ? p * r[g] : VLOAD(sum_x, 0) + p * r[g];
#endif
#if DBETA
                    __global real *sum = dbeta + get_global_id(0) * COLS + col + c;
                    const realv all = n == first ? e : VLOAD(sum, 0) + e;
#endif
#if DGAMMA
                    VSTORE(all_x, sum_x, 0);
#endif
#if DBETA
                    VSTORE(all, sum, 0);
#endif
                }
                sums[g] = s;
                products[g] = t;
            }
#if DX
            LANES_OF(a);
            LANES_OF(b);
            VSET(RMS ? (realv)(0) : FN(lane_sums)(sums) * (1 / (real)GROUP), a, 0);
            VSET(FN(lane_sums)(products) * (rs * rs * (1 / (real)GROUP)), b, 0);
            FOR_GROUPS(g) FOR_GROUP(c, g) {
                realv v = VLOAD(dy, at + c);
#if GAMMA
                v *= VLOAD(gamma, col + c);
#endif
                VSTORE((v - a[g] - (VLOAD(x, at + c) - m[g]) * b[g]) * r[g], dx, at + c);
            }
#endif
        }
}
#endif
#undef GROUPS
#undef FOR_GROUPS
#undef FOR_GROUP
#undef LANES_OF
#undef PAIR
