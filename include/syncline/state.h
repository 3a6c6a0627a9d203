/* The parameters of a net on a device, and the input standardisation that belongs to them. */
#ifndef SYNCLINE_STATE_H
#define SYNCLINE_STATE_H

#include <syncline/context.h>
#include <syncline/data.h>
#include <syncline/net.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct syn_state syn_state;

/* Draws initial weights from the net's seed. The net must not grow afterwards and must outlive the
 * state; many plans may share one state. */
SYN_API syn_status syn_state_create(syn_state **state, syn_ctx *ctx, syn_net *net);
SYN_API void syn_state_destroy(syn_state *state);
SYN_API syn_net *syn_state_net(const syn_state *state);

/* Parameters by name ("dense_1/kernel"), n elements row major, in double whatever the plan's type. */
SYN_API syn_status syn_param_read(syn_state *state, const char *name, double *out, int64_t n);
SYN_API syn_status syn_param_write(syn_state *state, const char *name, const double *in, int64_t n);

/* x -> (x - mean) * inv_dev, per feature, applied by every plan made afterwards. */
SYN_API syn_status syn_state_standardise(syn_state *state, const double *mean,
                                         const double *inv_dev, int64_t n);
/* false: none set. Pointers live as long as the state. */
SYN_API bool syn_state_standardisation(const syn_state *state, const double **mean,
                                       const double **inv_dev, int64_t *n);

/* A safetensors file with weights, network and standardisation. Written to a temporary name, then
 * renamed. */
SYN_API syn_status syn_save(syn_state *state, const char *path);

/* Weights by name into this state. Every parameter of the net must be there with its shape, unless
 * `partial`: then those present are taken and *loaded (may be NULL) counts them. */
SYN_API syn_status syn_load(syn_state *state, const char *path, bool partial, int *loaded);

/* Net and state from a file written by syn_save: for prediction without a description. */
SYN_API syn_status syn_load_model(syn_net **net, syn_state **state, syn_ctx *ctx, const char *path);

#ifdef __cplusplus
}
#endif
#endif
