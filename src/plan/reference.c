/* What a product is held to, made on the host: C v = A (B v) for a random vector v, in double. */
#include "plan/product.h"
#include "plan/state.h"

#include <math.h>
#include <stdlib.h>

double syn_product_number(syn_rng *r) { return (float)(syn_rng_uniform(r) - .5); }

/* y = op(X) v, X as syn_product fills operand `operand`: rows x cols, stored the other way round if
 * turned. */
static void times(int operand, bool turned, int rows, int cols, const double *v, double *y) {
    syn_rng r;
    syn_rng_start(&r, 1, SYN_RNG_TEST, (uint32_t)operand);
    for (int i = 0; i < rows; i++) y[i] = 0;
    for (int i = 0; i < (turned ? cols : rows); i++)
        for (int j = 0; j < (turned ? rows : cols); j++)
            y[turned ? j : i] += syn_product_number(&r) * v[turned ? i : j];
}

syn_status syn_reference_make(syn_reference *ref, const syn_gemm *g) {
    const size_t m = (size_t)g->m, n = (size_t)g->n, k = (size_t)g->k;
    double *x = malloc((m + n + k) * sizeof *x);
    if (!x) return syn_no_memory((m + n + k) * sizeof *x);
    *ref = (syn_reference){ .vector = x, .row = x + n };
    syn_rng r;
    syn_rng_start(&r, 2, SYN_RNG_TEST, 0);
    for (size_t j = 0; j < n; j++) { /* no element of C is left out: none is near 0 */
        const double u = syn_rng_uniform(&r) - .5;
        x[j] = u < 0 ? u - .5 : u + .5;
    }
    double *between = x + n + m;
    times(1, g->tb, g->k, g->n, x, between);
    times(0, g->ta, g->m, g->k, between, ref->row);
    return SYN_OK;
}

void syn_reference_free(syn_reference *r) {
    free(r->vector);
    *r = (syn_reference){ 0 };
}

syn_status syn_product_right(syn_product *p, const syn_reference *ref, bool *right) {
    const syn_gemm *g = &p->gemm;
    const int64_t count = (int64_t)g->m * g->n;
    const double limit = (g->dtype == SYN_DOUBLE ? 1e-13 : 1e-5) * sqrt((double)g->k * g->n);
    *right = true;
    SYN_TRY(syn_product_spoil(p));
    SYN_TRY(syn_product_run(p));
    double *c = malloc((size_t)count * sizeof *c);
    if (!c) return syn_no_memory((size_t)count * sizeof *c);
    syn_status status = syn_reals_read(p->list.value[p->result], g->dtype, 0, c, count);
    for (int i = 0; status == SYN_OK && i < g->m; i++) {
        double sum = 0;
        for (int j = 0; j < g->n; j++) sum += c[(int64_t)i * g->n + j] * ref->vector[j];
        if (!(fabs(sum - ref->row[i]) <= limit)) *right = false;
    }
    free(c);
    return status;
}
