/* Element-wise functions: the table (maps.inc and registered rows), and the op that runs programs of
 * them. */
#ifndef SYN_OP_MAP_H
#define SYN_OP_MAP_H

#include "graph/graph.h"

#include <syncline/net.h>

/* A row. Expressions name operands x (or a and b), the result y, attributes, and random words of 32 bits, u
 * and v, as many as it draws. */
struct syn_fn {
    syn_map_row row;
    int operands;           /* 0 and 1: one, x; 2: a and b */
    const char *derivative_b; /* with respect to the second operand */
    /* Where both operands' gradients are wanted: makes them together, or returns false. NULL: one by one. */
    bool (*grads)(syn_graph *g, const int *in, int dy, int *din);
    const char *by_y; /* the derivative by y alone, which holds where attribute 0 is not negative;
                         NULL: none */
    int draws;              /* random words of every element: 0, 1 or 2 */
    int shared_by;          /* not 0: the attribute that says how many rows share their draws */
    bool binary;            /* draws decide keep(u, thr) alone: a bit an element says as much */
    const char *by; /* draws are numbers: the row that makes y of x and the derivative, which says as much */
    bool hidden;            /* machinery, not an activation */
    /* Named constants made from the attributes, "const uint thr = ...;"; NULL: the attributes by name. */
    void (*constants)(const double *attr, const char *type, syn_text *t);
};

int syn_fn_count(void);                      /* built-in rows, then registered ones */
const syn_fn *syn_fn_at(int i);
const syn_fn *syn_fn_find(const char *name); /* NULL and error text; hidden rows are found too */
int syn_fn_attrs(const syn_fn *fn);
int64_t syn_fn_places(const syn_ins *ins); /* how many rows share their draws; 1: none */
/* The expression of an instruction's form (see syn_ins). */
const char *syn_fn_text(const syn_fn *fn, int form, const double *attr);

/* The activations among them, for help and errors. */
int syn_map_count(void);
const syn_map_row *syn_map_at(int i);
const syn_map_row *syn_map_find(const char *name);

/* Attribute values: given ones, else the preset's defaults; checked against their ranges. */
syn_status syn_fn_attributes(const syn_fn *fn, const double *given, int n_given, syn_preset preset,
                             double *attr, const char *where);

extern const syn_op syn_op_map;
extern const syn_grad_ops syn_map_grad_ops;

/* y = fn(x ...); returns the new value or -1 (g->failed). */
int syn_map_apply(syn_graph *g, const syn_fn *fn, const int *in, int n_in, const double *attr,
                  uint32_t stream);
int syn_map_add(syn_graph *g, int a, int b); /* b may be one row or one value */

/* Mask pass (map_masks.c), in two parts: draws that two launches need are kept where the profile says so, numbers
 * behind the gradient pass, bits after fusing and before epilogues. All ways compute the same. */
syn_status syn_map_numbers(syn_graph *g, const syn_profile *p);
syn_status syn_map_masks(syn_graph *g, const syn_profile *p, syn_dtype dtype);
/* How the draws of a stream reach those who need them. kept: the value of bits or numbers, or -1. */
typedef enum syn_map_mask {
    SYN_MASK_NONE,          /* nothing draws */
    SYN_MASK_ONCE,          /* no other launch needs them: no gradient passes */
    SYN_MASK_FUSED,         /* both passes are one launch */
    SYN_MASK_BITS,          /* kept as bits */
    SYN_MASK_NUMBERS,       /* kept as numbers */
    SYN_MASK_DRAWN,         /* drawn again, though bits would do */
    SYN_MASK_DRAWN_NUMBERS, /* drawn again: numbers */
} syn_map_mask;
syn_map_mask syn_map_mask_of(const syn_graph *g, uint32_t stream, int *kept);

#endif
