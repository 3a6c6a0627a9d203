/* The tables of options: every row resolves, returns as it was written, and says what it means. */
#include "base/options_json.h"
#include "layer/init.h"
#include "layer/layer.h"
#include "optim/optim.h"
#include "optim/schedule.h"

#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <syncline/syncline.h>

static const syn_table *(*const tables[])(void) = { syn_layers, syn_optims, syn_schedules,
                                                    syn_inits };

/* Every row of every table: resolves under both presets, and a resolved struct survives writing. */
static void resolve_and_return(const syn_def *def, syn_preset preset) {
    char opts[1024] = { 0 }, again[1024] = { 0 };
    ck_assert_uint_le(def->size, sizeof opts);
    ck_assert_int_eq(syn_options_resolve(def, opts, preset, NULL), SYN_OK);
    json_t *j = syn_options_write(def, opts);
    ck_assert_msg(syn_options_read(def, again, j, NULL, NULL) == SYN_OK, "%s", syn_error_text());
    ck_assert_int_eq(syn_options_resolve(def, again, SYN_KERAS, NULL), SYN_OK);
    ck_assert_msg(!memcmp(opts, again, def->size), "%s", def->name);
    json_decref(j);
}

START_TEST(all_rows_resolve_and_return) {
    for (size_t i = 0; i < SYN_COUNT(tables); i++)
        for (int k = 0; k < tables[i]()->n; k++) {
            resolve_and_return(tables[i]()->row[k], SYN_KERAS);
            resolve_and_return(tables[i]()->row[k], SYN_TORCH);
        }
}
END_TEST

static void check_option(const syn_def *def, const syn_option *o) {
    ck_assert_msg(o->doc && *o->doc, "%s.%s has no meaning", def->name, o->name);
    ck_assert_msg(strcmp(o->name, "preset"), "%s.%s is taken", def->name, o->name);
    if (o->kind == SYN_OPTION_CHOICE) {
        for (int p = 0; p < 2; p++)
            ck_assert_msg(o->def[p] >= 1 && o->def[p] <= syn_choice_count(o), "%s.%s", def->name,
                          o->name);
    } else if (o->kind == SYN_OPTION_INT) {
        /* a resolved 0 could not be told from "not given" */
        for (int p = 0; p < 2; p++)
            ck_assert_msg(o->def[p] == 0 || o->lo > 0, "%s.%s: make it a REAL", def->name, o->name);
        ck_assert_msg(o->lo > INT_MIN && o->hi <= INT_MAX, "%s.%s", def->name, o->name);
    }
    if (o->kind == SYN_OPTION_INT || o->kind == SYN_OPTION_REAL)
        for (int p = 0; p < 2; p++)
            ck_assert_msg(o->def[p] == 0 || (o->def[p] >= o->lo && o->def[p] <= o->hi), "%s.%s",
                          def->name, o->name);
    for (int p = 0; p < 2; p++)
        ck_assert_msg(!o->text_def[p] || syn_table_find(o->table(), o->text_def[p]), "%s.%s: %s",
                      def->name, o->name, syn_error_text());
}

START_TEST(the_tables_hold_together) {
    for (size_t i = 0; i < SYN_COUNT(tables); i++)
        for (int k = 0; k < tables[i]()->n; k++) {
            const syn_def *def = tables[i]()->row[k];
            if (tables[i] != syn_layers) ck_assert_uint_le(def->size, SYN_SPEC_BYTES);
            ck_assert_msg(*def->doc, "%s has no meaning", def->name);
            for (int o = 0; o < def->n_options; o++) check_option(def, &def->option[o]);
        }
}
END_TEST

int main(void) {
    Suite *s = suite_create("option_tables");
    TCase *t = tcase_create("option_tables");
    tcase_add_test(t, all_rows_resolve_and_return);
    tcase_add_test(t, the_tables_hold_together);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
