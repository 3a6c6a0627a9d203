// Gradients of micro-batches: the first of a step is copied, later ones are added.
KERNEL(accumulate)(__global const real *g, __global real *sum, __global const uint *ctl, const int n) {
    const int first = CTL_GRADS(ctl) <= 1; // the tally of this micro-batch has counted it
#if SYN_CPU
    const int from = (int)get_global_id(0) * RUN, to = min(from + RUN, n);
    int i = from;
    for (; i + SYN_VEC <= to; i += SYN_VEC) {
        const realv v = VLOAD(g, i);
        VSTORE(first ? v : VLOAD(sum, i) + v, sum, i);
    }
    for (; i < to; i++) {
#else
    const int i = (int)get_global_id(0);
    if (i < n) {
#endif
        const real v = LOAD(g, i);
        STORE(first ? v : LOAD(sum, i) + v, sum, i);
    }
}
