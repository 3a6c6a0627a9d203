// Normalisation of columns of `rows` x COLS matrices, GROUP adjacent columns sharing their statistics:
// batch_norm (one matrix, the batch) and group_norm with narrow groups, instance_norm (a matrix a sample).
//     y = (x - mean) r gamma + beta,  r = 1 / sqrt(var + EPS)
// A work-item (CPU) or a work-group of WIDTH x LANES items (GPU) takes WIDTH columns of a matrix, a
// multiple of GROUP, and walks over the rows while they are in the cache. A CPU's item takes
// `block` matrices, one after the other; a GPU has a group of items for each.
#if SYN_CPU
#define PAD (WIDTH + SYN_VEC)
#define VECTORS real __attribute__((aligned(sizeof(realv)))) // none over two cache lines
#define FOR_VECTORS(c, w) for (int c = 0; c < (w); c += SYN_VEC)
// Columns [c, c + SYN_VEC) of the w columns at p.
#define WHOLE(c, w) (COLS % SYN_VEC == 0 || (c) + SYN_VEC <= (w))
#define COLUMNS_OF(type)                                                                           \
    static realv OVERLOADED FN(load)(__global const type *p, const int c, const int w) {           \
        return WHOLE(c, w) ? VLOAD(p, c) : VLOAD_TAIL(p, c, w - c, 0);                             \
    }                                                                                              \
    static void OVERLOADED FN(store)(realv v, __global type *p, const int c, const int w) {        \
        if (WHOLE(c, w)) VSTORE(v, p, c);                                                          \
        else VSTORE_TAIL(v, p, c, w - c);                                                          \
    }
FOR_TYPES(COLUMNS_OF)
#undef COLUMNS_OF
#if GROUP > 1
// Sums over groups, in each of their columns. Of a vector: neighbours are added until the first lanes are sums of
// groups, then lanes are doubled as often.
#define PAIRS(n) if (GROUP >= (n)) v = (realv)(v.even + v.odd, v.even + v.odd);
#define TWICE(n) if (GROUP >= (n)) twice.even = twice.odd = v.lo, v = twice;
static void FN(over_group)(real *sums, const int w) {
#if GROUP <= SYN_VEC && (GROUP & (GROUP - 1)) == 0
    FOR_VECTORS(c, w) {
        realv v = VGET(sums, c), twice;
        PAIRS(2) PAIRS(4) PAIRS(8) PAIRS(16)
        TWICE(2) TWICE(4) TWICE(8) TWICE(16)
        VSET(v, sums, c);
    }
#else
    for (int g = 0; g < w; g += GROUP) {
        real sum = 0;
        for (int c = g; c < g + GROUP; c++) sum += sums[c];
        for (int c = g; c < g + GROUP; c++) sums[c] = sum;
    }
#endif
}
#endif
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
// EPILOGUE_PARAMS: FN(epilogue) in front of this text takes y, vectors on CPUs, instead of its being stored.
#ifdef EPILOGUE_PARAMS
#if SYN_CPU
#define PUT(v, row, c) FN(epilogue)(v, row, first + (c), w - (c), y EPILOGUE_ARGS)
#else
#define PUT(v, row, c) FN(epilogue)(v, row, c, 1, y EPILOGUE_ARGS)
#endif
#else
#define EPILOGUE_PARAMS
#if SYN_CPU
#define PUT(v, row, c) FN(store)(v, y + (row) * COLS + first, c, w)
#else
#define PUT(v, row, c) STORE(v, y, (row) * COLS + (c))
#endif
#endif
#if SYN_CPU
// Mean and sum of squared differences of w columns in one pass: eight rows at a time, joined to those before
// (Chan, Golub and LeVeque 1983).
static void FN(moments)(__global const cell *x, const int w, const int rows, real *means, real *squares) {
    FOR_VECTORS(c, w) {
        VSET((realv)(0), means, c);
        VSET((realv)(0), squares, c);
    }
    int r = 0;
    for (; r + 8 <= rows; r += 8) {
        const real share = 8 / (real)(r + 8), old = r * share;
        __global const cell *p = x + r * COLS;
        FOR_VECTORS(c, w) {
            realv a = FN(load)(p, c, w), b = FN(load)(p + COLS, c, w), d = FN(load)(p + 2 * COLS, c, w);
            realv e = FN(load)(p + 3 * COLS, c, w), f = FN(load)(p + 4 * COLS, c, w);
            realv g = FN(load)(p + 5 * COLS, c, w), h = FN(load)(p + 6 * COLS, c, w);
            realv i = FN(load)(p + 7 * COLS, c, w);
            const realv m = VGET(means, c), sum = ((a + b) + (d + e)) + ((f + g) + (h + i));
            // Half of the differences as multiply-adds, which other units than those of sums take.
            const realv eight = sum * (real).125, delta = eight - m;
            a -= eight, b -= eight, d -= eight, e -= sum * (real).125;
            f -= sum * (real).125, g -= sum * (real).125, h -= sum * (real).125, i -= sum * (real).125;
            VSET(m + delta * share, means, c);
            VSET(VGET(squares, c) + (((a * a + b * b) + (d * d + e * e)) + ((f * f + g * g) + (h * h + i * i))) +
                     delta * delta * old, squares, c);
        }
    }
    for (; r < rows; r++)
        FOR_VECTORS(c, w) {
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
                    __global const uint *control,
#endif
                    const int rows, const int matrices, const int block EPILOGUE_PARAMS) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * WIDTH, w = COLS % WIDTH == 0 ? WIDTH : min(WIDTH, COLS - first);
    const int start = (int)get_global_id(1) * block, end = min(start + block, matrices);
    VECTORS mean_of[2 * PAD], var_of[2 * PAD];
    // The statistics of a matrix stand in front of the rows before it, which hide their latency.
    for (int matrix = start; matrix <= end; matrix++) {
        real *means = mean_of + (matrix & 1) * PAD, *vars = var_of + (matrix & 1) * PAD;
        if (matrix < end) {
            FN(moments)(x + matrix * rows * COLS + first, w, rows, means, vars);
            FOR_VECTORS(c, w) VSET(VGET(vars, c) * (1 / (real)rows), vars, c);
#if GROUP > 1
            VECTORS apart[PAD];
            FOR_VECTORS(c, w) VSET(VGET(means, c), apart, c);
            FN(over_group)(means, w);
            FOR_VECTORS(c, w) {
                const realv m = VGET(means, c) * (1 / (real)GROUP), d = VGET(apart, c) - m;
                VSET(m, means, c);
                VSET(VGET(vars, c) + d * d, vars, c);
            }
            FN(over_group)(vars, w);
            FOR_VECTORS(c, w) VSET(VGET(vars, c) * (1 / (real)GROUP), vars, c);
#endif
#if MOVING
            FOR_VECTORS(c, w)
                moving_vector(control, moving_mean, moving_var, count, first + c, w - c, VGET(means, c), VGET(vars, c),
                              rows, MOVING, (real)TAKE, UNBIASED, PER_ROW);
#endif
            FOR_VECTORS(c, w) {
                const realv r = 1 / sqrt(VGET(vars, c) + (real)EPS);
                FN(store)(VGET(means, c), mean + matrix * COLS + first, c, w);
                FN(store)(r, rstd + matrix * COLS + first, c, w);
#if GAMMA
                VSET(r * FN(load)(gamma + first, c, w), vars, c);
#else
                VSET(r, vars, c);
#endif
            }
        }
        if (matrix == start) continue;
        const int at = (matrix - 1) * rows * COLS + first;
        means = mean_of + ((matrix - 1) & 1) * PAD;
        vars = var_of + ((matrix - 1) & 1) * PAD;
        // All loads before the first store: rows may meet at the same offset of a page, where loads wait for
        // stores that are not theirs.
        for (int r = 0; r < rows;) {
            const int n = r + 4 <= rows ? 4 : 1;
            __global const cell *p = x + at + r * COLS;
            const int row = (matrix - 1) * rows + r;
            FOR_VECTORS(c, w) {
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
                    PUT((b - m) * scale + shift, row + 1, c);
                    PUT((d - m) * scale + shift, row + 2, c);
                    PUT((e - m) * scale + shift, row + 3, c);
                }
                PUT((a - m) * scale + shift, row, c);
            }
            r += n;
        }
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
        moving_step(control, moving_mean, moving_var, count, c, m, v, rows, MOVING, (real)TAKE, UNBIASED,
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
    for (int r = ly; r < rows; r += LANES)
        PUT((LOAD(x, at + r * COLS) - m) * scale + shift, matrix * rows + r, c);
#endif
}
#else
// With K = rows * GROUP:
//     dx = r (gamma dy - sum(gamma dy) / K - (x - mean) r^2 sum(gamma dy (x - mean)) / K)
//     dgamma = sum(dy (x - mean) r), dbeta = sum(dy), of each matrix (GPU) or each `block` of them
KERNEL(column_norm_grad)(__global const cell *x, __global const cell *dy,
#if GAMMA
                         __global const cell *gamma,
#endif
                         __global const real *mean, __global const real *rstd,
#if DX
                         __global cell *dx,
#endif
                         __global real *dgamma, __global real *dbeta, const int rows, const int matrices,
                         const int block) {
#if SYN_CPU
    const int first = (int)get_global_id(0) * WIDTH, w = COLS % WIDTH == 0 ? WIDTH : min(WIDTH, COLS - first);
    const int item = (int)get_global_id(1), start = item * block, end = min(start + block, matrices);
    for (int matrix = start; matrix < end; matrix++) {
        const int at = matrix * rows * COLS + first, col = matrix * COLS + first;
        VECTORS as[PAD], bs[PAD];
        FOR_VECTORS(c, w) {
            VSET((realv)(0), as, c);
            VSET((realv)(0), bs, c);
        }
        for (int r = 0; r < rows;) {
            const int n = r + 4 <= rows ? 4 : 1;
            __global const cell *px = x + at + r * COLS, *pd = dy + at + r * COLS;
            FOR_VECTORS(c, w) {
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
        FOR_VECTORS(c, w) {
            const realv a = VGET(as, c), b = VGET(bs, c) * FN(load)(rstd + col, c, w);
            __global real *pg = dgamma + item * COLS + first, *pb = dbeta + item * COLS + first;
            const int before = matrix > start;
            FN(store)(before ? FN(load)(pb, c, w) + a : a, pb, c, w);
            FN(store)(before ? FN(load)(pg, c, w) + b : b, pg, c, w);
#if GAMMA
            const realv scale = FN(load)(gamma + first, c, w);
#else
            const realv scale = 1;
#endif
            VSET(a * scale, as, c);
            VSET(b * scale, bs, c);
        }
#if DX
#if GROUP > 1
        FN(over_group)(as, w);
        FN(over_group)(bs, w);
#endif
        // dx = scale dy - a - (x - mean) b
        const real share = 1 / (real)(rows * GROUP);
        VECTORS ms[PAD], scales[PAD];
        FOR_VECTORS(c, w) {
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
            FOR_VECTORS(c, w) {
                const realv m = VGET(ms, c), scale = VGET(scales, c), a = VGET(as, c), b = VGET(bs, c);
                const realv d = scale * FN(load)(pd, c, w) - a - (FN(load)(px, c, w) - m) * b;
                if (n == 4) {
                    __global const cell *x1 = px + COLS, *x2 = x1 + COLS, *x3 = x2 + COLS;
                    __global const cell *d1 = pd + COLS, *d2 = d1 + COLS, *d3 = d2 + COLS;
                    const realv e = scale * FN(load)(d1, c, w) - a - (FN(load)(x1, c, w) - m) * b;
                    const realv f = scale * FN(load)(d2, c, w) - a - (FN(load)(x2, c, w) - m) * b;
                    const realv g = scale * FN(load)(d3, c, w) - a - (FN(load)(x3, c, w) - m) * b;
                    FN(store)(e, q + COLS, c, w);
                    FN(store)(f, q + 2 * COLS, c, w);
                    FN(store)(g, q + 3 * COLS, c, w);
                }
                FN(store)(d, q, c, w);
            }
            r += n;
        }
#endif
    }
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
#undef VECTORS
#undef FOR_VECTORS
#undef WHOLE
#undef PAIRS
#undef TWICE
#endif
#undef PUT
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
