/* Monte Carlo prediction: passes with dropout acting, their moments and entropies gathered on the host. */
#include "train/loop.h"

#include <math.h>
#include <stdlib.h>

typedef struct mc {
    syn_plan *plan;
    syn_source *source;
    int passes;
    int64_t width, classes; /* values of a row; of a distribution */
    double *mean, *deviation, *entropy, *information;
    double *y;              /* one batch, one pass */
    double *expected;       /* sum of the passes' entropies, by distribution of the batch */
} mc;

/* Where the masks' draws start: pass number and first row. */
static syn_status place(const mc *m, int pass, int64_t row) {
    const uint32_t words[] = { (uint32_t)pass, (uint32_t)row };
    syn_buffer *ctl = m->plan->block[SYN_BLOCK_CONTROL];
    SYN_TRY(syn_buffer_write(ctl, SYN_CTL_PASS * 4, &words[0], 4, true));
    return syn_buffer_write(ctl, SYN_CTL_CURSOR * 4, &words[1], 4, true);
}

static double times_log(double p) { return p > 0 ? p * log(p) : 0; }

/* In nats; of one probability alone: of it and its complement. */
static double entropy_of(const double *p, int64_t n) {
    if (n == 1) return -times_log(p[0]) - times_log(1 - p[0]);
    double h = 0;
    for (int64_t k = 0; k < n; k++) h -= times_log(p[k]);
    return h;
}

static syn_status check_distribution(const mc *m, const double *p) {
    double sum = 0;
    bool fits = true;
    for (int64_t k = 0; k < m->classes; k++) {
        sum += p[k];
        fits &= p[k] >= 0 && p[k] <= 1 + 1e-3;
    }
    if (fits && (m->classes == 1 || fabs(sum - 1) <= 1e-3)) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "syn_predict_mc: entropies are of probabilities, and the outputs are none "
                                    "(a row sums to %g); leave entropy and mutual_information out", sum);
}

static syn_status one_pass(const mc *m, int pass, int64_t at, int rows) {
    const syn_graph *g = &m->plan->graph[SYN_MODE_PASSES];
    int64_t n = rows * m->width;
    syn_list *l;
    SYN_TRY(place(m, pass, at));
    SYN_TRY(syn_plan_list(m->plan, SYN_MODE_PASSES, rows, &l));
    m->source->cursor = at;
    SYN_TRY(syn_source_feed(m->source, l));
    SYN_TRY(syn_plan_enqueue_forward(m->plan, l));
    SYN_TRY(syn_value_read(l, g->output[0], m->plan->dtype, m->y, n));
    /* Welford's mean and sum of squares. */
    double *mean = m->mean + at * m->width, *squares = m->deviation ? m->deviation + at * m->width : NULL;
    for (int64_t i = 0; i < n; i++) {
        double before = m->y[i] - mean[i];
        mean[i] += before / (pass + 1);
        if (squares) squares[i] += before * (m->y[i] - mean[i]);
    }
    if (!m->expected) return SYN_OK;
    for (int64_t d = 0; d < n / m->classes; d++) {
        SYN_TRY(check_distribution(m, m->y + d * m->classes));
        m->expected[d] += entropy_of(m->y + d * m->classes, m->classes);
    }
    return SYN_OK;
}

static syn_status batch(const mc *m, int64_t at, int rows) {
    int64_t first = at * m->width, n = rows * m->width, each = m->width / m->classes;
    for (int64_t i = first; i < first + n; i++) m->mean[i] = 0;
    for (int64_t i = first; m->deviation && i < first + n; i++) m->deviation[i] = 0;
    for (int64_t d = 0; m->expected && d < rows * each; d++) m->expected[d] = 0;
    for (int pass = 0; pass < m->passes; pass++) SYN_TRY(one_pass(m, pass, at, rows));
    for (int64_t i = first; m->deviation && i < first + n; i++)
        m->deviation[i] = sqrt(m->deviation[i] / m->passes);
    for (int64_t d = 0; m->expected && d < rows * each; d++) {
        double h = entropy_of(m->mean + first + d * m->classes, m->classes);
        if (m->entropy) m->entropy[at * each + d] = h;
        if (m->information) m->information[at * each + d] = fmax(h - m->expected[d] / m->passes, 0);
    }
    return SYN_OK;
}

static syn_status run(mc *m, const syn_data *data) {
    const syn_graph *g = &m->plan->graph[SYN_MODE_PASSES];
    int64_t rows = syn_data_rows(data);
    m->width = syn_value_count(g, g->output[0]);
    m->classes = syn_value_cols(g, g->output[0]);
    size_t most = (size_t)(m->width * m->plan->batch);
    m->y = malloc(most * sizeof *m->y);
    if (m->entropy || m->information) m->expected = malloc(most * sizeof *m->expected);
    if (!m->y || ((m->entropy || m->information) && !m->expected))
        return syn_no_memory(most * sizeof *m->y);
    SYN_TRY(syn_pass_prepare(m->plan, m->source, SYN_MODE_PASSES));
    for (int64_t at = 0; at < rows; at += m->plan->batch)
        SYN_TRY(batch(m, at, syn_pass_rows(m->plan, rows, at)));
    return SYN_OK;
}

syn_status syn_predict_mc(syn_plan *plan, syn_data *data, int passes, double *mean, double *deviation,
                          double *entropy, double *mutual_information) {
    mc m = { .plan = plan, .passes = passes, .mean = mean, .deviation = deviation, .entropy = entropy,
             .information = mutual_information };
    if (!plan || !data || !mean)
        return syn_fail(SYN_E_ARGUMENT, "syn_predict_mc: plan, data and mean must be given");
    if (passes < 1) return syn_fail(SYN_E_ARGUMENT, "syn_predict_mc: %d passes; 1 and up are possible", passes);
    if (plan->n_outputs > 1)
        return syn_fail(SYN_E_ARGUMENT, "syn_predict_mc: the plan has %d outputs; make one with `output` set",
                        plan->n_outputs);
    SYN_TRY(syn_plan_need_passes(plan));
    SYN_TRY(syn_source_open(&m.source, plan, data));
    syn_status status = run(&m, data);
    syn_source_close(m.source);
    free(m.y);
    free(m.expected);
    return status;
}
