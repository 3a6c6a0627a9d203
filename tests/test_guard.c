/* Memory of real plans: what is planned is what is allocated, plans that do not fit are refused, and no kernel
 * writes behind its buffers: a gap behind every place of the arena is filled before, and looked at after,
 * every single launch. */
#include "nets.h"

#include "plan/plan.h"

enum { FILL = 0xa5 };

/* ---- the gaps ---- */

typedef struct gaps {
    syn_list *l;
    char *fill, *read;
} gaps;

static bool lives(const syn_place *p, int item) {
    return p->bytes > 0 && p->first <= item && item <= p->last;
}

static void fill_gaps(const gaps *g, int item) {
    for (int i = 0; i < g->l->n_places; i++) {
        const syn_place *p = &g->l->place[i];
        if (!lives(p, item)) continue;
        ok(syn_buffer_write(g->l->slab[p->slab], p->offset + p->bytes, g->fill, g->l->guard, false));
    }
}

static const char *name_of(const gaps *g, int item) {
    const syn_item *it = &g->l->item[item];
    return it->call.entry ? it->call.entry : "a library's gemm";
}

static void check_gaps(const gaps *g, int item, const char *net) {
    for (int i = 0; i < g->l->n_places; i++) {
        const syn_place *p = &g->l->place[i];
        if (!lives(p, item)) continue;
        ok(syn_buffer_read(g->l->slab[p->slab], p->offset + p->bytes, g->read, g->l->guard, true));
        ck_assert_msg(memcmp(g->read, g->fill, (size_t)g->l->guard) == 0,
                      "%s, %d rows: launch %d (%s) wrote behind place %d", net, g->l->rows, item,
                      name_of(g, item), i);
    }
}

/* Runs a list launch by launch. Its batch is fed already. */
static void run_guarded(syn_plan *plan, syn_list *l, int n, const char *net) {
    gaps g = { .l = l, .fill = malloc((size_t)l->guard), .read = malloc((size_t)l->guard) };
    ck_assert(g.fill && g.read);
    memset(g.fill, FILL, (size_t)l->guard);
    for (int i = 0; i < n; i++) {
        fill_gaps(&g, i);
        ok(syn_list_run(l, plan->ctx, i, 1));
        check_gaps(&g, i, net);
    }
    free(g.fill);
    free(g.read);
}

/* Segments of parameters, gradients and slots are padded; nothing is ever written there. */
static void check_padding(syn_plan *plan, syn_block which, int64_t stride, const int64_t *offset,
                          const char *net) {
    const syn_state *s = plan->state;
    for (int p = 0; p < s->n_params; p++) {
        if (offset[p] < 0) continue;
        int64_t pad = syn_round_up(s->count[p], syn_segment_align(plan->ctx)) - s->count[p];
        double *v = malloc((size_t)pad * sizeof *v + 1);
        ok(syn_reals_read(plan->block[which], plan->dtype, stride + offset[p] + s->count[p], v, pad));
        for (int64_t i = 0; i < pad; i++)
            ck_assert_msg(v[i] == 0, "%s: padding of block %d behind %s was written", net, (int)which,
                          s->net->param[p].name);
        free(v);
    }
}

static void guard_net(const net_case *c, void *user) {
    syn_state *state;
    syn_plan *plan;
    syn_list *l;
    double loss;
    const syn_dtype dtype = *(const syn_dtype *)user;
    plan_make(&state, &plan, c, (syn_plan_opts){ .dtype = dtype, .optim = syn_adam(NULL) });
    const int sizes[] = { c->modal ? 2 : 1, NET_ROWS };
    for (size_t i = 0; i < SYN_COUNT(sizes); i++) {
        int rows = sizes[i];
        net_batch b;
        batch_make(&b, c, rows);
        for (int step = 0; step < 2; step++) ok(syn_step(plan, &b.xs, &b.ys, NULL));
        ok(syn_loss(plan, &b.xs, &b.ys, &loss));
        const void *const fed[] = { b.x, c->y.rank ? (const void *)b.target : b.label };
        for (int mode = SYN_MODE_TRAIN; mode <= SYN_MODE_EVAL; mode++) {
            ok(syn_plan_list(plan, (syn_mode)mode, rows, &l));
            ck_assert_int_gt(l->guard, 0);
            ok(syn_source_prepare(plan->direct, l));
            ok(syn_source_feed_rows(plan->direct, l, fed));
            run_guarded(plan, l, l->n_nodes_items + 1, c->name);
        }
        batch_free(&b);
    }
    check_padding(plan, SYN_BLOCK_PARAMS, 0, state->offset, c->name);
    check_padding(plan, SYN_BLOCK_GRADS, 0, plan->grad_offset, c->name);
    for (int k = 0; k < 2; k++)
        check_padding(plan, SYN_BLOCK_SLOTS, k * plan->grad_length, plan->grad_offset, c->name);
    syn_plan_destroy(plan);
    syn_state_destroy(state);
}

START_TEST(test_guards) {
    ck_assert_int_eq(setenv("SYNCLINE_GUARD", "1", 1), 0);
    syn_dtype dtype = SYN_FLOAT;
    walk_maps(guard_net, &dtype);
    walk_layers(guard_net, &dtype);
    dtype = SYN_DOUBLE;
    walk_losses(guard_net, &dtype);
    unsetenv("SYNCLINE_GUARD");
}
END_TEST

/* ---- sums ---- */

static syn_tensor mlp(syn_net **net) {
    ok(syn_net_create(net, 3));
    syn_tensor x = syn_input(*net, SYN_SHAPE(37));
    x = syn_dropout(syn_elu(syn_dense(x, &(syn_dense_opts){ .units = 70 }), 1), .2);
    x = syn_tanh(syn_dense(x, &(syn_dense_opts){ .units = 50 }));
    return syn_softmax_xent(syn_dense(x, &(syn_dense_opts){ .units = 10 }));
}

static const syn_optim *optims(int i) {
    static syn_optim o[3];
    o[0] = syn_sgd(NULL);
    o[1] = syn_momentum(NULL);
    o[2] = syn_adam(&(syn_adam_opts){ .amsgrad = true });
    return &o[i];
}

/* Planned against allocated, for this plan. */
static int64_t check_bytes(const syn_plan_opts *opts) {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_plan_opts o = *opts;
    int64_t before = syn_ctx_bytes(test_ctx());
    o.loss = mlp(&net);
    ok(syn_state_create(&state, test_ctx(), net));
    ok(syn_plan_create(&plan, state, &o));
    syn_plan_sizes z;
    syn_plan_measure(plan, &z);
    ck_assert_int_eq(z.peak, z.params + z.grads + z.slots + z.arena + z.other);
    ck_assert_int_eq(syn_ctx_bytes(test_ctx()) - before, z.peak);
    /* a step asks for nothing but the staging of its batches */
    double x[3 * 37];
    const int32_t label[3] = { 1, 2, 3 };
    fill_random(x, 3 * 37, 1, -1, 1);
    const syn_array xs = f64(x, SYN_SHAPE(3, 37)), ys = i32(label, 3);
    ok(syn_step(plan, &xs, &ys, NULL));
    int64_t staging = 2 * (o.batch ? o.batch : 32) * (37 * 8 + 4);
    ck_assert_int_eq(syn_ctx_bytes(test_ctx()) - before, z.peak + staging);
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    ck_assert_int_eq(syn_ctx_bytes(test_ctx()), before);
    return z.peak;
}

START_TEST(test_planned_is_allocated) {
    for (int i = 0; i < 3; i++) check_bytes(&(syn_plan_opts){ .optim = *optims(i), .batch = 20 });
    int64_t plain = check_bytes(&(syn_plan_opts){ .batch = 64 });
    int64_t kept = check_bytes(&(syn_plan_opts){ .batch = 64, .keep = true });
    int64_t real = check_bytes(&(syn_plan_opts){ .batch = 64, .dtype = SYN_DOUBLE });
    ck_assert_int_gt(kept, plain);
    ck_assert_int_gt(real, plain * 3 / 2);
    ck_assert(syn_ctx_peak_bytes(test_ctx()) >= real);
}
END_TEST

START_TEST(test_limit) {
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    syn_tensor loss = mlp(&net);
    ok(syn_state_create(&state, test_ctx(), net));
    int64_t before = syn_ctx_bytes(test_ctx());
    ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .batch = 64 }));
    syn_plan_sizes z;
    syn_plan_measure(plan, &z);
    syn_plan_destroy(plan);
    int64_t held = syn_ctx_bytes(test_ctx()); /* the parameters stay with the state */
    ck_assert_int_eq(held - before, z.params);
    refused(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .batch = 64,
                                                            .memory_limit = z.peak - 1 }),
            SYN_E_MEMORY, "memory_limit");
    ck_assert_ptr_null(plan);
    ck_assert_ptr_nonnull(strstr(syn_error_text(), "a batch below 64 would help"));
    ck_assert_int_eq(syn_ctx_bytes(test_ctx()), held);
    ok(syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = loss, .batch = 64, .memory_limit = z.peak }));
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_guards, test_planned_is_allocated, test_limit };
    return run_suite("guard", test, SYN_COUNT(test));
}
