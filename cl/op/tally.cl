KERNEL(tally)(__global uint *ctl, __global real *metrics,
#if LOSS
              __global const real *loss,
#endif
#if HITS
              __global const int *hit,
#endif
#if NORMS
              __global const int4 *ranges, __global real *partial, __global const real *table,
              __global real *norms, const int n_params, const int n_parts,
#endif
              const int rows, const int flags) {
    real sum = 0;
    uint hits = 0;
#if SYN_CPU
    const int lane = 0;
    for (int r = 0; r < rows; r++) {
#else
    const int lane = (int)get_local_id(0);
    for (int r = lane; r < rows; r += TALLY_GROUP) {
#endif
#if LOSS
        sum += LOAD(loss, r);
#endif
#if HITS
        hits += (uint)hit[r];
#endif
    }
#if !SYN_CPU
    __local real sums[TALLY_GROUP];
    __local uint hit_sums[TALLY_GROUP];
    sums[lane] = sum;
    hit_sums[lane] = hits;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0)
        for (int k = 1; k < TALLY_GROUP; k++) {
            sum += sums[k];
            hits += hit_sums[k];
        }
#endif
    if (lane == 0) {
        if (CHECK && CTL_GRAD_LATCH(ctl) && !CTL_LATCH(ctl)) CTL_LATCH(ctl) = LATCH_GRAD;
        if (flags & TALLY_SUM) tally_batch(ctl, metrics, sum, hits, rows, CHECK, SKIP);
        if (flags & TALLY_ADVANCE) {
            int bad = SKIP && CTL_BAD_BATCH(ctl), guilty = -1;
#if NORMS
            // Norm of each parameter, and of all; ranges[p] = (first part, parts).
            real all = 0, penalty = 0;
            CTL_UPDATE_STEP(ctl) = CTL_STEP(ctl);
            const real limit = LOAD(STEP_SCALARS(table, ctl), FRAME_CLIP);
            for (int p = 0; p < n_params; p++) {
                real one = 0;
                for (int k = ranges[p].x; k < ranges[p].x + ranges[p].y; k++) {
                    const real v = LOAD(partial, k);
                    one = CLIP_P == 3 ? fmax(one, v) + 0 * v : one + v;
                    penalty += LOAD(partial, n_parts + k);
                }
                if (guilty < 0 && one - one != 0) guilty = p;
                all = CLIP_P == 3 ? fmax(all, one) + 0 * one : all + one;
                if (CLIP_P == 2) one = sqrt(one);
                if (CLIP_EACH) STORE(CLIP_TORCH ? fmin((real)1, limit / (one + (real)1e-6))
                                                : limit / fmax(one, limit), norms, p);
            }
            if (CLIP_P == 2) all = sqrt(all);
            metrics[METRIC_CLIP] = CLIP_TORCH ? fmin((real)1, limit / (all + (real)1e-6))
                                              : limit / fmax(all, limit);
            metrics[METRIC_NORM] = all;
            metrics[METRIC_PENALTY] = penalty;
            if (!(SKIP && (bad || guilty >= 0))) {
                metrics[METRIC_NORMS] += all;
                metrics[METRIC_PENALTIES] += penalty;
                CTL_NORM_STEPS(ctl) += 1;
            }
            if (CHECK && guilty >= 0 && !CTL_LATCH(ctl)) {
                latch_gradient(ctl, guilty);
                tally_latch(ctl, LATCH_GRAD);
            }
            bad |= SKIP && guilty >= 0;
#endif
            CTL_SKIP(ctl) = (uint)bad;
            if (bad) {
                CTL_SKIPPED(ctl) += 1;
                CTL_SKIP_GUILTY(ctl) = (uint)(guilty + 1);
            }
            CTL_UPDATE_STEP(ctl) = CTL_STEP(ctl);
            if (!bad && !CTL_LATCH(ctl)) CTL_STEP(ctl) += 1;
            CTL_BAD_BATCH(ctl) = 0;
            CTL_MICRO(ctl) = CTL_GRADS(ctl);
            CTL_GRADS(ctl) = 0;
        }
    }
}
