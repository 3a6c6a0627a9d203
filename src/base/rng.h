/* Philox 4x32-10 (Salmon et al. 2011) on the host, bit for bit the generator of cl/base/philox.cl. */
#ifndef SYN_BASE_RNG_H
#define SYN_BASE_RNG_H

#include "base/base.h"

/* out = Philox4x32-10(counter, key). */
void syn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A sequential stream for host draws. */
typedef struct syn_rng {
    uint32_t counter[4], key[2], word[4];
    int used;        /* words of `word` consumed */
    bool has_normal; /* a second normal is at hand */
    double normal;
} syn_rng;
/* purpose: which of the library's uses ("init", "shuffle"), so that no two overlap. */
void syn_rng_start(syn_rng *r, uint64_t seed, uint32_t purpose, uint32_t stream);
uint32_t syn_rng_u32(syn_rng *r);
double syn_rng_uniform(syn_rng *r);            /* [0, 1), 53 bits */
double syn_rng_normal(syn_rng *r);             /* N(0, 1), Box-Muller */
uint32_t syn_rng_below(syn_rng *r, uint32_t n); /* [0, n), unbiased */

enum { SYN_RNG_INIT = 1, SYN_RNG_SHUFFLE = 2, SYN_RNG_TEST = 3 };

/* A permutation of 0..n-1, a function of (seed, epoch) alone. */
void syn_shuffle(uint64_t seed, int64_t epoch, int32_t *perm, int32_t n);

#endif
