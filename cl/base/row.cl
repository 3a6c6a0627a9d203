// Kernels that work row by row. On CPUs a work-item has eight rows, and reads them in whole vectors; on GPUs a short
// row belongs to an item, a longer one to a work-group: ROW_LANES items, `lane` and each ROW_LANES-th column behind it
// to each. ROW_LOCAL comes first in such a kernel, FOR_ROWS visits the rows, EACH_VECTOR and EACH_REST the columns.
#if SYN_CPU
#define FOR_ROWS(r, rows)                                                                          \
    for (int r = (int)get_global_id(0) * 8, r##_end = min(r + 8, rows); r < r##_end; r++)
#define ROW_LOCAL const int lane = 0;
#define ROW_SUM(v) lane_sum(v)
#define ROW_MAX(v) lane_max(v)
#define ROW_ANY(flag) (flag)
#define ROW_ARGMAX(m, best)
#define ROW_FENCE
#else
#define FOR_ROWS(r, rows)                                                                          \
    for (int r = (int)(ROW_LANES > 1 ? get_group_id(0) : get_global_id(0)); r < rows; r = rows)
#define ROW_LOCAL                                                                                  \
    __local real row_local[ROW_LANES];                                                             \
    const int lane = ROW_LANES > 1 ? (int)get_local_id(0) : 0;
#define ROW_SUM(v) (ROW_LANES > 1 ? group_sum(row_local, lane, ROW_LANES, v) : (v))
#define ROW_MAX(v) (ROW_LANES > 1 ? group_max(row_local, lane, ROW_LANES, v) : (v))
#define ROW_ANY(flag)                                                                              \
    (ROW_LANES > 1 ? group_max(row_local, lane, ROW_LANES, (flag) ? (real)1 : (real)0) > 0 : (flag))
// Of the items' largest values m, at columns `best`, the largest of all and the first column that has it.
#define ROW_ARGMAX(m, best)                                                                        \
    if (ROW_LANES > 1) {                                                                           \
        const real own = m;                                                                        \
        m = group_max(row_local, lane, ROW_LANES, own);                                            \
        best = -(int)group_max(row_local, lane, ROW_LANES, own == m ? -(real)best : -(real)COLS);  \
    }
// What the row's items have written may be read by the others.
#define ROW_FENCE                                                                                  \
    if (ROW_LANES > 1) barrier(CLK_GLOBAL_MEM_FENCE);
#endif
#define EACH_VECTOR(c, n) for (int c = lane * SYN_VEC; c + SYN_VEC <= (n); c += SYN_VEC * ROW_LANES)
#define EACH_REST(c, n) EACH_ONE(c, (n) / SYN_VEC * SYN_VEC, n)
#define EACH_ONE(c, from, n) for (int c = (from) + lane; c < (n); c += ROW_LANES)

#if SYN_VEC == 1
#define VLOAD_TAIL(p, i, n, pad) ((real)(pad)) // -INFINITY alone is a float
#define VSTORE_TAIL(v, p, i, n)
static real row_sum(realv v) { return v; }
static real row_max(realv v) { return v; }
#else
// The n < SYN_VEC elements at p + i, then `pad`.
#define TAIL_OF(type)                                                                              \
    static realv OVERLOADED vload_tail(__global const type *p, int n, real pad) {                  \
        real lane[SYN_VEC];                                                                        \
        for (int k = 0; k < SYN_VEC; k++) lane[k] = k < n ? LOAD(p, k) : pad;                      \
        return VGET(lane, 0);                                                                      \
    }                                                                                              \
    static void OVERLOADED vstore_tail(realv v, __global type *p, int n) {                         \
        real lane[SYN_VEC];                                                                        \
        VSET(v, lane, 0);                                                                          \
        for (int k = 0; k < n; k++) STORE(lane[k], p, k);                                          \
    }
FOR_TYPES(TAIL_OF)
#define VLOAD_TAIL(p, i, n, pad) vload_tail((p) + (i), n, pad)
#define VSTORE_TAIL(v, p, i, n) vstore_tail(v, (p) + (i), n)
static real row_sum(realv v) {
    real lane[SYN_VEC], sum = 0;
    VSET(v, lane, 0);
    for (int k = 0; k < SYN_VEC; k++) sum += lane[k];
    return sum;
}
static real row_max(realv v) {
    real lane[SYN_VEC];
    VSET(v, lane, 0);
    real m = lane[0];
    for (int k = 1; k < SYN_VEC; k++) m = fmax(m, lane[k]);
    return m;
}
#endif

// The vector at column c of a row of n at p; behind the last whole one the tail, with `pad`.
#define WHOLE(c, n) ((n) % SYN_VEC == 0 || (c) + SYN_VEC <= (n))
#define ROW_OF(type)                                                                               \
    static realv OVERLOADED row_load(__global const type *p, const int c, const int n, const real pad) { \
        return WHOLE(c, n) ? VLOAD(p, c) : VLOAD_TAIL(p, c, n - c, pad);                           \
    }                                                                                              \
    static void OVERLOADED row_store(realv v, __global type *p, const int c, const int n) {        \
        if (WHOLE(c, n)) VSTORE(v, p, c);                                                          \
        else VSTORE_TAIL(v, p, c, n - c);                                                          \
    }
FOR_TYPES(ROW_OF)
#undef ROW_OF

// What lies at p will be written: its line may come from another core while something else is done.
#define LINE (64 / (int)sizeof(real)) // a cache's, in reals
#if SYN_CPU && defined(__x86_64__)
#define OWN(p) __builtin_prefetch((const void *)(size_t)(p), 1)
#else
#define OWN(p)
#endif

// The larger of each pair, the second where one is NaN: one instruction, where fmax takes three.
static realv larger(realv a, realv b) { return a > b ? a : b; }

// Sum and maximum of a vector's lanes, by halves.
#if SYN_VEC == 1
static real lane_sum(real v) { return v; }
static real lane_max(real v) { return v; }
#else
#define LANES(V)                                                                                   \
    static real __attribute__((overloadable)) lane_sum(V v) { return lane_sum(v.lo + v.hi); }      \
    static real __attribute__((overloadable)) lane_max(V v) { return lane_max(v.lo > v.hi ? v.lo : v.hi); }
static real __attribute__((overloadable)) lane_sum(CAT(REAL_NAME, 2) v) { return v.x + v.y; }
static real __attribute__((overloadable)) lane_max(CAT(REAL_NAME, 2) v) { return v.x > v.y ? v.x : v.y; }
#if SYN_VEC >= 4
LANES(CAT(REAL_NAME, 4))
#endif
#if SYN_VEC >= 8
LANES(CAT(REAL_NAME, 8))
#endif
#if SYN_VEC >= 16
LANES(CAT(REAL_NAME, 16))
#endif
#undef LANES
#endif

// Partial norms: p is 1 for |x|, 2 for x^2, 3 for the largest |x|, as in CLIP_P. fmax passes NaN over.
#define NORM_GATHER(p, sum, x)                                                                     \
    if (p == 1) sum += fabs(x);                                                                    \
    if (p == 2) sum += (x) * (x);                                                                  \
    if (p == 3) sum = fmax(sum, fabs(x)) + 0 * (x);
#define NORM_JOIN(p, a, b) (p == 3 ? fmax(a, b) + 0 * ((a) + (b)) : (a) + (b))
static real norm_lanes(const int p, realv v) { return p == 3 ? row_max(v) + 0 * lane_sum(v) : lane_sum(v); }
// Of n partial norms.
static real norm_of(const int p, __global const real *partial, int n) {
    realv sums = 0;
    real sum = 0;
    int i = 0;
    for (; i + SYN_VEC <= n; i += SYN_VEC) sums = NORM_JOIN(p, sums, VLOAD(partial, i));
    for (; i < n; i++) sum = NORM_JOIN(p, sum, LOAD(partial, i));
    return NORM_JOIN(p, sum, norm_lanes(p, sums));
}

#if !SYN_CPU
// Sum over the `lanes` (a power of two) items of a work-group, the same bits in every item. All of them
// must get here.
static real group_sum(__local real *sums, int lane, int lanes, real v) {
    barrier(CLK_LOCAL_MEM_FENCE); // the last sum has been read
    sums[lane] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_of = lanes / 2; half_of > 0; half_of /= 2) {
        if (lane < half_of) sums[lane] += sums[lane + half_of];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return sums[0];
}
// The largest in the same way; NaN may be passed over.
static real group_max(__local real *most, int lane, int lanes, real v) {
    barrier(CLK_LOCAL_MEM_FENCE);
    most[lane] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_of = lanes / 2; half_of > 0; half_of /= 2) {
        if (lane < half_of && most[lane + half_of] > most[lane]) most[lane] = most[lane + half_of];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return most[0];
}
#endif

// batch_norm's statistics of column c, after a batch of n values with this mean and (biased) variance:
// nothing changes once the latch has tripped, nor by a batch that is not finite.
#define MOVING_AVERAGE 1    // by the share `take`
#define MOVING_CUMULATIVE 2 // all batches count the same; count[c] of them came before
#define MOVING_SET 3        // over the values of a whole pass: the cursor's rows of `per_row` came before
static void moving_step(__global const uint *ctl, __global real *moving_mean, __global real *moving_var,
                        __global real *count, int c, real mean, real var, int n, int mode, real take,
                        int unbiased, int per_row) {
    if (CTL_LATCH(ctl) || mean - mean != 0 || var - var != 0) return;
    const real old_mean = LOAD(moving_mean, c), old_var = LOAD(moving_var, c);
    if (mode == MOVING_SET) {
        const real before = (real)CTL_CURSOR(ctl) * per_row, all = before + n, delta = mean - old_mean;
        const real square = (before > 0 ? old_var * fmax(before - unbiased, (real)1) : (real)0) + var * n +
                            (before > 0 ? delta * delta * (before / all * n) : (real)0);
        STORE(before > 0 ? old_mean + delta * (n / all) : mean, moving_mean, c);
        STORE(square / fmax(all - unbiased, (real)1), moving_var, c);
        return;
    }
    if (mode == MOVING_CUMULATIVE) {
        const real batches = LOAD(count, c) + 1;
        STORE(batches, count, c);
        take = 1 / batches;
    }
    if (unbiased) var *= n / (real)(n - 1);
    STORE(old_mean * (1 - take) + mean * take, moving_mean, c);
    STORE(old_var * (1 - take) + var * take, moving_var, c);
}

#if SYN_VEC > 1
// moving_step for the n columns from c, at most a vector.
static void moving_vector(__global const uint *ctl, __global real *moving_mean, __global real *moving_var,
                          __global real *count, int c, int n, realv mean, realv var, int rows, int mode,
                          real take, int unbiased, int per_row) {
    if (mode == MOVING_AVERAGE && n >= SYN_VEC) {
        const realv old_mean = VLOAD(moving_mean, c), old_var = VLOAD(moving_var, c);
        const realv v = unbiased ? var * (rows / (real)(rows - 1)) : var, none = (mean - mean) + (var - var);
        if (CTL_LATCH(ctl)) return;
        VSTORE(none == 0 ? old_mean * (1 - take) + mean * take : old_mean, moving_mean, c);
        VSTORE(none == 0 ? old_var * (1 - take) + v * take : old_var, moving_var, c);
        return;
    }
    real ms[SYN_VEC], vs[SYN_VEC];
    VSET(mean, ms, 0);
    VSET(var, vs, 0);
    for (int k = 0; k < SYN_VEC && k < n; k++)
        moving_step(ctl, moving_mean, moving_var, count, c + k, ms[k], vs[k], rows, mode, take, unbiased, per_row);
}
#else
#define moving_vector(ctl, mm, mv, count, c, n, mean, var, rows, mode, take, unbiased, per_row)    \
    moving_step(ctl, mm, mv, count, c, mean, var, rows, mode, take, unbiased, per_row)
#endif
