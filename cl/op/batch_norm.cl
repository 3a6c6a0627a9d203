// batch_norm of many rows, in three launches: moments of blocks of rows (STAGE 0), their union in a fixed
// order (1), and the rows themselves (2); forward and backward. Formulas: column_norm.cl.
#define FULL (COLS / SYN_VEC * SYN_VEC)
#define LOADV(p, c) ((c) < FULL ? VLOAD(p, c) : VLOAD_TAIL(p, FULL, COLS - FULL, 0))
#if SYN_CPU
#define STORE_OF(type)                                                                             \
    static void OVERLOADED FN(store)(realv v, __global type *p, const int c) {                     \
        if (c < FULL) VSTORE(v, p, c);                                                             \
        else VSTORE_TAIL(v, p, FULL, COLS - FULL);                                                 \
    }
FOR_TYPES(STORE_OF)
#undef STORE_OF
#define FIRST_ROW ((int)get_global_id(0) * BLOCK)
#define FOR_COLUMNS(c)                                                                             \
    for (int c = (int)get_global_id(0) * SYN_VEC; c < COLS; c += (int)get_global_size(0) * SYN_VEC)
#else
// A work-group of WIDTH columns x LANES rows.
static real FN(over_rows)(__local real *sums, const int x, const int y, const real v) {
    real sum = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    sums[y * WIDTH + x] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = 0; k < LANES; k++) sum += sums[k * WIDTH + x];
    return sum;
}
#define FOR_COLUMNS(c) for (int c = (int)get_global_id(0); c < COLS; c = COLS)
#define STORE_OF(type) static void OVERLOADED FN(store)(real v, __global type *p, const int c) { STORE(v, p, c); }
FOR_TYPES(STORE_OF)
#undef STORE_OF
#endif

#if STAGE == 0 && FORWARD
KERNEL(batch_norm_part)(__global const cell *x, __global real *means, __global real *squares,
                        const int rows) {
#if SYN_CPU
    const int first = FIRST_ROW, last = min(first + BLOCK, rows);
    means += get_global_id(0) * COLS;
    squares += get_global_id(0) * COLS;
    for (int r = first; r < last;) {
        const int n = r + 8 <= last ? 8 : 1, before = r - first;
        const real share = n / (real)(before + n), old = before * share;
        __global const cell *p = x + r * COLS;
        for (int k = 0; k < COLS; k += SYN_VEC) {
            realv m = before ? LOADV(means, k) : (realv)(0), q = before ? LOADV(squares, k) : (realv)(0);
            realv a = LOADV(p, k);
            if (n == 8) {
                realv b = LOADV(p + COLS, k), c = LOADV(p + 2 * COLS, k), d = LOADV(p + 3 * COLS, k);
                realv e = LOADV(p + 4 * COLS, k), f = LOADV(p + 5 * COLS, k), g = LOADV(p + 6 * COLS, k);
                realv h = LOADV(p + 7 * COLS, k);
                const realv eight = (((a + b) + (c + d)) + ((e + f) + (g + h))) * (real).125;
                a -= eight, b -= eight, c -= eight, d -= eight, e -= eight, f -= eight, g -= eight, h -= eight;
                q += ((a * a + b * b) + (c * c + d * d)) + ((e * e + f * f) + (g * g + h * h));
                a = eight;
            }
            const realv delta = a - m;
            FN(store)(m + delta * share, means, k);
            FN(store)(q + delta * delta * old, squares, k);
        }
        r += n;
    }
#else
    __local real sums[WIDTH * LANES];
    const int lx = (int)get_local_id(0), ly = (int)get_local_id(1), c = (int)get_group_id(0) * WIDTH + lx;
    const int block = (int)get_group_id(1), first = block * BLOCK, last = min(first + BLOCK, rows);
    const int mine = c < COLS;
    real sum = 0, square = 0;
    for (int r = first + ly; mine && r < last; r += LANES) sum += LOAD(x, r * COLS + c);
    const real m = FN(over_rows)(sums, lx, ly, sum) / (last - first);
    for (int r = first + ly; mine && r < last; r += LANES) {
        const real d = LOAD(x, r * COLS + c) - m;
        square += d * d;
    }
    square = FN(over_rows)(sums, lx, ly, square);
    if (mine && ly == 0) {
        STORE(m, means, block * COLS + c);
        STORE(square, squares, block * COLS + c);
    }
#endif
}
#endif

#if STAGE == 1 && FORWARD
KERNEL(batch_norm_finish)(__global const real *means, __global const real *squares, __global real *mean,
                          __global real *rstd,
#if MOVING
                          __global real *moving_mean, __global real *moving_var, __global real *count,
                          __global const uint *ctl,
#endif
                          const int rows) {
    FOR_COLUMNS(c) {
        realv m = LOADV(means, c), q = LOADV(squares, c);
        for (int first = BLOCK, b = 1; first < rows; first += BLOCK, b++) {
            const real n = min(BLOCK, rows - first), share = n / (first + n);
            const realv delta = LOADV(means + b * COLS, c) - m;
            m += delta * share;
            q += LOADV(squares + b * COLS, c) + delta * delta * (first * share);
        }
        q *= 1 / (real)rows;
        FN(store)(m, mean, c);
        FN(store)(1 / sqrt(q + (real)EPS), rstd, c);
#if MOVING
        moving_vector(ctl, moving_mean, moving_var, count, c, COLS - c, m, q, rows, MOVING, (real)TAKE, UNBIASED,
                      PER_ROW);
#endif
    }
}
#endif

#if STAGE == 2 && FORWARD
// EPILOGUE_PARAMS: FN(epilogue) in front of this text takes y, vectors on CPUs, instead of its being stored.
#ifdef EPILOGUE_PARAMS
#define PUT(v, row, c) FN(epilogue)(v, row, c, COLS - (c), y EPILOGUE_ARGS)
#else
#define EPILOGUE_PARAMS
#define PUT(v, row, c) FN(store)(v, y + (row) * COLS, c)
#endif
KERNEL(batch_norm_apply)(__global const cell *x,
#if GAMMA
                         __global const cell *gamma,
#endif
#if BETA
                         __global const cell *beta,
#endif
                         __global const real *mean, __global const real *rstd, __global cell *y,
                         const int rows EPILOGUE_PARAMS) {
#if SYN_CPU
    const int last = min(FIRST_ROW + BLOCK, rows);
    for (int r = FIRST_ROW; r < last; r += 4)
        for (int c = 0; c < COLS; c += SYN_VEC) {
            const realv m = LOADV(mean, c);
            realv scale = LOADV(rstd, c), shift = 0;
#if GAMMA
            scale *= LOADV(gamma, c);
#endif
#if BETA
            shift = LOADV(beta, c);
#endif
            if (r + 4 <= last) {
                __global const cell *p = x + r * COLS;
                const realv a = LOADV(p, c), b = LOADV(p + COLS, c), d = LOADV(p + 2 * COLS, c);
                const realv e = LOADV(p + 3 * COLS, c);
                PUT((a - m) * scale + shift, r, c);
                PUT((b - m) * scale + shift, r + 1, c);
                PUT((d - m) * scale + shift, r + 2, c);
                PUT((e - m) * scale + shift, r + 3, c);
            } else {
                for (int k = r; k < last; k++) PUT((LOADV(x + k * COLS, c) - m) * scale + shift, k, c);
            }
        }
#else
    const int at = (int)get_global_id(0);
    if (at >= rows * COLS) return;
    const int c = at % COLS;
    real v = (LOAD(x, at) - LOAD(mean, c)) * LOAD(rstd, c);
#if GAMMA
    v *= LOAD(gamma, c);
#endif
#if BETA
    v += LOAD(beta, c);
#endif
    PUT(v, at / COLS, c);
#endif
}
#endif

#if STAGE == 0 && !FORWARD
// Sums of dy and of dy (x - mean) over blocks of rows.
KERNEL(batch_norm_grad_part)(__global const cell *x, __global const cell *dy, __global const real *mean,
                             __global real *products, __global real *sums_of, const int rows) {
#if SYN_CPU
    const int first = FIRST_ROW, last = min(first + BLOCK, rows);
    products += get_global_id(0) * COLS;
    sums_of += get_global_id(0) * COLS;
    for (int r = first; r < last;) {
        const int n = r + 4 <= last ? 4 : 1;
        __global const cell *px = x + r * COLS, *pd = dy + r * COLS;
        for (int c = 0; c < COLS; c += SYN_VEC) {
            const realv m = LOADV(mean, c), d = LOADV(pd, c);
            realv a = d, b = d * (LOADV(px, c) - m);
            if (n == 4) {
                const realv e = LOADV(pd + COLS, c), f = LOADV(pd + 2 * COLS, c), g = LOADV(pd + 3 * COLS, c);
                a = (d + e) + (f + g);
                b = (b + e * (LOADV(px + COLS, c) - m)) +
                    (f * (LOADV(px + 2 * COLS, c) - m) + g * (LOADV(px + 3 * COLS, c) - m));
            }
            if (r > first) {
                a += LOADV(sums_of, c);
                b += LOADV(products, c);
            }
            FN(store)(a, sums_of, c);
            FN(store)(b, products, c);
        }
        r += n;
    }
#else
    __local real sums[WIDTH * LANES];
    const int lx = (int)get_local_id(0), ly = (int)get_local_id(1), c = (int)get_group_id(0) * WIDTH + lx;
    const int block = (int)get_group_id(1), first = block * BLOCK, last = min(first + BLOCK, rows);
    const int mine = c < COLS;
    const real m = mine ? LOAD(mean, c) : 0;
    real a = 0, b = 0;
    for (int r = first + ly; mine && r < last; r += LANES) {
        const real d = LOAD(dy, r * COLS + c);
        a += d;
        b += d * (LOAD(x, r * COLS + c) - m);
    }
    a = FN(over_rows)(sums, lx, ly, a);
    b = FN(over_rows)(sums, lx, ly, b);
    if (mine && ly == 0) {
        STORE(a, sums_of, block * COLS + c);
        STORE(b, products, block * COLS + c);
    }
#endif
}
#endif

#if STAGE == 1 && !FORWARD
KERNEL(batch_norm_grad_finish)(__global const real *products, __global const real *sums_of,
                               __global const real *rstd, __global real *dgamma, __global real *dbeta,
                               const int blocks) {
    FOR_COLUMNS(c) {
        realv a = 0, b = 0;
        for (int k = 0; k < blocks; k++) {
            a += LOADV(sums_of + k * COLS, c);
            b += LOADV(products + k * COLS, c);
        }
        FN(store)(a, dbeta, c);
        FN(store)(b * LOADV(rstd, c), dgamma, c);
    }
}
#endif

#if STAGE == 2 && !FORWARD
KERNEL(batch_norm_grad_apply)(__global const cell *x, __global const cell *dy,
#if GAMMA
                              __global const cell *gamma,
#endif
                              __global const real *mean, __global const real *rstd,
                              __global const real *dgamma, __global const real *dbeta, __global cell *dx,
                              const int rows) {
    const real share = 1 / (real)rows;
#if SYN_CPU
    const int last = min(FIRST_ROW + BLOCK, rows);
    for (int r = FIRST_ROW; r < last; r += 4)
        for (int c = 0; c < COLS; c += SYN_VEC) {
            const realv m = LOADV(mean, c), s = LOADV(rstd, c);
            realv scale = s;
#if GAMMA
            scale *= LOADV(gamma, c);
#endif
            const realv a = LOADV(dbeta, c) * share, b = LOADV(dgamma, c) * s * share;
            // All loads before the first store: the rows may meet at the same offset of a page, where loads
            // wait for stores that are not theirs.
            if (r + 4 <= last) {
                __global const cell *px = x + r * COLS, *pd = dy + r * COLS;
                realv d0 = LOADV(pd, c), d1 = LOADV(pd + COLS, c), d2 = LOADV(pd + 2 * COLS, c);
                realv d3 = LOADV(pd + 3 * COLS, c);
                d0 = (d0 - a - (LOADV(px, c) - m) * b) * scale;
                d1 = (d1 - a - (LOADV(px + COLS, c) - m) * b) * scale;
                d2 = (d2 - a - (LOADV(px + 2 * COLS, c) - m) * b) * scale;
                d3 = (d3 - a - (LOADV(px + 3 * COLS, c) - m) * b) * scale;
                FN(store)(d0, dx + r * COLS, c);
                FN(store)(d1, dx + (r + 1) * COLS, c);
                FN(store)(d2, dx + (r + 2) * COLS, c);
                FN(store)(d3, dx + (r + 3) * COLS, c);
            } else {
                for (int k = r; k < last; k++)
                    FN(store)((LOADV(dy + k * COLS, c) - a - (LOADV(x + k * COLS, c) - m) * b) * scale,
                              dx + k * COLS, c);
            }
        }
#else
    const int at = (int)get_global_id(0);
    if (at >= rows * COLS) return;
    const int c = at % COLS;
    const real s = LOAD(rstd, c);
    real scale = s;
#if GAMMA
    scale *= LOAD(gamma, c);
#endif
    STORE((LOAD(dy, at) - LOAD(dbeta, c) * share - (LOAD(x, at) - LOAD(mean, c)) * (LOAD(dgamma, c) * s * share)) *
              scale, dx, at);
#endif
}
#endif
#undef FULL
#undef LOADV
#undef FOR_COLUMNS
#undef PUT
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#if SYN_CPU
#undef FIRST_ROW
#endif
