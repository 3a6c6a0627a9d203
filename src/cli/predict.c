/* syncline predict: a run's outputs for the samples in a file, as .npy. */
#include "cli/run.h"
#include "cli/session.h"

#include "io/npy.h"
#include "layer/layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 10

/* What of Monte Carlo prediction goes into files beside the mean's: predictions-deviation.npy. */
enum { MEAN, DEVIATION, ENTROPY, INFORMATION, PARTS };
static const char *const part_name[PARTS] = { "mean", "deviation", "entropy", "information" };

typedef struct outputs {
    syn_shape shape; /* of a row */
    int64_t rows, width;
    bool probabilities;  /* along the last axis, or one alone: there is an entropy */
    double *part[PARTS]; /* NULL: not there; without --mc the mean alone */
} outputs;

/* Whether the loss makes probabilities of the outputs; several outputs of their own are no
 * distribution. */
static bool gives_probabilities(const syn_net *net, const syn_shape *shape) {
    for (int i = 0; i < net->n_layers; i++) {
        const syn_layer_row *row = net->layer[i].row;
        if (!row->loss || !row->link) continue;
        return row->report != SYN_REPORT_BITS || (shape->rank && shape->dim[shape->rank - 1] == 1);
    }
    return false;
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

static syn_status check_input(const cli_session *s, const syn_data *data, const char *path) {
    syn_layer_info input;
    char got[64], want[64];
    syn_net_layer_info(s->net, 0, &input);
    syn_shape shape = syn_data_x_shape(data);
    if (syn_shape_equal(&shape, &input.shape)) return SYN_OK;
    syn_shape_print(&shape, got, sizeof got);
    syn_shape_print(&input.shape, want, sizeof want);
    return syn_fail(SYN_E_SHAPE, "%s: its samples have shape %s, the network wants %s", path, got,
                    want);
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

static syn_status predict(cli_session *s, syn_data *data, int passes, const char *out) {
    outputs o = { .rows = syn_data_rows(data) };
    SYN_TRY(syn_plan_output_shape(s->plan, &o.shape));
    o.width = syn_shape_count(&o.shape);
    o.probabilities = gives_probabilities(s->net, &o.shape);
    int parts = !passes ? DEVIATION : o.probabilities ? PARTS : ENTROPY;
    syn_status status = SYN_OK;
    for (int i = 0; i < parts && status == SYN_OK; i++) {
        o.part[i] = malloc(sizeof(double) * (size_t)(o.rows * o.width));
        if (!o.part[i]) status = syn_no_memory(sizeof(double) * (size_t)(o.rows * o.width));
    }
    if (status == SYN_OK)
        status = passes ? syn_predict_mc(s->plan, data, passes, o.part[MEAN], o.part[DEVIATION],
                                         o.part[ENTROPY], o.part[INFORMATION])
                        : syn_predict(s->plan, data, o.part[MEAN], o.rows * o.width);
    if (status == SYN_OK) show(&o);
    for (int i = 0; i < parts && status == SYN_OK; i++) status = write_part(&o, i, out);
    for (int i = 0; i < PARTS; i++) free(o.part[i]);
    return status;
}

static syn_status run(cli_session *s, syn_data **data, const cli_call *call, int passes) {
    const char *folder = call->operand[0], *input = call->operand[1];
    SYN_TRY(cli_run_check(folder, CLI_WEIGHTS, false));
    SYN_TRY(syn_data_open(data, input, NULL));
    char *weights = cli_run_path(folder, CLI_WEIGHTS);
    char *out = cli_get(call, "out") ? syn_strdup(cli_get(call, "out"))
                                     : cli_run_path(folder, CLI_PREDICTIONS);
    syn_status status = weights && out ? SYN_OK : syn_no_memory(4096);
    if (status == SYN_OK)
        status = cli_session_load(s, weights, cli_get(call, "device"), 128, SYN_FLOAT);
    if (status == SYN_OK) status = check_input(s, *data, input);
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
