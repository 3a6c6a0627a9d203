/* A spec is one table row (an optimizer, a schedule, an initialiser) with its options filled in.
 * Specs are made by the row's own function, syn_adam(&(syn_adam_opts){ .lr = 1e-3 }), or by name,
 * and are plain values: copy them freely. Options are checked when the spec is used. */
#ifndef SYNCLINE_SPEC_H
#define SYNCLINE_SPEC_H

#include <syncline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct syn_def;

#define SYN_SPEC_BYTES 192
typedef struct syn_spec {
    const struct syn_def *def; /* NULL: none given, the default applies */
    union {
        double align;
        unsigned char opts[SYN_SPEC_BYTES]; /* the row's options struct */
    } u;
} syn_spec;

/* Options that are lists: of numbers, SYN_NUMBERS(50, 120), or of specs, SYN_SPECS(a, b). A spec keeps
 * copies of them, for the life of the process, so that it stays a plain value. */
typedef struct syn_numbers {
    int n;
    const double *v;
} syn_numbers;
typedef struct syn_specs {
    int n;
    const syn_spec *spec;
} syn_specs;
#define SYN_NUMBERS(...)                                                                           \
    ((syn_numbers){ .n = (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)),                \
                    .v = (const double[]){ __VA_ARGS__ } })
#define SYN_SPECS(...)                                                                             \
    ((syn_specs){ .n = (int)(sizeof((syn_spec[]){ __VA_ARGS__ }) / sizeof(syn_spec)),              \
                  .spec = (const syn_spec[]){ __VA_ARGS__ } })

typedef syn_spec syn_optim;
typedef syn_spec syn_schedule;
typedef syn_spec syn_init;

#ifdef __cplusplus
}
#endif
#endif
