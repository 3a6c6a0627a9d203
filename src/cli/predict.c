/* syncline predict: a run's outputs for the samples in a file, as .npy. */
#include "cli/run.h"
#include "cli/session.h"

#include "io/safetensors.h"
#include "layer/layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 10

/* A version 1 header: magic, length, a Python dict padded so that the data stands at a multiple
 * of 64. */
static syn_status write_npy(const char *path, const double *v, int64_t rows, const syn_shape *shape,
                            bool wide) {
    syn_text dict = { 0 }, file = { 0 };
    syn_text_add(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (%lld,",
                 wide ? "<f8" : "<f4", (long long)rows);
    for (int i = 0; i < shape->rank; i++)
        syn_text_add(&dict, "%s%lld", i ? ", " : " ", (long long)shape->dim[i]);
    syn_text_add(&dict, "), }");
    while ((10 + dict.len + 1) % 64) syn_text_add(&dict, " ");
    syn_text_add(&dict, "\n");
    const char length[2] = { (char)(dict.len & 255), (char)(dict.len >> 8) };
    syn_text_put(&file, "\x93NUMPY\x01\x00", 8);
    syn_text_put(&file, length, 2);
    syn_text_put(&file, syn_text_str(&dict), dict.len);
    int64_t n = rows * syn_shape_count(shape);
    for (int64_t i = 0; i < n; i++) {
        float narrow = (float)v[i];
        if (wide)
            syn_text_put(&file, (const char *)&v[i], sizeof v[i]);
        else
            syn_text_put(&file, (const char *)&narrow, sizeof narrow);
    }
    syn_status status = dict.failed || file.failed ? syn_no_memory((size_t)n * sizeof *v)
                                                   : syn_file_replace(path, file.s, file.len);
    syn_text_free(&dict);
    syn_text_free(&file);
    return status;
}

/* The first rows: the likeliest class of a classifier, else the values. */
static void show(const double *v, int64_t rows, int64_t width, bool classes) {
    for (int64_t i = 0; i < rows && i < SHOWN; i++) {
        const double *row = v + i * width;
        int64_t best = 0;
        for (int64_t k = 1; k < width; k++)
            if (row[k] > row[best]) best = k;
        printf("%6lld  ", (long long)i);
        if (classes) printf("class %lld, probability %.4f", (long long)best, row[best]);
        for (int64_t k = 0; !classes && k < width && k < SHOWN; k++) printf(" %.6g", row[k]);
        printf("%s\n", !classes && width > SHOWN ? " ..." : "");
    }
    if (rows > SHOWN) printf("%6s\n", "...");
}

static bool is_classifier(const syn_net *net) {
    for (int i = 0; i < net->n_layers; i++)
        if (net->layer[i].row->loss && net->layer[i].row->labels) return true;
    return false;
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

static syn_status predict(cli_session *s, syn_data *data, const char *out) {
    syn_shape shape;
    SYN_TRY(syn_plan_output_shape(s->plan, &shape));
    int64_t rows = syn_data_rows(data), width = syn_shape_count(&shape);
    double *v = malloc(sizeof *v * (size_t)(rows * width));
    if (!v) return syn_no_memory(sizeof *v * (size_t)(rows * width));
    syn_status status = syn_predict(s->plan, data, v, rows * width);
    if (status == SYN_OK) status = write_npy(out, v, rows, &shape, false);
    if (status == SYN_OK) {
        char count[32], each[64];
        syn_shape_print(&shape, each, sizeof each);
        show(v, rows, width, is_classifier(s->net));
        printf("%s: %s x %s\n", out, cli_count_text(count, sizeof count, (double)rows), each);
    }
    free(v);
    return status;
}

static syn_status run(cli_session *s, syn_data **data, const cli_call *call) {
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
    if (status == SYN_OK) status = predict(s, *data, out);
    free(weights);
    free(out);
    return status;
}

int cli_predict(const cli_call *call) {
    cli_session s = { 0 };
    syn_data *data = NULL;
    int code = run(&s, &data, call) == SYN_OK ? CLI_OK : cli_fail();
    cli_session_close(&s);
    syn_data_destroy(data);
    return code;
}
