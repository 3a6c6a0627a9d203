// C = op(A) op(B) on work-group tiles in local memory: SIDE x SIDE work-items, REG x REG elements
// each, TK depths at a time. TA and TB say that A and B are stored transposed. SPLIT gives each
// chunk of SPLIT depths its own C, one behind the other, for gemm/sum.cl.
// M, N, K are numbers, or the kernel arguments m, n, k. A_TYPE, B_TYPE, C_TYPE: real or cell.
//
// All work-items take every barrier; what lies behind an edge is zero in local memory, never read.

#if ACCUMULATE
#define PUT(x, i) STORE(LOAD(c, i) + (x), c, i)
#else
#define PUT(x, i) STORE(x, c, i)
#endif

#define TILE (SIDE * REG)
#define PITCH (TILE + 1) // odd: transposed stores meet different banks
#define GROUP (SIDE * SIDE)

// The size is a promise to the compiler: it may then give a work-item more registers.
__attribute__((reqd_work_group_size(SIDE, SIDE, 1)))
KERNEL(gemm_local)(__global const A_TYPE *a, __global const B_TYPE *b, __global C_TYPE *c, int m, int n,
                   int k) {
    __local real as[TK * PITCH], bs[TK * PITCH];
    const int x = get_local_id(0), y = get_local_id(1), id = y * SIDE + x;
    const int col0 = get_group_id(0) * TILE, row0 = get_group_id(1) * TILE;
    int k_begin = 0, k_end = K;
#if SPLIT
    k_begin = get_group_id(2) * SPLIT;
    k_end = min(k_begin + SPLIT, k_end);
    c += (size_t)get_group_id(2) * M * N;
#endif
    real acc[REG][REG];
#pragma unroll
    for (int i = 0; i < REG; ++i)
#pragma unroll
        for (int j = 0; j < REG; ++j) acc[i][j] = 0;

    for (int k0 = k_begin; k0 < k_end; k0 += TK) {
        // Neighbours in memory are read by neighbouring work-items.
#pragma unroll
        for (int s = 0; s < TILE * TK / GROUP; ++s) {
            const int e = id + s * GROUP;
#if TA
            const int r = e % TILE, d = e / TILE;
            const size_t at = (size_t)(k0 + d) * M + row0 + r;
#else
            const int r = e / TK, d = e % TK;
            const size_t at = (size_t)(row0 + r) * K + k0 + d;
#endif
            real v = 0;
            if (row0 + r < M && k0 + d < k_end) v = LOAD(a, at);
            as[d * PITCH + r] = v;
        }
#pragma unroll
        for (int s = 0; s < TILE * TK / GROUP; ++s) {
            const int e = id + s * GROUP;
#if TB
            const int r = e / TK, d = e % TK;
            const size_t at = (size_t)(col0 + r) * K + k0 + d;
#else
            const int r = e % TILE, d = e / TILE;
            const size_t at = (size_t)(k0 + d) * N + col0 + r;
#endif
            real v = 0;
            if (col0 + r < N && k0 + d < k_end) v = LOAD(b, at);
            bs[d * PITCH + r] = v;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (int d = 0; d < TK; ++d) {
            real av[REG], bv[REG];
#pragma unroll
            for (int i = 0; i < REG; ++i) {
                av[i] = as[d * PITCH + y + i * SIDE];
                bv[i] = bs[d * PITCH + x + i * SIDE];
            }
#pragma unroll
            for (int i = 0; i < REG; ++i)
#pragma unroll
                for (int j = 0; j < REG; ++j) acc[i][j] = fma(av[i], bv[j], acc[i][j]);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#pragma unroll
    for (int i = 0; i < REG; ++i) {
        const int row = row0 + y + i * SIDE;
#pragma unroll
        for (int j = 0; j < REG; ++j) {
            const int col = col0 + x + j * SIDE;
            if (row < M && col < N) PUT(acc[i][j], (size_t)row * N + col);
        }
    }
}
#undef PUT
#undef TILE
#undef PITCH
#undef GROUP
