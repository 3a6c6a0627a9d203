/* syncline predict: a run's outputs for the samples in a file, as .npy. */
#include "cli/run.h"
#include "cli/session.h"

#include "io/npy.h"
#include "layer/layer.h"
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN 10

/* What of Monte Carlo prediction goes into files beside the mean's: predictions-deviation.npy. */
enum { MEAN, DEVIATION, ENTROPY, INFORMATION, PARTS };
static const char *const part_name[PARTS] = { "mean", "deviation", "entropy", "information" };

typedef struct outputs {
    syn_shape shape; /* of a row */
    int64_t rows, width;
    bool probabilities;  /* along the last axis, or one alone: there is an entropy */
    int parts;           /* that are there */
    double *part[PARTS]; /* NULL: not there; without --mc the mean alone */
} outputs;

/* Whether the k-th output's loss makes probabilities of it; several outputs of their own are no
 * distribution. */
static bool gives_probabilities(const syn_plan *plan, int k, const syn_shape *shape) {
    if (plan->link[k] < 0) return false;
    const syn_layer_row *row = plan->state->net->layer[plan->link[k]].row;
    if (!row->link) return false;
    return row->report != SYN_REPORT_BITS || (shape->rank && shape->dim[shape->rank - 1] == 1);
}

/* The first rows: the likeliest class of a classifier, else the values. */
static void show(const outputs *o) {
    for (int64_t i = 0; i < o->rows && i < SHOWN; i++) {
        const double *row = o->part[MEAN] + i * o->width;
        const double *deviation = o->part[DEVIATION] ? o->part[DEVIATION] + i * o->width : NULL;
        int64_t best = 0;
        bool classes = o->probabilities && o->width > 1 && o->shape.rank == 1;
        for (int64_t k = 1; k < o->width; k++)
            if (row[k] > row[best]) best = k;
        printf("%6lld  ", (long long)i);
        if (classes) printf("class %lld, probability %.4f", (long long)best, row[best]);
        if (classes && deviation) printf(" deviation %.4f", deviation[best]);
        for (int64_t k = 0; !classes && k < o->width && k < SHOWN; k++) {
            printf(" %.6g", row[k]);
            if (deviation) printf(" (%.2g)", deviation[k]);
        }
        if (o->part[ENTROPY] && (classes || o->width == 1))
            printf(", entropy %.4f, information %.4f", o->part[ENTROPY][i],
                   o->part[INFORMATION][i]);
        printf("%s\n", !classes && o->width > SHOWN ? " ..." : "");
    }
    if (o->rows > SHOWN) printf("%6s\n", "...");
}

static syn_status check_inputs(const cli_session *s, const syn_data *data,
                               const syn_data_field *file) {
    char got[64], want[64];
    const syn_net *net = s->net;
    int n = syn_net_inputs(net, net->n_layers), given = syn_data_inputs(data);
    if (n != given)
        return syn_fail(
            SYN_E_ARGUMENT,
            "the network has %d input%s, and %d file%s given; give one for each, in order "
            "or as NAME=FILE",
            n, n == 1 ? "" : "s", given, given == 1 ? " is" : "s are");
    for (int i = 0, k = 0; i < net->n_layers; i++) {
        if (net->layer[i].row != &syn_layer_input) continue;
        syn_field_info x;
        int at = 0;
        while (syn_data_input(data, at, &x) && (!x.name || strcmp(x.name, net->layer[i].name)))
            at++;
        if (at == given) syn_data_input(data, at = k, &x);
        k++;
        if (syn_shape_equal(&x.shape, &net->layer[i].shape)) continue;
        syn_shape_print(&x.shape, got, sizeof got);
        syn_shape_print(&net->layer[i].shape, want, sizeof want);
        return syn_fail(SYN_E_SHAPE, "%s: its samples have shape %s, the network wants %s",
                        file[at].path, got, want);
    }
    return SYN_OK;
}

/* "some/where/x.npy", "entropy" -> "some/where/x-entropy.npy" */
static char *beside(const char *path, const char *name) {
    size_t n = strlen(path);
    bool npy = n > 4 && !strcmp(path + n - 4, ".npy");
    return syn_format("%.*s-%s.npy", (int)(npy ? n - 4 : n), path, name);
}

static syn_status write_part(const outputs *o, int part, const char *out) {
    char *path = part == MEAN ? syn_strdup(out) : beside(out, part_name[part]), count[32], each[64];
    if (!path) return syn_no_memory(strlen(out));
    syn_shape shape = o->shape;
    if (part >= ENTROPY && shape.rank) shape.rank--; /* one for each distribution */
    syn_status status = syn_npy_write(path, o->part[part], o->rows, &shape, false);
    syn_shape_print(&shape, each, sizeof each);
    if (status == SYN_OK)
        printf("%s: %s%s%s%s%s\n", path, cli_count_text(count, sizeof count, (double)o->rows),
               shape.rank ? " x " : "", shape.rank ? each : "", o->part[DEVIATION] ? ", " : "",
               o->part[DEVIATION] ? part_name[part] : "");
    free(path);
    return status;
}

static syn_status allocate(const cli_session *s, int k, int passes, int64_t rows, outputs *o) {
    *o = (outputs){ .rows = rows };
    syn_plan_output_at(s->plan, k, &o->shape);
    o->width = syn_shape_count(&o->shape);
    o->probabilities = gives_probabilities(s->plan, k, &o->shape);
    o->parts = !passes ? DEVIATION : o->probabilities ? PARTS : ENTROPY;
    for (int i = 0; i < o->parts; i++) {
        o->part[i] = malloc(sizeof(double) * (size_t)(rows * o->width));
        if (!o->part[i]) return syn_no_memory(sizeof(double) * (size_t)(rows * o->width));
    }
    return SYN_OK;
}

/* The k-th of n outputs: shown, and into files; of several with the output's name. */
static syn_status deliver(const cli_session *s, const outputs *o, int k, int n, const char *out) {
    const char *name = syn_plan_output_at(s->plan, k, NULL);
    char *path = n > 1 ? beside(out, name) : syn_strdup(out);
    if (!path) return syn_no_memory(strlen(out));
    if (n > 1) printf("%s\n", name);
    show(o);
    syn_status status = SYN_OK;
    for (int i = 0; i < o->parts && status == SYN_OK; i++) status = write_part(o, i, path);
    free(path);
    return status;
}

static syn_status predict(cli_session *s, syn_data *data, int passes, const char *out) {
    outputs o[SYN_MAX_ENDS] = { { .rows = 0 } };
    double *mean[SYN_MAX_ENDS];
    int n = syn_plan_outputs(s->plan);
    if (passes && n > 1)
        return syn_fail(SYN_E_ARGUMENT,
                        "--mc is for one output, and the network has %d; choose one with --output",
                        n);
    syn_status status = SYN_OK;
    for (int k = 0; k < n && status == SYN_OK; k++) {
        status = allocate(s, k, passes, syn_data_rows(data), &o[k]);
        mean[k] = o[k].part[MEAN];
    }
    if (status == SYN_OK)
        status = passes
                     ? syn_predict_mc(s->plan, data, passes, o[0].part[MEAN], o[0].part[DEVIATION],
                                      o[0].part[ENTROPY], o[0].part[INFORMATION])
                     : syn_predict_outputs(s->plan, data, mean);
    for (int k = 0; k < n && status == SYN_OK; k++) status = deliver(s, &o[k], k, n, out);
    for (int k = 0; k < n; k++)
        for (int i = 0; i < PARTS; i++) free(o[k].part[i]);
    return status;
}

/* FILE, or NAME=FILE where that is no file's name. */
static syn_status split(const char *operand, syn_data_field *field) {
    const char *equals = strchr(operand, '=');
    *field = (syn_data_field){ .path = operand };
    if (!equals || equals == operand || access(operand, F_OK) == 0) return SYN_OK;
    char *name = syn_format("%.*s", (int)(equals - operand), operand);
    if (!name) return syn_no_memory(strlen(operand));
    field->name = syn_intern(name);
    field->path = equals + 1;
    free(name);
    return field->name ? SYN_OK : SYN_E_MEMORY;
}

static syn_status run(cli_session *s, syn_data **data, const cli_call *call, int passes) {
    const char *folder = call->operand[0];
    syn_data_field input[SYN_MAX_ENDS];
    int n = call->n_operands - 1;
    SYN_TRY(cli_run_check(folder, CLI_WEIGHTS, false));
    for (int i = 0; i < n; i++) SYN_TRY(split(call->operand[i + 1], &input[i]));
    SYN_TRY(syn_data_from_fields(data, input, n, NULL, 0, NULL));
    char *weights = cli_run_path(folder, CLI_WEIGHTS);
    char *out = cli_get(call, "out") ? syn_strdup(cli_get(call, "out"))
                                     : cli_run_path(folder, CLI_PREDICTIONS);
    syn_status status = weights && out ? SYN_OK : syn_no_memory(4096);
    s->output = cli_get(call, "output");
    if (status == SYN_OK)
        status = cli_session_load(s, weights, cli_get(call, "device"), 128, SYN_FLOAT);
    if (status == SYN_OK) status = check_inputs(s, *data, input);
    if (status == SYN_OK) status = predict(s, *data, passes, out);
    free(weights);
    free(out);
    return status;
}

int cli_predict(const cli_call *call) {
    cli_session s = { 0 };
    syn_data *data = NULL;
    long passes;
    int code = cli_whole(call, "mc", 0, 1, 1000000, &passes);
    if (code != CLI_OK) return code;
    code = run(&s, &data, call, (int)passes) == SYN_OK ? CLI_OK : cli_fail();
    cli_session_close(&s);
    syn_data_destroy(data);
    return code;
}
