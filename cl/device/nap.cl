// Keeps one of the driver's threads awake until the launch behind number n begins: see src/device/awake.c.
// A bounded wait on a hint; nothing depends on what it sees. Where the thread can, it gives way to others
// that want its core: to the host's, or to the very thread that is to begin the next launch.
#if defined(__x86_64__) && defined(__linux__)
static void nap_turn(int i) {
    long call = 24; // sched_yield
    if (i % 16)
        __asm__ volatile("pause");
    else
        __asm__ volatile("syscall" : "+a"(call) : : "rcx", "r11", "memory");
}
#define NAP_TURNS 4000 // some 200 microseconds
#elif defined(__x86_64__)
static void nap_turn(int i) { __asm__ volatile("pause"); }
#define NAP_TURNS 1000 // some 15
#else
static void nap_turn(int i) {}
#define NAP_TURNS 10000
#endif
__kernel void syn_nap(const uint n, __global const volatile uint *bell) {
    const uint rung = *bell;
    if ((int)(rung - n) > 0) return;
    for (int i = 1; i < NAP_TURNS && *bell == rung; i++) nap_turn(i);
}
