/* syncline evaluate: a run's weights on its test and validation data. */
#include "cli/run.h"
#include "cli/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static syn_status evaluate_set(cli_session *s, syn_data *set, const char *name) {
    syn_metrics m;
    char count[32];
    if (!set) return SYN_OK;
    SYN_TRY(syn_evaluate(s->plan, set, &m));
    printf("%-10s %s samples, loss %.5g", name, cli_count_text(count, sizeof count, (double)m.rows),
           m.loss);
    if (!isnan(m.accuracy)) printf(", accuracy %.2f %%", 100 * m.accuracy);
    printf("\n");
    return SYN_OK;
}

static syn_status run(cli_experiment *e, cli_session *s, const char *folder, const char *device) {
    SYN_TRY(cli_run_check(folder, CLI_WEIGHTS, false));
    SYN_TRY(cli_run_check(folder, CLI_EXPERIMENT, false));
    char *experiment = cli_run_path(folder, CLI_EXPERIMENT);
    char *weights = cli_run_path(folder, CLI_WEIGHTS);
    syn_status status = experiment && weights ? SYN_OK : syn_no_memory(4096);
    if (status == SYN_OK) status = cli_experiment_read(e, experiment, NULL, 0);
    if (status == SYN_OK) status = cli_experiment_data(e);
    if (status == SYN_OK) status = cli_experiment_net(e); /* checks the data against the model */
    if (status == SYN_OK)
        status = cli_session_load(s, weights, device, e->train.batch,
                                  e->train.dtype == 2 ? SYN_DOUBLE : SYN_FLOAT);
    free(experiment);
    free(weights);
    SYN_TRY(status);
    if (!e->test_set && !e->val_set) SYN_TRY(evaluate_set(s, e->train_set, "training"));
    SYN_TRY(evaluate_set(s, e->val_set, "validation"));
    return evaluate_set(s, e->test_set, "test");
}

int cli_evaluate(const cli_call *call) {
    cli_experiment e = { 0 };
    cli_session s = { 0 };
    syn_status status = run(&e, &s, call->operand[0], cli_get(call, "device"));
    int code = status == SYN_OK ? CLI_OK : cli_fail();
    cli_session_close(&s);
    cli_experiment_free(&e);
    return code;
}
