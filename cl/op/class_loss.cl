// Cross entropy of q = softmax(x) (LOGITS) or q = e^x against a target: loss[r] = sum of a[c] (-log q[c]),
// dx = (sum of a) q - a (LOGITS) or -a, times 1/rows (MEAN). The coefficients a, with w the class weights (or
// 1) and s = SMOOTHING:
//   LABELS             a[c] = v w[label] ((1 - s) [c = label] + s/C), or, BY_WEIGHT (torch),
//                      a[c] = v ((1 - s) w[label] [c = label] + w[c] s/C); v = 0 for the IGNORED label, else 1 (NaN where
//                      it is no class, in a caller's buffer)
//   distributions t    a[c] = w[c] ((1 - s) t[c] + s/C)
// Both times OF_SAMPLE(r), dx times SCALE, too. NORM: both are scaled by norm[0] = rows / (sum of v, or of v w[label] BY_WEIGHT): the mean is over those.
#if WEIGHTS
__constant real FN(weight_of)[COLS] = { WEIGHT_LIST };
#define WEIGHT(c) FN(weight_of)[c]
#define WEIGHTV(c) VCONST(FN(weight_of), c)
#else
#define WEIGHT(c) ((real)1)
#define WEIGHTV(c) ((realv)(1))
#endif
#define KNOWN(l) ((uint)(l) < (uint)COLS)
#define LEFT_OUT(l) (IGNORED >= 0 && (l) == IGNORED)
#if LABELS
#define TARGET int
#else
#define TARGET real
#endif

#if NORM
KERNEL(class_norm)(__global const int *label, __global real *norm, const int rows) {
    real sum = 0;
#if SYN_CPU
    const int lane = 0, lanes = 1;
#else
    const int lane = (int)get_local_id(0), lanes = 64;
#endif
    for (int r = lane; r < rows; r += lanes)
        if (!LEFT_OUT(label[r])) sum += !KNOWN(label[r]) ? (real)NAN : BY_WEIGHT ? WEIGHT(label[r]) : (real)1;
#if !SYN_CPU
    __local real sums[64];
    sums[lane] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0)
        for (int k = 1; k < lanes; k++) sum += sums[k];
#endif
    if (lane == 0) STORE(sum == 0 ? (real)0 : rows / sum, norm, 0); // nothing counts: no loss
}
#endif

// The coefficients a[c] but for the label's own.
#if !LABELS
#define COEFFICIENT(c) (WEIGHT(c) * (LOAD(target, at + c) * (1 - smooth) + smooth / COLS))
#define COEFFICIENTV(c) (WEIGHTV(c) * (VLOAD(target, at + c) * (1 - smooth) + smooth / COLS))
#elif BY_WEIGHT
#define COEFFICIENT(c) (WEIGHT(c) * (valid * smooth / COLS))
#define COEFFICIENTV(c) (WEIGHTV(c) * (valid * smooth / COLS))
#else
#define COEFFICIENT(c) (own * smooth / COLS)
#define COEFFICIENTV(c) ((realv)(own * smooth / COLS))
#endif
#define SPREAD (SMOOTH || !LABELS)

KERNEL(class_loss)(__global const cell *x, __global const TARGET *target, SAMPLES_ARG
#if NORM
                   __global const real *norm,
#endif
                   __global real *loss, __global int *hit,
#if GRAD
                   __global cell *dx,
#endif
                   const int rows) {
    ROW_LOCAL
    const real smooth = (real)SMOOTHING;
#if NORM
    const real scale = LOAD(norm, 0);
#else
    const real scale = 1;
#endif
#if MEAN
    const real whole = scale * SCALE / (real)rows;
#else
    const real whole = scale * SCALE;
#endif
    FOR_ROWS(r, rows) {
        const real factor = whole * OF_SAMPLE(r);
        const size_t at = (size_t)r * COLS;
#if LABELS
        const int l = target[r];
        const real valid = LEFT_OUT(l) ? (real)0 : KNOWN(l) ? (real)1 : (real)NAN;
        const int label = LEFT_OUT(l) ? 0 : KNOWN(l) ? l : 0;
        const real own = valid * WEIGHT(label);
#else
        int label = lane;
        real likeliest = LOAD(target, at + lane);
        EACH_ONE(c, ROW_LANES, COLS)
            if (LOAD(target, at + c) > likeliest) {
                likeliest = LOAD(target, at + c);
                label = c;
            }
        ROW_ARGMAX(likeliest, label)
#endif
        // The first of the largest, as argmax takes it; -log q[c] = (m - x[c]) + rest.
        real m = LOAD(x, at + lane), rest = 0, sum = 1;
        int best = lane;
        EACH_ONE(c, ROW_LANES, COLS)
            if (LOAD(x, at + c) > m) {
                m = LOAD(x, at + c);
                best = c;
            }
        ROW_ARGMAX(m, best)
#if LOGITS
        realv sums = 0;
        sum = 0;
        EACH_VECTOR(c, COLS) sums += exp(VLOAD(x, at + c) - m);
        EACH_REST(c, COLS) sum += exp(LOAD(x, at + c) - m);
        sum += ROW_SUM(sums);
        rest = log(sum);
#else
        m = 0;
#endif
        real all = 0, total = 0;
#if SPREAD
        realv alls = 0, totals = 0;
        EACH_VECTOR(c, COLS) {
            const realv a = COEFFICIENTV(c);
            alls += a;
            totals += a * ((m - VLOAD(x, at + c)) + rest);
        }
        EACH_REST(c, COLS) {
            const real a = COEFFICIENT(c);
            all += a;
            total += a * ((m - LOAD(x, at + c)) + rest);
        }
        all += ROW_SUM(alls);
        total += ROW_SUM(totals);
#endif
#if LABELS
        const real sharp = own * (1 - smooth);
        all += sharp;
        total += sharp * ((m - LOAD(x, at + label)) + rest);
        if (lane == 0) hit[r] = l == IGNORED ? -1 : best == l; // -1: the row counts nowhere
#else
        if (lane == 0) hit[r] = best == label;
#endif
        if (lane == 0) STORE(total * scale * OF_SAMPLE(r), loss, r);
#if GRAD
        const real share = all * factor / sum;
        EACH_VECTOR(c, COLS) {
            realv d = LOGITS ? exp(VLOAD(x, at + c) - m) * share : (realv)(0);
#if SPREAD
            d -= COEFFICIENTV(c) * factor;
#endif
            VSTORE(d, dx, at + c);
        }
        EACH_REST(c, COLS) {
            real d = LOGITS ? exp(LOAD(x, at + c) - m) * share : (real)0;
#if SPREAD
            d -= COEFFICIENT(c) * factor;
#endif
            STORE(d, dx, at + c);
        }
#if LABELS
        ROW_FENCE
#if SYN_HALF // what was stored is too coarse to take the factor from
        real d = (LOGITS ? exp(LOAD(x, at + label) - m) * share : (real)0) - sharp * factor;
#if SPREAD
        d -= COEFFICIENT(label) * factor;
#endif
        if (lane == 0) STORE(d, dx, at + label);
#else
        if (lane == 0) STORE(LOAD(dx, at + label) - sharp * factor, dx, at + label);
#endif
#endif
#endif
    }
}
#undef KNOWN
#undef LEFT_OUT
#undef WEIGHT
#undef WEIGHTV
#undef TARGET
#undef COEFFICIENT
#undef COEFFICIENTV
#undef SPREAD
