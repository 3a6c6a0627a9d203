/* Initialisers. Weights are drawn on the host, in double, from Philox keyed by (seed, parameter). */
#ifndef SYNCLINE_INIT_H
#define SYNCLINE_INIT_H

#include <syncline/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SYN_CUT_DEVIATIONS = 1, SYN_CUT_ABSOLUTE = 2 };

/* For each row NAME of inits.inc: syn_init_NAME_opts and syn_init_NAME(opts). */
#define SYN_ROW_PREFIX(name, suffix) syn_init_##name##suffix
#define SYN_ROW_RESULT(name) SYN_API syn_init syn_init_##name(const syn_init_##name##_opts *opts);
#include <syncline/rows_struct.inc>
#include <syncline/inits.inc>
#include <syncline/rows_end.inc>

/* Draw n = rows x cols values. fan_in, fan_out as the layer defines them; stream numbers the
 * parameter, so that no draw depends on another's size. */
SYN_API syn_status syn_init_draw(const syn_init *init, syn_preset preset, uint64_t seed,
                                 uint32_t stream, double fan_in, double fan_out, int64_t rows,
                                 int64_t cols, double *out);

#ifdef __cplusplus
}
#endif
#endif
