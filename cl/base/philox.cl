// Philox4x32-10 (Salmon et al. 2011): bit for bit src/base/rng.c. Element (row, col) of a stream
// at a step is word col % 4 of Philox(counter { col / 4, row, step, stream }, key).
//
// Products are 32 x 32 -> 64 bits of ulong: every device has them, CPUs for vectors too, while
// mul_hi of 32 bits made PoCL ten times slower.

static uint4 syn_philox4(uint4 counter, uint2 key) {
    uint x0 = counter.x, x1 = counter.y, x2 = counter.z, x3 = counter.w;
    uint k0 = key.x, k1 = key.y;
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        const ulong p0 = 0xD2511F53UL * x0, p1 = 0xCD9E8D57UL * x2;
        x0 = (uint)(p1 >> 32) ^ x1 ^ k0;
        x1 = (uint)p1;
        x2 = (uint)(p0 >> 32) ^ x3 ^ k1;
        x3 = (uint)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (uint4)(x0, x1, x2, x3);
}

static uint syn_random_s(uint row, uint col, uint stream, uint step, uint2 key) {
    uint4 r = syn_philox4((uint4)(col / 4, row, step, stream), key);
    uint2 half2 = col & 2 ? r.zw : r.xy;
    return col & 1 ? half2.y : half2.x;
}

// Elements col .. col + SYN_VEC - 1 of a row; col is a multiple of SYN_VEC.
#define PHILOX_LOW 0xFFFFFFFFUL
#if SYN_VEC == 1
static uintv syn_random_v(uint row, uint col, uint stream, uint step, uint2 key) {
    return syn_random_s(row, col, stream, step, key);
}
#elif SYN_VEC == 2
static uintv syn_random_v(uint row, uint col, uint stream, uint step, uint2 key) {
    const uint4 r = syn_philox4((uint4)(col / 4, row, step, stream), key);
    return col & 2 ? r.zw : r.xy;
}
#elif SYN_VEC == 16
// Four counters, one a lane, in the lower halves; what gathers in the upper ones no product sees. What does not depend
// on the column leaves a loop over columns.
static uintv syn_random_v(uint row, uint col, uint stream, uint step, uint2 key) {
    ulong4 x0 = (ulong4)(col / 4) + (ulong4)(0, 1, 2, 3), x1 = row, x2 = step, x3 = stream;
    uint k0 = key.x, k1 = key.y;
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        const ulong4 p0 = 0xD2511F53UL * (x0 & PHILOX_LOW), p1 = 0xCD9E8D57UL * (x2 & PHILOX_LOW);
        x0 = (p1 >> 32) ^ x1 ^ (ulong)k0;
        x1 = p1;
        x2 = (p0 >> 32) ^ x3 ^ (ulong)k1;
        x3 = p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    x0 &= PHILOX_LOW;
    x2 &= PHILOX_LOW;
#ifdef __ENDIAN_LITTLE__
    const ulong8 pairs = (ulong8)(x0 | (x1 << 32), x2 | (x3 << 32));
#else
    const ulong8 pairs = (ulong8)((x1 & PHILOX_LOW) | (x0 << 32), (x3 & PHILOX_LOW) | (x2 << 32));
#endif
    return as_uint16(pairs.s04152637);
}
#else
// Two lanes a counter: x0 below x1, and x2 below x3. The product of the lower half gives both words
// the next round wants, once the four words of a counter are reversed.
#if SYN_VEC == 4
#define PHILOX_V ulong2
#define PHILOX_PAIRS(even, odd) (PHILOX_V)(even, odd)
#define PHILOX_COUNT (PHILOX_V)(0, 0)
#define PHILOX_REVERSE(v) as_ulong2(as_uint4(v).s3210)
#else
#define PHILOX_V ulong4
#define PHILOX_PAIRS(even, odd) (PHILOX_V)(even, odd, even, odd)
#define PHILOX_COUNT (PHILOX_V)(0, 0, 1, 0)
#define PHILOX_REVERSE(v) as_ulong4(as_uint8(v).s32107654)
#endif
static uintv syn_random_v(uint row, uint col, uint stream, uint step, uint2 key) {
    const PHILOX_V factor = PHILOX_PAIRS(0xD2511F53UL, 0xCD9E8D57UL);
    const PHILOX_V bump = PHILOX_PAIRS(0x9E3779B9UL, 0xBB67AE85UL);
    const ulong even = ((ulong)row << 32) | col / 4;
    const ulong odd = ((ulong)stream << 32) | step;
    PHILOX_V x = PHILOX_PAIRS(even, odd) + PHILOX_COUNT;
    PHILOX_V k = PHILOX_PAIRS((ulong)key.x, (ulong)key.y);
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        x = PHILOX_REVERSE((x & PHILOX_LOW) * factor) ^ (x >> 32) ^ (k & PHILOX_LOW);
        k += bump;
    }
#ifndef __ENDIAN_LITTLE__
    x = (x << 32) | (x >> 32);
#endif
    return CAT(as_uint, SYN_VEC)(x);
}
#endif

// Two words of each element: those of columns 2 col and 2 col + 1.
static void syn_random_2s(uint row, uint col, uint stream, uint step, uint2 key, uint *u, uint *v) {
    const uint4 r = syn_philox4((uint4)(col / 2, row, step, stream), key);
    const uint2 pair = col & 1 ? r.zw : r.xy;
    *u = pair.x;
    *v = pair.y;
}
#if SYN_VEC == 1
static void syn_random_2v(uint row, uint col, uint stream, uint step, uint2 key, uintv *u, uintv *v) {
    syn_random_2s(row, col, stream, step, key, u, v);
}
#else
static void syn_random_2v(uint row, uint col, uint stream, uint step, uint2 key, uintv *u, uintv *v) {
    const uintv a = syn_random_v(row, 2 * col, stream, step, key);
    const uintv b = syn_random_v(row, 2 * col + SYN_VEC, stream, step, key);
    *u = (uintv)(a.even, b.even);
    *v = (uintv)(a.odd, b.odd);
}
#endif

// Words as numbers in [0, 1): the upper 24 bits, which floats hold exactly, so that every type draws the
// same. normal: N(0, 1) after Box and Muller (1958), of a logarithm's argument in (0, 1].
#if SYN_VEC > 1
static realv __attribute__((overloadable)) unit(uintv u) {
    return TO_REALV(u >> 8u) * (realv)(5.9604644775390625e-8);
}
static realv __attribute__((overloadable)) normal(uintv u, uintv v) {
    const realv from = unit(u) + (realv)(5.9604644775390625e-8);
#ifdef SYN_OWN_NORMAL
    return syn_normal(from, unit(v));
#else
    return sqrt((realv)(-2) * log(from)) * cospi((realv)(2) * unit(v));
#endif
}
#endif
static real __attribute__((overloadable)) unit(uint u) {
    return (real)(u >> 8) * (real)5.9604644775390625e-8;
}
static real __attribute__((overloadable)) normal(uint u, uint v) {
    return sqrt((real)-2 * log(unit(u) + (real)5.9604644775390625e-8)) * cospi((real)2 * unit(v));
}
