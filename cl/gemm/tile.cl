// C = X Y by register tiles, MR rows times up to NV vectors of lanes. A work-item takes TURNS of them, one below the
// other.
//
// X is the side whose elements are broadcast: row r, depth k at x[r * X_ROW + k * X_STEP].
// Y is the side read as whole vectors: depth k, lane l at y[k * Y_STEP + l] or, when PACKED, in
// panels of NV vectors (gemm/pack.cl), zero behind the last lane.
// FOLD: Y is stored lane by lane, y[lane * DEPTH + k], and each work-item makes the panel of its tiles for itself.
// X_PACKED says the same of X, in panels of MR rows: X_STEP is MR.
// TRANS stores C transposed, c[lane * C_STEP + row], else c[row * C_STEP + lane].
// SPLIT gives each chunk of SPLIT depths its own C, one behind the other, for gemm/sum.cl.
// ROWS, LANES, DEPTH are numbers, or the kernel arguments rows, lanes, depth. X_TYPE, Y_TYPE, C_TYPE: real or
// cell; X_HALF, C_HALF: it is half. Halves to be broadcast are made reals XRUN depths at a time, whole vectors of
// them; one by one that would take as long as the products.
//
// Lanes behind the last one are computed from whatever follows in Y and are never stored; where the
// vector would reach behind Y's last element the load goes element by element. Rows behind the last
// repeat it.

// NORM, as p of NORM_GATHER, leaves the partial norm of what each work-item made in partial[base + its number] (neither
// with TRANS nor SPLIT nor an epilogue).
// EPILOGUE_PARAMS: FN(epilogue) in front of this text takes the vectors instead of their being stored. With TRANS a
// vector is a column, so that MR * TURNS is SYN_VEC.

#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#define EPILOGUE 0
#else
#define EPILOGUE 1
#endif
#ifdef NORM
#define NORM_PARAMS , __global real *partial, int base
#else
#define NORM 0
#define NORM_PARAMS
#endif
#if ACCUMULATE
#define PUT(x, i) STORE(LOAD(c, i) + (x), c, i)
#define VPUT(x, i) VSTORE(VLOAD(c, i) + (x), c, i)
#else
#define PUT(x, i) STORE(x, c, i)
#define VPUT(x, i) VSTORE(x, c, i)
#endif

#define PANEL (NV * SYN_VEC)
#define HEIGHT (MR * TURNS) // rows of a work-item
#if TRANS && EPILOGUE
#define OUT __private real // its columns, one behind the other
#else
#define OUT __global C_TYPE
#endif
#if FOLD
#define Y_MEMORY __private const real
#define YLOAD(y, i) VGET(y, i)
#else
#define Y_MEMORY __global const Y_TYPE
#define YLOAD(y, i) VLOAD(y, i)
#endif

// Transposed stores take a tile's columns as vectors.
#if TRANS && SYN_VEC > 1 && !(ACCUMULATE && C_HALF) && (MR == 2 || MR == 4 || MR == 8 || MR == 16)
#define ROWVEC 1
#define ROWLOAD CAT(vload, MR)
#define ROWSTORE CAT(vstore, MR)
#if C_HALF
#define ROWPUT(x, i) CAT(store_halves, MR)(x, c + (i))
#elif ACCUMULATE
#define ROWPUT(x, i) ROWSTORE(ROWLOAD(0, c + (i)) + (x), 0, c + (i))
#else
#define ROWPUT(x, i) ROWSTORE(x, 0, c + (i))
#endif
#else
#define ROWVEC 0
#endif

#if FOLD
// `left` lanes are left from the panel's first on. Lanes behind the last one repeat it.
static void FN(fold)(__global const Y_TYPE *y, real *panel, int left) {
    for (int k = 0; k < DEPTH; k += SYN_VEC) {
        // The last depths once more where they are no whole vector; of less than one the lanes that follow come along.
        const int at = max(min(k, DEPTH - SYN_VEC), 0);
        for (int l = 0; l < min(PANEL, left); l += SYN_VEC) {
            realv t[SYN_VEC];
#if DEPTH >= SYN_VEC // else one copy of the load of a tail
#pragma unroll
#endif
            for (int i = 0; i < SYN_VEC; ++i) {
                const int lane = min(l + i, left - 1);
                const size_t from = (size_t)lane * DEPTH + at;
                const int rest = DEPTH < SYN_VEC ? (left - lane) * DEPTH : SYN_VEC;
                t[i] = rest < SYN_VEC ? VLOAD_TAIL(y, from, rest, 0) : VLOAD(y, from);
            }
            turn_vectors(t);
#pragma unroll
            for (int i = 0; i < SYN_VEC; ++i)
                if (i < DEPTH) VSET(t[i], panel, (at + i) * PANEL + l);
        }
    }
}
#endif

// The first `count` elements of a vector whose rest would lie behind the buffer.
static realv FN(vload_part)(__global const Y_TYPE *y, int count) {
    real t[SYN_VEC];
    for (int l = 0; l < SYN_VEC; ++l) t[l] = l < count ? LOAD(y, l) : 0;
    return VGET(t, 0);
}

#if X_HALF
#define XRUN 16
#define X_ACROSS (X_PACKED || X_ROW == 1) // the rows of a depth lie side by side
#if X_ACROSS
#define X_AT(r, k) xs[((k) & (XRUN - 1)) * MR + (r)]
#else
#define X_AT(r, k) xs[(r) * XRUN + ((k) & (XRUN - 1))]
#endif
// The depths [k, k + n) of MR rows.
static void FN(take_x)(__global const X_TYPE *const *px, real *xs, int k, int n, int whole) {
#if X_ACROSS
    for (int d = 0; d < n; ++d) {
#if MR == 2 || MR == 4 || MR == 8 || MR == 16
        if (whole) {
            CAT(vstore, MR)(CAT(load_halves, MR)(px[0] + (size_t)(k + d) * X_STEP), 0, xs + d * MR);
            continue;
        }
#endif
#pragma unroll
        for (int r = 0; r < MR; ++r) xs[d * MR + r] = LOAD(px[r], (size_t)(k + d) * X_STEP);
    }
#else
#pragma unroll
    for (int r = 0; r < MR; ++r) {
        if (n == XRUN) vstore16(load_halves16(px[r] + k), 0, xs + r * XRUN);
        for (int d = n == XRUN ? n : 0; d < n; ++d) xs[r * XRUN + d] = LOAD(px[r], k + d);
    }
#endif
}
#define TAKE_X if ((k & (XRUN - 1)) == 0) FN(take_x)(px, xs, k, min(XRUN, depth - k), X_PACKED || row0 + MR <= ROWS);
#else
#define X_AT(r, k) LOAD(px[r], (size_t)(k) * X_STEP)
#define TAKE_X
#endif

// Returns the tile's partial norm. nv is a literal at each call: the loops over it unroll.
static real FN(tile)(const int nv, __global const X_TYPE *x, Y_MEMORY *y,
                     OUT *c, int row0, int lane0, int rows, int lanes, int depth EPILOGUE_PARAMS) {
    __global const X_TYPE *px[MR];
    realv acc[MR][NV];
#if X_HALF
    real xs[XRUN * MR];
#endif
#pragma unroll
    for (int r = 0; r < MR; ++r) {
#if X_PACKED
        px[r] = x + r;
#else
        px[r] = x + (size_t)min(row0 + r, ROWS - 1) * X_ROW;
#endif
#pragma unroll
        for (int v = 0; v < NV; ++v) acc[r][v] = 0;
    }
    int k = 0;
#if PACKED || FOLD
    const int safe = depth;
    const size_t y_step = PANEL;
#else
    // Only the last vector of a row's last tile can reach behind Y, and only from the last rows.
    const int over = lane0 + nv * SYN_VEC - LANES;
    const int safe = over > 0 ? max(depth - (over + LANES - 1) / LANES, 0) : depth;
    const size_t y_step = Y_STEP;
#endif
    for (; k < safe; ++k) {
        realv yv[NV];
        TAKE_X
#pragma unroll
        for (int v = 0; v < NV; ++v)
            if (v < nv) yv[v] = YLOAD(y, v * SYN_VEC);
        y += y_step;
#pragma unroll
        for (int r = 0; r < MR; ++r) {
            const realv xv = (realv)(X_AT(r, k));
#pragma unroll
            for (int v = 0; v < NV; ++v)
                if (v < nv) acc[r][v] = fma(xv, yv[v], acc[r][v]);
        }
    }
#if !PACKED && !FOLD
    for (; k < depth; ++k) {
        realv yv[NV];
        TAKE_X
#pragma unroll
        for (int v = 0; v < NV; ++v) {
            if (v < nv - 1) yv[v] = VLOAD(y, v * SYN_VEC);
            if (v == nv - 1) yv[v] = FN(vload_part)(y + v * SYN_VEC, LANES - lane0 - v * SYN_VEC);
        }
        y += y_step;
#pragma unroll
        for (int r = 0; r < MR; ++r) {
            const realv xv = (realv)(X_AT(r, k));
#pragma unroll
            for (int v = 0; v < NV; ++v)
                if (v < nv) acc[r][v] = fma(xv, yv[v], acc[r][v]);
        }
    }
#endif
#if TRANS
    real t[MR * PANEL];
#if ROWVEC
    // Each round rotates the bits of (row, lane) left by one: then t[lane][row].
#pragma unroll
    for (int v = 0; v < NV; ++v) {
#pragma unroll
        for (int s = 1; s < MR; s *= 2) {
            realv u[MR];
#pragma unroll
            for (int i = 0; i < MR / 2; ++i) {
                u[2 * i].even = acc[i][v].lo;
                u[2 * i].odd = acc[i + MR / 2][v].lo;
                u[2 * i + 1].even = acc[i][v].hi;
                u[2 * i + 1].odd = acc[i + MR / 2][v].hi;
            }
#pragma unroll
            for (int i = 0; i < MR; ++i) acc[i][v] = u[i];
        }
#pragma unroll
        for (int r = 0; r < MR; ++r) VSET(acc[r][v], t, (v * MR + r) * SYN_VEC);
    }
#if EPILOGUE
#pragma unroll
    for (int l = 0; l < PANEL; ++l) ROWSTORE(ROWLOAD(0, t + l * MR), 0, c + l * HEIGHT);
#else
    const int width = min(MR, ROWS - row0), height = min(PANEL, LANES - lane0);
    if (width == MR && height == PANEL) {
#pragma unroll
        for (int l = 0; l < PANEL; ++l)
            ROWPUT(ROWLOAD(0, t + l * MR), (size_t)(lane0 + l) * C_STEP + row0);
        return 0;
    }
#endif
#define AT(l, r) t[(l) * MR + (r)]
#else
    const int width = min(MR, ROWS - row0), height = min(PANEL, LANES - lane0);
#pragma unroll
    for (int r = 0; r < MR; ++r)
#pragma unroll
        for (int v = 0; v < NV; ++v) VSET(acc[r][v], t, r * PANEL + v * SYN_VEC);
#define AT(l, r) t[(r) * PANEL + (l)]
#endif
#if !EPILOGUE
    for (int l = 0; l < height; ++l)
        for (int r = 0; r < width; ++r)
            PUT(AT(l, r), (size_t)(lane0 + l) * C_STEP + row0 + r);
#endif
#undef AT
    return 0;
#elif EPILOGUE
    // Rolled loops: one copy of the epilogue, not one a register.
    realv t[NV * MR];
#pragma unroll
    for (int r = 0; r < MR; ++r)
#pragma unroll
        for (int v = 0; v < NV; ++v) t[v * MR + r] = acc[r][v];
    const int height = min(MR, ROWS - row0);
    for (int v = 0; v < nv; ++v)
        for (int r = 0; r < height; ++r)
            FN(epilogue)(t[v * MR + r], row0 + r, lane0 + v * SYN_VEC, LANES - lane0 - v * SYN_VEC, c EPILOGUE_ARGS);
    return 0;
#else
    realv sums = 0;
    real sum = 0;
#pragma unroll
    for (int r = 0; r < MR; ++r) {
        const int row = row0 + r;
        if (row < ROWS) {
            const size_t at = (size_t)row * C_STEP + lane0;
#pragma unroll
            for (int v = 0; v < NV; ++v) {
                const int lane = lane0 + v * SYN_VEC;
                if (v < nv - 1 || (v == nv - 1 && lane + SYN_VEC <= LANES)) {
                    VPUT(acc[r][v], at + v * SYN_VEC);
                    NORM_GATHER(NORM, sums, acc[r][v])
                } else if (v == nv - 1) {
                    real t[SYN_VEC];
                    VSET(acc[r][v], t, 0);
                    for (int l = 0; l < LANES - lane; ++l) {
                        PUT(t[l], at + v * SYN_VEC + l);
                        NORM_GATHER(NORM, sum, t[l])
                    }
                }
            }
        }
    }
    return NORM ? NORM_JOIN(NORM, sum, norm_lanes(NORM, sums)) : 0;
#endif
}

KERNEL(gemm_tile)(__global const X_TYPE *x, __global const Y_TYPE *y, __global C_TYPE *c, int rows,
                  int lanes, int depth EPILOGUE_PARAMS NORM_PARAMS) {
#if LANES_FIRST
    const int lane0 = get_global_id(0) * PANEL, row0 = get_global_id(1) * HEIGHT;
#else
    const int row0 = get_global_id(0) * HEIGHT, lane0 = get_global_id(1) * PANEL;
#endif
    int count = DEPTH;
#if FOLD
    real panel[DEPTH * PANEL];
    FN(fold)(y + (size_t)lane0 * DEPTH, panel, LANES - lane0);
#else
    Y_MEMORY *panel = y + (PACKED ? (size_t)lane0 * count : lane0);
#endif
    const int end = min(HEIGHT, ROWS - row0);
#if X_PACKED
    x += (size_t)row0 * count;
    const size_t x_next = (size_t)MR * count;
#else
    const size_t x_next = 0; // rows are counted from the first
#endif
#if SPLIT
    const int k0 = get_global_id(2) * SPLIT;
    count = min(SPLIT, count - k0);
    x += (size_t)k0 * X_STEP;
    panel += (size_t)k0 * (PACKED ? PANEL : Y_STEP);
    c += (size_t)get_global_id(2) * ROWS * LANES;
#endif
#if TRANS && EPILOGUE
    real column[PANEL * HEIGHT];
    for (int r = 0; r < end; r += MR, x += x_next)
        FN(tile)(NV, x, panel, column + r, row0 + r, lane0, rows, lanes, count EPILOGUE_ARGS);
    for (int l = 0; l < min(PANEL, LANES - lane0); ++l)
        FN(epilogue)(VGET(column, l * HEIGHT), lane0 + l, row0, ROWS - row0, c EPILOGUE_ARGS);
#else
    real norm = 0;
    for (int r = 0; r < end; r += MR, x += x_next) {
        real part;
#if NV_LAST != NV
        if (lane0 + PANEL > LANES)
            part = FN(tile)(NV_LAST, x, panel, c, row0 + r, lane0, rows, lanes, count EPILOGUE_ARGS);
        else
#endif
            part = FN(tile)(NV, x, panel, c, row0 + r, lane0, rows, lanes, count EPILOGUE_ARGS);
        norm = NORM_JOIN(NORM, norm, part);
    }
#if NORM
    STORE(norm, partial, base + (int)(get_global_id(1) * get_global_size(0) + get_global_id(0)));
#endif
#endif
}
#undef PUT
#undef VPUT
#undef PANEL
#undef HEIGHT
#undef OUT
#undef Y_MEMORY
#undef YLOAD
#undef X_AT
#undef TAKE_X
#undef XRUN
#undef X_ACROSS
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef NORM
#undef NORM_PARAMS
#undef ROWVEC
#undef ROWLOAD
#undef ROWSTORE
#undef ROWPUT
