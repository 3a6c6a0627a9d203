#include "golden.h"

#include "files.h"
#include "io/safetensors.h"

golden golden_open(const char *name) {
    const char *root = getenv("SYNCLINE_SOURCE_ROOT");
    char *path = syn_format("%s/tests/golden/%s.safetensors", root ? root : "..", name);
    golden g;
    ok(syn_st_open(&g.file, path));
    free(path);
    const char *cases = syn_st_get_meta(g.file, "cases");
    ck_assert_ptr_nonnull(cases);
    g.cases = json_loads(cases, 0, NULL);
    ck_assert(json_is_array(g.cases));
    return g;
}

void golden_close(golden *g) {
    json_decref(g->cases);
    syn_st_close(g->file);
}

int golden_cases(const golden *g) { return (int)json_array_size(g->cases); }

json_t *golden_case(const golden *g, int i) { return json_array_get(g->cases, (size_t)i); }

const char *golden_text(const json_t *c, const char *key) {
    const char *text = json_string_value(json_object_get(c, key));
    ck_assert_msg(text != NULL, "a golden case has no %s", key);
    return text;
}

const double *golden_find(const golden *g, const char *name, const char *tensor, syn_shape *shape) {
    char *path = syn_format("%s/%s", name, tensor);
    const syn_st_tensor *t = syn_st_find(g->file, path);
    free(path);
    if (!t) return NULL;
    ck_assert_int_eq(t->type, SYN_F64);
    if (shape) *shape = t->shape;
    return t->data;
}

const double *golden_get(const golden *g, const json_t *c, const char *tensor, syn_shape *shape) {
    const double *data = golden_find(g, golden_text(c, "name"), tensor, shape);
    ck_assert_msg(data != NULL, "no golden tensor %s/%s", golden_text(c, "name"), tensor);
    return data;
}
