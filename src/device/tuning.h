/* Choices of GEMM kernels by shape: measured on this device (`syncline tune`), recorded with a run,
 * or shipped. */
#ifndef SYN_DEVICE_TUNING_H
#define SYN_DEVICE_TUNING_H

#include "device/clblast_set.h"
#include "device/gemm_own.h"

#include <syncline/context.h>

typedef struct syn_tuned {
    int m, n, k;
    bool ta, tb;
    syn_dtype dtype;
    const char *provider; /* a row of gemm.c */
    syn_gemm_variant variant;
} syn_tuned;

/* Where the device's table is kept in the user's cache folder (malloc'd); NULL: there is no such
 * folder. */
char *syn_tuning_path(const syn_ctx *ctx);
/* The choice for a product, and which table it is from: "shipped table", "user's table", "the run's
 * table"; NULL: none is known. */
const char *syn_tuning_find(const syn_ctx *ctx, const syn_gemm *g, syn_tuned *found);
/* Keeps a choice in this context, in place of one for the same product. */
syn_status syn_tuning_set(syn_ctx *ctx, const syn_tuned *t);
/* What CLBlast is to use for products of the type; true: a table says so, not the rule. */
bool syn_tuning_clblast(const syn_ctx *ctx, syn_dtype dtype, syn_clblast_set *s);
/* NULL: the rule again. Choices of CLBlast that were measured with other parameters are forgotten;
 * returns how many. */
int syn_tuning_set_clblast(syn_ctx *ctx, syn_dtype dtype, const syn_clblast_set *s);
/* For measuring: s in place of what tables and rules say, until NULL. */
void syn_tuning_try_clblast(syn_ctx *ctx, syn_dtype dtype, const syn_clblast_set *s);
const char *
syn_tuning_from(const syn_ctx *ctx); /* what is set: "user's table", "the run's table" */
/* Takes the table as JSON text in place of what is set. A text that is no table, or of another
 * device or version, is an error and changes nothing. */
syn_status syn_tuning_read(syn_ctx *ctx, const char *json);
/* All choices set, and with `used` those this context made besides, as JSON text (malloc'd); NULL
 * without memory. */
char *syn_tuning_json(const syn_ctx *ctx, bool used);
int syn_tuning_count(const syn_ctx *ctx); /* choices set */

#endif
