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

/* tables: by loss, NULL: the loss alone is wanted. each: metrics by loss, or NULL. */
static syn_status run(syn_plan *plan, syn_source *source, syn_tables *const *tables, syn_metrics *all,
                      syn_metrics *each) {
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
        for (int k = 0; tables && k < plan->n_losses; k++)
            if (tables[k]) SYN_TRY(syn_tables_count(tables[k], l));
        SYN_TRY(syn_plan_pace(plan));
    }
    SYN_TRY(syn_plan_snapshot(plan, &s));
    *all = (syn_metrics){ .rows = rows, .top_k = NAN, .precision = NAN, .recall = NAN, .f1 = NAN, .rmse = NAN,
                          .r2 = NAN };
    for (int k = 0; k < plan->n_losses && (tables || each); k++) {
        syn_metrics one = *all;
        syn_plan_loss_at(plan, &s, k, &one.loss, &one.accuracy);
        if (tables && tables[k]) SYN_TRY(syn_tables_read(tables[k], &one));
        if (each) each[k] = one;
        if (plan->n_losses == 1) *all = one; /* several have no precision in common */
    }
    syn_plan_loss_of(plan, &s, &all->loss, &all->accuracy);
    all->seconds = syn_seconds() - start;
    for (int k = 0; each && k < plan->n_losses; k++) each[k].seconds = all->seconds;
    return SYN_OK;
}

syn_status syn_eval_run(syn_plan *plan, syn_source *source, syn_metrics *m, syn_metrics *each) {
    return run(plan, source, NULL, m, each);
}

/* opts: one, or one for each loss. */
static syn_status evaluate(syn_plan *plan, syn_data *data, const syn_evaluate_opts *opts, syn_metrics *metrics,
                           syn_metrics *each) {
    syn_source *source;
    syn_tables *tables[SYN_MAX_ENDS] = { NULL };
    if (plan->loss < 0) return syn_fail(SYN_E_ARGUMENT, "syn_evaluate: the plan has no loss");
    SYN_TRY(syn_source_open(&source, plan, data));
    syn_status status = syn_eval_prepare(plan, source);
    for (int k = 0; k < plan->n_losses && status == SYN_OK; k++)
        status = syn_tables_open(&tables[k], plan, k, opts ? &opts[each ? k : 0] : NULL);
    if (status == SYN_OK) status = run(plan, source, tables, metrics, each);
    for (int k = 0; k < plan->n_losses; k++) syn_tables_close(tables[k]);
    syn_source_close(source);
    return status;
}

syn_status syn_evaluate_with(syn_plan *plan, syn_data *data, const syn_evaluate_opts *opts,
                             syn_metrics *metrics) {
    if (plan->n_losses > 1 && opts && opts->confusion)
        return syn_fail(SYN_E_ARGUMENT, "syn_evaluate_with: the plan has %d losses; syn_evaluate_losses has a "
                                        "confusion matrix for each", plan->n_losses);
    return evaluate(plan, data, opts, metrics, NULL);
}

syn_status syn_evaluate_losses(syn_plan *plan, syn_data *data, const syn_evaluate_opts *opts,
                               syn_metrics *metrics, syn_metrics *each) {
    if (!each) return syn_fail(SYN_E_ARGUMENT, "syn_evaluate_losses: each must be given");
    return evaluate(plan, data, opts, metrics, each);
}

syn_status syn_evaluate(syn_plan *plan, syn_data *data, syn_metrics *metrics) {
    return syn_evaluate_with(plan, data, NULL, metrics);
}

int syn_plan_outputs(const syn_plan *plan) { return plan->n_outputs; }

const char *syn_plan_output_at(const syn_plan *plan, int k, syn_shape *shape) {
    if (k < 0 || k >= plan->n_outputs) return NULL;
    const syn_graph *g = &plan->graph[SYN_MODE_INFER];
    if (shape) *shape = g->value[g->output[k]].shape;
    /* of several losses the output bears the loss's name, which its target has */
    return plan->state->net->layer[plan->n_outputs > 1 ? plan->losses[k] : plan->output[k]].name;
}

syn_status syn_plan_output_shape(const syn_plan *plan, syn_shape *shape) {
    const syn_graph *g = &plan->graph[SYN_MODE_INFER];
    *shape = g->value[g->output[0]].shape;
    return SYN_OK;
}

static syn_status predict(syn_plan *plan, syn_source *source, double *const *out) {
    const syn_graph *g = &plan->graph[SYN_MODE_INFER];
    int64_t rows = syn_data_rows(source->data);
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
        for (int k = 0; k < g->n_outputs; k++) {
            int64_t width = syn_value_count(g, g->output[k]);
            SYN_TRY(syn_value_read(l, g->output[k], plan->dtype, out[k] + at * width, l->rows * width));
        }
    }
    return SYN_OK;
}

syn_status syn_predict_outputs(syn_plan *plan, syn_data *data, double *const *out) {
    syn_source *source;
    SYN_TRY(syn_source_open(&source, plan, data));
    syn_status status = syn_pass_prepare(plan, source, SYN_MODE_INFER);
    if (status == SYN_OK) status = predict(plan, source, out);
    syn_source_close(source);
    return status;
}

syn_status syn_predict(syn_plan *plan, syn_data *data, double *out, int64_t n) {
    const syn_graph *g = &plan->graph[SYN_MODE_INFER];
    double *each[SYN_MAX_ENDS];
    int64_t rows = syn_data_rows(data), want = 0;
    for (int k = 0; k < g->n_outputs; k++) {
        each[k] = out + want;
        want += rows * syn_value_count(g, g->output[k]);
    }
    if (n != want)
        return syn_fail(SYN_E_SHAPE, "the predictions are %lld values, room for %lld was given",
                        (long long)want, (long long)n);
    return syn_predict_outputs(plan, data, each);
}
