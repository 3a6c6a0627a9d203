/* batch_norm's statistics of the whole training set. */
#include "train/loop.h"

static int rows_at(const syn_plan *plan, int64_t rows, int64_t at) {
    return rows - at < plan->batch ? (int)(rows - at) : plan->batch;
}

syn_status syn_collect_prepare(syn_plan *plan, syn_source *source) {
    if (!plan->has_graph[SYN_MODE_COLLECT]) return SYN_OK;
    int64_t rows = syn_data_rows(source->data), last = rows % plan->batch;
    const int size[] = { rows_at(plan, rows, 0), last ? (int)last : rows_at(plan, rows, 0) };
    for (size_t i = 0; i < SYN_COUNT(size); i++) {
        syn_list *l;
        SYN_TRY(syn_plan_list(plan, SYN_MODE_COLLECT, size[i], &l));
        SYN_TRY(syn_source_prepare(source, l));
    }
    return SYN_OK;
}

/* The tally moves the cursor, by which batch_norm knows how many rows came before. */
syn_status syn_collect_run(syn_plan *plan, syn_source *source) {
    if (!plan->has_graph[SYN_MODE_COLLECT]) return SYN_OK;
    int64_t rows = syn_data_rows(source->data);
    SYN_TRY(syn_source_order(source, NULL)); /* the same sums whatever the last epoch's order was */
    SYN_TRY(syn_plan_reset_metrics(plan));
    source->cursor = 0;
    for (int64_t at = 0; at < rows; at += plan->batch) {
        syn_list *l;
        SYN_TRY(syn_plan_list(plan, SYN_MODE_COLLECT, rows_at(plan, rows, at), &l));
        SYN_TRY(syn_source_feed(source, l));
        SYN_TRY(syn_plan_enqueue_forward(plan, l));
        SYN_TRY(syn_plan_pace(plan));
    }
    return syn_ctx_finish(plan->ctx);
}

syn_status syn_batch_norm_statistics(syn_plan *plan, syn_data *data) {
    syn_source *source;
    if (!plan || !data) return syn_fail(SYN_E_ARGUMENT, "syn_batch_norm_statistics: plan and data must be given");
    if (!plan->has_graph[SYN_MODE_COLLECT]) return SYN_OK;
    SYN_TRY(syn_source_open(&source, plan, data));
    syn_status status = syn_collect_prepare(plan, source);
    if (status == SYN_OK) status = syn_collect_run(plan, source);
    syn_source_close(source);
    return status;
}
