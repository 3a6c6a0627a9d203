// batch_norm in three launches: moments of blocks of rows (STAGE 0), their union in a fixed order (1), and the
// rows themselves (2); forward and backward. Formulas: column_norm.cl.
#define LOADV(p, c) row_load(p, c, COLS, 0)
#define STOREV(v, p, c) row_store(v, p, c, COLS)
#if SYN_CPU
// Small tensors (ROWS 1) are walked in strips of neighbouring vectors, row by row: where a row is a multiple of a page,
// the same column of all rows lies in one set of the first cache, and loads of one row wait for stores of another.
// Those that come from memory (ROWS 4) come faster as several rows side by side.
#define FIT(n) (COLS >= (n) * SYN_VEC)
#define STRIP (FIT(8) ? 8 : FIT(4) ? 4 : FIT(2) ? 2 : 1) // vectors that have their sums in registers
#define RUN (ROWS == 1 ? BLOCK : 8)                      // rows of a strip
#define WIDE ((ROWS == 1 ? 32 : 64) * SYN_VEC)           // columns that have their factors in the first cache
#define VECTORS real __attribute__((aligned(sizeof(realv)))) // no vector over two cache lines
#define FOR_STRIPS(call)                                                                           \
    for (int r = 0, last; r < n; r = last) {                                                       \
        int c = 0;                                                                                 \
        last = min(r + RUN, n);                                                                    \
        for (; c + STRIP * SYN_VEC <= COLS; c += STRIP * SYN_VEC) FN(strip)call;                   \
        for (; c < COLS; c += SYN_VEC) FN(vector)call;                                             \
    }
#define EACH(w) _Pragma("unroll") for (int k = 0; k < (w); k++)
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
#endif

#if STAGE == 0 && FORWARD
#if SYN_CPU
// Sums of w vectors' differences from the block's first row, and of their squares, from column c on: rows
// [r, last) to those before r. The first row's own difference from the mean is part of the variance, so what cancels
// out is at most so many times the variance as the block has rows.
#define MOMENTS(name, w)                                                                           \
    static void FN(name)(__global const cell *x, __global real *means, __global real *squares, int r, \
                         const int last, const int rows, const int c) {                            \
        realv from[w], sum[w], square[w];                                                          \
        EACH(w) {                                                                                  \
            from[k] = LOADV(x, c + k * SYN_VEC);                                                   \
            sum[k] = r ? LOADV(means, c + k * SYN_VEC) : (realv)(0);                               \
            square[k] = r ? LOADV(squares, c + k * SYN_VEC) : (realv)(0);                          \
        }                                                                                          \
        for (x += r * COLS; r < last; r++, x += COLS)                                              \
            EACH(w) {                                                                              \
                const realv d = LOADV(x, c + k * SYN_VEC) - from[k];                               \
                sum[k] += d;                                                                       \
                square[k] += d * d;                                                                \
            }                                                                                      \
        if (last == rows)                                                                          \
            EACH(w) {                                                                              \
                const realv mean = sum[k] * (1 / (real)rows);                                      \
                square[k] -= sum[k] * mean;                                                        \
                sum[k] = from[k] + mean;                                                           \
            }                                                                                      \
        EACH(w) STOREV(sum[k], means, c + k * SYN_VEC), STOREV(square[k], squares, c + k * SYN_VEC); \
    }
MOMENTS(strip, STRIP)
MOMENTS(vector, 1)
#undef MOMENTS
#endif
KERNEL(batch_norm_part)(__global const cell *x, __global real *means, __global real *squares,
                        const int rows) {
#if SYN_CPU
    const int first = FIRST_ROW, n = min(BLOCK, rows - first);
    x += first * COLS;
    means += get_global_id(0) * COLS;
    squares += get_global_id(0) * COLS;
    FOR_STRIPS((x, means, squares, r, last, n, c))
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
        STOREV(m, mean, c);
        STOREV(1 / sqrt(q + (real)EPS), rstd, c);
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
#define PUT(v, row, c) STOREV(v, y + (row) * COLS, c)
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
    VECTORS means[WIDE], scales[WIDE], shifts[WIDE];
    for (int first = 0; first < COLS; first += WIDE) {
        const int w = min(WIDE, COLS - first);
        for (int c = 0; c < w; c += SYN_VEC) {
            realv scale = LOADV(rstd, first + c), shift = 0;
#if GAMMA
            scale *= LOADV(gamma, first + c);
#endif
#if BETA
            shift = LOADV(beta, first + c);
#endif
            VSET(LOADV(mean, first + c), means, c);
            VSET(scale, scales, c);
            VSET(shift, shifts, c);
        }
        for (int r = FIRST_ROW; r < last; r += ROWS)
            for (int c = 0; c < w; c += SYN_VEC) {
                const realv m = VGET(means, c), scale = VGET(scales, c), shift = VGET(shifts, c);
                __global const cell *p = x + r * COLS;
                if (r + ROWS <= last) {
                    realv v[ROWS]; // all loads before the first store
                    EACH(ROWS) v[k] = LOADV(p + k * COLS, first + c);
                    EACH(ROWS) PUT((v[k] - m) * scale + shift, r + k, first + c);
                } else {
                    for (int k = 0; k < last - r; k++)
                        PUT((LOADV(p + k * COLS, first + c) - m) * scale + shift, r + k, first + c);
                }
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
#if SYN_CPU
// Of w vectors from column c on: rows [r, last) to those before r.
#define SUMS(name, w)                                                                              \
    static void FN(name)(__global const cell *x, __global const cell *dy, __global const real *mean, \
                         __global real *products, __global real *sums_of, int r, const int last, const int c) { \
        realv m[w], a[w], b[w];                                                                    \
        EACH(w) {                                                                                  \
            m[k] = LOADV(mean, c + k * SYN_VEC);                                                   \
            a[k] = r ? LOADV(sums_of, c + k * SYN_VEC) : (realv)(0);                               \
            b[k] = r ? LOADV(products, c + k * SYN_VEC) : (realv)(0);                              \
        }                                                                                          \
        for (x += r * COLS, dy += r * COLS; r < last; r++, x += COLS, dy += COLS)                  \
            EACH(w) {                                                                              \
                const realv d = LOADV(dy, c + k * SYN_VEC);                                        \
                a[k] += d;                                                                         \
                b[k] += d * (LOADV(x, c + k * SYN_VEC) - m[k]);                                    \
            }                                                                                      \
        EACH(w) STOREV(a[k], sums_of, c + k * SYN_VEC), STOREV(b[k], products, c + k * SYN_VEC); \
    }
SUMS(strip, STRIP)
SUMS(vector, 1)
#undef SUMS
#endif
KERNEL(batch_norm_grad_part)(__global const cell *x, __global const cell *dy, __global const real *mean,
                             __global real *products, __global real *sums_of, const int rows) {
#if SYN_CPU
    const int first = FIRST_ROW, n = min(BLOCK, rows - first);
    x += first * COLS;
    dy += first * COLS;
    products += get_global_id(0) * COLS;
    sums_of += get_global_id(0) * COLS;
    FOR_STRIPS((x, dy, mean, products, sums_of, r, last, c))
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
        STOREV(a, dbeta, c);
        STOREV(b * LOADV(rstd, c), dgamma, c);
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
    VECTORS means[WIDE], scales[WIDE], as[WIDE], bs[WIDE];
    for (int first = 0; first < COLS; first += WIDE) {
        const int w = min(WIDE, COLS - first);
        for (int c = 0; c < w; c += SYN_VEC) {
            const realv s = LOADV(rstd, first + c);
            realv scale = s;
#if GAMMA
            scale *= LOADV(gamma, first + c);
#endif
            VSET(LOADV(mean, first + c), means, c);
            VSET(scale, scales, c);
            VSET(LOADV(dbeta, first + c) * scale * share, as, c);
            VSET(LOADV(dgamma, first + c) * s * scale * share, bs, c);
        }
        // dx = scale dy - a - (x - mean) b
#define GRADIENT(k) (scale * LOADV(pd + (k) * COLS, first + c) - a - (LOADV(px + (k) * COLS, first + c) - m) * b)
        for (int r = FIRST_ROW; r < last; r += ROWS)
            for (int c = 0; c < w; c += SYN_VEC) {
                const realv m = VGET(means, c), scale = VGET(scales, c), a = VGET(as, c), b = VGET(bs, c);
                __global const cell *px = x + r * COLS, *pd = dy + r * COLS;
                __global cell *q = dx + r * COLS;
                if (r + ROWS <= last) {
                    realv v[ROWS];
                    EACH(ROWS) v[k] = GRADIENT(k);
                    EACH(ROWS) STOREV(v[k], q + k * COLS, first + c);
                } else {
                    for (int k = 0; k < last - r; k++) STOREV(GRADIENT(k), q + k * COLS, first + c);
                }
            }
#undef GRADIENT
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
#undef LOADV
#undef FOR_COLUMNS
#undef PUT
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef STOREV
#if SYN_CPU
#undef FIRST_ROW
#undef FIT
#undef STRIP
#undef RUN
#undef WIDE
#undef VECTORS
#undef FOR_STRIPS
#undef EACH
#endif
