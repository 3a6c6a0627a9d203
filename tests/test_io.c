/* Files of the io room: safetensors, replacing whole files, histories and their picture. */
#include "files.h"
#include "io/confusion.h"
#include "io/history.h"
#include "io/safetensors.h"

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int files(const char *path) {
    DIR *dir = opendir(path);
    int n = -2; /* . and .. */
    while (readdir(dir)) n++;
    closedir(dir);
    return n;
}

/* A file of this header, its length in front, and n zero bytes of data. */
static const char *put_header(const char *header, size_t data) {
    static char file[4096];
    size_t len = strlen(header);
    memset(file, 0, sizeof file);
    file[0] = (char)(len & 255);
    file[1] = (char)(len >> 8);
    memcpy(file + 8, header, len);
    return put("st", file, 8 + len + data);
}

START_TEST(test_round_trip) {
    static const double f64[] = { 1.5, -0.0, INFINITY };
    static const float f32[] = { 0.1f, 2 };
    static const int64_t i64[] = { INT64_MIN, 5 };
    static const int32_t i32[] = { -7 };
    static const uint8_t u8[] = { 255, 3, 4 };
    static const int8_t i8[] = { -128 };
    const syn_st_tensor out[] = {
        { "z.last \"quoted\" \xc3\xa9", SYN_U8, SYN_SHAPE(3), u8, 3 },
        { "a", SYN_F64, SYN_SHAPE(3, 1), f64, sizeof f64 },
        { "none", SYN_F32, SYN_SHAPE(4, 0), NULL, 0 },
        { "b", SYN_F32, SYN_SHAPE(1, 2), f32, sizeof f32 },
        { "c", SYN_I64, SYN_SHAPE(2), i64, sizeof i64 },
        { "scalar", SYN_I32, { 0 }, i32, 4 },
        { "d", SYN_I8, SYN_SHAPE(1, 1, 1, 1, 1), i8, 1 },
    };
    const syn_st_meta meta[] = { { "net", "{\"x\": 1}\n" }, { "empty", "" } };
    const int n = (int)SYN_COUNT(out);
    const char *path = at("round");
    ok(syn_st_write(path, out, n, meta, 2));
    syn_st *s;
    ok(syn_st_open(&s, path));
    ck_assert_int_eq(syn_st_count(s), n);
    for (int i = 0; i < n; i++) {
        const syn_st_tensor *t = syn_st_at(s, i);
        ck_assert_str_eq(t->name, out[i].name); /* in the order given */
        ck_assert_ptr_eq(syn_st_find(s, out[i].name), t);
        ck_assert_int_eq(t->type, out[i].type);
        ck_assert(syn_shape_equal(&t->shape, &out[i].shape));
        ck_assert_uint_eq(t->bytes, out[i].bytes);
        ck_assert_uint_eq((uintptr_t)t->data % 8, 0);
        if (t->bytes) ck_assert_mem_eq(t->data, out[i].data, t->bytes);
    }
    ck_assert_double_eq(syn_st_value(syn_st_find(s, "a"), 0), 1.5);
    ck_assert_double_eq(syn_st_value(syn_st_find(s, "b"), 0), (double)0.1f);
    ck_assert_double_eq(syn_st_value(syn_st_find(s, "c"), 1), 5);
    ck_assert_double_eq(syn_st_value(syn_st_find(s, "scalar"), 0), -7);
    ck_assert_double_eq(syn_st_value(syn_st_at(s, 0), 0), 255);
    ck_assert_double_eq(syn_st_value(syn_st_find(s, "d"), 0), -128);
    ck_assert_ptr_null(syn_st_find(s, "absent"));
    ck_assert_ptr_null(syn_st_at(s, n));
    ck_assert_str_eq(syn_st_get_meta(s, "net"), meta[0].value);
    ck_assert_str_eq(syn_st_get_meta(s, "empty"), "");
    ck_assert_ptr_null(syn_st_get_meta(s, "absent"));
    syn_st_close(s);
    /* the data starts at a multiple of 8 */
    char *text;
    size_t bytes;
    ok(syn_file_read(path, &text, &bytes));
    ck_assert_int_eq(text[0] % 8, 0);
    ck_assert_int_eq(text[8], '{');
    free(text);
    ok(syn_st_write(path, NULL, 0, NULL, 0)); /* nothing at all is a file too */
    ok(syn_st_open(&s, path));
    ck_assert_int_eq(syn_st_count(s), 0);
    ck_assert_ptr_null(syn_st_get_meta(s, "net"));
    syn_st_close(s);
    syn_st_close(NULL);
}
END_TEST

#define T(name, dtype, shape, offsets)                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

START_TEST(test_legal) {
    static const struct {
        const char *header;
        size_t data;
        int n;
    } good[] = {
        { "{}", 0, 0 },
        { "{}        ", 0, 0 },
        { "{" T("b", "F32", "[1]", "[4,8]") "," T("a", "F32", "[]", "[0,4]") "}", 8, 2 },
        { "{" T("b", "F32", "[0]", "[4,4]") "," T("a", "I32", "[1]", "[0,4]") "}", 4, 2 },
        { "{" T("a", "U8", "[3]", "[0,3]") "," T("b", "F64", "[1]", "[3,11]") "}", 11, 2 },
        { "{\"__metadata__\":{\"k\":\"v\"}," T("a", "I8", "[1]", "[0,1]") "}", 1, 1 },
    };
    for (size_t i = 0; i < SYN_COUNT(good); i++) {
        syn_st *s;
        ok(syn_st_open(&s, put_header(good[i].header, good[i].data)));
        ck_assert_int_eq(syn_st_count(s), good[i].n);
        if (good[i].n == 2) ck_assert_str_eq(syn_st_at(s, 0)->name, "a"); /* in order of place */
        syn_st_close(s);
    }
}
END_TEST

START_TEST(test_refused) {
    static const struct {
        const char *header;
        size_t data;
        const char *text;
    } bad[] = {
        { "", 0, "begin with '{'" },
        { " {}", 0, "begin with '{'" },
        { "[]", 0, "begin with '{'" },
        { "{", 0, "no valid JSON" },
        { "{} x", 0, "no valid JSON" },
        { "{}", 1, "too long" },
        { "{" T("a", "F32", "[1]", "[0,4]") "}", 3, "truncated" },
        { "{" T("a", "F32", "[1]", "[0,4]") "}", 5, "too long" },
        { "{" T("a", "F32", "[1]", "[4,8]") "}", 8, "'a' begins at data byte 4, leaving a hole" },
        { "{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[4]", "[5,9]") "}", 9,
          "hole after byte 4" },
        { "{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[4]", "[3,7]") "}", 7, "overlapping" },
        { "{" T("a", "U8", "[4]", "[0,4]") "," T("a", "U8", "[4]", "[4,8]") "}", 8, "duplicate" },
        { "{" T("a", "F32", "[2]", "[0,4]") "}", 4, "takes 8 bytes" },
        { "{" T("a", "F32", "[1]", "[4,0]") "}", 4, "takes 4 bytes" },
        { "{" T("a", "F32", "[1]", "[-4,0]") "}", 4, "takes 4 bytes" },
        { "{" T("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0, "overflows" },
        { "{" T("a", "F32", "[-1]", "[0,4]") "}", 4, "axis 0" },
        { "{" T("a", "F32", "[1.0]", "[0,4]") "}", 4, "axis 0" },
        { "{" T("a", "F32", "4", "[0,4]") "}", 4, "shape must be an array" },
        { "{" T("a", "F32", "[1,1,1,1,1,1]", "[0,4]") "}", 4, "6 axes" },
        { "{" T("a", "F32", "[1]", "[0]") "}", 4, "data_offsets" },
        { "{" T("a", "F32", "[1]", "[0,4.0]") "}", 4, "data_offsets" },
        { "{" T("a", "BF16", "[2]", "[0,4]") "}", 4, "'a' is BF16" },
        { "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no dtype" },
        { "{\"a\":3}", 0, "not described by an object" },
        { "{\"__metadata__\":3}", 0, "__metadata__" },
        { "{\"__metadata__\":{\"k\":3}}", 0, "'k' is not a string" },
    };
    for (size_t i = 0; i < SYN_COUNT(bad); i++) {
        syn_st *s = (void *)&s;
        const char *path = put_header(bad[i].header, bad[i].data);
        refused(syn_st_open(&s, path), SYN_E_FORMAT, bad[i].text);
        ck_assert_ptr_nonnull(strstr(syn_error_text(), path));
        ck_assert_ptr_null(s);
    }
    syn_st *s;
    const char *path = at("short");
    ok(syn_file_replace(path, "\2\0\0", 3));
    refused(syn_st_open(&s, path), SYN_E_FORMAT, "truncated");
    ok(syn_file_replace(path, "\3\0\0\0\0\0\0\0{}", 10));
    refused(syn_st_open(&s, path), SYN_E_FORMAT, "truncated");
    ok(syn_file_replace(path, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10));
    refused(syn_st_open(&s, path), SYN_E_FORMAT, "18446744073709551615 bytes");
    ok(syn_file_replace(path, "\1\xe1\xf5\5\0\0\0\0{}", 10)); /* 100,000,001 */
    refused(syn_st_open(&s, path), SYN_E_FORMAT, "more than 100000000");
    refused(syn_st_open(&s, at("absent")), SYN_E_IO, "absent");
    refused(syn_st_open(&s, folder), SYN_E_IO, "is not a file");
}
END_TEST

START_TEST(test_write_refused) {
    static const float one[1];
    const char *path = at("w");
    syn_st_tensor t[] = { { "a", SYN_F32, SYN_SHAPE(1), one, 4 },
                          { "a", SYN_F32, SYN_SHAPE(1), one, 4 } };
    refused(syn_st_write(path, t, 2, NULL, 0), SYN_E_ARGUMENT, "two tensors are named 'a'");
    t[1].name = "b\xff";
    refused(syn_st_write(path, t, 2, NULL, 0), SYN_E_ARGUMENT, "UTF-8");
    t[1].name = "__metadata__";
    refused(syn_st_write(path, t, 2, NULL, 0), SYN_E_ARGUMENT, "do not make a tensor");
    t[1] = (syn_st_tensor){ "b", SYN_F32, SYN_SHAPE(2), one, 4 };
    refused(syn_st_write(path, t, 2, NULL, 0), SYN_E_ARGUMENT, "do not make a tensor");
    refused(syn_st_write(path, t, 1, &(syn_st_meta){ "k", "\xff" }, 1), SYN_E_ARGUMENT, "'k'");
    ck_assert_int_ne(access(path, F_OK), 0);
    refused(syn_st_write(at("absent/w"), t, 1, NULL, 0), SYN_E_IO, "absent/w");
}
END_TEST

/* The old file stands, and no temporary file is left, when the disk is full or the folder closed.
 */
START_TEST(test_replace) {
    const char *sub = at("sub"), *path = at("sub/file");
    ck_assert_int_eq(mkdir(sub, 0777), 0);
    ok(syn_file_replace(path, "old", 3));
    ck_assert_int_eq(chmod(path, 0640), 0);

    struct rlimit before, small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000; /* what a full disk looks like to write() */
    static char big[100000];
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    syn_status status = syn_file_replace(path, big, sizeof big);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    refused(status, SYN_E_IO, "untouched");
    ck_assert_int_eq(files(sub), 1);

    if (geteuid() != 0) { /* root may write anywhere */
        ck_assert_int_eq(chmod(sub, 0500), 0);
        status = syn_file_replace(path, "new", 3);
        chmod(sub, 0700);
        refused(status, SYN_E_IO, "cannot be written");
    }
    refused(syn_file_replace(sub, "new", 3), SYN_E_IO, "cannot be written"); /* a folder */
    ck_assert_int_eq(files(sub), 1);

    char *text;
    size_t bytes;
    ok(syn_file_read(path, &text, &bytes));
    ck_assert_uint_eq(bytes, 3);
    ck_assert_str_eq(text, "old");
    free(text);
    ok(syn_file_replace(path, big, sizeof big));
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, sizeof big);
    ck_assert_int_eq(st.st_mode & 0777, 0640);
    ok(syn_file_read(path, &text, &bytes));
    ck_assert_uint_eq(bytes, sizeof big);
    ck_assert_mem_eq(text, big, bytes);
    free(text);
    refused(syn_file_read(at("absent"), &text, &bytes), SYN_E_IO, "absent");
    refused(syn_file_read(folder, &text, &bytes), SYN_E_IO, "cannot be read");
}
END_TEST

static void check_text(const char *name, const char *want) {
    char *text;
    size_t bytes;
    ok(syn_file_read(at(name), &text, &bytes));
    ck_assert_str_eq(text, want);
    free(text);
}

START_TEST(test_history) {
    syn_history h = { 0 }, back = { 0 };
    ok(syn_history_add(&h, &(syn_history_row){ 1, 430, 0.5, 0.8, 1.0 / 3, 0.75, 1e-3, 2.5, 0.125, 3, { { 0 } } }));
    ok(syn_history_add(&h, &(syn_history_row){ 2, 860, INFINITY, NAN, NAN, NAN, 1e-3, 5, 0, NAN, { { 0 } } }));
    ok(syn_history_write(&h, folder, "run"));
    check_text("history.csv", "epoch,step,loss,accuracy,val_loss,val_accuracy,lr,seconds,penalty,grad_norm\n"
                              "1,430,0.5,0.8,0.333333333,0.75,0.001,2.5,0.125,3\n2,860,inf,,,,0.001,5,0,\n");
    check_text(
        "history.jsonl",
        "{\"epoch\": 1, \"step\": 430, \"loss\": 0.5, \"accuracy\": 0.8, \"val_loss\": "
        "0.333333333, \"val_accuracy\": 0.75, \"lr\": 0.001, \"seconds\": 2.5, \"penalty\": 0.125, \"grad_norm\": 3}\n"
        "{\"epoch\": 2, \"step\": 860, \"loss\": null, \"accuracy\": null, \"val_loss\": null, "
        "\"val_accuracy\": null, \"lr\": 0.001, \"seconds\": 5, \"penalty\": 0, \"grad_norm\": null}\n");
    ok(syn_history_read(&back, folder, 2));
    ck_assert_int_eq(back.n, 2);
    ck_assert_int_eq(back.row[0].step, 430);
    ck_assert_double_eq_tol(back.row[0].val_loss, 1.0 / 3, 1e-9);
    ck_assert(isnan(back.row[1].accuracy));
    ck_assert_double_eq(back.row[1].seconds, 5);
    ok(syn_history_read(&back, folder, 1));
    ck_assert_int_eq(back.n, 1);
    ok(syn_history_read(&back, at("absent"), 9));
    ck_assert_int_eq(back.n, 0);

    static const char *const bad[][2] = {
        { "{\"epoch\": 1, \"step\": 1}\n{\"epoch\": 2", "line 2" },
        { "{\"epoch\": 1.5, \"step\": 1}\n", "whole numbers" },
        { "{\"epoch\": 1, \"step\": 1, \"lr\": \"x\"}\n", "line 1: lr" },
        { "3\n", "line 1" },
    };
    for (size_t i = 0; i < SYN_COUNT(bad); i++) {
        ok(syn_file_replace(at("history.jsonl"), bad[i][0], strlen(bad[i][0])));
        refused(syn_history_read(&back, folder, 9), SYN_E_FORMAT, bad[i][1]);
        ck_assert_int_eq(back.n, 0);
    }
    refused(syn_history_write(&h, at("absent"), "run"), SYN_E_IO, "absent/history.csv");
    syn_history_free(&h);
    syn_history_free(&back);
}
END_TEST

static int count(const char *text, const char *what) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++) n++;
    return n;
}

/* No picture holds a number that is none, whatever the history. */
START_TEST(test_curves) {
    static const double odd[] = { 0.5, NAN,    INFINITY, -INFINITY, 1.5e308, -1.5e308,
                                  0,   1e-300, 5e-324,   1,         100 };
    static const int rows[] = { 0, 1, 2, 15, 500, 3000 };
    for (size_t k = 0; k < SYN_COUNT(rows); k++)
        for (size_t a = 0; a < SYN_COUNT(odd) + 1; a++) {
            syn_history h = { 0 };
            for (int i = 0; i < rows[k]; i++) {
                double v = 1.0 / (i + 1),
                       w = a < SYN_COUNT(odd) ? odd[a] : odd[(size_t)i % SYN_COUNT(odd)];
                ok(syn_history_add(&h, &(syn_history_row){ i + 1, i, v, w, w, v, 0, 0, 0, NAN, { { 0 } } }));
            }
            char *svg = syn_history_svg(&h, "a <b> & \x01 \xff");
            ck_assert_ptr_nonnull(svg);
            ck_assert_int_eq(count(svg, "<svg"), 1);
            ck_assert_int_eq(count(svg, "</svg>"), 1);
            ck_assert_int_eq(count(svg, "a &lt;b&gt; &amp;   ?"), 2);
            ck_assert_int_eq(count(svg, "nan") + count(svg, "inf"), 0);
            ck_assert_uint_lt(strlen(svg), 120000);
            free(svg);
            syn_history_free(&h);
        }
    syn_history h = { 0 };
    ok(syn_history_add(&h, &(syn_history_row){ 1, 1, 0.5, 0.25, 0.75, NAN, 0, 0, 0, NAN, { { 0 } } }));
    char *svg = syn_history_svg(&h, NULL);
    ck_assert_int_eq(count(svg, "<circle"), 3); /* one epoch: dots */
    ck_assert_int_eq(count(svg, "25.00 %"), 1);
    ck_assert_int_eq(count(svg, ">validation<"), 1);
    free(svg);
    h.row[0].val_loss = h.row[0].accuracy = NAN;
    svg = syn_history_svg(&h, NULL);
    ck_assert_int_eq(count(svg, ">validation<"), 0);
    ck_assert_int_eq(count(svg, ">Accuracy<"), 0);
    free(svg);
    syn_history_free(&h);
}
END_TEST

/* Names are escaped and cut; a thousand classes are a picture of a size to look at. */
START_TEST(test_confusion) {
    static const int64_t counts[] = { 9, 1, 0, 0 };
    static const char *const names[] = { "<a> & b", "a name of more than eighteen letters" };
    const syn_confusion two = { .count = counts, .classes = 2, .name = names, .title = "a & b" };
    char *svg = syn_confusion_svg(&two);
    ck_assert_ptr_nonnull(svg);
    ck_assert_int_eq(count(svg, "&lt;a&gt; &amp; b<"), 2);
    ck_assert_int_eq(count(svg, "a name of more tha\xe2\x80\xa6<"), 2);
    ck_assert_int_eq(count(svg, ">9</text>"), 1);
    ck_assert_int_eq(count(svg, ">0</text>") + count(svg, "nan"), 0);
    free(svg);
    enum { MANY = 1000 };
    int64_t *many = calloc(MANY * MANY, sizeof *many);
    for (int64_t k = 0; k < MANY; k++) many[k * MANY + k] = 3;
    svg = syn_confusion_svg(&(syn_confusion){ .count = many, .classes = MANY, .title = "many" });
    ck_assert_ptr_nonnull(svg);
    ck_assert_uint_lt(strlen(svg), 60000);
    ck_assert_int_eq(count(svg, "M"), MANY + 1); /* the cells and the frame */
    free(svg);
    free(many);
}
END_TEST

int main(void) {
    const TTest *const tests[] = { test_round_trip, test_legal,   test_refused, test_write_refused,
                                   test_replace,    test_history, test_curves,  test_confusion };
    return run_in_folder("io", tests, SYN_COUNT(tests));
}
