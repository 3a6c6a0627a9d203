// After a batch: sums its row losses and hits into the metrics, in a fixed order, trips the latch when
// the sum is not finite, moves the cursor; and in front of an update: sums the norms, decides whether
// the step is skipped, and counts it. One work-item (CPU), or one work-group (GPU) whose first item does
// all but the sums over rows.
#define TALLY_SUM 1
#define TALLY_ADVANCE 2
#define TALLY_GROUP 64

static void tally_add(__global real *metrics, int k, real sum) {
    // Two-sum: what rounding takes from the running sum is carried along.
    const real old = metrics[METRIC_SUM(k)], total = old + sum, part = total - old;
    metrics[METRIC_CARRY(k)] += (old - (total - part)) + (sum - part);
    metrics[METRIC_SUM(k)] = total;
}

static void tally_latch(__global uint *ctl, uint latch) {
    if (CTL_LATCH(ctl)) return;
    CTL_LATCH(ctl) = latch;
    CTL_LATCH_STEP(ctl) = CTL_STEP(ctl);
    CTL_LATCH_CURSOR(ctl) = CTL_CURSOR(ctl);
}

// The dynamic loss scale, as torch's GradScaler has it: a gradient that is not finite halves it, and SCALE_STEPS
// good steps in a row double it. Whether the step is to change nothing: at a scale of 1 a gradient that is not
// finite is none of the scale's.
#define SCALE_STEPS 2000
#define SCALE_MOST 16777216.0f
static int tally_scale(__global uint *ctl, int bad) {
    const float scale = as_float(CTL_LOSS_SCALE(ctl));
    CTL_GOOD(ctl) = bad ? 0 : CTL_GOOD(ctl) + 1;
    if (bad && scale > 1) {
        CTL_LOSS_SCALE(ctl) = as_uint(fmax(scale / 2, 1.0f));
        CTL_OVERFLOWS(ctl) += 1;
        return 1;
    }
    if (CTL_GOOD(ctl) == SCALE_STEPS) {
        CTL_LOSS_SCALE(ctl) = as_uint(fmin(scale * 2, SCALE_MOST));
        CTL_GOOD(ctl) = 0;
    }
    return 0;
}

// The batch's n losses. `check` latches, `skip` marks the step; sums of a batch that is not finite stay out
// of the metrics when its step is skipped.
static void tally_batch(__global uint *ctl, __global real *metrics, const real *sum, const uint *hits, const uint *ignored, int n,
                        int rows, int check, int skip) {
    int bad = 0;
    for (int k = 0; k < n; k++) bad |= sum[k] - sum[k] != 0;
    if (bad && check) tally_latch(ctl, LATCH_LOSS);
    if (bad && skip) CTL_BAD_BATCH(ctl) = 1;
    for (int k = 0; k < n; k++) {
        metrics[METRIC_LAST(k)] = sum[k];
        if (bad && skip) continue;
        tally_add(metrics, k, sum[k]);
        CTL_HITS(ctl, k) += hits[k];
        CTL_IGNORED(ctl, k) += ignored[k];
    }
    if (!(bad && skip)) {
        CTL_ROWS(ctl) += (uint)rows;
        CTL_BATCHES(ctl) += 1;
    }
    CTL_GRADS(ctl) += 1;
    CTL_CURSOR(ctl) += (uint)rows;
}
