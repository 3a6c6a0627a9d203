/* Evaluates the expressions of map rows on the host, in double: the reference kernels are held to. The
 * language is C's: + - * /, comparisons, && || !, ?:, parentheses, numbers, named variables, and the
 * OpenCL built-ins of one and two arguments (exp, expm1, log, log1p, tanh, erf, fabs, fmax, pow, ...). */
#ifndef SYN_BASE_EXPR_H
#define SYN_BASE_EXPR_H

#include "base/base.h"

typedef struct syn_var {
    const char *name;
    double value;
} syn_var;

/* SYN_E_ARGUMENT with the column and what was expected when text does not parse. */
syn_status syn_expr_eval(const char *text, const syn_var *vars, int n_vars, double *out);
/* Whether identifier `name` occurs in text. */
bool syn_expr_uses(const char *text, const char *name);

#endif
