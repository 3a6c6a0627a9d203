/* The device side of a command: context, state, plan. */
#ifndef SYN_CLI_SESSION_H
#define SYN_CLI_SESSION_H

#include "cli/cli.h"
#include "cli/experiment.h"
#include "cli/progress.h"

typedef struct cli_session {
    syn_ctx *ctx;
    syn_state *state;
    syn_plan *plan;
    syn_net *net; /* of a weights file; NULL: the experiment's */
    syn_device_info device;
    bool weighted;      /* before loading: the data have weights of the samples */
    const char *output; /* before loading: the loss or layer whose output alone is wanted; NULL: all */
    cli_progress *progress; /* log lines clear its bar first */
} cli_session;

/* Start from {0}, perhaps with progress set; close whatever the outcome. device may be NULL. */
syn_status cli_session_context(cli_session *s, const char *device);
/* Context, state with initial weights and standardisation, and the training plan. */
syn_status cli_session_train(cli_session *s, cli_experiment *e, const char *device);
/* Context, and network and state from a weights file, with a plan that evaluates and predicts. */
syn_status cli_session_load(cli_session *s, const char *weights, const char *device, int batch,
                            syn_dtype dtype);
void cli_session_close(cli_session *s);

/* All --set of a call. Returns how many; at most CLI_MAX_GIVEN. */
int cli_sets(const cli_call *call, const char **set);
/* "PLATFORM:DEVICE NAME, driver ..." */
char *cli_device_text(const syn_device_info *d);

#endif
