#ifndef SYN_OP_MAP_TEXT_H
#define SYN_OP_MAP_TEXT_H

#include "graph/graph.h"

/* Emit of map nodes: writes the kernel of a program and describes its call. */
syn_status syn_map_emit(syn_emit *e, const syn_node *n);
/* The same as an epilogue of the kernel that makes value `given`, which the map reads. */
syn_status syn_map_epilogue(syn_emit *e, const syn_node *n, int given, syn_epilogue *ep);

#endif
