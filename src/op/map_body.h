/* The text of one place of a map program: what map_body.c writes and map_text.c puts into loops. */
#ifndef SYN_OP_MAP_BODY_H
#define SYN_OP_MAP_BODY_H

#include "op/map.h"

typedef enum syn_map_extent {
    SYN_MAP_FULL,
    SYN_MAP_ROW,
    SYN_MAP_ONE,
    SYN_MAP_BITS
} syn_map_extent; /* how an input meets the elements */

/* A place is a whole vector, the `left` elements that remain of a row or run, or one element. Tails
 * are vectors too, padded: a dozen scalar calls of exp would cost as much as the row before them.
 */
typedef enum syn_map_place { SYN_MAP_VECTOR, SYN_MAP_TAIL, SYN_MAP_SCALAR } syn_map_place;

typedef struct syn_map_writer {
    syn_text t;
    const syn_emit *e;
    const syn_node *n;
    syn_map_extent in[SYN_MAX_IN];
    bool random, by_rows;
    int kept;       /* masks written */
    int64_t shared; /* rows that share their draws, made before their loop; 0: none */
    int vec;
    int64_t rows, cols;
    int given; /* the input that is no buffer but the vector `acc`, or -1 */
} syn_map_writer;

syn_status syn_map_open(syn_map_writer *w, syn_emit *e, const syn_node *n, int64_t *count);
/* Whether an instruction draws its random words, instead of reading kept bits. */
static inline bool syn_map_draws(const syn_ins *ins) { return ins->fn->draws && ins->bits >= 0; }
static inline bool syn_map_is_bits(const syn_map_writer *w, int value) {
    return w->e->graph->value[value].integer;
}
static inline const char *syn_map_type(const syn_map_writer *w, int value) {
    return syn_map_is_bits(w, value) ? "maskv" : syn_emit_type(w->e, value);
}
/* What draws are addressed by, besides their place. */
void syn_map_write_step(syn_map_writer *w);
/* Of instruction i, whose rows share them: the words of vector `col` of row `row`, as u. */
void syn_map_write_shared(syn_map_writer *w, int i);
/* Loads, instructions and stores of one place; `at` is the element, `row` and `col` its place. */
void syn_map_write_body(syn_map_writer *w, syn_map_place kind);

#endif
