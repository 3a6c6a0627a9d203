KERNEL(tally)(__global uint *ctl, __global real *metrics,
#if LOSS
              __global const real *loss,
#endif
#if HITS
              __global const int *hit,
#endif
              const int rows, const int flags) {
    real sum = 0;
    uint hits = 0;
#if SYN_CPU
    for (int r = 0; r < rows; r++) {
#else
    for (int r = (int)get_local_id(0); r < rows; r += TALLY_GROUP) {
#endif
#if LOSS
        sum += LOAD(loss, r);
#endif
#if HITS
        hits += (uint)hit[r];
#endif
    }
#if SYN_CPU
    tally_end(ctl, metrics, sum, hits, rows, flags);
#else
    __local real sums[TALLY_GROUP];
    __local uint hit_sums[TALLY_GROUP];
    sums[get_local_id(0)] = sum;
    hit_sums[get_local_id(0)] = hits;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (get_local_id(0) == 0) {
        for (int k = 1; k < TALLY_GROUP; k++) {
            sum += sums[k];
            hits += hit_sums[k];
        }
        tally_end(ctl, metrics, sum, hits, rows, flags);
    }
#endif
}
