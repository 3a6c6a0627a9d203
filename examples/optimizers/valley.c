/* A valley, f(x, y) = (0.25 x^2 + 4.5 y^2) / 2, and the ways down: lr 0.01, 0.1, 0.4, and momentum. The two
 * coordinates are the kernel of a net with two inputs and one output, whose mean squared error over two rows is f.
 * Draws valley.svg.    valley [FILE.svg] */
#include <syncline/syncline.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                                \
    if ((call) != SYN_OK) return fprintf(stderr, "valley: %s\n", syn_error_text()), 1

enum { STEPS = 60, PANELS = 4, PANEL_WIDTH = 448, PANEL_HEIGHT = 236, MARGIN = 24, HEAD = 58, CAPTION = 30 };
static const double curvature[2] = { .25, 4.5 }, start[2] = { -8.5, 2.2 };
static const double low[2] = { -10, -3 }, high[2] = { 4, 3 }; /* what a panel shows */

typedef struct way {
    const char *caption;
    double lr, beta; /* beta 0: sgd */
    double at[STEPS + 1][2];
} way;

static way ways[PANELS] = {
    { .caption = "lr 0.01: safe, and slow", .lr = .01 },
    { .caption = "lr 0.1: the valley's floor is long", .lr = .1 },
    { .caption = "lr 0.4: from wall to wall", .lr = .4 },
    { .caption = "lr 0.1 and momentum 0.8: it rolls", .lr = .1, .beta = .8 },
};

/* (k x)^2 is the error of the row (k, 0), and the mean is over two rows. */
static syn_status walk(syn_ctx *ctx, way *w) {
    const double k = sqrt(curvature[0]), m = sqrt(curvature[1]);
    const float rows[2][2] = { { (float)k, 0 }, { 0, (float)m } }, zeros[2] = { 0, 0 };
    const syn_array x = { rows, SYN_F32, SYN_SHAPE(2, 2) }, y = { zeros, SYN_F32, SYN_SHAPE(2, 1) };
    syn_net *net = NULL;
    syn_state *state = NULL;
    syn_plan *plan = NULL;
    syn_status s = syn_net_create(&net, 1);
    if (s != SYN_OK) return s;
    syn_tensor f = syn_dense(syn_input(net, SYN_SHAPE(2)), &(syn_dense_opts){ .units = 1, .no_bias = true });
    s = syn_state_create(&state, ctx, net);
    syn_optim optim = w->beta > 0 ? syn_momentum(&(syn_momentum_opts){ .lr = w->lr, .beta = w->beta })
                                  : syn_sgd(&(syn_sgd_opts){ .lr = w->lr });
    if (s == SYN_OK)
        s = syn_plan_create(&plan, state, &(syn_plan_opts){ .loss = syn_mse(f), .optim = optim, .batch = 2 });
    if (s == SYN_OK) s = syn_param_write(state, "dense_1/kernel", start, 2);
    for (int t = 0; s == SYN_OK && t <= STEPS; t++) {
        s = syn_param_read(state, "dense_1/kernel", w->at[t], 2);
        if (s == SYN_OK && t < STEPS) s = syn_step(plan, &x, &y, NULL);
    }
    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    return s;
}

/* The same in closed form, with no engine: the largest distance from it. */
static double error_of(const way *w) {
    double worst = 0;
    for (int i = 0; i < 2; i++) {
        double x = start[i], v = 0;
        for (int t = 0; t <= STEPS; t++) {
            worst = fmax(worst, fabs(x - w->at[t][i]));
            v = w->beta * v - w->lr * curvature[i] * x;
            x += v;
        }
    }
    return worst;
}

/* ---- the picture ---- */

static double place(int axis, double v) {
    double share = (v - low[axis]) / (high[axis] - low[axis]);
    return axis ? PANEL_HEIGHT * (1 - share) : PANEL_WIDTH * share;
}

/* Ellipses of equal height, each twice as high as the one within. */
static void draw_valley(FILE *f) {
    for (double height = 32; height >= .0625; height /= 2)
        fprintf(f, "<ellipse cx=\"%.1f\" cy=\"%.1f\" rx=\"%.1f\" ry=\"%.1f\"/>\n", place(0, 0), place(1, 0),
                sqrt(2 * height / curvature[0]) * PANEL_WIDTH / (high[0] - low[0]),
                sqrt(2 * height / curvature[1]) * PANEL_HEIGHT / (high[1] - low[1]));
}

static void draw_way(FILE *f, const way *w, int panel) {
    const int left = MARGIN + panel % 2 * (PANEL_WIDTH + MARGIN);
    const int top = HEAD + CAPTION + panel / 2 * (PANEL_HEIGHT + CAPTION + MARGIN);
    const double *end = w->at[STEPS];
    fprintf(f, "<g transform=\"translate(%d %d)\">\n<text y=\"-10\" font-size=\"14\" font-weight=\"600\">%s</text>\n",
            left, top, w->caption);
    fprintf(f, "<text x=\"%d\" y=\"-10\" font-size=\"12\" text-anchor=\"end\" fill=\"#57606a\">f after %d steps: %.2g</text>\n",
            PANEL_WIDTH, STEPS, (curvature[0] * end[0] * end[0] + curvature[1] * end[1] * end[1]) / 2);
    fprintf(f, "<g clip-path=\"url(#panel)\">\n<rect width=\"%d\" height=\"%d\" fill=\"#f6f8fa\"/>\n"
               "<g fill=\"#1f6fb2\" fill-opacity=\".055\" stroke=\"#c3cbd4\">\n", PANEL_WIDTH, PANEL_HEIGHT);
    draw_valley(f);
    fprintf(f, "</g>\n<path fill=\"none\" stroke=\"#d9700a\" stroke-width=\"1.6\" stroke-linejoin=\"round\" d=\"M");
    for (int t = 0; t <= STEPS; t++) fprintf(f, "%.1f %.1f ", place(0, w->at[t][0]), place(1, w->at[t][1]));
    fprintf(f, "\"/>\n<g fill=\"#d9700a\">\n");
    for (int t = 0; t <= STEPS; t++)
        fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"/>\n", place(0, w->at[t][0]), place(1, w->at[t][1]),
                t ? "2.2" : "4");
    fprintf(f, "</g>\n<path stroke=\"#1f2328\" stroke-width=\"1.5\" d=\"M%.1f %.1fm-5 -5l10 10m0 -10l-10 10\"/>\n</g>\n</g>\n",
            place(0, 0), place(1, 0));
}

static int draw(const char *path) {
    const int width = 2 * PANEL_WIDTH + 3 * MARGIN, height = HEAD + 2 * (PANEL_HEIGHT + CAPTION + MARGIN);
    FILE *f = fopen(path, "w");
    if (!f) return -1;
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
               "font-family=\"system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif\" fill=\"#1f2328\">\n"
               "<title>Ways down a valley</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n"
               "<clipPath id=\"panel\"><rect width=\"%d\" height=\"%d\"/></clipPath>\n"
               "<text x=\"%d\" y=\"38\" font-size=\"18\" font-weight=\"600\">%d steps down a valley, "
               "eighteen times as steep across as along</text>\n",
            width, height, width, height, width, height, PANEL_WIDTH, PANEL_HEIGHT, MARGIN, STEPS);
    for (int i = 0; i < PANELS; i++) draw_way(f, &ways[i], i);
    fprintf(f, "</svg>\n");
    return fclose(f);
}

int main(int argc, char **argv) {
    const char *file = argc > 1 ? argv[1] : "valley.svg";
    syn_ctx *ctx;
    double worst = 0;
    CHECK(syn_ctx_create(&ctx, NULL));
    for (int i = 0; i < PANELS; i++) {
        CHECK(walk(ctx, &ways[i]));
        worst = fmax(worst, error_of(&ways[i]));
        printf("%-46s ends at (%.3g, %.3g)\n", ways[i].caption, ways[i].at[STEPS][0], ways[i].at[STEPS][1]);
    }
    syn_ctx_destroy(ctx);
    if (draw(file) != 0) return fprintf(stderr, "valley: cannot write %s\n", file), 1;
    printf("no point is further than %.1e from the closed form; drawn as %s\n", worst, file);
    if (worst < 1e-4) return 0;
    return fprintf(stderr, "valley: the engine walked elsewhere\n"), 1;
}
