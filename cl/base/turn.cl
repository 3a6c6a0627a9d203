// Transposes SYN_VEC vectors: each round rotates the bits of (vector, lane) left by one.
static void turn_vectors(realv *t) {
#if SYN_VEC > 1
#pragma unroll
    for (int s = 1; s < SYN_VEC; s *= 2) {
        realv u[SYN_VEC];
#pragma unroll
        for (int i = 0; i < SYN_VEC / 2; ++i) {
            u[2 * i].even = t[i].lo;
            u[2 * i].odd = t[i + SYN_VEC / 2].lo;
            u[2 * i + 1].even = t[i].hi;
            u[2 * i + 1].odd = t[i + SYN_VEC / 2].hi;
        }
#pragma unroll
        for (int i = 0; i < SYN_VEC; ++i) t[i] = u[i];
    }
#endif
}
