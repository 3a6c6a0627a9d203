/* Writes the update kernel: one launch for the whole model. A work-item (CPU) or a work-group (GPU) takes
 * one tile; the frame of cl/base/update.cl stands around the optimizer's statements, which are put in
 * twice, over vectors and over scalars. Optimizers that need norms have the trust kernel in front, which
 * runs the same statements and stores nothing but sums of squares.
 *
 * The frame's names (share, decay, l1 ..) and the optimizer's stand in nested blocks, so that both may use any. */
#include "optim/optim.h"

typedef struct writer {
    syn_text t;
    const syn_optim_use *use;
    const char *body;
    int ema;
    bool trust; /* sums instead of stores */
    bool half;  /* weights are stored twice: as reals, and as the halves that products read */
} writer;

static void write_scalars(writer *w, const char *type, const char *qualifier) {
    for (int k = 0; k < w->use->n_scalars; k++)
        syn_text_add(&w->t, "%s%s %s = (%s)(s%d); ", qualifier, type, w->use->impl->scalars[k], type, k);
    syn_text_add(&w->t, "\n");
}

static void write_stores(writer *w, const char *load, const char *store) {
    syn_text *t = &w->t;
    syn_text_add(t, "%s(w, params, at);\n", store);
    if (w->half) syn_text_add(t, "%s(w, halves, at);\n", store);
    for (int k = 0; k < w->use->n_slots; k++)
        syn_text_add(t, "%s(%s, slots + (size_t)%d * slot_length, gat);\n", store, w->use->slot[k], k);
    if (w->ema >= 0)
        syn_text_add(t, "__global real *average = slots + (size_t)%d * slot_length;\n"
                        "%s(ema_kept * %s(average, gat) + (1 - ema_kept) * w, average, gat);\n",
                     w->ema, store, load);
}

/* One element, or one vector of them. */
static void write_pass(writer *w, bool vector) {
    const char *type = vector ? "realv" : "real", *load = vector ? "VLOAD" : "LOAD";
    syn_text *t = &w->t;
    syn_text_add(t, "typedef %s element;\nconst int at = first + i, gat = gfirst + i;\n"
                    "element w = %s(params, at), g = %s(grads, gat);\n", type, load, load);
    for (int k = 0; k < w->use->n_slots; k++)
        syn_text_add(t, "element %s = %s(slots + (size_t)%d * slot_length, gat);\n", w->use->slot[k], load, k);
    const char *point = syn_optim_looks_ahead(w->use) ? w->use->slot[0] : "w"; /* where the gradient was taken */
    syn_text_add(t, "PREPARE(element, %s, g)\nFINISH(element, w, %s, g)\n", point, point);
    if (w->use->impl->norms) syn_text_add(t, "element u = 0;\n");
    if (w->trust) syn_text_add(t, "w_sum%s += w * w;\n", vector ? "s" : "");
    syn_text_add(t, "{\n");
    write_scalars(w, "element", "const ");
    syn_text_typed(t, w->body, "element");
    syn_text_add(t, "\n}\n");
    if (w->trust) syn_text_add(t, "u_sum%s += u * u;\n", vector ? "s" : "");
    else write_stores(w, load, vector ? "VSTORE" : "STORE");
}

/* The elements of a tile: in runs on a CPU, whose gradients are checked first; one by one on a GPU. */
static void write_loops(writer *w, bool cpu) {
    syn_text *t = &w->t;
    if (w->use->impl->setup) syn_text_add(t, "#define SETUP 0\n");
    if (cpu) {
        syn_text_add(t, "for (int from = 0; from < length; from += CHECK_RUN) {\n"
                        "const int end = min(from + CHECK_RUN, length);\n");
        if (!w->trust)
            syn_text_add(t, "if (CHECK && !all_finite(grads + gfirst + from, end - from)) {\n"
                            "latch_gradient(ctl, tile.w);\nreturn;\n}\n");
        syn_text_add(t, "int i = from;\nfor (; i + SYN_VEC <= end; i += SYN_VEC) {\n");
        write_pass(w, true);
        syn_text_add(t, "}\nfor (; i < end; i++) {\n");
    } else {
        syn_text_add(t, "for (int i = TILE_FROM; i < length; i += TILE_STRIDE) {\n");
        if (!w->trust)
            syn_text_add(t, "const real checked = LOAD(grads, gfirst + i);\n"
                            "if (CHECK && checked - checked != 0) {\n"
                            "latch_gradient(ctl, tile.w);\nreturn;\n}\n");
    }
    write_pass(w, false);
    syn_text_add(t, cpu ? "}\n}\n" : "}\n");
    if (w->use->impl->setup) syn_text_add(t, "#undef SETUP\n");
}

static void load_scalars(writer *w) {
    for (int k = 0; k < w->use->n_scalars; k++)
        syn_text_add(&w->t, "real s%d = LOAD(row, FRAME_SCALARS + %d)%s;\n", k, k,
                     k < w->use->impl->n_rates ? " * lr_factor" : "");
}

static void write_setup(writer *w) {
    syn_text_add(&w->t, "#define SETUP 1\n{\n");
    write_scalars(w, "real", "");
    syn_text_typed(&w->t, w->body, "real");
    for (int k = 0; k < w->use->n_scalars; k++)
        syn_text_add(&w->t, "%ss%d = %s;", k ? " " : "\n", k, w->use->impl->scalars[k]);
    syn_text_add(&w->t, "\n}\n#undef SETUP\n");
}

/* What `defines` defined goes again: each line is "#define NAME value". */
static void write_undefs(const syn_optim_use *use, syn_text *t) {
    syn_text d = { 0 };
    use->impl->defines(use->spec.u.opts, &d);
    for (const char *s = syn_text_str(&d); *s;) {
        int skip = 0, len = 0;
        while (s[skip] && s[skip] != ' ') skip++;
        skip += s[skip] == ' ';
        while (s[skip + len] && s[skip + len] != ' ' && s[skip + len] != '\n') len++;
        syn_text_add(t, "#undef %.*s\n", len, s + skip);
        while (*s && *s != '\n') s++;
        s += *s == '\n';
    }
    t->failed |= d.failed;
    syn_text_free(&d);
}

static char *finish(writer *w) {
    if (w->use->impl->defines) write_undefs(w->use, &w->t);
    if (w->t.failed) syn_text_free(&w->t);
    return w->t.s;
}

char *syn_optim_text(const syn_optim_use *use, const char *snippet, int ema, bool half, bool cpu) {
    writer w = { .use = use, .body = use->impl->update ? use->impl->update : snippet, .ema = ema, .half = half };
    syn_text *t = &w.t;
    if (use->impl->defines) use->impl->defines(use->spec.u.opts, t);
    syn_text_add(t, "KERNEL(update)(__global real *params, __global const real *grads,\n"
                    "__global real *slots, __global const int4 *tiles, __global const real *table,\n"
                    "__global const real *factors, __global const real *norms,\n"
                    "__global const real *metrics, __global uint *ctl,\n%s%sconst int n_tiles,\n"
                    "const int slot_length%s) {\n"
                    "UPDATE_BEGIN\n",
                 half ? "__global cell *halves, " : "", use->impl->norms ? "__global const int4 *ranges, __global const real *trusts, " : "",
                 use->impl->norms ? ", const int n_parts" : "");
    if (use->impl->norms) syn_text_add(t, "UPDATE_NORMS\n");
    load_scalars(&w);
    if (use->impl->setup) write_setup(&w);
    write_loops(&w, cpu);
    syn_text_add(t, "}\n");
    return finish(&w);
}

char *syn_optim_trust_text(const syn_optim_use *use, const char *snippet, bool cpu) {
    writer w = { .use = use, .body = snippet, .ema = -1, .trust = true };
    syn_text *t = &w.t;
    if (use->impl->defines) use->impl->defines(use->spec.u.opts, t);
    syn_text_add(t, "KERNEL(trust)(__global const real *params, __global const real *grads,\n"
                    "__global const real *slots, __global const int4 *tiles, __global const int4 *parts,\n"
                    "__global const real *table, __global const real *factors, __global const real *norms,\n"
                    "__global const real *metrics, __global uint *ctl, __global real *trusts,\n"
                    "const int n_parts, const int slot_length) {\n"
                    /* what is added to g and taken off again leaves exactly g where that is 0 */
                    "#pragma OPENCL FP_CONTRACT OFF\n"
                    "if (CTL_LATCH(ctl) || CTL_SKIP(ctl)) return;\n"
                    "const int number = TILE_NUMBER;\nconst int4 part = parts[number];\n"
                    "real w_sum = 0, u_sum = 0;\n%s"
                    "for (int k = part.x; k < part.x + part.y; k++) {\n"
                    "const int4 tile = tiles[k];\nUPDATE_TILE(tile)\n",
                 cpu ? "realv w_sums = 0, u_sums = 0;\n" : "");
    load_scalars(&w);
    write_loops(&w, cpu);
    syn_text_add(t, "}\n");
    if (cpu)
        syn_text_add(t, "w_sum += row_sum(w_sums); u_sum += row_sum(u_sums);\n");
    else
        syn_text_add(t, "__local real w_part[NORM_GROUP], u_part[NORM_GROUP];\n"
                        "const int lane = (int)get_local_id(0);\n"
                        "w_part[lane] = w_sum; u_part[lane] = u_sum;\nbarrier(CLK_LOCAL_MEM_FENCE);\n"
                        "if (lane) return;\n"
                        "for (int k = 1; k < NORM_GROUP; k++) { w_sum += w_part[k]; u_sum += u_part[k]; }\n");
    syn_text_add(t, "STORE(w_sum, trusts, number); STORE(u_sum, trusts, n_parts + number);\n}\n");
    return finish(&w);
}

/* The scalars are those of the step to come, which the tally has not begun. */
char *syn_optim_ahead_text(const syn_optim_use *use, const char *snippet, bool half, bool cpu) {
    writer w = { .use = use, .body = snippet, .ema = -1 };
    syn_text *t = &w.t;
    if (use->impl->defines) use->impl->defines(use->spec.u.opts, t);
    syn_text_add(t, "KERNEL(ahead)(__global real *params, __global real *slots, __global const int4 *tiles,\n"
                    "__global const real *table, __global const real *factors, __global const uint *ctl,\n"
                    "%sconst int n_tiles, const int slot_length, const int direction) {\n"
                    "if (TILE_NUMBER >= n_tiles) return;\n"
                    "const int4 tile = tiles[TILE_NUMBER];\n"
                    "__global const real *row = table + (int)(CTL_STEP(ctl) %% SCALAR_ROWS) * N_SCALARS;\n"
                    "const real lr_factor = LR_FACTORS ? LOAD(TILE_FACTORS(factors, tile), 0) : (real)1;\n",
                 half ? "__global cell *halves, " : "");
    load_scalars(&w);
    for (int vector = cpu; vector >= 0; vector--) {
        const char *v = vector ? "V" : "", *type = vector ? "realv" : "real";
        if (vector) syn_text_add(t, "int i = 0;\nfor (; i + SYN_VEC <= tile.z; i += SYN_VEC) {\n");
        else if (cpu) syn_text_add(t, "for (; i < tile.z; i++) {\n");
        else syn_text_add(t, "for (int i = TILE_FROM; i < tile.z; i += TILE_STRIDE) {\n");
        syn_text_add(t, "typedef %s element;\nconst int at = tile.x + i, gat = tile.y + i;\n"
                        "const element here = %sLOAD(params, at);\nelement w = here;\n", type, v);
        for (int k = 0; k < use->n_slots; k++)
            syn_text_add(t, "element %s = %sLOAD(slots + (size_t)%d * slot_length, gat);\n", use->slot[k], v, k);
        syn_text_add(t, "if (direction < 0) w = %s;\nelse {\n", use->slot[0]);
        write_scalars(&w, "element", "const ");
        syn_text_typed(t, snippet, "element");
        syn_text_add(t, "}\n%sSTORE(here, slots, gat);\n%sSTORE(w, params, at);\n", v, v);
        if (half) syn_text_add(t, "%sSTORE(w, halves, at);\n", v);
        syn_text_add(t, "}\n");
    }
    syn_text_add(t, "}\n");
    return finish(&w);
}
