#include "plan/state.h"

#include "base/half.h"
#include "layer/layer.h"
#include "plan/selftest.h"

#include <stdlib.h>
#include <string.h>

int64_t syn_segment_align(const syn_ctx *ctx) {
    int64_t align = syn_ctx_profile_of(ctx)->align / 2; /* halves; wider types are aligned all the more */
    return align > 128 ? align : 128;
}

static syn_status draw(syn_state *s) {
    for (int p = 0; p < s->n_params; p++) {
        const syn_net_param *param = &s->net->param[p];
        int64_t cols = param->shape.dim[param->shape.rank - 1];
        syn_status status = syn_init_draw(&param->init, param->preset, s->net->seed, (uint32_t)p,
                                          param->fan_in, param->fan_out, s->count[p] / cols, cols,
                                          s->host + s->offset[p]);
        if (status != SYN_OK) return syn_fail_in(status, "%s", param->name);
    }
    return SYN_OK;
}

syn_status syn_state_create(syn_state **state, syn_ctx *ctx, syn_net *net) {
    *state = NULL;
    if (!ctx || !net) return syn_fail(SYN_E_ARGUMENT, "syn_state_create: ctx and net must be given");
    SYN_TRY(syn_net_status(net));
    SYN_TRY(syn_selftest_once(ctx));
    syn_state *s = calloc(1, sizeof *s);
    if (!s) return syn_no_memory(sizeof *s);
    size_t n = (size_t)net->n_params + 1;
    *s = (syn_state){ .ctx = ctx, .net = net, .n_params = net->n_params,
                      .count = calloc(n, sizeof *s->count), .offset = calloc(n, sizeof *s->offset),
                      .segment = calloc(n, sizeof(syn_buffer *)) };
    syn_status status = s->count && s->offset && s->segment ? SYN_OK : syn_no_memory(n * 24);
    for (int p = 0; status == SYN_OK && p < net->n_params; p++) {
        s->count[p] = syn_shape_count(&net->param[p].shape);
        s->offset[p] = s->length;
        s->length += syn_round_up(s->count[p], syn_segment_align(ctx));
    }
    if (status == SYN_OK && s->length > SYN_MOST_ELEMENTS)
        status = syn_fail(SYN_E_SHAPE, "the net has %lld parameters; 2^31 - 65536 are possible, those that pad them among "
                                       "them", (long long)syn_net_parameters(net));
    if (status == SYN_OK) {
        s->host = calloc((size_t)s->length + 1, sizeof *s->host);
        status = s->host ? draw(s) : syn_no_memory((size_t)s->length * sizeof *s->host);
    }
    if (status != SYN_OK) syn_state_destroy(s);
    else *state = s;
    return status;
}

static void drop_halves(syn_state *s) {
    for (int p = 0; s->half_segment && p < s->n_params; p++)
        if (s->half_segment[p] != s->segment[p]) syn_buffer_destroy(s->half_segment[p]);
    free(s->half_segment);
    syn_buffer_destroy(s->halves);
    s->half_segment = NULL;
    s->halves = NULL;
}

static void drop_block(syn_state *s) {
    for (int p = 0; s->segment && p < s->n_params; p++) {
        syn_buffer_destroy(s->segment[p]);
        s->segment[p] = NULL;
    }
    syn_buffer_destroy(s->block);
    s->block = NULL;
}

void syn_state_destroy(syn_state *s) {
    if (!s) return;
    drop_halves(s);
    drop_block(s);
    free(s->segment);
    free(s->count);
    free(s->offset);
    free(s->host);
    free(s->mean);
    free(s->inv_dev);
    free(s);
}

syn_net *syn_state_net(const syn_state *state) { return state->net; }

syn_status syn_reals_read(syn_buffer *b, syn_dtype dtype, int64_t offset, double *out, int64_t n) {
    if (dtype == SYN_DOUBLE) return syn_buffer_read(b, offset * 8, out, n * 8, true);
    float *f = malloc((size_t)n * sizeof *f + 1);
    if (!f) return syn_no_memory((size_t)n * sizeof *f);
    syn_status status = syn_buffer_read(b, offset * 4, f, n * 4, true);
    for (int64_t i = 0; status == SYN_OK && i < n; i++) out[i] = f[i];
    free(f);
    return status;
}

syn_status syn_reals_write(syn_buffer *b, syn_dtype dtype, int64_t offset, const double *in,
                           int64_t n) {
    if (dtype == SYN_DOUBLE) return syn_buffer_write(b, offset * 8, in, n * 8, true);
    float *f = malloc((size_t)n * sizeof *f + 1);
    if (!f) return syn_no_memory((size_t)n * sizeof *f);
    for (int64_t i = 0; i < n; i++) f[i] = (float)in[i];
    syn_status status = syn_buffer_write(b, offset * 4, f, n * 4, true);
    free(f);
    return status;
}

syn_status syn_halves_read(syn_buffer *b, double *out, int64_t n) {
    uint16_t *h = malloc((size_t)n * sizeof *h + 1);
    if (!h) return syn_no_memory((size_t)n * sizeof *h);
    syn_status status = syn_buffer_read(b, 0, h, n * 2, true);
    for (int64_t i = 0; status == SYN_OK && i < n; i++) out[i] = (double)syn_half_value(h[i]);
    free(h);
    return status;
}

syn_status syn_halves_write(syn_buffer *b, const double *in, int64_t n) {
    uint16_t *h = malloc((size_t)n * sizeof *h + 1);
    if (!h) return syn_no_memory((size_t)n * sizeof *h);
    for (int64_t i = 0; i < n; i++) h[i] = syn_half_of((float)in[i]);
    syn_status status = syn_buffer_write(b, 0, h, n * 2, true);
    free(h);
    return status;
}

syn_status syn_state_refresh(syn_state *s) {
    if (!s->halves || !s->stale) return SYN_OK;
    double *v = malloc((size_t)s->length * sizeof *v + 1);
    if (!v) return syn_no_memory((size_t)s->length * sizeof *v);
    syn_status status = syn_reals_read(s->block, s->dtype, 0, v, s->length);
    if (status == SYN_OK) status = syn_halves_write(s->halves, v, s->length);
    free(v);
    s->stale = status != SYN_OK;
    return status;
}

int64_t syn_state_bytes(const syn_state *s, syn_dtype dtype) {
    return s->length * (dtype == SYN_DOUBLE ? 8 : dtype == SYN_HALF ? 4 + 2 : 4);
}

static syn_status make_halves(syn_state *s) {
    s->half_segment = calloc((size_t)s->n_params + 1, sizeof(syn_buffer *));
    if (!s->half_segment) return syn_no_memory((size_t)s->n_params * sizeof(syn_buffer *));
    SYN_TRY(syn_buffer_create(&s->halves, s->ctx, s->length * 2, "the parameters as halves"));
    for (int p = 0; p < s->n_params; p++)
        if (s->net->param[p].statistic)
            s->half_segment[p] = s->segment[p];
        else
            SYN_TRY(syn_buffer_sub(&s->half_segment[p], s->halves, s->offset[p] * 2, syn_round_up(s->count[p], 128) * 2));
    s->stale = true;
    return syn_state_refresh(s);
}

static syn_status make_block(syn_state *s, syn_dtype dtype) {
    const int64_t real = dtype == SYN_DOUBLE ? 8 : 4;
    SYN_TRY(syn_buffer_create(&s->block, s->ctx, s->length * real, "the parameters"));
    for (int p = 0; p < s->n_params; p++)
        SYN_TRY(syn_buffer_sub(&s->segment[p], s->block, s->offset[p] * real,
                               syn_round_up(s->count[p], 128) * real));
    return syn_reals_write(s->block, dtype, 0, s->host, s->length);
}

syn_status syn_state_bind(syn_state *s, syn_dtype plan_dtype) {
    static const char *const name[] = { "float", "double" };
    const bool half = plan_dtype == SYN_HALF;
    const syn_dtype dtype = half ? SYN_FLOAT : plan_dtype;
    if (s->bound && s->dtype != dtype)
        return syn_fail(SYN_E_ARGUMENT, "the state is on the device in %s; a plan in %s needs a state of its own",
                        name[s->dtype], name[dtype]);
    if (!s->bound) {
        syn_status status = make_block(s, dtype);
        if (status != SYN_OK) {
            drop_block(s);
            return status;
        }
        free(s->host);
        s->host = NULL;
        s->bound = true;
        s->dtype = dtype;
    }
    if (!half || s->halves) return SYN_OK;
    syn_status status = make_halves(s);
    if (status != SYN_OK) drop_halves(s);
    return status;
}

int syn_state_param(const syn_state *s, const char *name) {
    for (int p = 0; p < s->n_params; p++)
        if (strcmp(s->net->param[p].name, name) == 0) return p;
    const char *near = s->n_params ? syn_nearest(name, &s->net->param[0].name, (size_t)s->n_params,
                                                 sizeof *s->net->param)
                                   : NULL;
    syn_fail(SYN_E_ARGUMENT, near ? "no parameter '%s'; did you mean '%s'?" : "no parameter '%s'", name,
             near);
    return -1;
}

static syn_status check(const syn_state *s, const char *name, int64_t n, int *p) {
    *p = syn_state_param(s, name);
    if (*p < 0) return SYN_E_ARGUMENT;
    if (s->count[*p] == n) return SYN_OK;
    return syn_fail(SYN_E_SHAPE, "%s has %lld elements, got %lld", name, (long long)s->count[*p],
                    (long long)n);
}

syn_status syn_param_read(syn_state *s, const char *name, double *out, int64_t n) {
    int p = -1;
    SYN_TRY(check(s, name, n, &p));
    if (s->bound) return syn_reals_read(s->block, s->dtype, s->offset[p], out, n);
    memcpy(out, s->host + s->offset[p], (size_t)n * sizeof *out);
    return SYN_OK;
}

syn_status syn_param_write(syn_state *s, const char *name, const double *in, int64_t n) {
    int p = -1;
    SYN_TRY(check(s, name, n, &p));
    s->stale = true;
    if (s->bound) return syn_reals_write(s->block, s->dtype, s->offset[p], in, n);
    memcpy(s->host + s->offset[p], in, (size_t)n * sizeof *in);
    return SYN_OK;
}

syn_status syn_state_standardise(syn_state *s, const double *mean, const double *inv_dev, int64_t n) {
    if (n < 1 || !mean || !inv_dev)
        return syn_fail(SYN_E_ARGUMENT, "syn_state_standardise: mean and inv_dev of 1 and more features");
    double *m = malloc((size_t)n * sizeof *m), *d = malloc((size_t)n * sizeof *d);
    if (!m || !d) {
        free(m);
        free(d);
        return syn_no_memory((size_t)n * sizeof *m);
    }
    memcpy(m, mean, (size_t)n * sizeof *m);
    memcpy(d, inv_dev, (size_t)n * sizeof *d);
    free(s->mean);
    free(s->inv_dev);
    s->mean = m;
    s->inv_dev = d;
    s->n_features = n;
    return SYN_OK;
}

bool syn_state_standardisation(const syn_state *s, const double **mean, const double **inv_dev,
                               int64_t *n) {
    *mean = s->mean;
    *inv_dev = s->inv_dev;
    *n = s->n_features;
    return s->mean != NULL;
}
