// Types and memory access shared by every kernel. The host defines SYN_DOUBLE (0 or 1),
// SYN_VEC (elements per vector, 1 to 16), SYN_CPU (profile) and SYN_HALF (0 or 1) in front of this.
#if SYN_DOUBLE
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double real;
typedef long ireal;   // integer of the same width, for masks
typedef ulong ureal;
#define REAL_NAME double
#else
typedef float real;
typedef int ireal;
typedef uint ureal;
#define REAL_NAME float
#endif
// What an element of a tensor is in memory. Losses, statistics, gradients of parameters and all blocks of the
// optimizer are reals.
#define OVERLOADED __attribute__((overloadable))
#if SYN_HALF
#define cell half
#define FOR_TYPES(X) X(real) X(cell) // what pointers there are
#else
#define cell real
#define FOR_TYPES(X) X(real)
#endif

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define FN(name) CAT(CAT(name, _), INSTANCE)
#define KERNEL(name) __kernel void FN(name)

// Vectors of SYN_VEC elements. Tensor memory is touched through LOAD/STORE (scalar) and
// VLOAD/VSTORE (vector, element offset, any alignment) only, so a cell may differ from a real; VGET/VSET are
// for a work-item's own arrays, VCONST for constants.
#if SYN_VEC == 1
typedef real realv;
typedef uint uintv;
typedef int intv;
typedef ireal irealv;
#define VLOAD(p, i) LOAD(p, i)
#define VSTORE(v, p, i) STORE(v, p, i)
#define VGET(p, i) ((p)[i])
#define VSET(v, p, i) ((p)[i] = (v))
#define VCONST(p, i) ((p)[i])
#define TO_UINTV(v) ((uint)(v))
#define TO_REALV(v) ((real)(v))
#else
typedef CAT(REAL_NAME, SYN_VEC) realv;
typedef CAT(uint, SYN_VEC) uintv;
typedef CAT(int, SYN_VEC) intv;
#if SYN_DOUBLE
typedef CAT(long, SYN_VEC) irealv;
#else
typedef CAT(int, SYN_VEC) irealv;
#endif
// A whole vector at the alignment of its elements. vloadN and vstoreN say the same, but where the driver builds
// them from halves, the compiler leaves three and four moves of what is one.
typedef realv __attribute__((aligned(sizeof(real)))) realv_packed;
#if SYN_HALF
#define VLOAD(p, i) vload_cells(p, i)
#define VSTORE(v, p, i) vstore_cells(v, p, i)
#else
#define VLOAD(p, i) (*(__global const realv_packed *)((p) + (i)))
#define VSTORE(v, p, i) (*(__global realv_packed *)((p) + (i)) = (v))
#endif
#define VGET(p, i) (*(__private const realv_packed *)((p) + (i)))
#define VSET(v, p, i) (*(__private realv_packed *)((p) + (i)) = (v))
#define VCONST(p, i) (*(__constant const realv_packed *)((p) + (i)))
#define TO_UINTV(v) CAT(convert_uint, SYN_VEC)(v)
#define TO_REALV(v) CAT(CAT(convert_, REAL_NAME), SYN_VEC)(v)
#endif
#if SYN_HALF
// By the type of the pointer: halves are read and written by the functions that every device has. Vectors go
// through a variable: PoCL's vload_halfN wants more alignment than the standard.
#define HALVES(n)                                                                                  \
    typedef ushort##n __attribute__((aligned(2))) halves##n;                                       \
    static float##n load_halves##n(__global const half *p) {                                       \
        const ushort##n v = *(__global const halves##n *)p;                                        \
        return vload_half##n(0, (__private const half *)&v);                                       \
    }                                                                                              \
    static void store_halves##n(float##n x, __global half *p) {                                    \
        ushort##n v;                                                                               \
        vstore_half##n##_rte(x, 0, (__private half *)&v);                                          \
        *(__global halves##n *)p = v;                                                              \
    }
HALVES(2)
HALVES(4)
HALVES(8)
HALVES(16)
static real OVERLOADED load_cell(__global const half *p, size_t i) { return vload_half(i, p); }
static real OVERLOADED load_cell(__global const real *p, size_t i) { return p[i]; }
static void OVERLOADED store_cell(real v, __global half *p, size_t i) { vstore_half_rte(v, i, p); }
static void OVERLOADED store_cell(real v, __global real *p, size_t i) { p[i] = v; }
#define LOAD(p, i) load_cell(p, i)
#define STORE(v, p, i) store_cell(v, p, i)
#if SYN_VEC > 1
static realv OVERLOADED vload_cells(__global const half *p, size_t i) { return CAT(load_halves, SYN_VEC)(p + i); }
static realv OVERLOADED vload_cells(__global const real *p, size_t i) { return *(__global const realv_packed *)(p + i); }
static void OVERLOADED vstore_cells(realv v, __global half *p, size_t i) { CAT(store_halves, SYN_VEC)(v, p + i); }
static void OVERLOADED vstore_cells(realv v, __global real *p, size_t i) { *(__global realv_packed *)(p + i) = v; }
#endif
#else
#define LOAD(p, i) ((p)[i])
#define STORE(v, p, i) ((p)[i] = (v))
#endif
