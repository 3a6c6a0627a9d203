// Built-ins that are slow where it matters. Kernels and map rows write the OpenCL names; this header puts
// something better behind them for CPU vectors of float, within 2 ulps. Other devices keep their own. The
// polynomials are near-minimax fits in relative error, done in double.
#if SYN_CPU && !SYN_DOUBLE && SYN_VEC > 1
#define AS_INTV CAT(as_int, SYN_VEC)
#define AS_REALV CAT(CAT(as_, REAL_NAME), SYN_VEC)
#define POWER_OF_2(k) AS_REALV(((k) + 127) << 23) // k in [-127, 127]; 2^-127 is 0

// Comparisons let NaN through where fmin and fmax would not; each is one instruction.
static realv syn_least(realv x, const float least) { return x < least ? (realv)(least) : x; }
static realv syn_most(realv x, const float most) { return x > most ? (realv)(most) : x; }

// x + lost = k ln 2 + r with |r| <= ln 2 / 2: returns e^r - 1. Adding 1.5 * 2^23 rounds to an integer, whose bits
// are then the low ones; the others leave with the shift of POWER_OF_2.
static realv syn_reduce(realv x, realv lost, intv *k) {
    const realv t = fma(x, (realv)(1.44269504f), (realv)(12582912.f)), n = t - 12582912.f;
    const realv r = fma(n, (realv)(2.12194440e-4f), fma(n, (realv)(-.693359375f), x)) + lost;
    realv p = fma((realv)(1.39012828e-3f), r, (realv)(8.36314447e-3f));
    p = fma(p, r, (realv)(4.16668542e-2f));
    p = fma(p, r, (realv)(1.66665778e-1f));
    p = fma(p, r, (realv)(.5f));
    *k = AS_INTV(t);
    return fma(p * r, r, r);
}

// By halves: 2^128 is none. Denormal numbers are 0.
static realv __attribute__((overloadable)) syn_exp(realv x) {
    intv k;
    const realv p = syn_reduce(syn_most(syn_least(x, -87.3f), 89), 0, &k);
    return fma(p, (realv)(2), (realv)(2)) * POWER_OF_2(k - 1);
}

// 2^k (e^r - 1) + (2^k - 1), by halves too.
static realv __attribute__((overloadable)) syn_expm1(realv x) {
    intv k;
    const realv p = syn_reduce(syn_most(syn_least(x, -87), 88.7f), 0, &k);
    const realv half_k = POWER_OF_2(k - 1), y = fma(half_k, p, half_k - .5f) * 2;
    return x > 88.7f ? (realv)(INFINITY) : y;
}

// With e = e^2|x| - 1: e / (e + 2).
static realv __attribute__((overloadable)) syn_tanh(realv x) {
    const realv a = fabs(x), e = syn_expm1(2 * syn_most(a, 9.1f));
    return copysign(e / (e + 2), x);
}

// u = 1 + x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)); what rounding took from u comes back, and 2^k is near
// enough to u to divide that by.
static realv __attribute__((overloadable)) syn_log1p(realv x) {
    const realv u = 1 + x;
    const intv bits = AS_INTV(u), k = (bits - 0x3f3504f3) >> 23;
    const realv lost = (x - (u - 1)) * POWER_OF_2(1 - k) * .5f;
    const realv f = AS_REALV(bits - (k << 23)) - 1, n = TO_REALV(k);
    realv p = fma((realv)(-7.97411054e-2f), f, (realv)(1.26556516e-1f));
    p = fma(p, f, (realv)(-1.29892915e-1f));
    p = fma(p, f, (realv)(1.42099515e-1f));
    p = fma(p, f, (realv)(-1.66415811e-1f));
    p = fma(p, f, (realv)(2.00012013e-1f));
    p = fma(p, f, (realv)(-2.50003040e-1f));
    p = fma(p, f, (realv)(3.33333313e-1f));
    const realv y = fma(f * f, fma(p, f, (realv)(-.5f)), f) + fma(n, (realv)(-2.12194440e-4f), lost);
    const realv log_u = fma(n, (realv)(.693359375f), y);
    return x > 3e38f ? x : u > 0 ? log_u : u == 0 ? (realv)(-INFINITY) : (realv)(NAN);
}

// erfc(z) = e^-z^2 t Q(t) for z >= 0 with t = 1 / (1 + z / 2), and 2 - erfc(-x) below. What rounding took from z^2
// comes back.
static realv __attribute__((overloadable)) syn_erfc(realv x) {
    const realv z = syn_most(fabs(x), 9.3f), t = 1 / fma(z, (realv)(.5f), (realv)(1));
    realv q = fma((realv)(-5.93850501e-2f), t, (realv)(2.86117554e-1f));
    q = fma(q, t, (realv)(-4.90394145e-1f));
    q = fma(q, t, (realv)(2.81720430e-1f));
    q = fma(q, t, (realv)(-2.91404705e-2f));
    q = fma(q, t, (realv)(2.03749448e-1f));
    q = fma(q, t, (realv)(2.42835820e-1f));
    q = fma(q, t, (realv)(2.82412022e-1f));
    q = fma(q, t, (realv)(2.82084346e-1f));
    const realv minus = -z * z, lost = -fma(z, z, minus);
    intv k;
    const realv p = syn_reduce(minus, lost, &k), y = fma(p, (realv)(2), (realv)(2)) * POWER_OF_2(k - 1) * (t * q);
    return x < 0 ? 2 - y : y;
}

static real __attribute__((overloadable)) syn_exp(real x) { return exp(x); }
static real __attribute__((overloadable)) syn_expm1(real x) { return expm1(x); }
static real __attribute__((overloadable)) syn_tanh(real x) { return tanh(x); }
static real __attribute__((overloadable)) syn_log1p(real x) { return log1p(x); }
static real __attribute__((overloadable)) syn_erfc(real x) { return erfc(x); }
#undef exp // macros in some drivers
#undef expm1
#undef tanh
#undef log1p
#undef erfc
#define exp syn_exp
#define expm1 syn_expm1
#define tanh syn_tanh
#define log1p syn_log1p
#define erfc syn_erfc

#undef AS_INTV
#undef AS_REALV
#undef POWER_OF_2
#endif
