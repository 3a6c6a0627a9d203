// The launches of a list as phases of one kernel (src/plan/phases.h). Its work-items go through the phases together:
// a phase has items, which they claim one by one, first those of their own share, so that what one phase wrote is in
// the cache of the core that reads it in the next. A phase begins when the one before is done. Nobody waits for a
// work-item that does not run: what is claimed is being done, and what is not claimed anyone may do. Who has waited for
// long goes home and leaves the rest to whom it waited for: the system may have taken the core from that one, and gets
// one back.
//
// The host defines BASES(X), X(k) for every buffer that arguments may lie in, and puts a case for every call's
// function in the place of FUNCTIONS. code, in longs: at [p] where phase p is. A phase: how many items its work-items
// are shared out to, how often to look whether they are done, the number of its function, three sizes, and the function's arguments: buffer and offset in
// bytes, or a number. sync, zero between launches: [work-item][phase] items claimed of its share, [phase], 16 apart,
// items done, and how many work-items are through.
#define POINTER(k) ((__global void *)(base[phase[k]] + phase[(k) + 1]))
#if SYN_DOUBLE
#define REAL_OF(x) as_double(x)
#else
#define REAL_OF(x) as_float((int)(x))
#endif
// Its work-items, from the first on.
#define EACH(call)                                                                                 \
    for (int left = n;;) {                                                                         \
        call;                                                                                      \
        if (--left <= 0) break;                                                                    \
        if (++id0 < size0) continue;                                                               \
        id0 = 0;                                                                                   \
        if (++id1 < size1) continue;                                                               \
        id1 = 0;                                                                                   \
        id2++;                                                                                     \
    }

static void run_item(__global char *const *base, __global const long *phase, const int item) {
    const int size0 = (int)phase[3], size1 = (int)phase[4];
    const long all = phase[3] * phase[4] * phase[5], from = all * item / phase[0];
    const int n = (int)(all * (item + 1) / phase[0] - from);
    int id0 = (int)(from % size0), id1 = (int)(from / size0 % size1), id2 = (int)(from / size0 / size1);
    switch ((int)phase[2]) {
FUNCTIONS
    }
}

// Other processes may want the core more than who waits.
#if defined(__x86_64__) && defined(__linux__)
static void give_way(void) {
    long call = 24; // sched_yield
    __asm__ volatile("syscall" : "+a"(call) : : "rcx", "r11", "memory");
}
#else
static void give_way(void) {}
#endif
#ifndef PATIENCE // of tests, which have none
#define PATIENCE phase[1]
#endif
#define BASE_PARAM(k) __global char *b##k,
#define BASE_NAME(k) b##k,
// Phases [first, first + count), so many times; most: phases that sync has counters for.
__kernel void phases(BASES(BASE_PARAM) __global const long *restrict code, volatile __global int *sync, const int first,
                     const int count, const int times, const int most) {
    __global char *const base[] = { BASES(BASE_NAME) };
    const int me = (int)get_global_id(0), workers = (int)get_global_size(0);
    volatile __global int *done = sync + workers * most, *through = done + most * 16;
    const int n_phases = count * times;
    for (int p = 0; p < n_phases; p++) {
        __global const long *phase = code + code[first + p % count];
        const int items = (int)phase[0];
        int did = 0;
        for (int v = 0; v < workers; v++) {
            const int w = me + v < workers ? me + v : me + v - workers;
            const int from = (int)((long)items * w / workers), n = (int)((long)items * (w + 1) / workers) - from;
            volatile __global int *claimed = sync + w * most + p;
            while (*claimed < n) {
                const int t = atomic_inc(claimed);
                if (t >= n) break;
                run_item(base, phase, from + t);
                did++;
            }
        }
        if (p == n_phases - 1) break;
        mem_fence(CLK_GLOBAL_MEM_FENCE);
        if (did) atomic_add(done + p * 16, did);
        for (long looks = PATIENCE; done[p * 16] < items && looks > 0; looks--)
            if (looks % 16384 == 0) give_way();
        if (done[p * 16] < items) break;
        mem_fence(CLK_GLOBAL_MEM_FENCE);
    }
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    if (atomic_inc(through) < workers - 1) return;
    for (int p = 0; p < n_phases; p++) {
        done[p * 16] = 0;
        for (int w = 0; w < workers; w++) sync[w * most + p] = 0;
    }
    *through = 0;
}
