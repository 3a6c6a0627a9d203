// Built-ins that are slow where it matters. Kernels and map rows write the OpenCL names; this header puts
// something better behind them for CPU vectors of float, within 2 ulps. Other devices keep their own. The
// polynomials are near-minimax fits in relative error, done in double.
//
// Besides, functions that OpenCL lacks and that take fewer operations than what they are made of:
// logistic(x) = 1 / (1 + e^-x), log1p_exp(x) = log(1 + e^x), phi(x) = erfc(-x / sqrt(2)) / 2, x_phi(x) = x phi(x).
#define LOGISTIC(T) \
    static T __attribute__((overloadable)) logistic(T x) { return 1 / (1 + exp(-x)); }
#define LOG1P_EXP(T) \
    static T __attribute__((overloadable)) log1p_exp(T x) { return fmax(x, (T)(0)) + log1p(exp(-fabs(x))); }
#define PHI(T) \
    static T __attribute__((overloadable)) phi(T x) { return (T)(.5) * erfc((T)(-.70710678118654752440) * x); } \
    static T __attribute__((overloadable)) x_phi(T x) { return x * phi(x); }
LOGISTIC(real)
LOG1P_EXP(real)
PHI(real)

#if SYN_CPU && !SYN_DOUBLE && SYN_VEC > 1
#define AS_INTV CAT(as_int, SYN_VEC)
#define AS_REALV CAT(CAT(as_, REAL_NAME), SYN_VEC)
#define POWER_OF_2(k) AS_REALV(((k) + 127) << 23) // k in [-127, 127]; 2^-127 is 0

// Comparisons let NaN through where fmin and fmax would not; each is one instruction.
static realv syn_least(realv x, const float least) { return x < least ? (realv)(least) : x; }
static realv syn_most(realv x, const float most) { return x > most ? (realv)(most) : x; }

// x = k ln 2 + r with |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to an integer, whose bits are then the low ones; the
// others leave with the shift of POWER_OF_2.
static realv syn_reduce(realv x, intv *k) {
    const realv t = fma(x, (realv)(1.44269504f), (realv)(12582912.f)), n = t - 12582912.f;
    *k = AS_INTV(t);
    return fma(n, (realv)(2.12194440e-4f), fma(n, (realv)(-.693359375f), x));
}

// e^r for such r, and e^r - 1, which wants a term more to be near 0 as exact.
static realv syn_exp_of(realv r) {
    realv p = fma((realv)(8.31243023e-3f), r, (realv)(4.18909863e-2f));
    p = fma(p, r, (realv)(1.66671187e-1f));
    p = fma(p, r, (realv)(4.99992251e-1f));
    p = fma(p, r, (realv)(1));
    return fma(p, r, (realv)(1));
}
static realv syn_expm1_of(realv r) {
    realv p = fma((realv)(1.39012828e-3f), r, (realv)(8.36314447e-3f));
    p = fma(p, r, (realv)(4.16668542e-2f));
    p = fma(p, r, (realv)(1.66665778e-1f));
    p = fma(p, r, (realv)(.5f));
    return fma(p * r, r, r);
}

// By halves: 2^128 is none. Denormal numbers are 0.
static realv __attribute__((overloadable)) syn_exp(realv x) {
    intv k;
    const realv p = syn_exp_of(syn_reduce(syn_most(syn_least(x, -87.3f), 89), &k));
    return (p + p) * POWER_OF_2(k - 1);
}

// 2^k (e^r - 1) + (2^k - 1), by halves too.
static realv __attribute__((overloadable)) syn_expm1(realv x) {
    intv k;
    const realv p = syn_expm1_of(syn_reduce(syn_most(syn_least(x, -87), 89), &k)), half_k = POWER_OF_2(k - 1);
    const realv y = fma(half_k, p, half_k - .5f);
    return y + y;
}

// With e = e^2|x| - 1: e / (e + 2).
static realv __attribute__((overloadable)) syn_tanh(realv x) {
    const realv a = fabs(x), e = syn_expm1(2 * syn_most(a, 9.1f));
    return copysign(e / (e + 2), x);
}

// log(1 + f) + lost for 1 + f in [sqrt(1/2), sqrt(2)).
static realv syn_log_of(realv f, realv lost) {
    realv p = fma((realv)(-7.97411054e-2f), f, (realv)(1.26556516e-1f));
    p = fma(p, f, (realv)(-1.29892915e-1f));
    p = fma(p, f, (realv)(1.42099515e-1f));
    p = fma(p, f, (realv)(-1.66415811e-1f));
    p = fma(p, f, (realv)(2.00012013e-1f));
    p = fma(p, f, (realv)(-2.50003040e-1f));
    p = fma(p, f, (realv)(3.33333313e-1f));
    return fma(f * f, fma(p, f, (realv)(-.5f)), f) + lost;
}

// u = 1 + x = 2^k (1 + f); what rounding took from u comes back, and 2^k is near enough to u to divide that by.
static realv __attribute__((overloadable)) syn_log1p(realv x) {
    const realv u = 1 + x;
    const intv bits = AS_INTV(u), k = (bits - 0x3f3504f3) >> 23;
    const realv lost = (x - (u - 1)) * POWER_OF_2(1 - k) * .5f;
    const realv f = AS_REALV(bits - (k << 23)) - 1, n = TO_REALV(k);
    const realv y = syn_log_of(f, fma(n, (realv)(-2.12194440e-4f), lost)), log_u = fma(n, (realv)(.693359375f), y);
    return x > 3e38f ? x : u > 0 ? log_u : u == 0 ? (realv)(-INFINITY) : (realv)(NAN);
}

// sqrt(-2 log(u)) cos(2 pi v), u in (0, 1] and v in [0, 1): the cosine as the sine of 2 pi g, g in [-1/4, 1/4].
#define SYN_OWN_NORMAL 1
static realv syn_normal(realv u, realv v) {
    const intv bits = AS_INTV(u), k = (bits - 0x3f3504f3) >> 23;
    const realv n = TO_REALV(k), f = AS_REALV(bits - (k << 23)) - 1;
    const realv log_u = fma(n, (realv)(.693359375f), syn_log_of(f, n * -2.12194440e-4f));
    const realv g = fabs(v - .5f) - .25f, q = g * g;
    realv p = fma((realv)(3.97109108e1f), q, (realv)(-7.65749893e1f));
    p = fma(p, q, (realv)(8.16022339e1f));
    p = fma(p, q, (realv)(-4.13416786e1f));
    p = fma(p, q, (realv)(6.28318548f));
    return sqrt(-2 * log_u) * (p * g);
}

static realv __attribute__((overloadable)) logistic(realv x) {
    const realv u = syn_most(syn_least(x, -89), 87.3f), t = fma(u, (realv)(-1.44269504f), (realv)(12582912.f));
    const realv p = syn_exp_of(fma(t - 12582912.f, (realv)(-.693147181f), -u)); // an error of 1e-9 k is none here
    return 1 / fma(p + p, POWER_OF_2(AS_INTV(t) - 1), (realv)(1));
}

// max(x, 0) + log(1 + e) with e = e^-|x|, and that logarithm as 2 artanh(s), s = e / (2 + e).
static realv __attribute__((overloadable)) log1p_exp(realv x) {
    intv k;
    const realv r = syn_reduce(syn_least(-fabs(x), -87.3f), &k), e = syn_exp_of(r) * POWER_OF_2(k);
    const realv s = e / (2 + e), q = s * s;
    realv p = fma((realv)(2.80119926e-1f), q, (realv)(2.80018032e-1f));
    p = fma(p, q, (realv)(4.00215268e-1f));
    p = fma(p, q, (realv)(6.66664183e-1f));
    p = fma(p, q, (realv)(2));
    return fma(p, s, syn_least(x, 0));
}

// e^(-a^2 / 2) P(a) / Q(a) is phi(-a) for a >= 0: within 2e-7 up to a = 3, 3e-6 behind.
static realv syn_tail(realv a, realv *of) {
    const realv m = (realv)(-.5f) * a * a, t = fma(m, (realv)(1.44269504f), (realv)(12582912.f));
    const realv e = syn_exp_of(fma(t - 12582912.f, (realv)(-.693147181f), m)) * POWER_OF_2(AS_INTV(t));
    realv p = fma((realv)(1.46877542e-2f), a, (realv)(1.09414987e-1f));
    p = fma(p, a, (realv)(3.44135582e-1f));
    p = fma(p, a, (realv)(.49999994f));
    realv q = fma((realv)(3.68278958e-2f), a, (realv)(2.73888111e-1f));
    q = fma(q, a, (realv)(9.04657423e-1f));
    q = fma(q, a, (realv)(1.48615015f));
    *of = fma(q, a, (realv)(1));
    return e * p;
}
static realv __attribute__((overloadable)) phi(realv x) {
    realv of;
    const realv e = syn_tail(syn_most(fabs(x), 13.1f), &of), y = e / of;
    return x < 0 ? y : 1 - y;
}
// max(x, 0) - |x| phi(-|x|).
static realv __attribute__((overloadable)) x_phi(realv x) {
    realv of;
    const realv a = syn_most(fabs(x), 13.1f), e = syn_tail(a, &of);
    return syn_least(x, 0) - e * a / of;
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
    const realv p = syn_expm1_of(syn_reduce(minus, &k) + lost);
    const realv y = fma(p, (realv)(2), (realv)(2)) * POWER_OF_2(k - 1) * (t * q);
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
#elif SYN_VEC > 1
LOGISTIC(realv)
LOG1P_EXP(realv)
PHI(realv)
#endif
#undef LOGISTIC
#undef LOG1P_EXP
#undef PHI
