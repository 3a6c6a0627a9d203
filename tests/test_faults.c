/* Memory that runs out: the n-th of the library's allocations fails, for many n. Each time a call says so, with
 * the error that stands for it, and the same calls work afterwards; the sanitizers' build (CONTRIBUTING.md)
 * sees what leaks on the way. The calls go through the linker's --wrap; the driver's do not. */
#include "allocations.h"
#include "suite.h"

static int64_t asked, fails; /* the number of the one that fails, 0: none */
static bool allocation_fails(void) { return ++asked == fails; }

/* Every step-th allocation of the calls fails, one after the other. */
static void sweep(const char *name, int step, syn_status (*calls)(void *user), void *user) {
    fails = 0;
    ok(calls(user)); /* first uses: tables, interned texts, the driver's cache */
    asked = 0;
    ok(calls(user));
    const int64_t n = asked;
    int64_t errors = 0, tries = 0;
    for (int64_t i = 1; i <= n; i += step, tries++) {
        syn_fail(SYN_OK, "nothing");
        asked = 0;
        fails = i;
        syn_status status = calls(user);
        fails = 0;
        errors += status != SYN_OK;
        if (status != SYN_OK && status != SYN_E_MEMORY)
            ck_abort_msg("%s, allocation %lld of %lld: status %s: %s", name, (long long)i, (long long)n,
                         syn_status_name(status), syn_error_text());
        if (status == SYN_E_MEMORY && !strstr(syn_error_text(), "out of host memory"))
            ck_abort_msg("%s, allocation %lld: %s", name, (long long)i, syn_error_text());
    }
    ck_assert_msg(errors > tries / 2, "%s: %lld of %lld allocations were missed", name, (long long)errors,
                  (long long)tries);
    ok(calls(user));
}

static syn_status describe(syn_net **net, syn_tensor *loss) {
    SYN_TRY(syn_net_create(net, 1));
    syn_tensor x = syn_input(*net, SYN_SHAPE(6));
    x = syn_named(syn_elu(syn_dense(x, &(syn_dense_opts){ .units = 5 }), 1), "first");
    x = syn_dropout(syn_batch_norm(x, NULL), .1);
    x = syn_prelu(syn_dense(x, &(syn_dense_opts){ .units = 4 }), NULL);
    *loss = syn_softmax_xent(syn_dense(syn_tanh(x), &(syn_dense_opts){ .units = 3 }));
    return syn_net_status(*net);
}

/* Nothing of a device: two plans' worth of graphs would do the same. */
static syn_status net_calls(void *user) {
    (void)user;
    syn_net *net = NULL;
    syn_tensor loss;
    syn_status status = describe(&net, &loss);
    syn_net_destroy(net);
    return status;
}
START_TEST(a_net) { sweep("a net", 1, net_calls, NULL); }
END_TEST

static syn_status plan_calls(void *user) {
    (void)user;
    syn_net *net = NULL;
    syn_state *state = NULL;
    syn_plan *plan = NULL;
    syn_tensor loss;
    syn_status status = describe(&net, &loss);
    if (status == SYN_OK) status = syn_state_create(&state, test_ctx(), net);
    if (status == SYN_OK) {
        syn_plan_opts opts = { .loss = loss, .batch = 8, .optim = syn_nadam(NULL), .ema = .9,
                               .clip = { .global_norm = 1 } };
        status = syn_plan_create(&plan, state, &opts);
    }
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    return status;
}
START_TEST(a_plan) { sweep("a plan", test_small() ? 23 : 7, plan_calls, NULL); }
END_TEST

static syn_status data_calls(void *user) {
    syn_data *data = NULL, *part = NULL;
    syn_status status = syn_data_open_csv(&data, user, "c", true);
    if (status == SYN_OK) status = syn_data_slice(&part, data, 1, 1);
    syn_data_destroy(part);
    syn_data_destroy(data);
    return status;
}
START_TEST(a_table) {
    const char *path = PUT("table.csv", "a,b,c\n1,2,0\n3,4,1\n5,\"6\",2\n");
    sweep("a table", 1, data_calls, (void *)(uintptr_t)path);
}
END_TEST

/* What was saved before stands until all of the new file does. */
static syn_status save_calls(void *user) {
    syn_state *state = user;
    SYN_TRY(syn_save(state, at("weights.safetensors")));
    return syn_load(state, at("weights.safetensors"), false, NULL);
}
START_TEST(weights) {
    syn_net *net;
    syn_state *state;
    syn_tensor loss;
    ok(describe(&net, &loss));
    ok(syn_state_create(&state, test_ctx(), net));
    sweep("weights", 1, save_calls, state);
    syn_state_destroy(state);
    syn_net_destroy(net);
}
END_TEST

int main(void) {
    const TTest *const tests[] = { a_net, a_plan, a_table, weights };
    return run_suite("faults", tests, SYN_COUNT(tests));
}
