/* Times a start: from the start of a process to the end of its first training step, MLP
 * 784-300-100-10, batch 128, data in memory; with warm caches (median) and with empty ones. The
 * process starts itself again and again; the child says when it was where. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FEATURES = 784, CLASSES = 10, BATCH = 128, MOST = 101 };

/* ---- the child ---- */

/* Of this process, all threads: what wall time would be where nothing else runs, but for what runs
 * at a time. */
static double processor_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static const char *const stage_name[] = { "main", "context",    "net and state",
                                          "plan", "first step", "later step" };
enum {
    STAGES = SYN_COUNT(stage_name),
    LAST = STAGES - 2, /* the first step ends */
    PROCESSOR = STAGES,
    FIGURES
};

static syn_status child(double at[FIGURES]) {
    static float x[BATCH * FEATURES];
    static int32_t y[BATCH];
    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    double loss;
    for (int i = 0; i < BATCH * FEATURES; i++) x[i] = (float)(i % 255) / 255;
    for (int i = 0; i < BATCH; i++) y[i] = i % CLASSES;
    at[0] = syn_seconds();
    SYN_TRY(syn_ctx_create(&ctx, NULL));
    at[1] = syn_seconds();
    SYN_TRY(syn_net_create(&net, 42));
    syn_tensor t = syn_input(net, SYN_SHAPE(FEATURES));
    const int units[] = { 300, 100 };
    for (int i = 0; i < 2; i++)
        t = syn_elu(
            syn_dense(t, &(syn_dense_opts){ .units = units[i], .init = syn_init_he_normal(NULL) }),
            1);
    t = syn_softmax_xent(syn_dense(t, &(syn_dense_opts){ .units = CLASSES }));
    SYN_TRY(syn_state_create(&state, ctx, net));
    at[2] = syn_seconds();
    SYN_TRY(syn_plan_create(
        &plan, state, &(syn_plan_opts){ .loss = t, .batch = BATCH, .optim = syn_adam(NULL) }));
    at[3] = syn_seconds();
    const syn_array xs = { x, SYN_F32, SYN_SHAPE(BATCH, FEATURES) },
                    ys = { y, SYN_I32, SYN_SHAPE(BATCH) };
    for (int i = 4; i < STAGES; i++) {
        SYN_TRY(syn_step(plan, &xs, &ys, &loss));
        at[i] = syn_seconds();
        if (i == LAST) at[PROCESSOR] = processor_seconds();
    }
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    syn_ctx_destroy(ctx);
    return SYN_OK;
}

/* ---- the parent ---- */

/* Seconds from fork to each stage. */
static bool start(double at[FIGURES]) {
    int pipes[2];
    if (pipe(pipes)) return false;
    double from = syn_seconds();
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], 1);
        execl("/proc/self/exe", "syncline", "bench", "start", "--child", (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    bool whole =
        pid > 0 && read(pipes[0], at, sizeof(double[FIGURES])) == (ssize_t)sizeof(double[FIGURES]);
    close(pipes[0]);
    int status = 0;
    if (pid > 0) waitpid(pid, &status, 0);
    for (int i = 0; i < STAGES; i++) at[i] -= from;
    return whole && status == 0;
}

static bool measure(const char *name, int turns, bool json) {
    static double at[MOST][FIGURES];
    double v[MOST];
    for (int t = 0; t < turns; t++)
        if (!start(at[t])) return false;
    printf(json ? "{\"caches\": \"%s\"" : "%-11s", name);
    for (int i = 0; i < STAGES; i++) {
        for (int t = 0; t < turns; t++) v[t] = at[t][i] - (i ? at[t][i - 1] : 0);
        printf(json ? ", \"%s\": %.6g" : "%.0s %13.1f", stage_name[i],
               bench_median(v, turns) * 1e3);
    }
    for (int t = 0; t < turns; t++) v[t] = at[t][PROCESSOR];
    double processor = bench_median(v, turns);
    for (int t = 0; t < turns; t++) v[t] = at[t][LAST];
    double median = bench_median(v, turns); /* sorts */
    printf(json ? ", \"ms\": %.6g, \"least_ms\": %.6g, \"processor_ms\": %.6g}\n"
                : " %10.1f %9.1f %9.1f\n",
           median * 1e3, v[0] * 1e3, processor * 1e3);
    fflush(stdout);
    return true;
}

static bool run(int turns, bool json) {
    double at[FIGURES];
    char folder[] = "/tmp/syncline-start-XXXXXX";
    if (!json) {
        printf(
            "milliseconds, medians of %d starts; the first steps end after the last but one\n%-11s",
            turns, "caches");
        for (int i = 0; i < STAGES; i++) printf(" %13s", stage_name[i]);
        printf(" %10s %9s %9s\n", "step ends", "least", "processor");
    }
    if (!start(at) || !measure("warm", turns, json)) return false;
    if (!mkdtemp(folder)) return false;
    static const char *const caches[] = { "POCL_CACHE_DIR", "XDG_CACHE_HOME", "CUDA_CACHE_PATH" };
    for (size_t i = 0; i < SYN_COUNT(caches); i++) setenv(caches[i], folder, 1);
    bool whole = measure("empty", 1, json) && measure("filled", 1, json);
    char *remove = syn_format("rm -rf '%s'", folder);
    if (!remove || system(remove)) fprintf(stderr, "syncline: cannot remove %s\n", folder);
    free(remove);
    return whole;
}

int bench_start(const cli_call *call) {
    double at[FIGURES];
    int64_t turns;
    if (cli_get(call, "child")) {
        if (child(at) != SYN_OK) return cli_fail();
        return write(1, at, sizeof at) == (ssize_t)sizeof at ? CLI_OK : CLI_ERROR;
    }
    int code = cli_whole(call, "turns", 21, 1, MOST, &turns);
    if (code != CLI_OK) return code;
    const char *device = cli_get(call, "device");
    if (device) setenv("SYNCLINE_DEVICE", device, 1);
    if (run((int)turns, cli_get(call, "json"))) return CLI_OK;
    syn_fail(SYN_E_IO, "a start failed; see above");
    return cli_fail();
}
