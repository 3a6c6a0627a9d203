/* The per-epoch history of a run: history.csv, history.jsonl and curves.svg. */
#ifndef SYN_IO_HISTORY_H
#define SYN_IO_HISTORY_H

#include "base/base.h"

enum { SYN_HISTORY_EACH = 4 };

typedef struct syn_history_row {
    int epoch;
    int64_t step;
    double loss, accuracy, val_loss, val_accuracy; /* NAN where there is none */
    double lr, seconds;
    double penalty;   /* its part of loss */
    double grad_norm; /* before clipping, the epoch's mean; NAN where nothing asks for it */
    double each[SYN_MAX_ENDS][SYN_HISTORY_EACH]; /* of several losses: loss, accuracy, val_loss, val_accuracy */
} syn_history_row;

typedef struct syn_history {
    syn_history_row *row;
    int n, cap;
    int losses; /* columns of each: loss_NAME and so on; 0: the run has one loss */
    const char *loss[SYN_MAX_ENDS]; /* their names, which must outlive the history */
} syn_history;

syn_status syn_history_add(syn_history *h, const syn_history_row *row);
void syn_history_free(syn_history *h);
/* All files of `folder` at once, each replaced whole. */
syn_status syn_history_write(const syn_history *h, const char *folder, const char *title);
/* From history.jsonl, keeping epochs up to `epochs`: for resuming. A missing file is an empty history. */
syn_status syn_history_read(syn_history *h, const char *folder, int epochs);
/* The picture alone: loss on the left, accuracy on the right, training and validation; SVG text. */
char *syn_history_svg(const syn_history *h, const char *title);

#endif
