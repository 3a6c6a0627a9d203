/* Nets as JSON; weights files, whole and in part; checkpoints by the interface. */
#include "suite.h"

#include "io/safetensors.h"

enum { IN = 6, CLASSES = 4, ROWS = 5 };

typedef struct world {
    syn_net *net;
    syn_tensor loss;
    syn_state *state;
    syn_plan *plan;
} world;

/* Every layer there is, with options that differ from their defaults. */
static syn_tensor describe(syn_net *net) {
    syn_tensor x = syn_flatten(syn_input(net, SYN_SHAPE(IN / 2, 2)));
    syn_net_preset(net, SYN_TORCH);
    syn_tensor a = syn_leaky_relu(syn_dense(x, &(syn_dense_opts){ .units = 7, .name = "dense_2" }), .07);
    syn_net_preset(net, SYN_KERAS);
    syn_tensor b = syn_dense(x, &(syn_dense_opts){ .units = 7, .no_bias = true,
                                                   .init = syn_init_normal(&(syn_init_normal_opts){
                                                       .mean = .25, .stddev = .5 }) });
    b = syn_layer(net, "dropout", &b, 1, &(syn_dropout_opts){ .rate = .3, .stream = 17 });
    syn_tensor c = syn_map(syn_add((syn_tensor[]){ a, b, a }, 3), "leaky_relu", NULL, 0);
    c = syn_dropout(syn_elu(c, 0), .1);
    x = syn_named(syn_concat((syn_tensor[]){ c, x }, 2), "joined");
    return syn_named(syn_softmax_xent(syn_dense(x, &(syn_dense_opts){ .units = CLASSES })), "loss");
}

static void open_net(world *w, syn_net *net, syn_tensor loss, const syn_plan_opts *opts) {
    syn_plan_opts o = *opts;
    w->net = net;
    w->loss = o.loss = loss;
    o.batch = ROWS;
    o.optim = syn_momentum(NULL);
    ok(syn_net_status(net));
    ok(syn_state_create(&w->state, test_ctx(), net));
    ok(syn_plan_create(&w->plan, w->state, &o));
}

static void open_world(world *w, uint64_t seed) {
    syn_net *net;
    ok(syn_net_create(&net, seed));
    open_net(w, net, describe(net), &(syn_plan_opts){ 0 });
}

static void close_world(world *w) {
    syn_plan_destroy(w->plan);
    syn_state_destroy(w->state);
    syn_net_destroy(w->net);
}

static void steps(world *w, int n) {
    double x[ROWS * IN];
    const int32_t label[ROWS] = { 0, 1, 2, 3, 0 };
    for (int t = 0; t < n; t++) {
        fill_random(x, ROWS * IN, (uint32_t)syn_plan_step(w->plan), -1, 1);
        const syn_array xs = f64(x, SYN_SHAPE(ROWS, IN)), ys = i32(label, ROWS);
        ok(syn_step(w->plan, &xs, &ys, NULL));
    }
}

static bool equal(world *a, syn_state *b) {
    bool same = true;
    for (int i = 0; i < syn_net_params(a->net); i++) {
        syn_param_info p;
        int64_t n, m;
        syn_net_param_info(a->net, i, &p);
        double *x = param_values(a->state, p.name, &n), *y = param_values(b, p.name, &m);
        ck_assert_int_eq(n, m);
        same &= memcmp(x, y, (size_t)n * sizeof *x) == 0;
        free(x);
        free(y);
    }
    return same;
}

/* ---- JSON ---- */

START_TEST(test_json) {
    world a, b;
    syn_net *net;
    open_world(&a, 0xfedcba9876543210u);
    char *text = syn_net_to_json(a.net);
    ok(syn_net_from_json(&net, text));
    char *again = syn_net_to_json(net);
    ck_assert_str_eq(text, again);
    ck_assert(syn_net_seed(net) == syn_net_seed(a.net));
    ck_assert_int_eq(syn_net_layers(net), syn_net_layers(a.net));
    open_net(&b, net, syn_net_find(net, "loss"), &(syn_plan_opts){ 0 });
    ck_assert(equal(&a, b.state)); /* the same draws */
    steps(&a, 3);
    steps(&b, 3);
    ck_assert(equal(&a, b.state)); /* the same masks and slopes */
    close_world(&a);
    close_world(&b);
    free(text);
    free(again);
    refused(syn_net_from_json(&net, "{\"layers\": [}"), SYN_E_FORMAT, "network description: line 1");
    refused(syn_net_from_json(&net, "{\"seed\": 1}"), SYN_E_FORMAT, "no list of layers");
    refused(syn_net_from_json(&net, "{\"layers\": [{\"layer\": \"dens\", \"name\": \"a\", \"from\": []}]}"),
            SYN_E_FORMAT, "did you mean 'dense'?");
    refused(syn_net_from_json(&net, "{\"layers\": [{\"layer\": \"dense\", \"name\": \"a\", \"from\": [\"b\"]}]}"),
            SYN_E_FORMAT, "reads 'b', which is not there");
    ck_assert_ptr_null(net);
}
END_TEST

/* ---- weights ---- */

START_TEST(test_save_and_load) {
    world a, b;
    int loaded;
    const char *path = at("w.safetensors");
    double mean[IN], inv[IN], p[2][ROWS * CLASSES], x[ROWS * IN];
    open_world(&a, 1);
    steps(&a, 2);
    fill_random(mean, IN, 1, -1, 1);
    fill_random(inv, IN, 2, .5, 2);
    ok(syn_state_standardise(a.state, mean, inv, IN));
    ok(syn_save(a.state, path));
    open_world(&b, 2);
    ck_assert(!equal(&a, b.state));
    ok(syn_load(b.state, path, false, &loaded));
    ck_assert_int_eq(loaded, syn_net_params(a.net));
    ck_assert(equal(&a, b.state));
    close_world(&b);
    /* the file alone predicts as the state that wrote it, standardisation and all */
    syn_net *net;
    syn_state *state;
    syn_plan *plan[2];
    const double *m, *d;
    int64_t n;
    ok(syn_load_model(&net, &state, test_ctx(), path));
    ck_assert(equal(&a, state));
    ck_assert(syn_state_standardisation(state, &m, &d, &n));
    ck_assert_int_eq(n, IN);
    ck_assert_mem_eq(m, mean, sizeof mean);
    ck_assert_mem_eq(d, inv, sizeof inv);
    ok(syn_plan_create(&plan[0], a.state, &(syn_plan_opts){ .loss = a.loss, .batch = ROWS }));
    ok(syn_plan_create(&plan[1], state, &(syn_plan_opts){ .loss = syn_net_find(net, "loss"), .batch = ROWS }));
    fill_random(x, ROWS * IN, 9, -1, 1);
    const syn_array xs = f64(x, SYN_SHAPE(ROWS, IN));
    for (int i = 0; i < 2; i++) ok(syn_infer(plan[i], &xs, p[i], ROWS * CLASSES));
    ck_assert_mem_eq(p[0], p[1], sizeof p[0]);
    ok(syn_infer(a.plan, &xs, p[1], ROWS * CLASSES)); /* made before the standardisation: does without */
    ck_assert(memcmp(p[0], p[1], sizeof p[0]) != 0);
    for (int i = 0; i < 2; i++) syn_plan_destroy(plan[i]);
    syn_state_destroy(state);
    syn_net_destroy(net);
    close_world(&a);
}
END_TEST

/* A state that no plan has bound yet is saved and loaded too. */
START_TEST(test_unbound) {
    syn_net *net[2];
    syn_state *state[2];
    double k[2][IN * 3];
    const char *path = at("unbound.safetensors");
    for (int i = 0; i < 2; i++) {
        ok(syn_net_create(&net[i], (uint64_t)i));
        syn_dense(syn_input(net[i], SYN_SHAPE(IN)), &(syn_dense_opts){ .units = 3 });
        ok(syn_state_create(&state[i], test_ctx(), net[i]));
    }
    ok(syn_save(state[0], path));
    ok(syn_load(state[1], path, false, NULL));
    for (int i = 0; i < 2; i++) ok(syn_param_read(state[i], "dense_1/kernel", k[i], IN * 3));
    ck_assert_mem_eq(k[0], k[1], sizeof k[0]);
    for (int i = 0; i < 2; i++) {
        syn_state_destroy(state[i]);
        syn_net_destroy(net[i]);
    }
}
END_TEST

START_TEST(test_partial) {
    world a, b;
    int loaded = -1;
    int64_t n;
    const char *path = at("part.safetensors");
    open_world(&a, 1);
    steps(&a, 1);
    ok(syn_save(a.state, path));
    /* another net that has one parameter of that name and shape */
    syn_net *net;
    ok(syn_net_create(&net, 5));
    syn_tensor x = syn_dense(syn_input(net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = 7, .name = "dense_2",
                                                                                .no_bias = true });
    syn_tensor loss = syn_mse(syn_dense(x, &(syn_dense_opts){ .units = 2, .name = "head" }));
    open_net(&b, net, loss, &(syn_plan_opts){ 0 });
    double *head = param_values(b.state, "head/kernel", &n), *body = param_values(a.state, "dense_2/kernel", &n);
    refused(syn_load(b.state, path, false, NULL), SYN_E_FORMAT, "no tensor head/kernel");
    ok(syn_load(b.state, path, true, &loaded));
    ck_assert_int_eq(loaded, 1);
    double *now = param_values(b.state, "dense_2/kernel", &n);
    ck_assert_mem_eq(now, body, (size_t)n * sizeof *now);
    free(now);
    now = param_values(b.state, "head/kernel", &n);
    ck_assert_mem_eq(now, head, (size_t)n * sizeof *now);
    free(now);
    free(head);
    free(body);
    close_world(&b);
    /* a tensor of the name with another shape is refused, and nothing is taken */
    ok(syn_net_create(&net, 5));
    x = syn_dense(syn_input(net, SYN_SHAPE(IN)), &(syn_dense_opts){ .units = 8, .name = "dense_2" });
    open_net(&b, net, syn_mse(x), &(syn_plan_opts){ 0 });
    body = param_values(b.state, "dense_2/kernel", &n);
    refused(syn_load(b.state, path, true, NULL), SYN_E_SHAPE, "dense_2/kernel has shape 6 x 7, the net wants 6 x 8");
    now = param_values(b.state, "dense_2/kernel", &n);
    ck_assert_mem_eq(now, body, (size_t)n * sizeof *now);
    free(now);
    free(body);
    close_world(&b);
    close_world(&a);
}
END_TEST

/* ---- checkpoints ---- */

START_TEST(test_checkpoint) {
    world a, b, c;
    char *user;
    const char *path = at("state.safetensors");
    open_world(&a, 1);
    steps(&a, 3);
    ok(syn_plan_save(a.plan, path, "{\"mine\": 7}"));
    steps(&a, 3);
    open_world(&b, 1);
    ok(syn_plan_resume(b.plan, path, &user));
    ck_assert_str_eq(user, "{\"mine\": 7}");
    free(user);
    ck_assert_int_eq(syn_plan_step(b.plan), 3);
    steps(&b, 3);
    ck_assert(equal(&a, b.state));
    close_world(&b);
    /* another optimizer: refused before anything is taken */
    open_world(&b, 2);
    open_world(&c, 2);
    syn_plan *adam;
    ok(syn_plan_create(&adam, b.state, &(syn_plan_opts){ .loss = b.loss, .optim = syn_adam(NULL) }));
    refused(syn_plan_resume(adam, path, NULL), SYN_E_ARGUMENT, "trained with momentum, the plan uses adam");
    ck_assert(equal(&c, b.state));
    syn_plan_destroy(adam);
    /* a weights file is no checkpoint */
    ok(syn_save(a.state, path));
    refused(syn_plan_resume(b.plan, path, NULL), SYN_E_FORMAT, "no checkpoint");
    ck_assert(equal(&c, b.state));
    refused(syn_plan_save(a.plan, at("none/there.safetensors"), NULL), SYN_E_IO, "there.safetensors");
    close_world(&a);
    close_world(&b);
    close_world(&c);
}
END_TEST

START_TEST(test_corrupt) {
    world a;
    const char *path = at("cut.safetensors");
    char *bytes;
    size_t n;
    open_world(&a, 1);
    ok(syn_save(a.state, path));
    ok(syn_file_read(path, &bytes, &n));
    for (size_t keep = n - 1; keep > 8; keep /= 3) {
        put("cut.safetensors", bytes, keep);
        refused(syn_load(a.state, path, false, NULL), SYN_E_FORMAT, "cut.safetensors");
    }
    free(bytes);
    close_world(&a);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_json, test_save_and_load, test_unbound, test_partial, test_checkpoint,
                                  test_corrupt };
    return run_suite("plan_save", test, SYN_COUNT(test));
}
