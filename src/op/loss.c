/* What the kernels of losses share. */
#include "op/loss.h"

#include <stdio.h>

enum { SAMPLES = 2 }; /* of node.in, behind x and target */

const char *syn_loss_defines(const syn_node *n, char room[SYN_LOSS_ROOM]) {
    bool weighted = n->n_in > SAMPLES;
    snprintf(room, SYN_LOSS_ROOM, "#define SCALE ((real)%.17g)\n#define SAMPLES_ARG %s\n#define OF_SAMPLE(r) %s\n",
             n->r[SYN_LOSS_SCALE], weighted ? "__global const real *samples," : "",
             weighted ? "LOAD(samples, r)" : "((real)1)");
    return room;
}

void syn_loss_samples(const syn_node *n, syn_call *c) {
    if (n->n_in > SAMPLES) syn_call_arg(c, syn_in(n->in[SAMPLES]));
}
