/* curves.svg: loss and accuracy over epochs. */
#include "io/chart.h"
#include "io/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Training and validation of one metric: offsets into a row. */
static const size_t loss[] = { offsetof(syn_history_row, loss), offsetof(syn_history_row, val_loss) };
static const size_t accuracy[] = { offsetof(syn_history_row, accuracy),
                                   offsetof(syn_history_row, val_accuracy) };

static double value(const syn_history_row *r, size_t offset) {
    double v;
    memcpy(&v, (const char *)r + offset, sizeof v);
    return v;
}

/* Columns of the history, `scale` times, into memory at *to; whether any value is finite. */
static bool fill(syn_chart_panel *p, const syn_history *h, const size_t metric[2], double scale, double **to) {
    bool found = false;
    double *x = *to;
    for (int i = 0; i < h->n; i++) x[i] = h->row[i].epoch;
    *to += h->n;
    for (int k = 0; k < 2; k++, *to += h->n) {
        for (int i = 0; i < h->n; i++) {
            (*to)[i] = scale * value(&h->row[i], metric[k]);
            found |= isfinite((*to)[i]);
        }
        p->line[k] = (syn_chart_line){ .x = x, .y = *to, .n = h->n };
    }
    return found;
}

char *syn_history_svg(const syn_history *h, const char *title) {
    syn_chart chart = {
        .title = title ? title : "Training",
        .caption = { "training", "validation" },
        .panel = { { .title = "Loss", .x_title = "epoch", .log = SYN_CHART_LOG_WIDE, .last = "last",
                     .decimals = -1 },
                   { .title = "Accuracy", .x_title = "epoch", .percent = true, .last = "last",
                     .decimals = 2 } },
    };
    double *memory = malloc(((size_t)h->n * 6 + 1) * sizeof *memory), *rest = memory;
    if (!memory) return NULL;
    fill(&chart.panel[0], h, loss, 1, &rest);
    chart.n_panels = fill(&chart.panel[1], h, accuracy, 100, &rest) ? 2 : 1;
    char *svg = syn_chart_svg(&chart);
    free(memory);
    return svg;
}
