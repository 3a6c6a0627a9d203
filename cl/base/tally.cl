// After a batch: sums its row losses and hits into the metrics, in a fixed order, trips the latch
// when the sum is not finite, moves the cursor, and counts the step. One work-item (CPU), or one
// work-group whose items sum strided rows (GPU).
#define TALLY_SUM 1
#define TALLY_ADVANCE 2
#define TALLY_GROUP 64

static void tally_add(__global real *metrics, real sum) {
    // Two-sum: what rounding takes from the running sum is carried along.
    const real old = metrics[METRIC_LOSS], total = old + sum, part = total - old;
    metrics[METRIC_CARRY] += (old - (total - part)) + (sum - part);
    metrics[METRIC_LOSS] = total;
    metrics[METRIC_LAST] = sum;
}

static void tally_end(__global uint *ctl, __global real *metrics, real sum, uint hits, int rows,
                      int flags) {
    if (CTL_GRAD_LATCH(ctl) && !CTL_LATCH(ctl)) CTL_LATCH(ctl) = LATCH_GRAD;
    if (flags & TALLY_SUM) {
        if (sum - sum != 0 && !CTL_LATCH(ctl)) {
            CTL_LATCH(ctl) = LATCH_LOSS;
            CTL_LATCH_STEP(ctl) = CTL_STEP(ctl);
            CTL_LATCH_CURSOR(ctl) = CTL_CURSOR(ctl);
        }
        tally_add(metrics, sum);
        CTL_HITS(ctl) += hits;
        CTL_ROWS(ctl) += (uint)rows;
        CTL_BATCHES(ctl) += 1;
        CTL_CURSOR(ctl) += (uint)rows;
    }
    if ((flags & TALLY_ADVANCE) && !CTL_LATCH(ctl)) CTL_STEP(ctl) += 1;
}
