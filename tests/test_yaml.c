/* Reading YAML: what owns what. */
#include "cli/yaml.h"

#include "files.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 400 };

/* Values that left the document are kept to the end, with the booleans in them. Freeing those first
 * wrote into freed memory, which the C library notices when it puts free pieces together. */
START_TEST(test_kept_booleans) {
    syn_text t = { 0 };
    for (int i = 0; i < ITEMS; i++) syn_text_add(&t, "- { a: yes, b: no, c: ~ }\n");
    for (int turn = 0; turn < 10; turn++) {
        cli_yaml y = { 0 };
        json_t *root, *item;
        size_t i;
        ck_assert_int_eq(cli_yaml_read(&y, &root, syn_text_str(&t), t.len, "text", true), SYN_OK);
        ck_assert_uint_eq(json_array_size(root), ITEMS);
        json_array_foreach(root, i, item) cli_yaml_keep(&y, item);
        json_decref(root);
        cli_yaml_free(&y);
        ck_assert_ptr_null(y.kept);
        free(malloc((size_t)1 << 16));
    }
    syn_text_free(&t);
}
END_TEST

int main(void) {
    const TTest *const tests[] = { test_kept_booleans };
    return run_in_folder("yaml", tests, SYN_COUNT(tests));
}
