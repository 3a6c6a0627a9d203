#include "cli/gradients.h"

#include "cli/run.h"
#include "io/safetensors.h"
#include "layer/layer.h"
#include "plan/plan.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static syn_status norm_of(syn_plan *plan, const syn_net_param *p, double *norm) {
    int64_t n = syn_shape_count(&p->shape);
    double *v = malloc((size_t)n * sizeof *v);
    if (!v) return syn_no_memory((size_t)n * sizeof *v);
    syn_status status = syn_grad_read(plan, p->name, v, n);
    *norm = 0;
    for (int64_t i = 0; status == SYN_OK && i < n; i++) *norm += v[i] * v[i];
    *norm = sqrt(*norm);
    free(v);
    return status;
}

/* Kernels that are frozen have no gradient, and no column. */
static bool measured(const syn_plan *plan, int p) {
    return plan->state->net->param[p].kernel && plan->grad_offset[p] >= 0;
}

/* Text behind the last row in front of `epoch`. */
static void cut(syn_text *t, int epoch) {
    char *line = t->s;
    for (char *next; line && *line; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\n';
        if (line != t->s && atoi(line) >= epoch) {
            *line = 0;
            t->len = (size_t)(line - t->s);
        }
    }
}

static syn_status add_row(syn_text *t, syn_plan *plan, int epoch) {
    const syn_net *net = plan->state->net;
    if (!t->len) {
        syn_text_add(t, "epoch");
        for (int p = 0; p < net->n_params; p++)
            if (measured(plan, p)) syn_text_add(t, ",%s", net->param[p].name);
        syn_text_add(t, "\n");
    }
    cut(t, epoch);
    syn_text_add(t, "%d", epoch);
    for (int p = 0; p < net->n_params; p++) {
        double norm;
        if (!measured(plan, p)) continue;
        SYN_TRY(norm_of(plan, &net->param[p], &norm));
        syn_text_add(t, ",%.9g", norm);
    }
    syn_text_add(t, "\n");
    return syn_text_status(t);
}

syn_status cli_gradients_add(cli_gradients *g, syn_plan *plan, const char *folder, int epoch) {
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* points, not commas */
    if (plain == (locale_t)0) return syn_no_memory(1024);
    locale_t before = uselocale(plain);
    syn_status status = add_row(&g->text, plan, epoch);
    uselocale(before);
    freelocale(plain);
    char *path = cli_run_path(folder, CLI_GRADIENTS);
    if (!path) return syn_no_memory(strlen(folder));
    if (status == SYN_OK) status = syn_file_replace(path, syn_text_str(&g->text), g->text.len);
    free(path);
    return status;
}

/* Moving statistics, which a forward pass moves: all of them into (or from) *kept. */
static syn_status statistics(cli_session *s, const syn_net *net, double **kept, bool read) {
    int64_t n = 0;
    for (int p = 0; p < net->n_params; p++)
        if (net->param[p].statistic) n += syn_shape_count(&net->param[p].shape);
    if (read) *kept = malloc((size_t)(n + 1) * sizeof **kept);
    if (!*kept) return syn_no_memory((size_t)n * sizeof **kept);
    double *at = *kept;
    for (int p = 0; p < net->n_params; p++) {
        if (!net->param[p].statistic) continue;
        n = syn_shape_count(&net->param[p].shape);
        SYN_TRY(read ? syn_param_read(s->state, net->param[p].name, at, n)
                     : syn_param_write(s->state, net->param[p].name, at, n));
        at += n;
    }
    return SYN_OK;
}

static syn_array rows_of(const syn_field_info *f, int64_t rows) {
    return (syn_array){ f->data, f->type,
                        f->shape.rank ? SYN_SHAPE(rows, syn_shape_count(&f->shape))
                                      : SYN_SHAPE(rows) };
}

/* The first rows of the training data as they are stored, each field where the plan takes it. */
static syn_status first_batch(cli_session *s, const cli_experiment *e) {
    const syn_plan *plan = s->plan;
    const int64_t all = syn_data_rows(e->train_set), rows = all < e->train.batch ? all : e->train.batch;
    syn_array array[SYN_MAX_FED];
    syn_field_info from[SYN_MAX_FED];
    bool there[SYN_MAX_FED];
    syn_batch batch = { .x = array, .n_x = plan->n_inputs, .y = array + plan->n_inputs, .n_y = plan->n_losses };
    double loss;
    SYN_TRY(syn_plan_match(plan, e->train_set, from, there));
    for (int k = 0; k < plan->n_fed; k++) {
        if (!there[k]) continue;
        array[k] = rows_of(&from[k], rows);
        if (plan->fed[k].kind == SYN_FED_WEIGHTS) batch.weights = &array[k];
    }
    return syn_gradient_batch(s->plan, &batch, &loss);
}

syn_status cli_gradients_start(cli_gradients *g, cli_session *s, const cli_experiment *e,
                               const char *folder) {
    double *kept = NULL;
    syn_snapshot before;
    SYN_TRY(syn_plan_snapshot(s->plan, &before));
    syn_status status = statistics(s, e->net, &kept, true);
    if (status == SYN_OK) status = first_batch(s, e);
    if (status == SYN_OK) status = cli_gradients_add(g, s->plan, folder, 0);
    if (status == SYN_OK) status = syn_plan_restore(s->plan, &before);
    if (status == SYN_OK) status = statistics(s, e->net, &kept, false);
    free(kept);
    return status;
}

syn_status cli_gradients_read(cli_gradients *g, const char *folder) {
    char *path = cli_run_path(folder, CLI_GRADIENTS), *text;
    size_t bytes;
    if (!path) return syn_no_memory(strlen(folder));
    syn_status status = SYN_OK;
    if (access(path, F_OK) == 0) {
        status = syn_file_read(path, &text, &bytes);
        if (status == SYN_OK) {
            syn_text_put(&g->text, text, bytes);
            free(text);
        }
    }
    free(path);
    return status;
}

syn_status cli_gradients_row(const char *folder, int epoch, double **norm, int *n) {
    cli_gradients g = { 0 };
    *norm = NULL;
    *n = 0;
    if (!cli_run_has(folder, CLI_GRADIENTS))
        return syn_fail(SYN_E_IO, "%s has no %s; train it with --set train.gradients=yes", folder,
                        CLI_GRADIENTS);
    SYN_TRY(cli_gradients_read(&g, folder));
    char *line = g.text.s;
    while (line && (line = strchr(line, '\n')) != NULL && line[1] && atoi(line + 1) != epoch)
        line++;
    if (!line || !line[1]) {
        syn_text_free(&g.text);
        return syn_fail(SYN_E_FORMAT, "%s/%s has no row of epoch %d", folder, CLI_GRADIENTS, epoch);
    }
    size_t width = strcspn(++line, "\n");
    line[width] = 0;
    *norm = malloc((width + 1) * sizeof **norm);
    for (char *at = strchr(line, ','); *norm && at; at = strchr(at + 1, ','))
        (*norm)[(*n)++] = strtod(at + 1, NULL);
    syn_text_free(&g.text);
    return *norm ? SYN_OK : syn_no_memory(width * sizeof **norm);
}
