#include "bench.h"

#include "plan/state.h"

void bench_open(bench *b, syn_kernels *kernels) {
    *b = (bench){ .kernels = kernels };
    syn_graph_init(&b->g);
}

void bench_close(bench *b) {
    ok(syn_ctx_finish(test_ctx()));
    syn_list_free(&b->l);
    for (int i = 0; i < SYN_MAX_SLABS; i++) syn_buffer_destroy(b->slab[i]);
    for (int i = 0; i < SYN_BLOCKS; i++) syn_buffer_destroy(b->block[i]);
    syn_graph_free(&b->g);
}

int bench_keep(bench *b, int value) {
    ck_assert_int_ge(value, 0);
    b->g.value[value].keep = true;
    return value;
}

int bench_value(bench *b, syn_shape shape, bool batched) {
    return bench_keep(b, syn_graph_value(&b->g, shape, batched));
}

void bench_emit(bench *b, int rows) {
    ck_assert(!b->g.failed);
    ok(syn_list_emit(&b->l, test_ctx(), &b->g, b->kernels->dtype, rows, true, false, NULL));
    ok(syn_list_place(&b->l, syn_ctx_profile_of(test_ctx()), b->kernels->dtype));
    ok(syn_list_want(&b->l, b->kernels));
}

void bench_bind(bench *b) {
    for (int i = 0; i < b->l.n_slabs; i++) {
        size_t bytes = (size_t)b->l.slab_bytes[i];
        ok(syn_buffer_create(&b->slab[i], test_ctx(), (int64_t)bytes, "a test"));
        char *fill = malloc(bytes + 1);
        ck_assert_ptr_nonnull(fill);
        memset(fill, 0xa5, bytes);
        ok(syn_buffer_write(b->slab[i], 0, fill, (int64_t)bytes, true));
        free(fill);
    }
    const uint32_t ctl[SYN_CTL_WORDS] = { [SYN_CTL_STEP] = 9, [SYN_CTL_KEY] = 42, [SYN_CTL_KEY + 1] = 7 };
    ok(syn_buffer_create(&b->block[SYN_BLOCK_CONTROL], test_ctx(), sizeof ctl, "a test"));
    ok(syn_buffer_write(b->block[SYN_BLOCK_CONTROL], 0, ctl, sizeof ctl, true));
    const syn_binding binding = { .ctx = test_ctx(), .kernels = b->kernels, .slab = b->slab,
                                  .block = b->block };
    ok(syn_list_bind(&b->l, &binding, b->kernels->dtype));
}

void bench_run(bench *b) { ok(syn_list_run(&b->l, test_ctx(), 0, b->l.n_items)); }

int64_t bench_count(const bench *b, int value) {
    return syn_value_count(&b->g, value) * (b->g.value[value].batched ? b->l.rows : 1);
}

static syn_buffer *buffer(const bench *b, int value) {
    syn_buffer *buf = b->l.value[syn_value_root(&b->g, value)];
    ck_assert_msg(buf != NULL, "value %d has no memory", value);
    return buf;
}

void bench_write(bench *b, int value, const double *x) {
    ok(syn_reals_write(buffer(b, value), b->kernels->dtype, 0, x, bench_count(b, value)));
}

void bench_write_labels(bench *b, int value, const double *labels) {
    int64_t n = bench_count(b, value);
    int32_t *i = malloc((size_t)n * sizeof *i);
    ck_assert_ptr_nonnull(i);
    for (int64_t k = 0; k < n; k++) i[k] = (int32_t)labels[k];
    ok(syn_buffer_write(buffer(b, value), 0, i, n * 4, true));
    free(i);
}

void bench_read(bench *b, int value, double *x) {
    ok(syn_reals_read(buffer(b, value), b->kernels->dtype, 0, x, bench_count(b, value)));
}

void bench_read_ints(bench *b, int value, int32_t *i) {
    ok(syn_buffer_read(buffer(b, value), 0, i, bench_count(b, value) * (int64_t)sizeof *i, true));
}
