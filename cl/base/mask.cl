// Masks of dropout as bits. CPUs: a word for each vector of a row, bit k for its lane k, and rows begin with a
// word. GPUs: bit i % 8 of byte i / 8 for element i, put together by the work-group.
#if SYN_VEC == 16
typedef ushort maskv;
#else
typedef uchar maskv;
#endif
#define MASK_ALL 0xFFFFFFFFu // reaches every threshold, 0 none but 0

#if SYN_VEC == 1
static maskv mask_pack(uintv u, uint thr) { return u >= thr; }
static uintv mask_words(maskv m) { return m & 1 ? MASK_ALL : 0; }
#else
#if SYN_VEC == 16
#define MASK_LANES (uintv)(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
#elif SYN_VEC == 8
#define MASK_LANES (uintv)(1, 2, 4, 8, 16, 32, 64, 128)
#elif SYN_VEC == 4
#define MASK_LANES (uintv)(1, 2, 4, 8)
#else
#define MASK_LANES (uintv)(1, 2)
#endif
static uint __attribute__((overloadable)) mask_join(uint2 b) { return b.x | b.y; }
#if SYN_VEC >= 4
static uint __attribute__((overloadable)) mask_join(uint4 b) { return mask_join(b.lo | b.hi); }
#endif
#if SYN_VEC >= 8
static uint __attribute__((overloadable)) mask_join(uint8 b) { return mask_join(b.lo | b.hi); }
#endif
#if SYN_VEC >= 16
static uint __attribute__((overloadable)) mask_join(uint16 b) { return mask_join(b.lo | b.hi); }
#endif
static maskv mask_pack(uintv u, uint thr) {
    return (maskv)mask_join(CAT(as_uint, SYN_VEC)(u >= (uintv)(thr)) & MASK_LANES);
}
// Words that keep() decides on as it did on those that were drawn.
static uintv mask_words(maskv m) {
    return CAT(as_uint, SYN_VEC)(((uintv)(m) & MASK_LANES) != (uintv)(0));
}
#endif

#if !SYN_CPU
// Bytes of a work-group of 64, whose items have left 1 or 0 in `kept`.
static void mask_store(__local const uchar *kept, __global uchar *bits, int n) {
    const int lane = get_local_id(0), at = get_group_id(0) * 8 + lane;
    if (lane >= 8 || at * 8 >= n) return;
    uint b = 0;
    for (int k = 0; k < 8; k++) b |= (uint)kept[lane * 8 + k] << k;
    bits[at] = (uchar)b;
}
#endif
