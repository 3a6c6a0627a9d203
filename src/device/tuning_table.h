/* Tables of choices behind a context: what tuning.c and its JSON share. */
#ifndef SYN_DEVICE_TUNING_TABLE_H
#define SYN_DEVICE_TUNING_TABLE_H

#include "device/private.h"
#include "device/tuning.h"

typedef struct syn_choices {
    syn_tuned *row;
    int n, cap;
    syn_clblast_set clblast[2]; /* of float and double */
    bool has_clblast[2];
    const char *from; /* see syn_tuning_find */
} syn_choices;

struct syn_tuning {
    syn_choices set, used;
    syn_clblast_set trial[2]; /* see syn_tuning_try_clblast */
    bool has_trial[2];
    pthread_mutex_t lock;
};

syn_tuned *syn_choices_like(const syn_choices *c,
                            const syn_tuned *t);               /* for the same product, or NULL */
bool syn_choices_keep(syn_choices *c, const syn_tuned *t);     /* in its place; false: no memory */
int syn_choices_drop_clblast(syn_choices *c, syn_dtype dtype); /* returns how many */

#endif
