// What evaluation counts beside the loss. Classes: counts[true][predicted] += 1 for each row (each output, when
// the classes are two signs), and counts[CLASSES^2] += 1 where the true class is among the TOP_K likeliest;
// sums of integers, so their order does not matter. Values: by output, running mean and squared deviations of
// the targets (merged batch by batch after Chan et al. 1979) and squared errors with what rounding left out.
#define ROW_LANES 1
#ifdef KIND_VALUES
KERNEL(report_values)(__global const cell *x, __global const real *t, __global uint *counts,
                      __global real *moments, const int rows) {
    const int f = (int)get_global_id(0);
    if (f >= COLS) return;
    real mean = 0, squares = 0, errors = 0;
    for (int r = 0; r < rows; r++) mean += LOAD(t, (size_t)r * COLS + f);
    mean /= rows;
    for (int r = 0; r < rows; r++) {
        const real v = LOAD(t, (size_t)r * COLS + f), d = v - mean, e = LOAD(x, (size_t)r * COLS + f) - v;
        squares += d * d;
        errors += e * e;
    }
    moments += (size_t)f * 4;
    const real before = (real)counts[f], all = before + rows, apart = mean - moments[0];
    counts[f] += (uint)rows;
    moments[0] += apart * (rows / all);
    moments[1] += squares + apart * apart * (before / all) * rows;
    const real old = moments[2], total = old + errors, part = total - old;
    moments[3] += (old - (total - part)) + (errors - part);
    moments[2] = total;
}
#undef KIND_VALUES
#elif defined(KIND_BITS) || defined(KIND_SIGNS)
KERNEL(report_classes)(__global const cell *x, __global const real *t, __global uint *counts, const int rows) {
    FOR_ROWS(r, rows) {
        for (int c = 0; c < COLS; c++) {
            const size_t at = (size_t)r * COLS + c;
#ifdef KIND_BITS
            const int kind = LOAD(t, at) > (real).5;
#else
            const int kind = LOAD(t, at) > 0;
#endif
            atomic_inc(&counts[kind * 2 + (LOAD(x, at) > 0)]);
        }
    }
}
#undef KIND_BITS
#undef KIND_SIGNS
#else
#ifdef KIND_LABELS
#define TARGET int
#else
#define TARGET real
#endif
KERNEL(report_classes)(__global const cell *x, __global const TARGET *t, __global uint *counts, const int rows) {
    FOR_ROWS(r, rows) {
        __global const cell *row = x + (size_t)r * COLS;
#ifdef KIND_LABELS
        const int class = t[r], counted = class != IGNORED && (uint)class < (uint)CLASSES;
#else
        int class = 0;
        const int counted = 1;
        for (int c = 1; c < COLS; c++)
            if (LOAD(t, (size_t)r * COLS + c) > LOAD(t, (size_t)r * COLS + class)) class = c;
#endif
        if (counted) {
            int best = 0, above = 0;
            const real own = LOAD(row, class);
            for (int c = 0; c < COLS; c++) {
                const real v = LOAD(row, c);
                if (v > LOAD(row, best)) best = c;
                above += v > own || (v == own && c < class);
            }
            atomic_inc(&counts[(size_t)class * CLASSES + best]);
            if (above < TOP_K) atomic_inc(&counts[(size_t)CLASSES * CLASSES]);
        }
    }
}
#undef TARGET
#undef KIND_LABELS
#undef KIND_DISTRIBUTIONS
#endif
#undef ROW_LANES
