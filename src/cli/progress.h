/* Live progress on a terminal, a line per epoch elsewhere. */
#ifndef SYN_CLI_PROGRESS_H
#define SYN_CLI_PROGRESS_H

#include "base/base.h"

#include <syncline/train.h>

typedef struct cli_progress {
    bool live, colour, unicode;
    bool drawn; /* a bar stands on the line */
    bool seen;  /* a report came, and this was the first: */
    int64_t first_step;
    double first_seconds;
    double drawn_at; /* seconds, own clock */
} cli_progress;

void cli_progress_start(cli_progress *p);
/* On a terminal, what takes so long before the first step. */
void cli_progress_wait(cli_progress *p, const char *text);
void cli_progress_step(cli_progress *p,
                       const syn_report *r); /* redraws at most ten times a second */
void cli_progress_epoch(cli_progress *p, const syn_report *r); /* the epoch's line, for good */
void cli_progress_clear(cli_progress *p);                      /* takes the bar off its line */

double cli_clock(void); /* seconds, monotonic */

#endif
