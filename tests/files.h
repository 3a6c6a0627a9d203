/* A temporary folder for tests that write files, and expecting errors. */
#ifndef SYN_TESTS_FILES_H
#define SYN_TESTS_FILES_H

#include "base/base.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/syncline-test-XXXXXX"; /* mkdtemp in main, clear_folder at its end */

/* The path of a name in the folder; the last four stay valid. */
static inline const char *at(const char *name) {
    static char path[4][256];
    static int k;
    k = (k + 1) % 4;
    snprintf(path[k], sizeof path[k], "%s/%s", folder, name);
    return path[k];
}

static inline const char *put(const char *name, const void *data, size_t bytes) {
    const char *path = at(name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, bytes, f), bytes);
    fclose(f);
    return path;
}
#define PUT(name, literal) put(name, literal, sizeof(literal) - 1)

static inline void ok(syn_status status) {
    ck_assert_msg(status == SYN_OK, "%s", syn_error_text());
}

static inline void refused(syn_status got, syn_status want, const char *text) {
    ck_assert_msg(got == want && strstr(syn_error_text(), text),
                  "wanted %s with \"%s\", got %s: %s", syn_status_name(want), text,
                  syn_status_name(got), got == SYN_OK ? "" : syn_error_text());
}

static inline void clear_folder(const char *path) {
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        char *name = syn_format("%s/%s", path, e->d_name);
        if (unlink(name) != 0) clear_folder(name);
        free(name);
    }
    if (dir) closedir(dir);
    rmdir(path);
}

/* Runs tests in the folder; what main returns. */
static inline int run_in_folder(const char *name, const TTest *const *test, size_t n) {
    if (!mkdtemp(folder)) return 1;
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 60);
    for (size_t i = 0; i < n; i++) tcase_add_test(tc, test[i]);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    clear_folder(folder);
    return failed != 0;
}

#endif
