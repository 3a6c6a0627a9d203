/* gradients.csv of a run: how large the gradient of each kernel is. */
#ifndef SYN_CLI_GRADIENTS_H
#define SYN_CLI_GRADIENTS_H

#include "cli/session.h"

typedef struct cli_gradients {
    syn_text text; /* the file; start from {0}, free it */
} cli_gradients;

/* Row 0: of the first batch, with the initial weights. The run is as if it had not been measured.
 */
syn_status cli_gradients_start(cli_gradients *g, cli_session *s, const cli_experiment *e,
                               const char *folder);
/* The row of an epoch that ended: of its last batch. Replaces the file. */
syn_status cli_gradients_add(cli_gradients *g, syn_plan *plan, const char *folder, int epoch);
/* What a stopped run has written; rows that it runs again are dropped when they come. */
syn_status cli_gradients_read(cli_gradients *g, const char *folder);

/* Row `epoch` of a folder's file: norms in the order of the net's kernels, malloc'd, *n of them. */
syn_status cli_gradients_row(const char *folder, int epoch, double **norm, int *n);

#endif
