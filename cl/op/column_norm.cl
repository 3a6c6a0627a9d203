// Normalisation of columns of `rows` x COLS matrices, GROUP adjacent columns sharing their statistics:
// batch_norm (one matrix, the batch) and group_norm with narrow groups, instance_norm (a matrix a sample).
//     y = (x - mean) r gamma + beta,  r = 1 / sqrt(var + EPS)
// A work-item (CPU) or a work-group of WIDTH x LANES items (GPU) takes WIDTH columns of a matrix, a
// multiple of GROUP, and walks over the rows while they are in the cache.
#if SYN_CPU
#define PAD (WIDTH + SYN_VEC)
#if SYN_VEC == 1
#define GET(p, c) ((p)[c])
#define PUT(v, p, c) ((p)[c] = (v))
#else
#define GET(p, c) CAT(vload, SYN_VEC)(0, (p) + (c))
#define PUT(v, p, c) CAT(vstore, SYN_VEC)(v, 0, (p) + (c))
#endif
// Columns [c, c + SYN_VEC) of the w columns at p.
static realv FN(load)(__global const real *p, const int c, const int w) {
    return c + SYN_VEC <= w ? VLOAD(p, c) : VLOAD_TAIL(p, c, w - c, 0);
}
static void FN(store)(realv v, __global real *p, const int c, const int w) {
    if (c + SYN_VEC <= w) VSTORE(v, p, c);
    else VSTORE_TAIL(v, p, c, w - c);
}
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
// Mean and sum of squared differences of a vector of columns in one pass: eight rows at a time, joined
// to those before (Chan, Golub and LeVeque 1983).
static void FN(moments)(__global const real *x, const int c, const int w, const int rows, realv *mean,
                        realv *square) {
    realv m = 0, q = 0;
    int r = 0;
    if (c + SYN_VEC <= w)
        for (; r + 8 <= rows; r += 8) {
            __global const real *p = x + r * COLS + c;
            realv a = VLOAD(p, 0), b = VLOAD(p, COLS), d = VLOAD(p, 2 * COLS), e = VLOAD(p, 3 * COLS);
            realv f = VLOAD(p, 4 * COLS), g = VLOAD(p, 5 * COLS), h = VLOAD(p, 6 * COLS);
            realv i = VLOAD(p, 7 * COLS);
            const realv eight = (((a + b) + (d + e)) + ((f + g) + (h + i))) * (real).125;
            a -= eight, b -= eight, d -= eight, e -= eight, f -= eight, g -= eight, h -= eight, i -= eight;
            const realv delta = eight - m;
            const real share = 8 / (real)(r + 8);
            m += delta * share;
            q += ((a * a + b * b) + (d * d + e * e)) + ((f * f + g * g) + (h * h + i * i)) +
                 delta * delta * (r * share);
        }
    for (; r < rows; r++) {
        const realv v = FN(load)(x + r * COLS, c, w), delta = v - m;
        m += delta * (1 / (real)(r + 1));
        q += delta * (v - m);
    }
    *mean = m;
    *square = q;
}
#endif

KERNEL(column_norm)(__global const real *x,
#if GAMMA
                    __global const real *gamma,
#endif
#if BETA
                    __global const real *beta,
#endif
                    __global real *y, __global real *mean, __global real *rstd,
#if MOVING
                    __global real *moving_mean, __global real *moving_var, __global real *count,
                    __global const uint *ctl,
#endif
                    const int rows) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * WIDTH, w = min(WIDTH, COLS - first);
    const int matrix = (int)get_global_id(1), at = matrix * rows * COLS + first;
    real means[PAD], vars[PAD];
    for (int c = 0; c < w; c += SYN_VEC) {
        realv m, q;
        FN(moments)(x + at, c, w, rows, &m, &q);
        PUT(m, means, c);
        PUT(q * (1 / (real)rows), vars, c);
    }
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
    for (int c = 0; c < w; c++)
        moving_step(ctl, moving_mean, moving_var, count, first + c, means[c], vars[c], rows, MOVING,
                    (real)TAKE, UNBIASED, PER_ROW);
#endif
    for (int c = 0; c < w; c += SYN_VEC) {
        const realv r = 1 / sqrt(GET(vars, c) + (real)EPS);
        FN(store)(GET(means, c), mean + matrix * COLS + first, c, w);
        FN(store)(r, rstd + matrix * COLS + first, c, w);
#if GAMMA
        PUT(r * FN(load)(gamma + first, c, w), vars, c);
#else
        PUT(r, vars, c);
#endif
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < w; c += SYN_VEC) {
            realv v = (FN(load)(x + at + r * COLS, c, w) - GET(means, c)) * GET(vars, c);
#if BETA
            v += FN(load)(beta + first, c, w);
#endif
            FN(store)(v, y + at + r * COLS, c, w);
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
KERNEL(column_norm_grad)(__global const real *x, __global const real *dy,
#if GAMMA
                         __global const real *gamma,
#endif
                         __global const real *mean, __global const real *rstd,
#if DX
                         __global real *dx,
#endif
                         __global real *dgamma, __global real *dbeta, const int rows) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * WIDTH, w = min(WIDTH, COLS - first);
    const int matrix = (int)get_global_id(1), at = matrix * rows * COLS + first, col = matrix * COLS + first;
    real as[PAD], bs[PAD];
    for (int c = 0; c < w; c += SYN_VEC) {
        const realv m = FN(load)(mean + col, c, w), s = FN(load)(rstd + col, c, w);
        realv a0 = 0, a1 = 0, b0 = 0, b1 = 0;
        int r = 0;
        if (c + SYN_VEC <= w)
            for (; r + 4 <= rows; r += 4) {
                const int e = at + r * COLS + c;
                const realv d0 = VLOAD(dy, e), d1 = VLOAD(dy, e + COLS), d2 = VLOAD(dy, e + 2 * COLS);
                const realv d3 = VLOAD(dy, e + 3 * COLS);
                a0 += d0 + d1;
                a1 += d2 + d3;
                b0 += d0 * (VLOAD(x, e) - m) + d1 * (VLOAD(x, e + COLS) - m);
                b1 += d2 * (VLOAD(x, e + 2 * COLS) - m) + d3 * (VLOAD(x, e + 3 * COLS) - m);
            }
        for (; r < rows; r++) {
            const realv d = FN(load)(dy + at + r * COLS, c, w);
            a0 += d;
            b0 += d * (FN(load)(x + at + r * COLS, c, w) - m);
        }
        PUT(a0 + a1, as, c);
        PUT((b0 + b1) * s, bs, c);
        FN(store)(a0 + a1, dbeta + col, c, w);
        FN(store)((b0 + b1) * s, dgamma + col, c, w);
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
        PUT(FN(load)(mean + col, c, w), ms, c);
        PUT(GET(as, c) * s * share, as, c);
        PUT(GET(bs, c) * s * s * share, bs, c);
#if GAMMA
        PUT(s * FN(load)(gamma + first, c, w), scales, c);
#else
        PUT(s, scales, c);
#endif
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < w; c += SYN_VEC)
            FN(store)(GET(scales, c) * FN(load)(dy + at + r * COLS, c, w) - GET(as, c) -
                          (FN(load)(x + at + r * COLS, c, w) - GET(ms, c)) * GET(bs, c),
                      dx + at + r * COLS, c, w);
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
#undef GET
#undef PUT
#endif
