// Types and memory access shared by every kernel. The host defines SYN_DOUBLE (0 or 1),
// SYN_VEC (elements per vector, 1 to 16) and SYN_CPU (profile) in front of this.
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

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define KERNEL(name) __kernel void CAT(CAT(name, _), INSTANCE)
#define FN(name) CAT(CAT(name, _), INSTANCE)

// Vectors of SYN_VEC elements. Tensor memory is touched through LOAD/STORE (scalar) and
// VLOAD/VSTORE (vector, element offset, any alignment) only, so storage may differ from `real`; VGET/VSET are
// for a work-item's own arrays, VCONST for constants.
#if SYN_VEC == 1
typedef real realv;
typedef uint uintv;
typedef int intv;
typedef ireal irealv;
#define VLOAD(p, i) ((p)[i])
#define VSTORE(v, p, i) ((p)[i] = (v))
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
#define VLOAD(p, i) (*(__global const realv_packed *)((p) + (i)))
#define VSTORE(v, p, i) (*(__global realv_packed *)((p) + (i)) = (v))
#define VGET(p, i) (*(__private const realv_packed *)((p) + (i)))
#define VSET(v, p, i) (*(__private realv_packed *)((p) + (i)) = (v))
#define VCONST(p, i) (*(__constant const realv_packed *)((p) + (i)))
#define TO_UINTV(v) CAT(convert_uint, SYN_VEC)(v)
#define TO_REALV(v) CAT(CAT(convert_, REAL_NAME), SYN_VEC)(v)
#endif
#define LOAD(p, i) ((p)[i])
#define STORE(v, p, i) ((p)[i] = (v))
