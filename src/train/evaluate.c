/* Evaluation and prediction over data sets. */
#include "train/loop.h"
#include "train/report.h"

#include <math.h>
#include <stdlib.h>

int syn_pass_rows(const syn_plan *plan, int64_t rows, int64_t at) {
    return rows - at < plan->batch ? (int)(rows - at) : plan->batch;
}

syn_status syn_pass_prepare(syn_plan *plan, syn_source *source, syn_mode mode) {
    int64_t rows = syn_data_rows(source->data);
    syn_list *l;
    SYN_TRY(syn_plan_list(plan, mode, syn_pass_rows(plan, rows, 0), &l));
    SYN_TRY(syn_source_prepare(source, l));
    int last = (int)(rows % plan->batch);
    if (!last) return SYN_OK;
    SYN_TRY(syn_plan_list(plan, mode, last, &l));
    return syn_source_prepare(source, l);
}

syn_status syn_eval_prepare(syn_plan *plan, syn_source *source) {
    return syn_pass_prepare(plan, source, SYN_MODE_EVAL);
}

static syn_status run(syn_plan *plan, syn_source *source, syn_tables *tables, syn_metrics *m) {
    int64_t rows = syn_data_rows(source->data);
    double start = syn_seconds();
    syn_snapshot s;
    SYN_TRY(syn_plan_reset_metrics(plan));
    source->cursor = 0;
    for (int64_t at = 0; at < rows; at += plan->batch) {
        syn_list *l;
        SYN_TRY(syn_plan_list(plan, SYN_MODE_EVAL, syn_pass_rows(plan, rows, at), &l));
        SYN_TRY(syn_source_feed(source, l));
        SYN_TRY(syn_plan_enqueue_forward(plan, l));
        if (tables) SYN_TRY(syn_tables_count(tables, l));
        SYN_TRY(syn_plan_pace(plan));
    }
    SYN_TRY(syn_plan_snapshot(plan, &s));
    *m = (syn_metrics){ .rows = rows, .top_k = NAN, .precision = NAN, .recall = NAN, .f1 = NAN, .rmse = NAN,
                        .r2 = NAN };
    syn_plan_loss_of(plan, &s, &m->loss, &m->accuracy);
    if (tables) SYN_TRY(syn_tables_read(tables, m));
    m->seconds = syn_seconds() - start;
    return SYN_OK;
}

syn_status syn_eval_run(syn_plan *plan, syn_source *source, syn_metrics *m) {
    return run(plan, source, NULL, m);
}

syn_status syn_evaluate_with(syn_plan *plan, syn_data *data, const syn_evaluate_opts *opts,
                             syn_metrics *metrics) {
    syn_source *source;
    syn_tables *tables = NULL;
    if (plan->loss < 0) return syn_fail(SYN_E_ARGUMENT, "syn_evaluate: the plan has no loss");
    SYN_TRY(syn_source_open(&source, plan, data));
    syn_status status = syn_eval_prepare(plan, source);
    if (status == SYN_OK) status = syn_tables_open(&tables, plan, opts);
    if (status == SYN_OK) status = run(plan, source, tables, metrics);
    syn_tables_close(tables);
    syn_source_close(source);
    return status;
}

syn_status syn_evaluate(syn_plan *plan, syn_data *data, syn_metrics *metrics) {
    return syn_evaluate_with(plan, data, NULL, metrics);
}

syn_status syn_plan_output_shape(const syn_plan *plan, syn_shape *shape) {
    const syn_graph *g = &plan->graph[SYN_MODE_INFER];
    *shape = g->value[g->output].shape;
    return SYN_OK;
}

static syn_status predict(syn_plan *plan, syn_source *source, double *out) {
    const syn_graph *g = &plan->graph[SYN_MODE_INFER];
    int64_t rows = syn_data_rows(source->data), width = syn_value_count(g, g->output);
    syn_snapshot s;
    SYN_TRY(syn_plan_snapshot(plan, &s));
    for (int64_t at = 0; at < rows; at += plan->batch) {
        syn_list *l;
        /* Nothing of a prediction list moves the cursor: the host does. */
        s.ctl[SYN_CTL_CURSOR] = (uint32_t)at;
        SYN_TRY(syn_plan_restore(plan, &s));
        SYN_TRY(syn_plan_list(plan, SYN_MODE_INFER, syn_pass_rows(plan, rows, at), &l));
        SYN_TRY(syn_source_feed(source, l));
        SYN_TRY(syn_plan_enqueue_forward(plan, l));
        SYN_TRY(syn_reals_read(l->value[syn_value_root(g, g->output)], plan->dtype, 0, out + at * width,
                               l->rows * width));
    }
    return SYN_OK;
}

syn_status syn_predict(syn_plan *plan, syn_data *data, double *out, int64_t n) {
    const syn_graph *g = &plan->graph[SYN_MODE_INFER];
    int64_t want = syn_data_rows(data) * syn_value_count(g, g->output);
    if (n != want)
        return syn_fail(SYN_E_SHAPE, "the predictions are %lld values, room for %lld was given",
                        (long long)want, (long long)n);
    syn_source *source;
    SYN_TRY(syn_source_open(&source, plan, data));
    syn_status status = syn_pass_prepare(plan, source, SYN_MODE_INFER);
    if (status == SYN_OK) status = predict(plan, source, out);
    syn_source_close(source);
    return status;
}
