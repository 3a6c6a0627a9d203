// The control block: 64 uints the host and the kernels share; and the metrics block, 32 reals.
// Kept in step with src/plan/control.h.
#define CTL_STEP(c) ((c)[0])              // optimizer steps taken
#define CTL_KEY(c) ((uint2)((c)[1], (c)[2])) // seed
#define CTL_CURSOR(c) ((c)[3])            // rows of the epoch fed so far
#define CTL_LATCH(c) ((c)[4])             // 0, LATCH_LOSS or LATCH_GRAD: nothing is updated any more
#define CTL_LATCH_STEP(c) ((c)[5])        // step and cursor of the batch that tripped it
#define CTL_LATCH_CURSOR(c) ((c)[6])
#define CTL_GRAD_LATCH(c) ((c)[7])        // 0, or ~(first segment whose gradient was not finite)
#define CTL_ROWS(c) ((c)[9])
#define CTL_BATCHES(c) ((c)[10])
#define CTL_GRADS(c) ((c)[11])            // gradients taken since the last update
#define CTL_MICRO(c) ((c)[12])            // ... of the update under way
#define CTL_SKIP(c) ((c)[13])             // this update changes nothing
#define CTL_SKIPPED(c) ((c)[14])          // how many did so far
#define CTL_SKIP_GUILTY(c) ((c)[15])      // 1 + first parameter of the last one; 0: the loss
#define CTL_BAD_BATCH(c) ((c)[16])        // a loss since the last update was not finite
#define CTL_UPDATE_STEP(c) ((c)[17])      // step whose scalars the update uses
#define CTL_NORM_STEPS(c) ((c)[18])       // norms summed
#define CTL_PASS(c) ((c)[24])             // of Monte Carlo prediction
#define CTL_HITS(c, k) ((c)[32 + (k)])    // of loss k
#define CTL_IGNORED(c, k) ((c)[40 + (k)]) // rows of loss k that have an ignored label
// Of plans that keep halves, bits of floats: the factor of the loss's gradient, and 1 / that of the last one.
#define CTL_LOSS_SCALE(c) ((c)[60])
#define CTL_UNSCALE(c) ((c)[61])
#define CTL_GOOD(c) ((c)[62])      // steps since the scale changed
#define CTL_OVERFLOWS(c) ((c)[63]) // steps that changed nothing because it was too large
#define LATCH_LOSS 1u
#define LATCH_GRAD 2u

#define METRIC_CLIP 3  // factor of clipping by global norm
#define METRIC_NORM 4  // norm of the last step's gradient before clipping
#define METRIC_NORMS 5 // sum of them
#define METRIC_PENALTY 6 // of the last step
#define METRIC_PENALTIES 7 // sum of them
#define METRIC_SUM(k) (8 + 3 * (k))    // of loss k: sum of row losses
#define METRIC_CARRY(k) (9 + 3 * (k))  // what rounding left out of it
#define METRIC_LAST(k) (10 + 3 * (k))  // sum of the last batch

// 1 for elements that stay, 0 for dropped ones: u counts as below thr or not.
#if SYN_VEC == 1
static real keep(uint u, uint thr) { return u >= thr ? (real)1 : (real)0; }
#else
static realv __attribute__((overloadable)) keep(uintv u, uint thr) {
    // Relational operators give -1 or 0 per lane.
    return -TO_REALV(u >= (uintv)(thr));
}
static real __attribute__((overloadable)) keep(uint u, uint thr) {
    return u >= thr ? (real)1 : (real)0;
}
#endif
