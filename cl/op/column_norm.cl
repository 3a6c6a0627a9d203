// Normalisation of columns of `rows` x COLS matrices, GROUP adjacent columns sharing their statistics:
// batch_norm (one matrix, the batch) and group_norm with narrow groups, instance_norm (a matrix a sample).
//     y = (x - mean) r gamma + beta,  r = 1 / sqrt(var + EPS)
// A work-item (CPU) or a work-group of WIDTH x LANES items (GPU) takes WIDTH columns of a matrix, a
// multiple of GROUP, and walks over the rows while they are in the cache.
#if SYN_CPU
#define PAD (WIDTH + SYN_VEC)
// Columns [c, c + SYN_VEC) of the w columns at p.
#define COLUMNS_OF(type)                                                                           \
    static realv OVERLOADED FN(load)(__global const type *p, const int c, const int w) {           \
        return c + SYN_VEC <= w ? VLOAD(p, c) : VLOAD_TAIL(p, c, w - c, 0);                        \
    }                                                                                              \
    static void OVERLOADED FN(store)(realv v, __global type *p, const int c, const int w) {        \
        if (c + SYN_VEC <= w) VSTORE(v, p, c);                                                     \
        else VSTORE_TAIL(v, p, c, w - c);                                                          \
    }
FOR_TYPES(COLUMNS_OF)
#undef COLUMNS_OF
#else
// Sums over the LANES row lanes of a column, then over the columns of its group.
static real FN(over_rows)(__local real *sums, const int x, const int y, const real v) {
    real sum = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    sums[y * WIDTH + x] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = 0; k < LANES; k++) sum += sums[k * WIDTH + x];
    return sum;
}
static real FN(over_group)(__local real *sums, const int x, const int y, const real v) {
    real sum = 0;
    if (GROUP == 1) return v;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (y == 0) sums[x] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = 0; k < GROUP; k++) sum += sums[x / GROUP * GROUP + k];
    return sum;
}
#endif

#if FORWARD
#if SYN_CPU
// Mean and sum of squared differences of w columns in one pass: eight rows at a time, joined to those before
// (Chan, Golub and LeVeque 1983).
static void FN(moments)(__global const cell *x, const int w, const int rows, real *means, real *squares) {
    for (int c = 0; c < w; c += SYN_VEC) {
        VSET((realv)(0), means, c);
        VSET((realv)(0), squares, c);
    }
    int r = 0;
    for (; r + 8 <= rows; r += 8) {
        const real share = 8 / (real)(r + 8), old = r * share;
        __global const cell *p = x + r * COLS;
        for (int c = 0; c < w; c += SYN_VEC) {
            realv a = FN(load)(p, c, w), b = FN(load)(p + COLS, c, w), d = FN(load)(p + 2 * COLS, c, w);
            realv e = FN(load)(p + 3 * COLS, c, w), f = FN(load)(p + 4 * COLS, c, w);
            realv g = FN(load)(p + 5 * COLS, c, w), h = FN(load)(p + 6 * COLS, c, w);
            realv i = FN(load)(p + 7 * COLS, c, w);
            const realv m = VGET(means, c), eight = (((a + b) + (d + e)) + ((f + g) + (h + i))) * (real).125;
            a -= eight, b -= eight, d -= eight, e -= eight, f -= eight, g -= eight, h -= eight, i -= eight;
            const realv delta = eight - m;
            VSET(m + delta * share, means, c);
            VSET(VGET(squares, c) + (((a * a + b * b) + (d * d + e * e)) + ((f * f + g * g) + (h * h + i * i))) +
                    delta * delta * old, squares, c);
        }
    }
    for (; r < rows; r++)
        for (int c = 0; c < w; c += SYN_VEC) {
            const realv v = FN(load)(x + r * COLS, c, w), m = VGET(means, c), delta = v - m;
            const realv now = m + delta * (1 / (real)(r + 1));
            VSET(now, means, c);
            VSET(VGET(squares, c) + delta * (v - now), squares, c);
        }
}
#endif

KERNEL(column_norm)(__global const cell *x,
#if GAMMA
                    __global const cell *gamma,
#endif
#if BETA
                    __global const cell *beta,
#endif
                    __global cell *y, __global real *mean, __global real *rstd,
#if MOVING
                    __global real *moving_mean, __global real *moving_var, __global real *count,
                    __global const uint *ctl,
#endif
                    const int rows) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * WIDTH, w = COLS % WIDTH == 0 ? WIDTH : min(WIDTH, COLS - first);
    const int matrix = (int)get_global_id(1), at = matrix * rows * COLS + first;
    real means[PAD], vars[PAD];
    FN(moments)(x + at, w, rows, means, vars);
    for (int c = 0; c < w; c += SYN_VEC) VSET(VGET(vars, c) * (1 / (real)rows), vars, c);
#if GROUP > 1
    for (int g = 0; g < w; g += GROUP) {
        real m = 0, v = 0;
        for (int c = g; c < g + GROUP; c++) m += means[c];
        m /= GROUP;
        for (int c = g; c < g + GROUP; c++) v += vars[c] + (means[c] - m) * (means[c] - m);
        for (int c = g; c < g + GROUP; c++) {
            means[c] = m;
            vars[c] = v / GROUP;
        }
    }
#endif
#if MOVING
    for (int c = 0; c < w; c += SYN_VEC)
        moving_vector(ctl, moving_mean, moving_var, count, first + c, w - c, VGET(means, c), VGET(vars, c), rows,
                      MOVING, (real)TAKE, UNBIASED, PER_ROW);
#endif
    for (int c = 0; c < w; c += SYN_VEC) {
        const realv r = 1 / sqrt(VGET(vars, c) + (real)EPS);
        FN(store)(VGET(means, c), mean + matrix * COLS + first, c, w);
        FN(store)(r, rstd + matrix * COLS + first, c, w);
#if GAMMA
        VSET(r * FN(load)(gamma + first, c, w), vars, c);
#else
        VSET(r, vars, c);
#endif
    }
    // All loads before the first store: rows may meet at the same offset of a page, where loads wait for stores
    // that are not theirs.
    for (int r = 0; r < rows;) {
        const int n = r + 4 <= rows ? 4 : 1;
        __global const cell *p = x + at + r * COLS;
        __global cell *q = y + at + r * COLS;
        for (int c = 0; c < w; c += SYN_VEC) {
            const realv m = VGET(means, c), scale = VGET(vars, c);
#if BETA
            const realv shift = FN(load)(beta + first, c, w);
#else
            const realv shift = 0;
#endif
            const realv a = FN(load)(p, c, w);
            if (n == 4) {
                const realv b = FN(load)(p + COLS, c, w), d = FN(load)(p + 2 * COLS, c, w);
                const realv e = FN(load)(p + 3 * COLS, c, w);
                FN(store)((b - m) * scale + shift, q + COLS, c, w);
                FN(store)((d - m) * scale + shift, q + 2 * COLS, c, w);
                FN(store)((e - m) * scale + shift, q + 3 * COLS, c, w);
            }
            FN(store)((a - m) * scale + shift, q, c, w);
        }
        r += n;
    }
#else
    __local real sums[WIDTH * LANES];
    const int lx = (int)get_local_id(0), ly = (int)get_local_id(1), c = (int)get_group_id(0) * WIDTH + lx;
    const int matrix = (int)get_group_id(1), at = matrix * rows * COLS + c, mine = c < COLS;
    real sum = 0, v = 0;
    for (int r = ly; mine && r < rows; r += LANES) sum += LOAD(x, at + r * COLS);
    const real m = FN(over_group)(sums, lx, ly, FN(over_rows)(sums, lx, ly, sum)) / (rows * GROUP);
    for (int r = ly; mine && r < rows; r += LANES) {
        const real d = LOAD(x, at + r * COLS) - m;
        v += d * d;
    }
    v = FN(over_group)(sums, lx, ly, FN(over_rows)(sums, lx, ly, v)) / (rows * GROUP);
    if (!mine) return;
    real scale = 1 / sqrt(v + (real)EPS);
    if (ly == 0) {
        STORE(m, mean, matrix * COLS + c);
        STORE(scale, rstd, matrix * COLS + c);
#if MOVING
        moving_step(ctl, moving_mean, moving_var, count, c, m, v, rows, MOVING, (real)TAKE, UNBIASED,
                    PER_ROW);
#endif
    }
#if GAMMA
    scale *= LOAD(gamma, c);
#endif
#if BETA
    const real shift = LOAD(beta, c);
#else
    const real shift = 0;
#endif
    for (int r = ly; r < rows; r += LANES) STORE((LOAD(x, at + r * COLS) - m) * scale + shift, y, at + r * COLS);
#endif
}
#else
// With K = rows * GROUP:
//     dx = r (gamma dy - sum(gamma dy) / K - (x - mean) r^2 sum(gamma dy (x - mean)) / K)
//     dgamma = sum(dy (x - mean) r), dbeta = sum(dy), of each matrix
KERNEL(column_norm_grad)(__global const cell *x, __global const cell *dy,
#if GAMMA
                         __global const cell *gamma,
#endif
                         __global const real *mean, __global const real *rstd,
#if DX
                         __global cell *dx,
#endif
                         __global real *dgamma, __global real *dbeta, const int rows) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * WIDTH, w = COLS % WIDTH == 0 ? WIDTH : min(WIDTH, COLS - first);
    const int matrix = (int)get_global_id(1), at = matrix * rows * COLS + first, col = matrix * COLS + first;
    real as[PAD], bs[PAD];
    for (int c = 0; c < w; c += SYN_VEC) {
        VSET((realv)(0), as, c);
        VSET((realv)(0), bs, c);
    }
    for (int r = 0; r < rows;) {
        const int n = r + 4 <= rows ? 4 : 1;
        __global const cell *px = x + at + r * COLS, *pd = dy + at + r * COLS;
        for (int c = 0; c < w; c += SYN_VEC) {
            const realv m = FN(load)(mean + col, c, w), d = FN(load)(pd, c, w);
            realv a = d, b = d * (FN(load)(px, c, w) - m);
            if (n == 4) {
                const realv e = FN(load)(pd + COLS, c, w), f = FN(load)(pd + 2 * COLS, c, w);
                const realv g = FN(load)(pd + 3 * COLS, c, w);
                a = (d + e) + (f + g);
                b = (b + e * (FN(load)(px + COLS, c, w) - m)) +
                    (f * (FN(load)(px + 2 * COLS, c, w) - m) + g * (FN(load)(px + 3 * COLS, c, w) - m));
            }
            VSET(VGET(as, c) + a, as, c);
            VSET(VGET(bs, c) + b, bs, c);
        }
        r += n;
    }
    for (int c = 0; c < w; c += SYN_VEC) {
        VSET(VGET(bs, c) * FN(load)(rstd + col, c, w), bs, c);
        FN(store)(VGET(as, c), dbeta + col, c, w);
        FN(store)(VGET(bs, c), dgamma + col, c, w);
    }
#if DX
#if GAMMA
    for (int c = 0; c < w; c++) {
        as[c] *= LOAD(gamma, first + c);
        bs[c] *= LOAD(gamma, first + c);
    }
#endif
#if GROUP > 1
    for (int g = 0; g < w; g += GROUP) {
        real a = 0, b = 0;
        for (int c = g; c < g + GROUP; c++) {
            a += as[c];
            b += bs[c];
        }
        for (int c = g; c < g + GROUP; c++) {
            as[c] = a;
            bs[c] = b;
        }
    }
#endif
    // dx = scale dy - a - (x - mean) b
    const real share = 1 / (real)(rows * GROUP);
    real ms[PAD], scales[PAD];
    for (int c = 0; c < w; c += SYN_VEC) {
        const realv s = FN(load)(rstd + col, c, w);
        VSET(FN(load)(mean + col, c, w), ms, c);
        VSET(VGET(as, c) * s * share, as, c);
        VSET(VGET(bs, c) * s * s * share, bs, c);
#if GAMMA
        VSET(s * FN(load)(gamma + first, c, w), scales, c);
#else
        VSET(s, scales, c);
#endif
    }
    for (int r = 0; r < rows;) {
        const int n = r + 4 <= rows ? 4 : 1;
        __global const cell *px = x + at + r * COLS, *pd = dy + at + r * COLS;
        __global cell *q = dx + at + r * COLS;
        for (int c = 0; c < w; c += SYN_VEC) {
            const realv m = VGET(ms, c), scale = VGET(scales, c), a = VGET(as, c), b = VGET(bs, c);
            const realv d = scale * FN(load)(pd, c, w) - a - (FN(load)(px, c, w) - m) * b;
            if (n == 4) {
                const realv e = scale * FN(load)(pd + COLS, c, w) - a - (FN(load)(px + COLS, c, w) - m) * b;
                const realv f = scale * FN(load)(pd + 2 * COLS, c, w) - a - (FN(load)(px + 2 * COLS, c, w) - m) * b;
                const realv g = scale * FN(load)(pd + 3 * COLS, c, w) - a - (FN(load)(px + 3 * COLS, c, w) - m) * b;
                FN(store)(e, q + COLS, c, w);
                FN(store)(f, q + 2 * COLS, c, w);
                FN(store)(g, q + 3 * COLS, c, w);
            }
            FN(store)(d, q, c, w);
        }
        r += n;
    }
#endif
#else
    __local real sums[WIDTH * LANES];
    const int lx = (int)get_local_id(0), ly = (int)get_local_id(1), c = (int)get_group_id(0) * WIDTH + lx;
    const int matrix = (int)get_group_id(1), at = matrix * rows * COLS + c, mine = c < COLS;
    const real m = mine ? LOAD(mean, matrix * COLS + c) : 0, s = mine ? LOAD(rstd, matrix * COLS + c) : 0;
    real a = 0, b = 0;
    for (int r = ly; mine && r < rows; r += LANES) {
        const real d = LOAD(dy, at + r * COLS);
        a += d;
        b += d * (LOAD(x, at + r * COLS) - m);
    }
    a = FN(over_rows)(sums, lx, ly, a);
    b = FN(over_rows)(sums, lx, ly, b) * s;
    if (mine && ly == 0) {
        STORE(a, dbeta, matrix * COLS + c);
        STORE(b, dgamma, matrix * COLS + c);
    }
#if DX
#if GAMMA
    const real scale = mine ? LOAD(gamma, c) : 0;
#else
    const real scale = 1;
#endif
    a = FN(over_group)(sums, lx, ly, a * scale) / (rows * GROUP);
    b = FN(over_group)(sums, lx, ly, b * scale) * s / (rows * GROUP);
    for (int r = ly; mine && r < rows; r += LANES)
        STORE(s * (scale * LOAD(dy, at + r * COLS) - a - (LOAD(x, at + r * COLS) - m) * b), dx, at + r * COLS);
#endif
#endif
}
#endif
#if SYN_CPU
#undef PAD
#endif
