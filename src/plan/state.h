#ifndef SYN_PLAN_STATE_H
#define SYN_PLAN_STATE_H

#include "device/device.h"

#include <syncline/state.h>

/* Until the first plan binds it, a state lives on the host in double; then on the device in the
 * plan's type. */
struct syn_state {
    syn_ctx *ctx;
    syn_net *net;
    int n_params;
    int64_t *count;    /* elements of each parameter */
    int64_t *offset;   /* in elements, each segment padded */
    int64_t length;    /* of the block, in elements */
    double *host;      /* initial values in block order; NULL once bound */
    bool bound;
    syn_dtype dtype;   /* float or double */
    syn_buffer *block;
    syn_buffer **segment;
    syn_buffer *halves;        /* the block again, as halves; NULL: no plan wants them */
    syn_buffer **half_segment; /* of halves; of a statistic, which is none, that of the block */
    bool stale;                /* the block has changed since */
    double *mean, *inv_dev;
    int64_t n_features;
};

/* Elements to which segments are padded. */
int64_t syn_segment_align(const syn_ctx *ctx);
/* Puts the state on the device in dtype; SYN_E_ARGUMENT when it is there in another. Half is float, and the
 * halves besides. */
syn_status syn_state_bind(syn_state *s, syn_dtype dtype);
/* Makes the halves anew where they are stale; the host waits then. */
syn_status syn_state_refresh(syn_state *s);
int64_t syn_state_bytes(const syn_state *s, syn_dtype dtype); /* on the device, in a plan of dtype */
int syn_state_param(const syn_state *s, const char *name); /* -1 and error text: unknown */

/* Elements of a device buffer as double and back: reals of a plan of dtype, or halves. Waits. */
syn_status syn_halves_read(syn_buffer *b, double *out, int64_t n);
syn_status syn_halves_write(syn_buffer *b, const double *in, int64_t n);
syn_status syn_reals_read(syn_buffer *b, syn_dtype dtype, int64_t offset, double *out, int64_t n);
syn_status syn_reals_write(syn_buffer *b, syn_dtype dtype, int64_t offset, const double *in, int64_t n);

#endif
