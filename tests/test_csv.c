/* Tables in text: read back, and refused by line and column. */
#include "files.h"

#include <syncline/data.h>

#include <zlib.h>

static const char *put_gz(const char *name, const void *data, size_t bytes) {
    const char *path = at(name);
    gzFile f = gzopen(path, "wb");
    ck_assert_int_eq(gzwrite(f, data, (unsigned)bytes), (int)bytes);
    gzclose(f);
    return path;
}

static void no_set(syn_status got, syn_data **d, syn_status want, const char *text) {
    refused(got, want, text);
    ck_assert_ptr_null(*d);
}

START_TEST(test_csv) {
    syn_data *d;
    const char *path =
        PUT("t.csv", "\xef\xbb\xbf"
                     "a, b ,\"c \"\"x\"\", y\",kind\r\n"
                     "1,-2.5,1e3,0\r\n\r\n +4 ,\"5\",.25,2\r\n0.1,123456789012345678,7,1");
    ck_assert_msg(syn_data_open_csv(&d, path, NULL, true) == SYN_OK, "%s", syn_error_text());
    ck_assert_int_eq(syn_data_rows(d), 3);
    ck_assert_int_eq(syn_data_x_type(d), SYN_F32);
    ck_assert_mem_eq(syn_data_x(d),
                     ((float[]){ 1, -2.5f, 1e3f, 4, 5, .25f, .1f, 123456789012345678.0f, 7 }), 36);
    ck_assert(syn_data_has_labels(d));
    ck_assert_mem_eq(syn_data_y(d), ((int32_t[]){ 0, 2, 1 }), 12);
    syn_data_destroy(d);
    ok(syn_data_open_csv(&d, path, "kind , a", false));
    ck_assert(!syn_data_has_labels(d));
    syn_shape x = syn_data_x_shape(d), y = syn_data_y_shape(d);
    ck_assert(syn_shape_equal(&x, &SYN_SHAPE(2)) && syn_shape_equal(&y, &SYN_SHAPE(2)));
    ck_assert_mem_eq(syn_data_y(d), ((float[]){ 0, 1, 2, 4, 1, .1f }), 24);
    syn_data_destroy(d);
    ok(syn_data_open_csv(&d, path, "c \"x\", y", false));
    ck_assert_mem_eq(syn_data_y(d), ((float[]){ 1e3f, .25f, 7 }), 12);
    syn_data_destroy(d);
    ck_assert_int_eq(syn_data_open_csv(&d, put_gz("t.csv.gz", "a,b\n1,2\n", 8), NULL, false),
                     SYN_OK);
    syn_data_destroy(d);
    ok(syn_data_open_csv(&d, PUT("cr.csv", "a,b\r1,2\r3,4\r"), NULL, false)); /* lines end by \r alone */
    ck_assert_mem_eq(syn_data_x(d), ((float[]){ 1, 3 }), 8);
    ck_assert_mem_eq(syn_data_y(d), ((float[]){ 2, 4 }), 8);
    syn_data_destroy(d);
}
END_TEST

START_TEST(test_csv_refused) {
    static const struct {
        const char *text, *target, *says;
        syn_status status;
    } bad[] = {
        { "", NULL, "empty", SYN_E_FORMAT },
        { "\n\n", NULL, "empty", SYN_E_FORMAT },
        { "a,b\n", NULL, "no rows", SYN_E_FORMAT },
        { "a\n1\n", NULL, "one column", SYN_E_FORMAT },
        { "a;b\n1;2\n", NULL, "semicolons", SYN_E_FORMAT },
        { "a,,b\n1,2,3\n", NULL, "column 2 has no name", SYN_E_FORMAT },
        { "a,b,a\n1,2,3\n", NULL, "two columns are named 'a'", SYN_E_FORMAT },
        { "a,b\n1,2\n1\n", NULL, "line 3 has 1 cells", SYN_E_FORMAT },
        { "a,b\n1,2,\n", NULL, "line 2 has 3 cells", SYN_E_FORMAT },
        { "a,width\n1,2\n\n3,x7\n", NULL, "line 4, column 2 ('width'): 'x7' is not", SYN_E_FORMAT },
        { "a,b\n,2\n", NULL, "line 2, column 1 ('a'): '' is empty", SYN_E_FORMAT },
        { "a,b\nnan,2\n", NULL, "'nan' is not a number", SYN_E_FORMAT },
        { "a,b\n0x1,2\n", NULL, "'0x1' is not a number", SYN_E_FORMAT },
        { "a,b\n1e,2\n", NULL, "'1e' is not a number", SYN_E_FORMAT },
        { "a,b\n1 2,2\n", NULL, "'1 2' is not a number", SYN_E_FORMAT },
        { "a,b\n1e39,2\n", NULL, "too large for a 32-bit", SYN_E_FORMAT },
        { "a,b\n\"1,2\n", NULL, "line 2, column 1: the quote", SYN_E_FORMAT },
        { "a,b\n\"1\"\"\n", NULL, "line 2, column 1: the quote", SYN_E_FORMAT },
        { "a,b\n\"1\"2,3\n", NULL, "line 2, column 1: the quote", SYN_E_FORMAT },
        { "a,price\n1,2\n", "prize", "did you mean 'price'", SYN_E_ARGUMENT },
        { "a,b\n1,2\n", "b,b", "twice", SYN_E_ARGUMENT },
        { "a,b\n1,2\n", "a,b", "none is left", SYN_E_ARGUMENT },
        { "a,b\n1,-1\n", "*b", "'-1' is negative", SYN_E_FORMAT },
        { "a,b\n1,1.5\n", "*b", "line 2, column 2 ('b'): '1.5' is not whole", SYN_E_FORMAT },
        { "a,b\n1,3000000000\n", "*b", "too large for a class", SYN_E_FORMAT },
        { "a,b,c\n1,1,2\n", "*b,c", "one column", SYN_E_ARGUMENT },
    };
    for (size_t i = 0; i < SYN_COUNT(bad); i++) { /* a star: labels */
        bool labels = bad[i].target && bad[i].target[0] == '*';
        syn_data *d = (void *)&d;
        const char *path = put("bad.csv", bad[i].text, strlen(bad[i].text));
        no_set(syn_data_open_csv(&d, path, bad[i].target ? bad[i].target + labels : NULL, labels),
               &d, bad[i].status, bad[i].says);
        ck_assert_ptr_nonnull(strstr(syn_error_text(), path));
    }
    syn_data *d;
    no_set(syn_data_open_csv(&d, PUT("bad.csv", "a,b\n1,\0\n"), NULL, false), &d, SYN_E_FORMAT,
           "byte 6 is zero");
    no_set(syn_data_open_csv(&d, at("absent.csv"), NULL, false), &d, SYN_E_IO, "absent.csv");
}
END_TEST

int main(void) {
    const TTest *const tests[] = { test_csv, test_csv_refused };
    return run_in_folder("csv", tests, SYN_COUNT(tests));
}
