/* The text of the kernel that runs phases: calls' templates as functions, and a case for each of them. */
#include "plan/list.h"

#include <stdlib.h>
#include <string.h>

void syn_phase_function(syn_text *t, const char *text) {
    static const char kernel[] = "KERNEL(";
    syn_text_add(t, "#define get_global_id(d) ((d) == 0 ? id0 : (d) == 1 ? id1 : id2)\n"
                    "#define get_global_size(d) ((d) == 0 ? size0 : size1)\n");
    for (const char *next; (next = strstr(text, kernel)); text = next) {
        const char *end = strstr(next, ")(");
        if (!end) break;
        syn_text_put(t, text, (size_t)(next - text));
        syn_text_add(t, "static void FN(%.*s)(const int id0, const int id1, const int id2, const int size0, const int size1, ",
                     (int)(end - next - (int)sizeof kernel + 1), next + sizeof kernel - 1);
        next = end + 2;
    }
    syn_text_put(t, text, strlen(text));
    syn_text_add(t, "#undef get_global_id\n#undef get_global_size\n");
}

/* Arguments begin behind the items, how long to wait, the function's number and three sizes. */
static void add_case(syn_text *t, const syn_instance *in) {
    int at = 6;
    syn_text_add(t, "    case %d: {\n", in->number);
    for (int k = 0; in->kinds[k]; k++) {
        const char kind = in->kinds[k];
        syn_text_add(t, kind == 'p'   ? "        __global void *const a%d = POINTER(%d);\n"
                        : kind == 'r' ? "        const real a%d = REAL_OF(phase[%d]);\n"
                                      : "        const int a%d = (int)phase[%d];\n", k, at);
        at += kind == 'p' ? 2 : 1;
    }
    syn_text_add(t, "        EACH(%s(id0, id1, id2, size0, size1", in->name);
    for (int k = 0; in->kinds[k]; k++) syn_text_add(t, ", a%d", k);
    syn_text_add(t, "))\n        break;\n    }\n");
}

syn_status syn_phase_kernel(syn_text *t, const syn_instance *instance, int n, bool apart) {
    static const char place[] = "FUNCTIONS\n";
    char *file;
    SYN_TRY(syn_cl_text("plan/phases.cl", &file));
    const char *at = strstr(file, place);
    syn_text_add(t, "#define BASES(X)");
    for (int k = 0; k < SYN_MAX_BASES; k++) syn_text_add(t, " X(%d)", k);
    syn_text_add(t, "\n");
    syn_text_put(t, file, at ? (size_t)(at - file) : 0);
    for (int i = 0; i < n; i++)
        if (instance[i].phase && instance[i].apart == apart && !instance[i].program) add_case(t, &instance[i]);
    if (at) syn_text_put(t, at + sizeof place - 1, strlen(at + sizeof place - 1));
    free(file);
    return syn_text_status(t);
}
