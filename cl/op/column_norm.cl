// Normalisation of columns of `rows` x COLS matrices, GROUP adjacent columns sharing their statistics:
// group_norm with narrow groups and instance_norm (a matrix a sample), on GPUs batch_norm too (the batch).
//     y = (x - mean) r gamma + beta,  r = 1 / sqrt(var + EPS)
// A work-item (CPU) or a work-group of WIDTH x LANES items (GPU) takes WIDTH columns of a matrix, a
// multiple of GROUP, and walks over the rows while they are in the cache. A CPU's item takes
// `block` matrices, one after the other; a GPU has a group of items for each.
#if SYN_CPU
#define PAD (WIDTH + SYN_VEC)
#define VECTORS real __attribute__((aligned(sizeof(realv)))) // none over two cache lines
#define FOR_VECTORS(c, w) for (int c = 0; c < (w); c += SYN_VEC)
// Columns in strips, eight vectors at a time, of one row or of several: chains that do not wait for each other, and
// all loads before the first store. More of a row first: where it is a multiple of a page, the same column of all rows
// lies in one set of the first cache, and loads of one row wait for stores of another.
#define FIT(n) (WIDTH >= (n) * SYN_VEC && COLS >= (n) * SYN_VEC)
#define STRIP (FIT(8) ? 8 : FIT(4) ? 4 : FIT(2) ? 2 : 1)
#define EACH(n) _Pragma("unroll") for (int k = 0; k < (n); k++)
#define FOR_STRIPS(body)                                                                           \
    {                                                                                              \
        int c = 0;                                                                                 \
        for (; c + STRIP * SYN_VEC <= w; c += STRIP * SYN_VEC) body(STRIP, 8 / STRIP)              \
        for (; c < w; c += SYN_VEC) body(1, 1)                                                     \
    }
#define AT(k, s) (c + (k) % (s) * SYN_VEC) // column and row of the k-th of a strip's vectors
#define OF(k, s) (r + (k) / (s))
#define HALVE(v, s, n, m) if ((n) >= (m)) EACH((m) / 2 * (s)) v[k] += v[k + (m) / 2 * (s)];
#define JOIN(v, s, n) HALVE(v, s, n, 8) HALVE(v, s, n, 4) HALVE(v, s, n, 2) // the sums of n rows
#if GAMMA
#define SCALE(c) LOADV(gamma + first, c, w)
#else
#define SCALE(c) (realv)(1)
#endif
#if BETA
#define SHIFT(c) LOADV(beta + first, c, w)
#else
#define SHIFT(c) (realv)(0)
#endif
// Columns [c, c + SYN_VEC) of the w columns at p.
#define KNOWN(w) (COLS % SYN_VEC ? (w) : COLS) // known where it does not matter
#define LOADV(p, c, w) row_load(p, c, KNOWN(w), 0)
#define STOREV(v, p, c, w) row_store(v, p, c, KNOWN(w))
#define IN_VECTORS (GROUP > 1 && GROUP <= SYN_VEC && (GROUP & (GROUP - 1)) == 0)
// Sums over groups, in each of their columns.
#if IN_VECTORS
// Lanes change places with their neighbours, pairs with pairs, and so on.
#define SWAP(V, name, even_of, odd_of)                                                             \
    static V OVERLOADED FN(name)(V v) { V w; w.even = even_of, w.odd = odd_of; return w; }
#define SWAP1(n) SWAP(CAT(REAL_NAME, n), swap1, v.odd, v.even)
#define SWAPS(n, name, of) SWAP(CAT(REAL_NAME, n), name, FN(of)(v.even), FN(of)(v.odd))
SWAP1(2) SWAP1(4) SWAP1(8) SWAP1(16)
SWAPS(4, swap2, swap1) SWAPS(8, swap2, swap1) SWAPS(16, swap2, swap1)
SWAPS(8, swap4, swap2) SWAPS(16, swap4, swap2) SWAPS(16, swap8, swap4)
static realv FN(over_group)(realv v) {
    v += FN(swap1)(v);
#if GROUP >= 4
    v += FN(swap2)(v);
#endif
#if GROUP >= 8
    v += FN(swap4)(v);
#endif
#if GROUP >= 16
    v += FN(swap8)(v);
#endif
    return v;
}
#elif GROUP > 1
static void FN(over_groups)(real *sums, const int w) {
    for (int g = 0; g < w; g += GROUP) {
        real sum = 0;
        for (int c = g; c < g + GROUP; c++) sum += sums[c];
        for (int c = g; c < g + GROUP; c++) sums[c] = sum;
    }
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
#define EACH_PUT(n) for (int k = 0; k < (n); k++) // its text once
#if SYN_CPU
#define PUT(v, row, c) FN(epilogue)(v, row, first + (c), w - (c), y EPILOGUE_ARGS)
#else
#define PUT(v, row, c) FN(epilogue)(v, row, c, 1, y EPILOGUE_ARGS)
#endif
#else
#define EPILOGUE_PARAMS
#define EACH_PUT(n) EACH(n)
#if SYN_CPU
#define PUT(v, row, c) STOREV(v, y + (row) * COLS + first, c, w)
#else
#define PUT(v, row, c) STORE(v, y, (row) * COLS + (c))
#endif
#endif
#if SYN_CPU
// Mean and sum of squared differences of w columns: differences from the first row of 64, whose own is part of their
// variance, so that what cancels out is at most 64 times that; and the union with the rows before (Chan, Golub and
// LeVeque 1983).
static void FN(moments)(__global const cell *x, const int w, const int rows, real *means, real *squares) {
    for (int before = 0; before < rows; before += 64, x += 64 * COLS) {
        const int count = min(64, rows - before);
        const real share = 1 / (real)count, of_all = count / (real)(before + count);
#define TAKE(s, row)                                                                               \
    {                                                                                              \
        const realv d = LOADV(x + (row) * COLS, AT(k, s), w) - from[k % (s)];                   \
        sum[k] += d;                                                                               \
        square[k] += d * d;                                                                        \
    }
#define MOMENTS(s, n)                                                                              \
    {                                                                                              \
        realv from[s], sum[8], square[8];                                                          \
        int r = 0;                                                                                 \
        EACH(s) from[k] = LOADV(x, AT(k, s), w);                                                \
        EACH((s) * (n)) sum[k] = square[k] = 0;                                                    \
        for (; r + (n) <= count; r += (n)) EACH((s) * (n)) TAKE(s, OF(k, s))                       \
        for (; r < count; r++) EACH(s) TAKE(s, r)                                                  \
        JOIN(sum, s, n) JOIN(square, s, n)                                                         \
        EACH(s) {                                                                                  \
            const realv d = sum[k] * share, m = from[k] + d, q = square[k] - sum[k] * d;           \
            const realv old = before ? VGET(means, AT(k, s)) : m, delta = m - old;                 \
            VSET(old + delta * of_all, means, AT(k, s));                                           \
            VSET(before ? VGET(squares, AT(k, s)) + q + delta * delta * (before * of_all) : q, squares, AT(k, s)); \
        }                                                                                          \
    }
        FOR_STRIPS(MOMENTS)
#undef MOMENTS
#undef TAKE
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
    // Sums of a matrix, the rows before it, and then its statistics, whose latency the sums of the next hide.
    for (int matrix = start; matrix <= end; matrix++) {
        real *means = mean_of + (matrix & 1) * PAD, *vars = var_of + (matrix & 1) * PAD;
        if (matrix < end) FN(moments)(x + matrix * rows * COLS + first, w, rows, means, vars);
#define OUTPUTS(s, n)                                                                              \
    {                                                                                              \
        realv m[s], scale[s], shift[s], v[8];                                                      \
        int r = 0;                                                                                 \
        EACH(s) m[k] = VGET(m_of, AT(k, s)), scale[k] = VGET(scale_of, AT(k, s)), shift[k] = SHIFT(AT(k, s)); \
        for (; r + (n) <= rows; r += (n)) {                                                        \
            EACH((s) * (n)) v[k] = LOADV(x + at + OF(k, s) * COLS, AT(k, s), w);                \
            EACH_PUT((s) * (n))                                                                    \
            PUT((v[k] - m[k % (s)]) * scale[k % (s)] + shift[k % (s)], row + OF(k, s), AT(k, s));  \
        }                                                                                          \
        for (; r < rows; r++)                                                                      \
            EACH_PUT(s)                                                                            \
            PUT((LOADV(x + at + r * COLS, AT(k, s), w) - m[k]) * scale[k] + shift[k], row + r, AT(k, s)); \
    }
        if (matrix > start) {
            const int row = (matrix - 1) * rows, at = row * COLS + first;
            const real *m_of = mean_of + (~matrix & 1) * PAD, *scale_of = var_of + (~matrix & 1) * PAD;
            FOR_STRIPS(OUTPUTS)
        }
        if (matrix == end) break;
#undef OUTPUTS
#if GROUP > 1 && !IN_VECTORS
        VECTORS apart[PAD];
        FOR_VECTORS(c, w) VSET(VGET(means, c), apart, c);
        FN(over_groups)(means, w);
        FOR_VECTORS(c, w) {
            const realv m = VGET(means, c) * (1 / (real)GROUP), d = VGET(apart, c) - m;
            VSET(m, means, c);
            VSET(VGET(vars, c) + d * d * (real)rows, vars, c);
        }
        FN(over_groups)(vars, w);
#endif
        const real share = 1 / ((real)rows * GROUP);
        FOR_VECTORS(c, w) {
            realv m = VGET(means, c), q = VGET(vars, c);
#if IN_VECTORS
            const realv all = FN(over_group)(m) * (1 / (real)GROUP), d = m - all;
            m = all;
            q = FN(over_group)(q + d * d * (real)rows);
            VSET(m, means, c);
#endif
            const realv r = 1 / sqrt(q * share + (real)EPS);
            STOREV(m, mean + matrix * COLS + first, c, w);
            STOREV(r, rstd + matrix * COLS + first, c, w);
            VSET(r * SCALE(c), vars, c);
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
        VECTORS ms[PAD], scales[PAD], as[PAD], bs[PAD];
        FOR_VECTORS(c, w) VSET(LOADV(mean + col, c, w), ms, c);
#define TAKE(s, row)                                                                               \
    {                                                                                              \
        const realv d = LOADV(dy + at + (row) * COLS, AT(k, s), w);                             \
        a[k] += d;                                                                                 \
        b[k] += d * (LOADV(x + at + (row) * COLS, AT(k, s), w) - m[k % (s)]);                   \
    }
#define SUMS(s, n)                                                                                 \
    {                                                                                              \
        realv m[s], a[8], b[8];                                                                    \
        int r = 0;                                                                                 \
        EACH(s) m[k] = VGET(ms, AT(k, s));                                                         \
        EACH((s) * (n)) a[k] = b[k] = 0;                                                           \
        for (; r + (n) <= rows; r += (n)) EACH((s) * (n)) TAKE(s, OF(k, s))                        \
        for (; r < rows; r++) EACH(s) TAKE(s, r)                                                   \
        JOIN(a, s, n) JOIN(b, s, n)                                                                \
        EACH(s) VSET(a[k], as, AT(k, s)), VSET(b[k], bs, AT(k, s));                                \
    }
        FOR_STRIPS(SUMS)
#undef SUMS
#undef TAKE
        const real share = 1 / ((real)rows * GROUP);
        FOR_VECTORS(c, w) {
            const realv s = LOADV(rstd + col, c, w), a = VGET(as, c), b = VGET(bs, c) * s;
            __global real *pg = dgamma + item * COLS + first, *pb = dbeta + item * COLS + first;
            const int before = matrix > start;
            STOREV(before ? LOADV(pb, c, w) + a : a, pb, c, w);
            STOREV(before ? LOADV(pg, c, w) + b : b, pg, c, w);
            const realv scale = SCALE(c);
            VSET(s * scale, scales, c);
#if IN_VECTORS
            VSET(FN(over_group)(a * scale) * s * share, as, c);
            VSET(FN(over_group)(b * scale) * s * s * share, bs, c);
#else
            VSET(a * scale * s * share, as, c);
            VSET(b * scale * s * s * share, bs, c);
#endif
        }
#if GROUP > 1 && !IN_VECTORS
        FN(over_groups)(as, w);
        FN(over_groups)(bs, w);
#endif
#if DX
        // dx = scale dy - a - (x - mean) b
#define GRADIENT(k, s, row)                                                                        \
    (scale[(k) % (s)] * LOADV(dy + at + (row) * COLS, AT(k, s), w) - a[(k) % (s)] -             \
     (LOADV(x + at + (row) * COLS, AT(k, s), w) - m[(k) % (s)]) * b[(k) % (s)])
#define GRADIENTS(s, n)                                                                            \
    {                                                                                              \
        realv m[s], scale[s], a[s], b[s], v[8];                                                    \
        int r = 0;                                                                                 \
        EACH(s) m[k] = VGET(ms, AT(k, s)), scale[k] = VGET(scales, AT(k, s));                      \
        EACH(s) a[k] = VGET(as, AT(k, s)), b[k] = VGET(bs, AT(k, s));                              \
        for (; r + (n) <= rows; r += (n)) {                                                        \
            EACH((s) * (n)) v[k] = GRADIENT(k, s, OF(k, s));                                       \
            EACH((s) * (n)) STOREV(v[k], dx + at + OF(k, s) * COLS, AT(k, s), w);               \
        }                                                                                          \
        for (; r < rows; r++)                                                                      \
            EACH(s) STOREV(GRADIENT(k, s, r), dx + at + r * COLS, AT(k, s), w);                 \
    }
        FOR_STRIPS(GRADIENTS)
#undef GRADIENTS
#undef GRADIENT
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
#undef KNOWN
#undef LOADV
#undef STOREV
#undef SCALE
#undef SHIFT
#undef IN_VECTORS
#undef SWAP
#undef SWAP1
#undef SWAPS
#undef FIT
#undef STRIP
#undef EACH
#undef FOR_STRIPS
#undef AT
#undef OF
#undef HALVE
#undef JOIN
#endif
#undef EACH_PUT
#undef PUT
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
