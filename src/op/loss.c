/* What the kernels of losses share. */
#include "op/loss.h"

#include <stdio.h>

enum { SAMPLES = 2 }; /* of node.in, behind x and target */

/* Gradients kept as halves start at the loss times the plan's loss scale. */
static bool scaled(const syn_emit *e) { return e->train && e->dtype == SYN_HALF; }

const char *syn_loss_defines(const syn_emit *e, const syn_node *n, char room[SYN_LOSS_ROOM]) {
    bool weighted = n->n_in > SAMPLES;
    snprintf(room, SYN_LOSS_ROOM, "#define SCALE ((real)%.17g%s)\n#define SAMPLES_ARG %s %s\n#define OF_SAMPLE(r) %s\n",
             n->r[SYN_LOSS_SCALE], scaled(e) ? " * as_float(CTL_LOSS_SCALE(ctl))" : "",
             weighted ? "__global const real *samples," : "", scaled(e) ? "__global const uint *ctl," : "",
             weighted ? "LOAD(samples, r)" : "((real)1)");
    return room;
}

void syn_loss_samples(const syn_emit *e, const syn_node *n, syn_call *c) {
    if (n->n_in > SAMPLES) syn_call_arg(c, syn_in(n->in[SAMPLES]));
    if (scaled(e)) syn_call_arg(c, syn_block_arg(SYN_BLOCK_CONTROL, false));
}
