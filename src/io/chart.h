/* Line charts as SVG 1.1: no scripts, no fonts of their own. One or two panels beside each other under a
 * title and a legend, which is a column at the right where there are many lines. */
#ifndef SYN_IO_CHART_H
#define SYN_IO_CHART_H

#include "base/base.h"

#define SYN_CHART_LINES 24

typedef struct syn_chart_line {
    const double *x, *y; /* n each; values that are not finite are gaps; y NULL: no line */
    int n;
} syn_chart_line;

/* When an axis is logarithmic (all values positive): never; when they span more than a factor of 20; when
 * most are below a twentieth of the highest. */
typedef enum syn_chart_log { SYN_CHART_LINEAR, SYN_CHART_LOG_WIDE, SYN_CHART_LOG_MOST } syn_chart_log;

typedef struct syn_chart_panel {
    const char *title;
    const char *x_title;
    bool percent;        /* values are percents, 0 to 100 */
    syn_chart_log log;
    const char *last;    /* heads the last values, right of the title; NULL: none */
    int decimals;        /* of them; -1: four digits */
    syn_chart_line line[SYN_CHART_LINES];
} syn_chart_panel;

typedef struct syn_chart {
    const char *title;
    const char *caption[SYN_CHART_LINES]; /* of the lines of all panels; NULL from the first that is not */
    syn_chart_panel panel[2];
    int n_panels;
} syn_chart;

/* malloc'd; NULL without memory. */
char *syn_chart_svg(const syn_chart *chart);

#endif
