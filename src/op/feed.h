#ifndef SYN_OP_FEED_H
#define SYN_OP_FEED_H

#include "graph/graph.h"

/* The call that fills `value`, a fed one, from SYN_BLOCK_X stored as `stored`. direct:
 * the block holds the batch itself, in order (streaming); else rows are taken by permutation. */
syn_status syn_feed_emit(syn_emit *e, int value, syn_type stored, bool standardise, bool direct);

#endif
