/* syncline compare: the histories of several runs as one table and one picture. */
#include "cli/gradients.h"
#include "cli/run.h"

#include "io/chart.h"
#include "io/history.h"
#include "io/safetensors.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct compared {
    const char *folder;
    char *name;
    syn_history history;
    double test_accuracy, test_loss; /* NAN: no test data */
    double *value;                   /* epoch, loss, accuracy: n each */
    double *norm, *kernel;           /* of the gradients, n_kernels each */
    int n_kernels;
} compared;

typedef struct view {
    compared run[CLI_MAX_OPERANDS];
    compared other[CLI_MAX_OPERANDS]; /* those of the same names in the folder `beside` */
    const char *beside;               /* NULL: none */
    char *path[CLI_MAX_OPERANDS];     /* of the others */
    int n;
    bool validation; /* every run has it */
    bool accuracy;   /* some run has it */
    bool gradients;
    int epoch; /* of the gradients */
} view;

static double number(const json_t *v) { return json_is_number(v) ? json_number_value(v) : NAN; }

static const char *last_part(const char *folder) {
    const char *slash = strrchr(folder, '/');
    return slash && slash[1] ? slash + 1 : folder;
}

static syn_status read_summary(compared *r) {
    char *path = cli_run_path(r->folder, CLI_SUMMARY), *text = NULL;
    size_t bytes;
    if (!path) return syn_no_memory(strlen(r->folder));
    syn_status status = SYN_OK;
    if (cli_run_has(r->folder, CLI_SUMMARY)) status = syn_file_read(path, &text, &bytes);
    free(path);
    SYN_TRY(status);
    json_t *s = text ? json_loads(text, 0, NULL) : NULL; /* a run that has not ended has none */
    const char *name = json_string_value(json_object_get(s, "name"));
    r->test_accuracy = number(json_object_get(s, "test_accuracy"));
    r->test_loss = number(json_object_get(s, "test_loss"));
    if (name) {
        r->name = syn_strdup(name);
    } else {
        r->name = syn_strdup(last_part(r->folder));
    }
    json_decref(s);
    free(text);
    return r->name ? SYN_OK : syn_no_memory(64);
}

static syn_status read_run(view *v, compared *r) {
    SYN_TRY(cli_run_check(r->folder, CLI_EXPERIMENT, false));
    SYN_TRY(read_summary(r));
    SYN_TRY(syn_history_read(&r->history, r->folder, INT_MAX));
    if (!r->history.n)
        return syn_fail(SYN_E_ARGUMENT, "%s: no epoch has ended; there is nothing to compare",
                        r->folder);
    bool any = false;
    for (int i = 0; i < r->history.n; i++) {
        any |= isfinite(r->history.row[i].val_loss);
        v->accuracy |= isfinite(r->history.row[i].accuracy);
    }
    v->validation &= any;
    if (!v->gradients) return SYN_OK;
    SYN_TRY(cli_gradients_row(r->folder, v->epoch, &r->norm, &r->n_kernels));
    r->kernel = malloc(((size_t)r->n_kernels + 1) * sizeof *r->kernel);
    if (!r->kernel) return syn_no_memory(sizeof *r->kernel);
    for (int i = 0; i < r->n_kernels; i++) r->kernel[i] = i + 1;
    return SYN_OK;
}

static syn_status fill(const view *v, compared *r) {
    size_t n = (size_t)r->history.n;
    r->value = malloc(3 * n * sizeof *r->value);
    if (!r->value) return syn_no_memory(3 * n * sizeof *r->value);
    for (size_t i = 0; i < n; i++) {
        const syn_history_row *row = &r->history.row[i];
        r->value[i] = row->epoch;
        r->value[n + i] = v->validation ? row->val_loss : row->loss;
        r->value[2 * n + i] = 100 * (v->validation ? row->val_accuracy : row->accuracy);
    }
    return SYN_OK;
}

/* ---- the table ---- */

static void put_number(double x, int width, int decimals) {
    if (isfinite(x))
        printf("%*.*f", width, decimals, x);
    else
        printf("%*s", width, "-");
}

static void put_pair(double last, double best, int decimals) {
    put_number(last, 10, decimals);
    printf(" [");
    put_number(best, 7, decimals);
    printf("]");
}

static void print_table(const view *v) {
    int width = 3;
    for (int i = 0; i < v->n; i++)
        if (cli_columns(v->run[i].name) > width) width = cli_columns(v->run[i].name);
    printf("%s\n", v->validation ? "on the validation data, best of all epochs in brackets"
                                 : "on the training data, best of all epochs in brackets");
    printf("%-*s  epochs  %18s", width, "run", "loss");
    if (v->accuracy) printf("  %18s", "accuracy");
    printf("  %9s", "test loss");
    if (v->accuracy) printf("  %8s", "accuracy");
    printf("\n");
    for (int i = 0; i < v->n; i++) {
        const compared *r = &v->run[i];
        int n = r->history.n;
        double loss = INFINITY, accuracy = -INFINITY;
        for (int k = 0; k < n; k++) {
            loss = fmin(loss, r->value[n + k]);
            accuracy = fmax(accuracy, r->value[2 * n + k]);
        }
        printf("%s%*s  %6d", r->name, width - cli_columns(r->name), "", n);
        put_pair(r->value[2 * n - 1], loss, 4);
        if (v->accuracy) put_pair(r->value[3 * n - 1], accuracy, 2);
        put_number(r->test_loss, 11, 4);
        if (v->accuracy) put_number(100 * r->test_accuracy, 10, 2);
        printf("\n");
    }
}

/* ---- the picture ---- */

/* The folder that a run stands in; it stands where the command runs when there is none. */
static char *parent_of(const char *folder) {
    const char *slash = strrchr(folder, '/');
    char *parent = slash ? syn_format("%.*s", (int)(slash - folder), folder) : syn_strdup("runs");
    char *name = parent ? syn_strdup(last_part(parent)) : NULL;
    free(parent);
    return name;
}

static syn_status draw(const view *v, const char *path, const char *title) {
    char *own =
        v->n > 1 ? syn_format("%s, %s%s", v->run[0].name, v->run[1].name, v->n > 2 ? ", ..." : "")
                 : syn_strdup(v->run[0].name);
    char *kernels = v->epoch ? syn_format("Gradient norms after epoch %d", v->epoch)
                             : syn_strdup("Gradient norms before the first step");
    const char *what = v->validation ? "Validation loss" : "Training loss";
    char *parent = parent_of(v->run[0].folder);
    char *left = parent ? syn_format("%s: %s", what, parent) : NULL;
    char *right = v->beside ? syn_format("%s: %s", what, last_part(v->beside)) : syn_strdup("");
    syn_chart chart = {
        .title = title ? title : own,
        .n_panels = v->accuracy || v->gradients ? 2 : 1,
        .panel = { { .title = v->validation ? "Validation loss" : "Training loss",
                     .x_title = "epoch",
                     .log = SYN_CHART_LOG_WIDE },
                   { .title = v->validation ? "Validation accuracy" : "Training accuracy",
                     .x_title = "epoch",
                     .percent = true } },
    };
    if (v->beside) {
        chart.n_panels = 2;
        chart.panel[1] = chart.panel[0];
        chart.panel[0].title = left;
        chart.panel[1].title = right;
    } else if (v->gradients)
        chart.panel[1] = (syn_chart_panel){ .title = kernels,
                                            .x_title = "kernel, from the input to the output",
                                            .log = SYN_CHART_LOG_WIDE };
    for (int i = 0; i < v->n; i++) {
        const compared *r = &v->run[i];
        int n = r->history.n;
        chart.caption[i] = r->name;
        chart.panel[0].line[i] = (syn_chart_line){ r->value, r->value + n, n };
        const compared *o = &v->other[i];
        chart.panel[1].line[i] =
            v->beside      ? (syn_chart_line){ o->value, o->value + o->history.n, o->history.n }
            : v->gradients ? (syn_chart_line){ r->kernel, r->norm, r->n_kernels }
                           : (syn_chart_line){ r->value, r->value + 2 * n, n };
    }
    char *svg = own && kernels && left && right ? syn_chart_svg(&chart) : NULL;
    syn_status status = svg ? syn_file_replace(path, svg, strlen(svg)) : syn_no_memory(4096);
    free(svg);
    free(left);
    free(right);
    free(parent);
    free(kernels);
    free(own);
    return status;
}

/* Runs of one name are called by their folders. */
static syn_status tell_apart(view *v) {
    bool twice[CLI_MAX_OPERANDS] = { false };
    for (int i = 0; i < v->n; i++)
        for (int k = 0; k < v->n; k++) twice[i] |= k != i && !strcmp(v->run[i].name, v->run[k].name);
    for (int i = 0; i < v->n; i++) {
        if (!twice[i]) continue;
        free(v->run[i].name);
        v->run[i].name = syn_strdup(v->run[i].folder);
        if (!v->run[i].name) return syn_no_memory(strlen(v->run[i].folder));
    }
    return SYN_OK;
}

static syn_status compare(view *v, const cli_call *call) {
    const char *out = cli_get(call, "out");
    for (int i = 0; i < v->n; i++) {
        v->run[i].folder = call->operand[i];
        SYN_TRY(read_run(v, &v->run[i]));
        if (!v->beside) continue;
        v->other[i].folder = v->path[i] = cli_run_path(v->beside, last_part(call->operand[i]));
        if (!v->path[i]) return syn_no_memory(strlen(v->beside));
        SYN_TRY(read_run(v, &v->other[i]));
    }
    for (int i = 0; i < v->n; i++) {
        SYN_TRY(fill(v, &v->run[i]));
        if (v->beside) SYN_TRY(fill(v, &v->other[i]));
    }
    SYN_TRY(tell_apart(v));
    print_table(v);
    if (!out) out = "compare.svg";
    SYN_TRY(draw(v, out, cli_get(call, "title")));
    printf("\n%-10s %s\n", "picture", out);
    return SYN_OK;
}

static void drop(compared *r) {
    free(r->name);
    free(r->value);
    free(r->norm);
    free(r->kernel);
    syn_history_free(&r->history);
}

int cli_compare(const cli_call *call) {
    const char *given = cli_get(call, "epoch");
    char *end = NULL;
    long epoch = given ? strtol(given, &end, 10) : 0;
    if (given && (*end || !*given || epoch < 0 || epoch > INT_MAX))
        return cli_usage(call, "--epoch is '%s', expected a whole number of at least 0", given);
    if (cli_get(call, "beside") && cli_get(call, "gradients"))
        return cli_usage(call,
                         "give --beside or --gradients; both want the right half of the picture");
    view *v = calloc(1, sizeof *v);
    if (!v) {
        syn_no_memory(sizeof *v);
        return cli_fail();
    }
    v->n = call->n_operands;
    v->gradients = cli_get(call, "gradients") != NULL;
    v->beside = cli_get(call, "beside");
    v->validation = !cli_get(call, "training");
    v->epoch = (int)epoch;
    int code = compare(v, call) == SYN_OK ? CLI_OK : cli_fail();
    for (int i = 0; i < v->n; i++) {
        drop(&v->run[i]);
        drop(&v->other[i]);
        free(v->path[i]);
    }
    free(v);
    return code;
}
