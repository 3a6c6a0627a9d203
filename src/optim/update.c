/* Writes the update kernel: one launch for the whole model. A work-item (CPU) or a work-group (GPU) takes
 * one tile; the frame of cl/base/update.cl stands around the optimizer's statements, which are put in
 * twice, over vectors and over scalars. */
#include "optim/optim.h"

static void write_pass(const syn_optim_use *use, syn_text *t, const char *body, int ema, bool vector) {
    const char *type = vector ? "realv" : "real", *load = vector ? "VLOAD" : "LOAD";
    const char *store = vector ? "VSTORE" : "STORE";
    syn_text_add(t, "%s w = %s(params, at), g = %s(grads, gat);\n", type, load, load);
    for (int k = 0; k < use->n_slots; k++)
        syn_text_add(t, "%s %s = %s(slots + (size_t)%d * slot_length, gat);\n", type,
                     use->impl->slots[k], load, k);
    syn_text_add(t, "PREPARE(%s, w, g)\nFINISH(%s, w, g)\n%s\n%s(w, params, at);\n", type, type, body, store);
    for (int k = 0; k < use->n_slots; k++)
        syn_text_add(t, "%s(%s, slots + (size_t)%d * slot_length, gat);\n", store, use->impl->slots[k], k);
    if (ema >= 0)
        syn_text_add(t, "__global real *average = slots + (size_t)%d * slot_length;\n"
                        "%s(ema_kept * %s(average, gat) + (1 - ema_kept) * w, average, gat);\n",
                     ema, store, load);
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
    syn_text_free(&d);
}

char *syn_optim_text(const syn_optim_use *use, const char *snippet, int ema, bool cpu) {
    syn_text t = { 0 };
    const char *body = use->impl->update ? use->impl->update : snippet;
    if (use->impl->defines) use->impl->defines(use->spec.u.opts, &t);
    syn_text_add(&t, "KERNEL(update)(__global real *params, __global const real *grads,\n"
                     "__global real *slots, __global const int4 *tiles, __global const real *table,\n"
                     "__global const real *factors, __global const real *norms,\n"
                     "__global const real *metrics, __global uint *ctl, const int n_tiles,\n"
                     "const int slot_length) {\n"
                     "UPDATE_BEGIN\n");
    for (int k = 0; k < use->n_scalars; k++)
        syn_text_add(&t, "const real %s = LOAD(row, FRAME_SCALARS + %d)%s;\n", use->impl->scalars[k], k,
                     k < use->impl->n_rates ? " * lr_factor" : "");
    if (cpu) {
        syn_text_add(&t, "int i = 0;\nfor (; i + SYN_VEC <= length; i += SYN_VEC) {\n"
                         "const int at = first + i, gat = gfirst + i;\n");
        write_pass(use, &t, body, ema, true);
        syn_text_add(&t, "}\nfor (; i < length; i++) {\n");
    } else {
        syn_text_add(&t, "for (int i = (int)get_local_id(0); i < length; i += (int)get_local_size(0)) {\n");
    }
    syn_text_add(&t, "const int at = first + i, gat = gfirst + i;\n");
    write_pass(use, &t, body, ema, false);
    syn_text_add(&t, "}\n}\n");
    if (use->impl->defines) write_undefs(use, &t);
    if (t.failed) syn_text_free(&t);
    return t.s;
}
