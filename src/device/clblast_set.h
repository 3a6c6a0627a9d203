/* Settings of CLBlast's parameters: those worth trying, and how they are named in files. CLBlast
 * holds one for each device and precision, in the whole process. */
#ifndef SYN_DEVICE_CLBLAST_SET_H
#define SYN_DEVICE_CLBLAST_SET_H

#include "base/profile.h"

#include <syncline/context.h>

enum { SYN_CLBLAST_PARAMS = 42, SYN_CLBLAST_MOST = 128 /* side of a tile */ };

typedef struct syn_clblast_set {
    char name[32];
    bool installed; /* what CLBlast itself has for the device; no values */
    short value[SYN_CLBLAST_PARAMS];
} syn_clblast_set;
bool syn_clblast_set_same(const syn_clblast_set *a, const syn_clblast_set *b);

/* Rows to try on a device, the best first; NULL behind the last. Row 0 is what a device gets that
 * is not tuned. */
const syn_clblast_set *syn_clblast_row(const syn_device_info *device, int i);
/* Parameter i of a setting: its kernel in CLBlast's words, and its name. */
const char *syn_clblast_param(int i, const char **kernel);
/* NULL where kernels of these values can be built and run, else what is wrong with them. */
const char *syn_clblast_fault(const syn_clblast_set *s, syn_dtype dtype, const syn_profile *p);

/* Makes CLBlast use what the context wants (syn_tuning_clblast), unless it does; its kernels are
 * built by the next product then. An error: CLBlast refuses, or cannot go back to what is
 * installed. */
syn_status syn_clblast_tell(syn_ctx *ctx, syn_dtype dtype);
/* Whether CLBlast has parameters of ours for the device: what is installed is out of reach then. */
bool syn_clblast_told(const syn_ctx *ctx, syn_dtype dtype);

#endif
