#include "op/ops.h"

static const syn_op *const table[] = {
#define SYN_OP(name) &syn_op_##name,
#include "op/ops.inc"
#undef SYN_OP
};

int syn_op_count(void) { return (int)SYN_COUNT(table); }
const syn_op *syn_op_at(int i) { return table[i]; }
