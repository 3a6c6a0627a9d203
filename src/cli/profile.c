/* syncline profile: where the time of a training step goes. */
#include "cli/session.h"

#include "io/safetensors.h"
#include "train/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Percent of a ceiling. */
static double share(double amount, double seconds, double ceiling) {
    return seconds > 0 && ceiling > 0 ? 100 * amount / seconds / ceiling : 0;
}

static void print_row(const syn_timing *t, const syn_timed *l, int number, const int width[2]) {
    char what[128];
    const syn_call *c = &l->item->call;
    syn_item_text(l->item, t->list->graph, what, sizeof what);
    char way = l->feed ? '>' : syn_item_way(l->item, t->list->graph);
    printf("%4d %c %-*s  %-*s %9.1f %6.1f %10.1f %9.3f %7.1f %8.1f %7.0f %7.0f\n", number, way,
           width[0], what, width[1], syn_timing_layer(t, l), l->median * 1e6, 100 * l->share,
           c->bytes / 1024, c->flops / 1e6, c->bytes / l->median / 1e9, c->flops / l->median / 1e9,
           share(c->flops, l->median, t->ceilings.flops),
           share(c->bytes, l->median, t->ceilings.bandwidth));
}

/* The first word of a launch's text and its way: "gemm <". */
static void kind_of(const syn_timing *t, const syn_timed *l, char *kind, size_t size) {
    char what[128];
    syn_item_text(l->item, t->list->graph, what, sizeof what);
    snprintf(kind, size, "%c %.*s", l->feed ? '>' : syn_item_way(l->item, t->list->graph),
             (int)strcspn(what, " "), what);
}

/* Launches by kind, the dearest first. */
static void print_kinds(const syn_timing *t) {
    enum { KINDS = 32 };
    struct {
        char kind[64];
        int launches;
        double seconds, share, bytes, flops;
    } k[KINDS] = { 0 };
    int n = 0;
    for (int i = 0; i < t->n_launches; i++) {
        char kind[64];
        int at = 0;
        kind_of(t, &t->launch[i], kind, sizeof kind);
        while (at < n && strcmp(k[at].kind, kind)) at++;
        if (at == KINDS) continue;
        if (at == n) snprintf(k[n++].kind, sizeof kind, "%s", kind);
        k[at].launches++;
        k[at].seconds += t->launch[i].median;
        k[at].share += t->launch[i].share;
        k[at].bytes += t->launch[i].item->call.bytes;
        k[at].flops += t->launch[i].item->call.flops;
    }
    printf("\n%-38s %8s %9s %6s %7s %8s %7s %7s\n", "kind", "phases", "us", "%", "GB/s",
           "GFLOP/s", "% peak", "% copy");
    for (int printed = 0; printed < n; printed++) {
        int most = 0;
        for (int i = 1; i < n; i++)
            if (k[i].seconds > k[most].seconds) most = i;
        printf("%-38s %8d %9.1f %6.1f %7.1f %8.1f %7.0f %7.0f\n", k[most].kind, k[most].launches,
               k[most].seconds * 1e6, 100 * k[most].share, k[most].bytes / k[most].seconds / 1e9,
               k[most].flops / k[most].seconds / 1e9,
               share(k[most].flops, k[most].seconds, t->ceilings.flops),
               share(k[most].bytes, k[most].seconds, t->ceilings.bandwidth));
        k[most].seconds = -1;
    }
}

static void print_totals(const syn_timing *t) {
    char a[32], b[32];
    double multiply = t->flops / t->ceilings.flops, stream = t->bytes / t->ceilings.bandwidth;
    double floor = multiply > stream ? multiply : stream;
    printf("\na step of %d samples: %d launches, %d phases, %s operations, %s moved\n", t->list->rows,
           t->launched, t->n_launches, cli_short_text(a, sizeof a, t->flops),
           cli_bytes_text(b, sizeof b, t->bytes));
    printf("%-12s %10.1f us a step, median of %d blocks of %d steps, nothing recorded\n",
           "wall time", t->wall * 1e6, t->blocks, t->steps);
    printf("%-12s %10.1f us, %.1f %% of wall time; recording them, a step took %.1f us\n",
           "kernels", t->kernels * 1e6, 100 * t->kernels / t->wall, t->recorded * 1e6);
    if (t->launched < t->n_launches)
        printf("%-12s %10.1f us a step, every phase a launch of its own, as in the table\n", "apart", t->apart * 1e6);
    printf("%-12s %10.1f us at this device's peak of %.1f GFLOP/s and copy of %.1f GB/s, both "
           "measured here: %.0f %% "
           "of wall time\n",
           "floor", floor * 1e6, t->ceilings.flops / 1e9, t->ceilings.bandwidth / 1e9,
           100 * floor / t->wall);
}

static void print(const syn_timing *t) {
    int width[2] = { 6, 5 };
    for (int i = 0; i < t->n_launches; i++) {
        char what[128];
        syn_item_text(t->launch[i].item, t->list->graph, what, sizeof what);
        if (cli_columns(what) > width[0]) width[0] = cli_columns(what);
        if (cli_columns(syn_timing_layer(t, &t->launch[i])) > width[1])
            width[1] = cli_columns(syn_timing_layer(t, &t->launch[i]));
    }
    printf("%4s   %-*s  %-*s %9s %6s %10s %9s %7s %8s %7s %7s\n", "", width[0], "phase", width[1],
           "layer", "us", "%", "KiB", "MFLOP", "GB/s", "GFLOP/s", "% peak", "% copy");
    for (int i = 0; i < t->n_launches; i++) print_row(t, &t->launch[i], i, width);
    print_kinds(t);
    print_totals(t);
}

static syn_status run(cli_experiment *e, cli_session *s, syn_timing *t, const cli_call *call,
                      double seconds) {
    const char *set[CLI_MAX_GIVEN], *trace = cli_get(call, "trace");
    SYN_TRY(cli_experiment_read(e, call->operand[0], set, cli_sets(call, set)));
    SYN_TRY(cli_experiment_data(e));
    SYN_TRY(cli_experiment_net(e));
    SYN_TRY(cli_session_train(s, e, cli_get(call, "device")));
    char *device = cli_device_text(&s->device);
    printf("%s\n\n", device ? device : "?");
    free(device);
    fflush(stdout);
    SYN_TRY(syn_timing_run(t, s->plan, e->train_set, seconds));
    print(t);
    if (!trace) return SYN_OK;
    char *text = syn_timing_trace(t);
    syn_status status = text ? syn_file_replace(trace, text, strlen(text)) : syn_no_memory(65536);
    free(text);
    if (status == SYN_OK)
        printf("%-12s %s: open it in a browser's chrome://tracing, or ui.perfetto.dev\n",
               "timeline", trace);
    return status;
}

int cli_profile(const cli_call *call) {
    const char *given = cli_get(call, "seconds");
    char *end = NULL;
    double seconds = given ? strtod(given, &end) : 4;
    if (given && (*end || !*given || !(seconds >= .1 && seconds <= 3600)))
        return cli_usage(call, "--seconds is '%s', expected a number from 0.1 to 3600", given);
    cli_experiment e = { 0 };
    cli_session s = { 0 };
    syn_timing t = { 0 };
    int code = run(&e, &s, &t, call, seconds) == SYN_OK ? CLI_OK : cli_fail();
    syn_timing_free(&t);
    cli_session_close(&s);
    cli_experiment_free(&e);
    return code;
}
