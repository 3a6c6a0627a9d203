/* Philox4x32-10, after Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
 * (SC 2011), and the sequential draws made from it. */
#include "base/rng.h"

#include <math.h>

void syn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; ++round) {
        uint64_t p0 = (uint64_t)0xD2511F53u * x0, p1 = (uint64_t)0xCD9E8D57u * x2;
        x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)p1;
        x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)p0;
        k0 += 0x9E3779B9u; /* golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

/* The counter is { block (64 bits), stream, purpose }: two streams or purposes never meet. */
void syn_rng_start(syn_rng *r, uint64_t seed, uint32_t purpose, uint32_t stream) {
    *r = (syn_rng){ .counter = { 0, 0, stream, purpose },
                    .key = { (uint32_t)seed, (uint32_t)(seed >> 32) },
                    .used = 4 };
}

uint32_t syn_rng_u32(syn_rng *r) {
    if (r->used == 4) {
        syn_philox(r->counter, r->key, r->word);
        if (++r->counter[0] == 0) ++r->counter[1];
        r->used = 0;
    }
    return r->word[r->used++];
}

double syn_rng_uniform(syn_rng *r) {
    uint64_t hi = syn_rng_u32(r) >> 5, lo = syn_rng_u32(r) >> 6; /* 27 + 26 bits */
    return (double)(hi << 26 | lo) * 0x1p-53;
}

double syn_rng_normal(syn_rng *r) {
    if (r->has_normal) {
        r->has_normal = false;
        return r->normal;
    }
    double radius = sqrt(-2 * log(1 - syn_rng_uniform(r))); /* (0, 1]: the logarithm is finite */
    double angle = 6.283185307179586477 * syn_rng_uniform(r);
    r->normal = radius * sin(angle);
    r->has_normal = true;
    return radius * cos(angle);
}

/* Lemire, "Fast random integer generation in an interval" (2019). */
uint32_t syn_rng_below(syn_rng *r, uint32_t n) {
    if (n == 0) return 0;
    uint64_t product = (uint64_t)syn_rng_u32(r) * n;
    if ((uint32_t)product < n) {
        uint32_t low = (uint32_t)(0u - n) % n; /* 2^32 mod n: draws that would favour some values */
        while ((uint32_t)product < low) product = (uint64_t)syn_rng_u32(r) * n;
    }
    return (uint32_t)(product >> 32);
}

void syn_shuffle(uint64_t seed, int64_t epoch, int32_t *perm, int32_t n) {
    syn_rng r;
    syn_rng_start(&r, seed, SYN_RNG_SHUFFLE, (uint32_t)epoch);
    r.counter[1] = (uint32_t)((uint64_t)epoch >> 32); /* n draws stay far below 2^32 blocks */
    for (int32_t i = 0; i < n; ++i) perm[i] = i;
    for (int32_t i = n - 1; i > 0; --i) {
        int32_t j = (int32_t)syn_rng_below(&r, (uint32_t)i + 1), t = perm[i];
        perm[i] = perm[j];
        perm[j] = t;
    }
}
