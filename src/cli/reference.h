/* The reference: every row of every table, as text for the terminal or as Markdown. */
#ifndef SYN_CLI_REFERENCE_H
#define SYN_CLI_REFERENCE_H

#include "cli/experiment.h"

/* A table's rows under one heading. */
typedef struct cli_topic {
    const char *name;  /* "layers" */
    const char *intro; /* a paragraph */
    int (*count)(void);
    /* Row i; rows that have no def of their own are made in `room`. */
    const syn_def *(*at)(int i, cli_map_def *room);
} cli_topic;

int cli_topic_count(void);
const cli_topic *cli_topic_at(int i);

void cli_print_row(const syn_def *def, int width);   /* one row in full */
void cli_print_topic(const cli_topic *t, int width); /* its rows, one line each */
void cli_print_markdown(void);                       /* doc/reference.md */

extern const char cli_sample[];          /* an experiment file */
extern const char *const cli_notes[][2]; /* keys that no table has: what, meaning; NULL */

#endif
