// Of optimizers that search along a line: the weights go to start + t d. With `save` they are where the line
// starts, and vector `start` is made first.
KERNEL(place)(__global real *params, __global real *vectors, __global const int4 *tiles, const int n_tiles,
              const int length, const int start, const int d, const int save, const real t) {
    if (TILE_NUMBER >= n_tiles) return;
    const int4 tile = tiles[TILE_NUMBER];
    __global real *from = vectors + (size_t)start * length + tile.y;
    __global const real *along = vectors + (size_t)d * length + tile.y;
    int i = TILE_FROM;
#if SYN_CPU
    for (; i + SYN_VEC <= tile.z; i += SYN_VEC) {
        const realv w = save ? VLOAD(params, tile.x + i) : VLOAD(from, i);
        if (save) VSTORE(w, from, i);
        VSTORE(w + t * VLOAD(along, i), params, tile.x + i);
    }
#endif
    for (; i < tile.z; i += TILE_STRIDE) {
        const real w = save ? LOAD(params, tile.x + i) : LOAD(from, i);
        if (save) STORE(w, from, i);
        STORE(w + t * LOAD(along, i), params, tile.x + i);
    }
}
