/* What a classifier confuses: tables as CSV, and a heat map as SVG. */
#ifndef SYN_IO_CONFUSION_H
#define SYN_IO_CONFUSION_H

#include "base/base.h"

typedef struct syn_confusion {
    const int64_t *count;    /* classes x classes: true by predicted, as syn_evaluate_with fills it */
    int classes;
    const char *const *name; /* of the classes; NULL: their numbers */
    const char *title;       /* of the picture */
} syn_confusion;

const char *syn_confusion_name(const syn_confusion *c, int k, char *room, size_t size);
/* The picture: a cell's shade is its share of the true class, its row; malloc'd, NULL without memory. */
char *syn_confusion_svg(const syn_confusion *c);
/* confusionSUFFIX.csv (counts, with names around them), confusionSUFFIX.svg and classesSUFFIX.csv (precision,
 * recall, F1, support of each class) in `folder`, each replaced whole. */
syn_status syn_confusion_write(const syn_confusion *c, const char *folder, const char *suffix);

#endif
