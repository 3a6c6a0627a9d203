/* syncline schedule: lr and momentum over the run, as a table and a picture. */
#include "cli/session.h"

#include "io/chart.h"
#include "io/safetensors.h"
#include "optim/schedule.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POINTS = 200000 }; /* of the picture */

typedef struct view {
    cli_experiment e;
    syn_schedule schedule;
    syn_schedule_run run;
    syn_optim_use use;
    bool momentum; /* is driven, and the optimizer has one */
} view;

static syn_status value(const view *v, int64_t t, double *lr, double *momentum) {
    SYN_TRY(syn_schedule_value(&v->schedule, &v->run, t, lr, momentum));
    if (isnan(*momentum)) *momentum = v->use.momentum; /* the optimizer's own */
    return SYN_OK;
}

static void print_head(const view *v) {
    char a[32], b[32], c[32];
    int epochs = (int)syn_ceil_div(v->run.steps, v->run.epoch_steps);
    printf("%-10s %s\n", "schedule", v->schedule.def->name);
    printf("%-10s %s, lr %.6g", "optimizer", v->use.spec.def->name, v->use.lr);
    if (!isnan(v->use.momentum)) printf(", %s %.6g", v->use.impl->momentum, v->use.momentum);
    printf("\n%-10s %s steps in %s epoch%s of %s\n", "run", cli_count_text(a, sizeof a, (double)v->run.steps),
           cli_count_text(b, sizeof b, epochs), epochs == 1 ? "" : "s",
           cli_count_text(c, sizeof c, (double)v->run.epoch_steps));
    if (syn_schedule_plateau(&v->schedule))
        printf("%-10s of performance scheduling, the rate is shown that holds until it reduces\n", "");
    printf("\n%12s %8s %14s", "step", "epoch", "lr");
    if (v->momentum) printf(" %10s", v->use.impl->momentum);
    printf("\n");
}

/* Rows evenly apart, the first and the last step among them, and the steps of lowest and highest lr. */
static syn_status print_rows(const view *v, int rows, const int64_t extreme[2]) {
    int64_t n = v->run.steps, before = -1;
    for (int i = 0; i < rows; i++) {
        int64_t even = rows > 1 ? (int64_t)((double)(n - 1) * i / (rows - 1) + .5) : 0;
        int64_t at[3] = { extreme[0], extreme[1], even };
        if (at[0] > at[1]) {
            at[0] = extreme[1];
            at[1] = extreme[0];
        }
        for (int k = 0; k < 3; k++) {
            double lr, momentum;
            if (at[k] <= before || at[k] > even) continue;
            before = at[k];
            SYN_TRY(value(v, before, &lr, &momentum));
            printf("%12lld %8lld %14.8g", (long long)before, (long long)(before / v->run.epoch_steps + 1), lr);
            if (v->momentum) printf(" %10.6g", momentum);
            printf("\n");
        }
    }
    return SYN_OK;
}

static syn_status draw(view *v, const char *path, const double *x, const double *lr, const double *momentum,
                       int n) {
    char *title = syn_format("%s: %s", v->e.top.name, v->schedule.def->name);
    syn_chart chart = {
        .title = title,
        .panel = { { .title = "Learning rate", .x_title = "step", .log = SYN_CHART_LOG_MOST,
                     .line = { { x, lr, n } } },
                   { .title = v->use.impl->momentum, .x_title = "step", .line = { { x, momentum, n } } } },
        .n_panels = v->momentum ? 2 : 1,
    };
    char *svg = title ? syn_chart_svg(&chart) : NULL;
    syn_status status = svg ? syn_file_replace(path, svg, strlen(svg)) : syn_no_memory(4096);
    free(svg);
    free(title);
    return status;
}

/* n points of the run into values: x, lr and momentum, n each. */
static syn_status fill(view *v, double *values, int n, int64_t extreme[2]) {
    double lo = INFINITY, hi = -INFINITY;
    double *x = values, *lr = values + n, *momentum = lr + n;
    for (int i = 0; i < n; i++) {
        double driven;
        int64_t t = n > 1 ? (int64_t)((double)(v->run.steps - 1) * i / (n - 1)) : 0;
        x[i] = (double)t;
        SYN_TRY(syn_schedule_value(&v->schedule, &v->run, t, &lr[i], &driven));
        if (!isnan(driven) && !isnan(v->use.momentum)) v->momentum = true;
        momentum[i] = isnan(driven) ? v->use.momentum : driven;
        if (lr[i] < lo) {
            lo = lr[i];
            extreme[0] = t;
        }
        if (lr[i] > hi) {
            hi = lr[i];
            extreme[1] = t;
        }
    }
    return SYN_OK;
}

static syn_status show(view *v, const cli_call *call, int rows) {
    const char *set[CLI_MAX_GIVEN], *out = cli_get(call, "out");
    int64_t extreme[2] = { 0, 0 };
    SYN_TRY(cli_experiment_read(&v->e, call->operand[0], set, cli_sets(call, set)));
    SYN_TRY(cli_experiment_data(&v->e));
    SYN_TRY(cli_experiment_schedule(&v->e, &v->schedule, &v->run, &v->use));
    int n = v->run.steps < MAX_POINTS ? (int)v->run.steps : MAX_POINTS;
    if (rows > n) rows = n;
    double *values = malloc(3 * (size_t)n * sizeof *values);
    if (!values) return syn_no_memory(3 * (size_t)n * sizeof *values);
    syn_status status = fill(v, values, n, extreme);
    if (status == SYN_OK) {
        print_head(v);
        status = print_rows(v, rows, extreme);
    }
    if (!out) out = "schedule.svg";
    if (status == SYN_OK) status = draw(v, out, values, values + n, values + 2 * n, n);
    if (status == SYN_OK) printf("\n%-10s %s\n", "picture", out);
    free(values);
    return status;
}

int cli_schedule(const cli_call *call) {
    long rows;
    view v = { .momentum = false };
    int code = cli_whole(call, "rows", 20, 2, INT_MAX, &rows);
    if (code != CLI_OK) return code;
    code = show(&v, call, (int)rows) == SYN_OK ? CLI_OK : cli_fail();
    cli_experiment_free(&v.e);
    return code;
}
