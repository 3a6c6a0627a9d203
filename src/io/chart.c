#include "io/chart.h"

#include "io/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 960,
    HEIGHT = 406,
    TOP = 94, /* of the panels */
    BOTTOM = 350,
    LEFT = 68,
    RIGHT = 930,
    GAP = 84,        /* between two panels: room for the right one's numbers */
    MAX_TICKS = 32,  /* of an axis */
    MAX_POINTS = 500, /* of a line: beyond, lowest and highest of each stretch */
    COLOURS = 8,
    ROW_OF_LINES = 5 /* more captions than fit beside a title stand in a column */
};

/* Blue and orange stay apart in print and for every kind of colour vision. */
static const char *const colours[COLOURS] = { "#1f6fb2", "#d9700a", "#2a9d6f", "#c03a6b",
                                                     "#6c56b3", "#8a6d1f", "#3b9fc4", "#5b626b" };

/* Beyond the colours, dashes tell lines apart. */
static const char *colour(int line) { return colours[line % COLOURS]; }
static const char *dash(int line) {
    static const char *const dashes[] = { "", " stroke-dasharray=\"7 4\"", " stroke-dasharray=\"1.5 4\"" };
    return dashes[line / COLOURS % (int)SYN_COUNT(dashes)];
}

typedef struct axis {
    double lo, hi;       /* in the axis' own scale: log10 where log is set */
    double at_lo, at_hi; /* pixels */
    bool log;
    int decimals; /* of its numbers; -1: as many as each needs */
    double tick[MAX_TICKS];
    int ticks;
} axis;

typedef struct panel {
    const syn_chart_panel *p;
    axis x, y;
} panel;

static double value(const syn_chart_line *l, int i) {
    double v = l->y[i];
    if (fabs(v) < 1e-99) return 0;
    return fabs(v) < 1e99 ? v : NAN; /* what overflows is a gap */
}

static double place(const axis *a, double v) {
    if (a->log) v = log10(v);
    return a->at_lo + (v - a->lo) / (a->hi - a->lo) * (a->at_hi - a->at_lo);
}

static bool any(const syn_chart_panel *p, int line) {
    const syn_chart_line *l = &p->line[line];
    for (int i = 0; l->y && i < l->n; i++)
        if (isfinite(value(l, i))) return true;
    return false;
}

/* ---- axes ---- */

/* The least 1, 2 or 5 times a power of ten that is no less than v. */
static double round_up(double v) {
    double power = pow(10, floor(log10(v))), f = v / power;
    return power * (f <= 1.0000001 ? 1 : f <= 2.0000001 ? 2 : f <= 5.0000001 ? 5 : 10);
}

static void add_tick(axis *a, double v) {
    if (a->ticks < MAX_TICKS) a->tick[a->ticks++] = v;
}

/* Whole numbers: epochs, steps. A single one stands in the middle. */
static void whole_axis(axis *a, const syn_chart_panel *p) {
    bool found = false;
    a->lo = a->hi = 1;
    for (int k = 0; k < SYN_CHART_LINES; k++)
        for (int i = 0; p->line[k].y && i < p->line[k].n; i++) {
            double x = p->line[k].x[i];
            a->lo = found ? fmin(a->lo, x) : x;
            a->hi = found ? fmax(a->hi, x) : x;
            found = true;
        }
    double step = fmax(1, round_up(fmax(a->hi - a->lo, 1) / 8));
    for (double v = ceil(a->lo / step) * step; v <= a->hi; v += step) add_tick(a, v);
    if (a->lo == a->hi) {
        a->lo -= 1;
        a->hi += 1;
    }
}

static void linear_axis(axis *a, double lo, double hi, bool percent) {
    bool whole = percent && hi <= 100;
    if (hi - lo < 1e-9 * fmax(fabs(hi), fabs(lo)) || hi == lo) { /* one value: air around it */
        double air = fabs(hi) * 0.1;
        lo -= air;
        hi += air > 0 ? air : 1;
    }
    if (whole) hi = fmin(hi, 100);
    double step = round_up((hi - lo) / 6);
    a->lo = floor(lo / step + 1e-9) * step;
    a->hi = ceil(hi / step - 1e-9) * step;
    a->decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    if (step < 1e-6 || step > 1e6) a->decimals = -1;
    for (double k = round(a->lo / step); k * step <= a->hi + step * 1e-6; k++)
        add_tick(a, k * step);
}

/* Ticks at 1, 2, 5 times powers of ten, or at every so many powers where there are many. */
static void log_axis(axis *a, double lo, double hi) {
    static const double steps[] = { 1, 2, 5 };
    a->log = true;
    a->decimals = -1;
    a->lo = log10(lo);
    a->hi = log10(hi);
    double margin = (a->hi - a->lo) * 0.04;
    a->lo -= margin;
    a->hi += margin;
    double powers = a->hi - a->lo, every = fmax(1, ceil(powers / 8));
    for (double e = floor(a->lo / every) * every; e <= a->hi; e += every)
        for (size_t k = 0; k < (powers < 3 ? SYN_COUNT(steps) : 1); k++) {
            double v = e + log10(steps[k]);
            if (v >= a->lo && v <= a->hi) add_tick(a, steps[k] * pow(10, e));
        }
}

static void value_axis(axis *a, const syn_chart_panel *p) {
    double lo = INFINITY, hi = -INFINITY;
    int64_t n = 0, low = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < SYN_CHART_LINES; k++)
            for (int i = 0; p->line[k].y && i < p->line[k].n; i++) {
                double v = value(&p->line[k], i);
                if (!isfinite(v)) continue;
                if (pass) low += v < hi / 20;
                lo = fmin(lo, v);
                hi = fmax(hi, v);
                n += !pass;
            }
    if (lo > hi) { /* nothing to draw */
        lo = 0;
        hi = p->percent ? 100 : 1;
    }
    bool logs = p->log == SYN_CHART_LOG_WIDE ? hi / lo > 20 : p->log == SYN_CHART_LOG_MOST && low > n / 2;
    if (lo > 0 && logs)
        log_axis(a, lo, hi);
    else
        linear_axis(a, lo, hi, p->percent);
}

/* ---- text ---- */

/* Long titles in smaller letters, so that they end before the legend. */
static void add_title(syn_text *t, const char *title, double room) {
    double letters = syn_svg_letters(title), most = room / 10.5;
    syn_text_add(t, "<text x=\"24\" y=\"38\" font-size=\"%.1f\" font-weight=\"600\">",
                 letters > most ? fmax(18.0 * most / letters, 4) : 18);
    syn_svg_escaped(t, title);
    syn_text_add(t, "</text>\n");
}

/* ---- lines ---- */

static void add_point(syn_text *t, const panel *p, const syn_chart_line *l, int i, bool *pen) {
    double v = value(l, i);
    if (!isfinite(v)) {
        *pen = false;
        return;
    }
    double x = place(&p->x, l->x[i]), y = place(&p->y, v);
    /* a point alone between gaps is a line of no length, which round ends make a dot */
    if (*pen)
        syn_text_add(t, "L%.1f %.1f", x, y);
    else
        syn_text_add(t, "M%.1f %.1fL%.1f %.1f", x, y, x, y);
    *pen = true;
}

/* Of each stretch of points the lowest and the highest value, in their order; a gap where none is. */
static void add_stretches(syn_text *t, const panel *p, const syn_chart_line *l, bool *pen) {
    for (int k = 0; k < MAX_POINTS; k++) {
        int from = (int)((int64_t)l->n * k / MAX_POINTS);
        int to = (int)((int64_t)l->n * (k + 1) / MAX_POINTS), lo = -1, hi = -1;
        for (int i = from; i < to; i++) {
            double v = value(l, i);
            if (!isfinite(v)) continue;
            if (lo < 0 || v < value(l, lo)) lo = i;
            if (hi < 0 || v > value(l, hi)) hi = i;
        }
        if (lo < 0) {
            *pen = false;
            continue;
        }
        add_point(t, p, l, lo < hi ? lo : hi, pen);
        if (lo != hi) add_point(t, p, l, lo < hi ? hi : lo, pen);
    }
}

static void add_line(syn_text *t, const panel *p, int line) {
    const syn_chart_line *l = &p->p->line[line];
    bool pen = false;
    syn_text_add(t, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s d=\"", colour(line),
                 l->n > 200 ? "1.5" : "2", dash(line));
    if (l->n > 2 * MAX_POINTS)
        add_stretches(t, p, l, &pen);
    else
        for (int i = 0; i < l->n; i++) add_point(t, p, l, i, &pen);
    syn_text_add(t, "\"/>\n");
    if (l->n > 40) return;
    for (int i = 0; i < l->n; i++) {
        double v = value(l, i);
        if (isfinite(v))
            syn_text_add(t, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\"/>\n",
                         place(&p->x, l->x[i]), place(&p->y, v), l->n > 20 ? "2.2" : "3", colour(line));
    }
}

/* ---- panels ---- */

static void add_grid(syn_text *t, const panel *p) {
    double left = p->x.at_lo, right = p->x.at_hi;
    syn_text_add(t, "<g stroke=\"#e4e7eb\">\n");
    for (int i = 0; i < p->y.ticks; i++) {
        double y = place(&p->y, p->y.tick[i]);
        syn_text_add(t, "<path d=\"M%.1f %.1fH%.1f\"/>\n", left, y, right);
    }
    syn_text_add(t, "</g>\n<g stroke=\"#8a939e\">\n<path d=\"M%.1f %dH%.1f\"/>\n", left, BOTTOM,
                 right);
    for (int i = 0; i < p->x.ticks; i++)
        syn_text_add(t, "<path d=\"M%.1f %dv5\"/>\n", place(&p->x, p->x.tick[i]), BOTTOM);
    syn_text_add(t, "</g>\n<g fill=\"#57606a\" font-size=\"12\" text-anchor=\"end\">\n");
    for (int i = 0; i < p->y.ticks; i++) {
        double v = p->y.tick[i];
        syn_text_add(t, "<text x=\"%.1f\" y=\"%.1f\">", left - 8, place(&p->y, v) + 4);
        if (p->y.decimals < 0)
            syn_text_add(t, "%.6g", v);
        else
            syn_text_add(t, "%.*f", p->y.decimals, v == 0 ? 0 : v); /* no -0 */
        syn_text_add(t, "%s</text>\n", p->p->percent ? " %" : "");
    }
    syn_text_add(t, "</g>\n<g fill=\"#57606a\" font-size=\"12\" text-anchor=\"middle\">\n");
    for (int i = 0; i < p->x.ticks; i++)
        syn_text_add(t, "<text x=\"%.1f\" y=\"%d\">%.0f</text>\n", place(&p->x, p->x.tick[i]),
                     BOTTOM + 20, p->x.tick[i]);
    syn_text_add(t, "<text x=\"%.1f\" y=\"%d\">", (left + right) / 2, BOTTOM + 40);
    syn_svg_escaped(t, p->p->x_title);
    syn_text_add(t, "</text>\n</g>\n");
}

/* The last value of each line, at the right end of the panel's heading. */
static void add_last(syn_text *t, const syn_chart_panel *p, double right) {
    syn_text_add(t,
                 "<text x=\"%.1f\" y=\"%d\" font-size=\"12\" text-anchor=\"end\">"
                 "<tspan fill=\"#57606a\">%s</tspan>",
                 right, TOP - 20, p->last);
    for (int k = 0; k < SYN_CHART_LINES; k++) {
        const syn_chart_line *l = &p->line[k];
        int i = l->y ? l->n - 1 : -1;
        while (i >= 0 && !isfinite(value(l, i))) i--;
        if (i < 0) continue;
        syn_text_add(t, "<tspan dx=\"8\" font-weight=\"600\" fill=\"%s\">", colour(k));
        if (p->decimals < 0)
            syn_text_add(t, "%.4g", value(l, i));
        else
            syn_text_add(t, "%.*f", p->decimals, value(l, i));
        syn_text_add(t, "%s</tspan>", p->percent ? " %" : "");
    }
    syn_text_add(t, "</text>\n");
}

static void add_panel(syn_text *t, const syn_chart_panel *spec, double left, double right) {
    panel p = { .p = spec, .x = { .at_lo = left, .at_hi = right }, .y = { .at_lo = BOTTOM, .at_hi = TOP } };
    bool shown = false;
    whole_axis(&p.x, spec);
    value_axis(&p.y, spec);
    syn_text_add(t, "<text x=\"%.1f\" y=\"%d\" font-size=\"14\" font-weight=\"600\">", left, TOP - 20);
    syn_svg_escaped(t, spec->title);
    syn_text_add(t, "%s</text>\n", p.y.log ? " (log scale)" : "");
    for (int k = 0; k < SYN_CHART_LINES; k++) shown |= any(spec, k);
    if (shown && spec->last) add_last(t, spec, right);
    add_grid(t, &p);
    syn_text_add(t, "<g stroke-linecap=\"round\" stroke-linejoin=\"round\">\n");
    for (int k = 0; k < SYN_CHART_LINES; k++)
        if (any(spec, k)) add_line(t, &p, k);
    syn_text_add(t, "</g>\n");
}

static bool captioned(const syn_chart *c, int k) {
    bool shown = false;
    for (int p = 0; p < c->n_panels; p++) shown |= any(&c->panel[p], k);
    return shown && c->caption[k];
}

/* Beside the panels, which end where it starts. */
static double add_column(syn_text *t, const syn_chart *c, int n) {
    int letters = 0, row = 0;
    for (int k = 0; k < SYN_CHART_LINES; k++)
        if (captioned(c, k) && syn_svg_letters(c->caption[k]) > letters)
            letters = syn_svg_letters(c->caption[k]);
    double x = RIGHT + 20 - 26 - 8.4 * letters, step = fmin(20, (BOTTOM - TOP + 10.0) / n);
    for (int k = 0; k < SYN_CHART_LINES; k++) {
        if (!captioned(c, k)) continue;
        double y = TOP + step * row++;
        syn_text_add(t, "<path stroke=\"%s\" stroke-width=\"2.5\"%s d=\"M%.0f %.1fh20\"/>\n"
                        "<text x=\"%.0f\" y=\"%.1f\" font-size=\"%.0f\">",
                     colour(k), dash(k), x, y, x + 26, y + 4, fmin(13, step));
        syn_svg_escaped(t, c->caption[k]);
        syn_text_add(t, "</text>\n");
    }
    return x - 24;
}

/* Returns where it starts. */
static double add_legend(syn_text *t, const syn_chart *c) {
    double x = RIGHT + 20;
    for (int k = SYN_CHART_LINES - 1; k >= 0; k--) {
        if (!captioned(c, k)) continue;
        x -= 20 + 27 + 6.3 * syn_svg_letters(c->caption[k]);
        syn_text_add(t, "<path stroke=\"%s\" stroke-width=\"3\" stroke-linecap=\"round\" "
                        "d=\"M%.0f 32h18\"/>\n<text x=\"%.0f\" y=\"36.5\" font-size=\"13\">",
                     colour(k), x, x + 26);
        syn_svg_escaped(t, c->caption[k]);
        syn_text_add(t, "</text>\n");
    }
    return x;
}

static void add_picture(syn_text *t, const syn_chart *c) {
    syn_svg_open(t, c->title, WIDTH, HEIGHT);
    int n = 0;
    for (int k = 0; k < SYN_CHART_LINES; k++) n += captioned(c, k);
    double right = n > ROW_OF_LINES ? add_column(t, c, n) : RIGHT;
    add_title(t, c->title, n > ROW_OF_LINES ? RIGHT - LEFT : add_legend(t, c) - 40);
    double middle = (LEFT + right + GAP) / 2.0;
    add_panel(t, &c->panel[0], LEFT, c->n_panels > 1 ? middle - GAP : right);
    if (c->n_panels > 1) add_panel(t, &c->panel[1], middle, right);
    syn_text_add(t, "</svg>\n");
}

static void add_chart(syn_text *t, const void *chart) { add_picture(t, chart); }

char *syn_chart_svg(const syn_chart *chart) { return syn_plain_text(add_chart, chart); }
