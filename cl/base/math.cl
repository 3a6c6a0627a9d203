// Built-ins that are slow where it matters. Kernels and map rows write the OpenCL names; this header puts
// something better behind them for CPU vectors of float. Other devices keep their own.
#if SYN_CPU && !SYN_DOUBLE && SYN_VEC > 1

// e^x - 1 to about 1 ulp: x = k ln 2 + r with |r| <= ln 2 / 2, e^r - 1 by its Taylor polynomial of degree
// 7 (next term below 2^-26 of r), then 2^k (e^r - 1) + (2^k - 1). k stays in [-126, 127], so 2^k is
// made of its bits.
static realv __attribute__((overloadable)) syn_expm1(realv x) {
    const realv cut = fmin(fmax(x, (realv)(-87.3f)), (realv)(88.7f));
    const realv k = rint(cut * 1.44269504f);
    const realv r = fma(k, (realv)(2.12194440e-4f), fma(k, (realv)(-0.693359375f), cut));
    realv p = fma((realv)(1.98412698e-4f), r, (realv)(1.38888889e-3f));
    p = fma(p, r, (realv)(8.33333333e-3f));
    p = fma(p, r, (realv)(4.16666667e-2f));
    p = fma(p, r, (realv)(1.66666667e-1f));
    p = fma(p, r, (realv)(.5f));
    p = fma(p * r, r, r);
    const intv bits = (CAT(CAT(convert_int, SYN_VEC), _rte)(k) + 127) << 23;
    const realv two_k = CAT(CAT(as_, REAL_NAME), SYN_VEC)(bits);
    const realv y = fma(two_k, p, two_k - 1);
    // Beyond the ends: infinity, and NaN as it came.
    return x > 88.7f ? (realv)(INFINITY) : x == x ? y : x;
}
static real __attribute__((overloadable)) syn_expm1(real x) { return expm1(x); }
#undef expm1 // a macro in some drivers
#define expm1 syn_expm1

#endif
