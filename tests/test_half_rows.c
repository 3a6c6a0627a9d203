/* Tensors kept as halves: the type, and every row of the tables against plans in double. */
#include "nets.h"

#include "base/half.h"

#include <math.h>

/* ---- the type ---- */

START_TEST(test_conversion) {
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = syn_half_value((uint16_t)h);
        if (isnan(f)) ck_assert((syn_half_of(f) & 0x7fff) > 0x7c00);
        else ck_assert_uint_eq(syn_half_of(f), h);
        if ((h & 0x7fff) >= 0x7bff) continue;
        /* between neighbours: the middle goes to the even one */
        const float next = syn_half_value((uint16_t)(h + 1)), middle = (f + next) / 2;
        ck_assert_uint_eq(syn_half_of(middle), h + (h & 1));
        ck_assert_uint_eq(syn_half_of(nextafterf(middle, f)), h);
        ck_assert_uint_eq(syn_half_of(nextafterf(middle, next)), h + 1);
    }
    const struct {
        float f;
        uint16_t h;
    } known[] = { { 1, 0x3c00 }, { -2, 0xc000 }, { 65504, 0x7bff }, { 65519.9f, 0x7bff }, { 65520, 0x7c00 },
                  { -1e30f, 0xfc00 }, { 0x1p-24f, 1 }, { 0x1p-25f, 0 }, { -0x1.8p-25f, 0x8001 }, { 1e-40f, 0 } };
    for (size_t i = 0; i < SYN_COUNT(known); i++) ck_assert_uint_eq(syn_half_of(known[i].f), known[i].h);
}
END_TEST

/* ---- every row ---- */

static double largest(const double *x, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(x[i]));
    return most;
}

/* Which nets of a walk are looked at: one of `each`; plain: losses without options. */
typedef struct counted {
    int nets, each;
    bool plain;
} counted;

/* Of n numbers, and against the largest number of all that is compared: sums that cancel keep the rounding of
 * what they were made of. */
static void near(const double *got, const double *want, int64_t n, double scale, const net_case *c, const char *what) {
    double square = 0;
    for (int64_t i = 0; i < n; i++) square += (got[i] - want[i]) * (got[i] - want[i]);
    const double error = sqrt(square / (double)n), allowed = 4e-3 * fmax(largest(want, n), scale);
    ck_assert_msg(error <= allowed, "%s: %s in half: error %.2e, allowed %.2e", c->name, what, error, allowed);
}

static void compare_case(const net_case *c, void *user) {
    counted *k = user;
    if (k->plain && strchr(c->name + strlen("loss "), ' ')) return;
    if (k->nets++ % k->each) return; /* a sample */
    syn_state *state[2];
    syn_plan *plan[2];
    net_batch b;
    double loss[2], *out[2], most = 0;
    batch_make(&b, c, NET_ROWS);
    for (int i = 0; i < 2; i++) {
        plan_make(&state[i], &plan[i], c, (syn_plan_opts){ .batch = NET_ROWS, .dtype = i ? SYN_HALF : SYN_DOUBLE,
                                                           .loss_scale = i ? 1024 : 0 });
        ok(syn_gradient(plan[i], &b.xs, &b.ys, &loss[i]));
    }
    near(&loss[1], &loss[0], 1, 1, c, "loss");
    for (int pass = 0; pass < 2; pass++)
        for (int p = 0; p < syn_net_params(c->net); p++) {
            syn_param_info info;
            int64_t n;
            syn_net_param_info(c->net, p, &info);
            if (info.statistic) continue;
            double *want = grad_values(plan[0], info.name, &n), *got = grad_values(plan[1], info.name, &n);
            if (pass) near(got, want, n, most, c, info.name);
            else most = fmax(most, largest(want, n));
            free(want);
            free(got);
        }
    syn_shape shape;
    ok(syn_plan_output_shape(plan[0], &shape));
    const int64_t n = NET_ROWS * syn_shape_count(&shape);
    for (int i = 0; i < 2; i++) {
        out[i] = malloc((size_t)n * sizeof **out);
        ok(syn_infer(plan[i], &b.xs, out[i], n));
    }
    near(out[1], out[0], n, 1, c, "output");
    for (int i = 0; i < 2; i++) {
        free(out[i]);
        syn_plan_destroy(plan[i]);
        syn_state_destroy(state[i]);
    }
    batch_free(&b);
}

START_TEST(test_rows) {
    /* Nets of layers share half of their rows with their neighbours. */
    counted maps = { .each = test_small() ? 4 : 3 }, layers = { .each = test_small() ? 5 : 2 },
            losses = { .each = test_small() ? 5 : 1, .plain = true };
    walk_maps(compare_case, &maps);
    walk_layers(compare_case, &layers);
    walk_losses(compare_case, &losses);
}
END_TEST

int main(void) {
    const TTest *const test[] = { test_conversion, test_rows };
    return run_suite("half_rows", test, SYN_COUNT(test));
}
