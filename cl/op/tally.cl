// Of a norm; of NaN it is NaN, in both frameworks.
#define CLIP_FACTOR(norm)                                                                          \
    ((norm) != (norm) ? (norm)                                                                     \
     : CLIP_TORCH     ? fmin((real)1, limit / ((norm) + (real)1e-6))                               \
                      : limit / fmax(norm, limit))
// EACH_LOSS(X) is X(k, loss) for each of N_LOSSES losses, EACH_HIT(X) X(k, hit) for those that have hits.
KERNEL(tally)(__global uint *ctl, __global real *metrics, LOSS_ARGS
#if NORMS
              __global const int4 *ranges, __global real *partial, __global const real *table,
              __global real *norms, const int n_params, const int n_parts,
#endif
              const int rows, const int flags) {
    real sum[N_LOSSES + 1];
    uint hits[N_LOSSES + 1], ignored[N_LOSSES + 1];
    for (int k = 0; k < N_LOSSES; k++) sum[k] = hits[k] = ignored[k] = 0;
#if SYN_CPU
    const int lane = 0;
    for (int r = 0; r < rows; r++) {
#else
    const int lane = (int)get_local_id(0);
    for (int r = lane; r < rows; r += TALLY_GROUP) {
#endif
#define ADD_LOSS(k, loss) sum[k] += LOAD(loss, r);
#define ADD_HIT(k, hit) hits[k] += hit[r] > 0, ignored[k] += hit[r] < 0;
        EACH_LOSS(ADD_LOSS)
        EACH_HIT(ADD_HIT)
#undef ADD_LOSS
#undef ADD_HIT
    }
#if !SYN_CPU && N_LOSSES
    __local real sums[TALLY_GROUP * N_LOSSES];
    __local uint hit_sums[TALLY_GROUP * N_LOSSES], ignored_sums[TALLY_GROUP * N_LOSSES];
    for (int k = 0; k < N_LOSSES; k++) {
        sums[k * TALLY_GROUP + lane] = sum[k];
        hit_sums[k * TALLY_GROUP + lane] = hits[k];
        ignored_sums[k * TALLY_GROUP + lane] = ignored[k];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0)
        for (int k = 0; k < N_LOSSES; k++)
            for (int j = 1; j < TALLY_GROUP; j++) {
                sum[k] += sums[k * TALLY_GROUP + j];
                hits[k] += hit_sums[k * TALLY_GROUP + j];
                ignored[k] += ignored_sums[k * TALLY_GROUP + j];
            }
#endif
    if (lane == 0) {
        if (CHECK && CTL_GRAD_LATCH(ctl) && !CTL_LATCH(ctl)) {
            CTL_LATCH(ctl) = LATCH_GRAD;
            CTL_LATCH_STEP(ctl) = CTL_STEP(ctl) - 1; // the update that met it was counted
        }
        if (SCALER && (flags & TALLY_SUM)) CTL_UNSCALE(ctl) = as_uint(1 / as_float(CTL_LOSS_SCALE(ctl)));
        if (flags & TALLY_SUM) tally_batch(ctl, metrics, sum, hits, ignored, N_LOSSES, rows, CHECK, SKIP);
        if (flags & TALLY_ADVANCE) {
            int bad = SKIP && CTL_BAD_BATCH(ctl), guilty = -1, overflow = 0;
#if NORMS
            // Norm of each parameter, and of all; ranges[p] = (first part, parts).
            real all = 0, penalty = 0;
            CTL_UPDATE_STEP(ctl) = CTL_STEP(ctl);
            const real limit = LOAD(STEP_SCALARS(table, ctl), FRAME_CLIP);
            for (int p = 0; p < n_params; p++) {
                const int4 range = ranges[p];
                real one = norm_of(CLIP_P, partial + range.x, range.y);
#if SYN_HALF // products leave norms of what they made, the norm kernel those of gradients brought back
                const real back = 1 / as_float(CTL_LOSS_SCALE(ctl));
                if (range.x >= 2 * n_parts) one *= CLIP_P == 2 ? back * back : back;
#endif
                for (int k = range.x; PENALTY && k < range.x + range.y; k++) penalty += LOAD(partial, n_parts + k);
                if (guilty < 0 && one - one != 0) guilty = p;
                all = NORM_JOIN(CLIP_P, all, one);
                if (CLIP_P == 2) one = sqrt(one);
                if (CLIP_EACH) STORE(CLIP_FACTOR(one), norms, p);
            }
            if (CLIP_P == 2) all = sqrt(all);
            if (SCALER == 2 && !bad && !CTL_LATCH(ctl)) overflow = tally_scale(ctl, guilty >= 0);
            metrics[METRIC_CLIP] = CLIP_FACTOR(all);
            if (!overflow) {
                metrics[METRIC_NORM] = all;
                metrics[METRIC_PENALTY] = penalty;
            }
            if (!((SKIP && (bad || guilty >= 0)) || overflow)) { // in this order: no warning of a constant
                metrics[METRIC_NORMS] += all;
                metrics[METRIC_PENALTIES] += penalty;
                CTL_NORM_STEPS(ctl) += 1;
            }
            if (CHECK && guilty >= 0 && !overflow && !CTL_LATCH(ctl)) {
                latch_gradient(ctl, guilty);
                tally_latch(ctl, LATCH_GRAD);
            }
            bad |= SKIP && guilty >= 0 && !overflow;
#endif
            CTL_SKIP(ctl) = (uint)(bad || overflow);
            if (bad) {
                CTL_SKIPPED(ctl) += 1;
                CTL_SKIP_GUILTY(ctl) = (uint)(guilty + 1);
            }
            CTL_UPDATE_STEP(ctl) = CTL_STEP(ctl);
            if (!bad && !overflow && !CTL_LATCH(ctl)) CTL_STEP(ctl) += 1;
            CTL_BAD_BATCH(ctl) = 0;
            CTL_MICRO(ctl) = CTL_GRADS(ctl);
            CTL_GRADS(ctl) = 0;
        }
    }
}
#undef CLIP_FACTOR
