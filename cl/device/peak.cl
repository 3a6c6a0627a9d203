// What the device can do at best, for `syncline profile`: multiply-adds in registers, and a copy.
// WIDTH elements make a vector; a work-item of `copy` takes RUN vectors.
#if WIDTH == 1
#define PEAKV float
#define PEAK_LOAD(p, i) ((p)[i])
#define PEAK_STORE(v, p, i) ((p)[i] = (v))
#else
#define PEAKV CAT(float, WIDTH)
#define PEAK_LOAD(p, i) CAT(vload, WIDTH)(i, p)
#define PEAK_STORE(v, p, i) CAT(vstore, WIDTH)(v, i, p)
#endif

// Twelve chains hide the latency of two units and leave registers free on every device.
#define CHAINS(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)
#define CHAIN_START(i) PEAKV a##i = (PEAKV)(s + i);
#define CHAIN_STEP(i) a##i = fma(a##i, m, b);
#define CHAIN_SUM(i) b += a##i;
KERNEL(peak)(__global float *out, const int n, const float s) {
    const PEAKV m = (PEAKV)(s * .5f);
    PEAKV b = (PEAKV)(s * .25f);
    CHAINS(CHAIN_START)
    for (int i = 0; i < n; i++) { CHAINS(CHAIN_STEP) }
    CHAINS(CHAIN_SUM)
    PEAK_STORE(b, out, get_global_id(0));
}
#undef CHAINS
#undef CHAIN_START
#undef CHAIN_STEP
#undef CHAIN_SUM

KERNEL(copy)(__global const float *from, __global float *to, const int n) {
    const int first = (int)get_global_id(0) * RUN, last = min(first + RUN, n);
    for (int i = first; i < last; i++) PEAK_STORE(PEAK_LOAD(from, i), to, i);
}
#undef PEAKV
#undef PEAK_LOAD
#undef PEAK_STORE
