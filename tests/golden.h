/* Reading tests/golden/NAME.safetensors; tools/golden.py says what the files hold. */
#ifndef SYN_TESTS_GOLDEN_H
#define SYN_TESTS_GOLDEN_H

#include "base/base.h"

#include <jansson.h>

typedef struct golden {
    struct syn_st *file;
    json_t *cases;
} golden;

golden golden_open(const char *name);
void golden_close(golden *g);

int golden_cases(const golden *g);
json_t *golden_case(const golden *g, int i);
const char *golden_text(const json_t *c, const char *key); /* fails when it is not there */

/* Elements of "CASE/tensor"; shape may be NULL. NULL: not there. */
const double *golden_find(const golden *g, const char *name, const char *tensor, syn_shape *shape);
/* The same, failing when it is not there. */
const double *golden_get(const golden *g, const json_t *c, const char *tensor, syn_shape *shape);

#endif
