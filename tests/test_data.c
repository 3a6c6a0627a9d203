/* Data sets: every format read back, every corruption refused with a text that says where. */
#include "files.h"

#include <syncline/data.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
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

static void open_ok(syn_data **d, const char *x, const char *y) { ok(syn_data_open(d, x, y)); }

/* An .npy of version 1 or 2 with this dictionary, padded as NumPy does. */
static size_t npy(char *to, int version, const char *dictionary, const void *data, size_t bytes) {
    size_t head = version == 1 ? 10 : 12, n = strlen(dictionary),
           len = (head + n + 64) / 64 * 64 - head;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = (char)version;
    to[7] = 0;
    memset(to + 8, 0, 4);
    to[8] = (char)(len & 255);
    to[9] = (char)(len >> 8);
    memset(to + head, ' ', len);
    memcpy(to + head, dictionary, n);
    to[head + len - 1] = '\n';
    memcpy(to + head + len, data, bytes);
    return head + len + bytes;
}

static const char *put_npy(const char *name, const char *dictionary, const void *data,
                           size_t bytes) {
    char file[2048];
    return put(name, file, npy(file, 1, dictionary, data, bytes));
}

START_TEST(test_idx) {
    syn_data *d;
    const char *x = PUT("x", "\0\0\x08\3\0\0\0\2\0\0\0\2\0\0\0\1\1\2\3\xff");
    const char *y = PUT("y", "\0\0\x08\1\0\0\0\2\7\0");
    open_ok(&d, x, y);
    ck_assert_int_eq(syn_data_rows(d), 2);
    syn_shape shape = syn_data_x_shape(d);
    ck_assert(syn_shape_equal(&shape, &SYN_SHAPE(2, 1)));
    ck_assert_int_eq(syn_data_x_type(d), SYN_U8);
    ck_assert_mem_eq(syn_data_x(d), "\1\2\3\xff", 4);
    ck_assert(syn_data_has_y(d) && syn_data_has_labels(d));
    ck_assert_int_eq(syn_data_y_type(d), SYN_I32);
    ck_assert_int_eq(syn_data_y_shape(d).rank, 0);
    ck_assert_mem_eq(syn_data_y(d), ((int32_t[]){ 7, 0 }), 8);
    ok(syn_data_check_labels(d, 8));
    ck_assert_int_eq(syn_data_check_labels(d, 7), SYN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(syn_error_text(), "row 0 has label 7"));
    syn_data_destroy(d);

    static const struct {
        const char *bytes;
        size_t n;
        syn_type type;
        double want[2];
    } kinds[] = {
        { "\0\0\x09\1\0\0\0\2\x80\x7f", 10, SYN_I8, { -128, 127 } },
        { "\0\0\x0b\1\0\0\0\2\xff\xfe\1\2", 12, SYN_I32, { -2, 258 } },
        { "\0\0\x0c\1\0\0\0\2\xff\xff\xff\xfd\0\1\0\2", 16, SYN_I32, { -3, 65538 } },
        { "\0\0\x0d\1\0\0\0\2\x3f\xc0\0\0\xc0\0\0\0", 16, SYN_F32, { 1.5, -2 } },
        { "\0\0\x0e\1\0\0\0\2\x3f\xf8\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0", 24, SYN_F64, { 1.5, -2 } },
    };
    for (size_t i = 0; i < SYN_COUNT(kinds); i++) {
        open_ok(&d, put("k", kinds[i].bytes, kinds[i].n), NULL);
        ck_assert_int_eq(syn_data_x_type(d), kinds[i].type);
        ck_assert(!syn_data_has_y(d) && !syn_data_has_labels(d));
        shape = syn_data_x_shape(d);
        ck_assert(syn_shape_equal(&shape, &SYN_SHAPE(1)));
        double mean, inv; /* reads either value through its type */
        ok(syn_data_moments(d, &mean, &inv));
        ck_assert_double_eq_tol(mean, (kinds[i].want[0] + kinds[i].want[1]) / 2, 1e-9);
        ck_assert_double_eq_tol(1 / inv, fabs(kinds[i].want[0] - kinds[i].want[1]) / 2, 1e-9);
        syn_data *first;
        ok(syn_data_slice(&first, d, 0, 1));
        ok(syn_data_moments(first, &mean, &inv));
        ck_assert_double_eq(mean, kinds[i].want[0]);
        ck_assert_double_eq(inv, 1);
        syn_data_destroy(first);
        syn_data_destroy(d);
    }
}
END_TEST

START_TEST(test_idx_refused) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *text;
    } bad[] = {
        { "", 0, "empty" },
        { "\0", 1, "neither IDX" },
        { "\0\0\x08", 3, "truncated" },
        { "\0\0\x0a\1\0\0\0\1\0", 9, "type 0x0a" },
        { "\0\0\x08\0", 4, "0 axes" },
        { "\0\0\x08\6", 4, "6 axes" },
        { "\0\0\x08\1\0\0", 6, "truncated" },
        { "\0\0\x08\1\0\0\0\3ab", 10, "truncated" },
        { "\0\0\x08\1\0\0\0\1ab", 10, "byte 9" },
        { "\0\0\x08\1\0\0\0\0", 8, "empty" },
        { "\0\0\x0e\5\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
          "\xff",
          24, "overflows" },
        { "\0\0\x08\2\x7f\xff\xff\xff\x7f\xff\xff\xff", 12, "truncated" },
        { "\1\0\x08\1\0\0\0\1a", 9, "neither IDX" },
        { "PK\3\4aaaaa", 9, ".npz" },
        { "a,b\n1,2\n", 8, "csv" },
    };
    for (size_t i = 0; i < SYN_COUNT(bad); i++) {
        syn_data *d = (void *)&d;
        const char *path = put("bad", bad[i].bytes, bad[i].n);
        no_set(syn_data_open(&d, path, NULL), &d, SYN_E_FORMAT, bad[i].text);
        ck_assert_ptr_nonnull(strstr(syn_error_text(), path));
        if (bad[i].n == 0) continue;
        d = (void *)&d;
        no_set(syn_data_open(&d, put_gz("bad.gz", bad[i].bytes, bad[i].n), NULL), &d, SYN_E_FORMAT,
               bad[i].text);
    }
    syn_data *d;
    no_set(syn_data_open(&d, at("absent"), NULL), &d, SYN_E_IO, "absent");
    no_set(syn_data_open(&d, folder, NULL), &d, SYN_E_IO, "is not a file");
    no_set(syn_data_open(&d, NULL, NULL), &d, SYN_E_ARGUMENT, "needed");
    const char *x = PUT("x", "\0\0\x08\2\0\0\0\2\0\0\0\1ab"), *y = PUT("y", "\0\0\x08\1\0\0\0\1\1");
    no_set(syn_data_open(&d, x, y), &d, SYN_E_SHAPE, "1 rows and the first input has 2; every row");
    y = PUT("y", "\0\0\x09\1\0\0\0\2\1\xff");
    no_set(syn_data_open(&d, x, y), &d, SYN_E_ARGUMENT, "row 1: label -1 is negative");
}
END_TEST

START_TEST(test_gz) {
    unsigned char idx[8 + 5000] = { 0, 0, 8, 1, 0, 0, 5000 >> 8, 5000 & 255 };
    for (int i = 0; i < 5000; i++) idx[8 + i] = (unsigned char)(i * i % 251);
    syn_data *d;
    const char *path = put_gz("x.gz", idx, sizeof idx);
    open_ok(&d, path, path);
    ck_assert_int_eq(syn_data_rows(d), 5000);
    ck_assert_mem_eq(syn_data_x(d), idx + 8, 5000);
    syn_data_destroy(d);
    char packed[8192];
    FILE *f = fopen(path, "rb");
    size_t n = fread(packed, 1, sizeof packed, f);
    fclose(f);
    no_set(syn_data_open(&d, put("cut.gz", packed, n - 9), NULL), &d, SYN_E_FORMAT, "truncated");
    no_set(syn_data_open(&d, put("cut.gz", packed, n - 2), NULL), &d, SYN_E_FORMAT, "truncated");
    no_set(syn_data_open(&d, put("cut.gz", packed, 40), NULL), &d, SYN_E_FORMAT, "truncated");
    packed[n - 6] ^= 1; /* the checksum */
    no_set(syn_data_open(&d, put("sum.gz", packed, n), NULL), &d, SYN_E_FORMAT, "corrupt");
}
END_TEST

START_TEST(test_npy) {
    static const double f8[] = { 1, -2.5, 3, 4, 5, 6 };
    static const int64_t i8[] = { 3, 1, 2 };
    syn_data *d;
    const char *x = put_npy("x.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }",
                            f8, sizeof f8);
    const char *y = put_npy("y.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (3, 1), }",
                            i8, sizeof i8);
    open_ok(&d, x, y);
    ck_assert_int_eq(syn_data_x_type(d), SYN_F64);
    ck_assert_mem_eq(syn_data_x(d), f8, sizeof f8);
    ck_assert(syn_data_has_labels(d));
    ck_assert_mem_eq(syn_data_y(d), ((int32_t[]){ 3, 1, 2 }), 12);
    syn_data_destroy(d);
    open_ok(&d, x, x); /* real targets stay as stored */
    ck_assert(syn_data_has_y(d) && !syn_data_has_labels(d));
    ck_assert_int_eq(syn_data_y_type(d), SYN_F64);
    syn_shape shape = syn_data_y_shape(d);
    ck_assert(syn_shape_equal(&shape, &SYN_SHAPE(2)));
    syn_data_destroy(d);

    static const struct {
        const char *descr;
        syn_type type;
    } kinds[] = { { "<f4", SYN_F32 }, { "<i4", SYN_I32 }, { "|i1", SYN_I8 },
                  { "|u1", SYN_U8 },  { "|b1", SYN_U8 },  { "<i8", SYN_I64 } };
    for (size_t i = 0; i < SYN_COUNT(kinds); i++) {
        char dictionary[128], file[512];
        snprintf(dictionary, sizeof dictionary,
                 "{\"shape\":(2L,),'fortran_order':False,'descr':'%s'}", kinds[i].descr);
        static const char zeros[16];
        size_t n = npy(file, 2, dictionary, zeros, 2 * syn_type_size(kinds[i].type));
        open_ok(&d, put("k.npy", file, n), NULL);
        ck_assert_int_eq(syn_data_x_type(d), kinds[i].type);
        ck_assert_int_eq(syn_data_rows(d), 2);
        syn_data_destroy(d);
        open_ok(&d, put_gz("k.npy.gz", file, n), NULL);
        syn_data_destroy(d);
        no_set(syn_data_open(&d, put("k.npy", file, n - 1), NULL), &d, SYN_E_FORMAT, "truncated");
        no_set(syn_data_open(&d, put("k.npy", file, n + 1), NULL), &d, SYN_E_FORMAT, "more bytes");
    }
}
END_TEST

START_TEST(test_npy_refused) {
    static const char *const bad[][2] = {
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", "Fortran" },
        { "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 2), }", "big-endian" },
        { "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2), }", "'<f2' is not supported" },
        { "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", "'|O' is not supported" },
        { "{'descr': '<c16', 'fortran_order': False, 'shape': (1, ), }", "not supported" },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }", "structured" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "single value" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4), }", "empty" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,2,2), }",
          "more than 5 axes" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2), }", "a size expected" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
          "overflow" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000), }",
          "overflow" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000), }",
          "truncated" },
        { "{'descr': '<f4', 'fortran_order': False, }", "all of" },
        { "{'descr': '<f4', 'descr': '<f4', 'shape': (4,), }", "one each" },
        { "{'descr': '<f4', 'fortran_order': 0, 'shape': (4,), }", "True or False" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4,) } x", "nothing more" },
        { "{'descr': '<f4", "closing quote" },
        { "('descr')", "'{' expected" },
    };
    static const float data[4];
    syn_data *d;
    for (size_t i = 0; i < SYN_COUNT(bad); i++)
        no_set(syn_data_open(&d, put_npy("bad.npy", bad[i][0], data, sizeof data), NULL), &d,
               SYN_E_FORMAT, bad[i][1]);
    char file[512];
    size_t n = npy(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", data, 16);
    no_set(syn_data_open(&d, put("bad.npy", file, 9), NULL), &d, SYN_E_FORMAT, "truncated");
    no_set(syn_data_open(&d, put("bad.npy", file, 40), NULL), &d, SYN_E_FORMAT, "truncated");
    file[6] = 9;
    no_set(syn_data_open(&d, put("bad.npy", file, n), NULL), &d, SYN_E_FORMAT, "version 9");
    file[6] = 2;
    no_set(syn_data_open(&d, put("bad.npy", file, n), NULL), &d, SYN_E_FORMAT, "header of");
}
END_TEST

START_TEST(test_arrays) {
    static const uint8_t x[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    static const int32_t y[] = { 0, 1, 2, 3 };
    syn_data *d, *part, *inner;
    syn_array ax = { x, SYN_U8, SYN_SHAPE(4, 2) }, ay = { y, SYN_I32, SYN_SHAPE(4) };
    ok(syn_data_from_arrays(&d, &ax, &ay));
    ck_assert_ptr_eq(syn_data_x(d), x);
    ck_assert_ptr_eq(syn_data_y(d), y); /* int32 labels are not copied */
    ok(syn_data_slice(&part, d, 1, 3));
    ok(syn_data_slice(&inner, part, 1, 2));
    ck_assert_int_eq(syn_data_rows(inner), 2);
    ck_assert_ptr_eq(syn_data_x(inner), x + 4);
    ck_assert_ptr_eq(syn_data_y(inner), y + 2);
    syn_data_destroy(inner);
    static const int64_t bad[][2] = { { -1, 1 }, { 0, 0 }, { 0, 4 }, { 3, 1 }, { 1, INT64_MAX } };
    for (size_t i = 0; i < SYN_COUNT(bad); i++)
        no_set(syn_data_slice(&inner, part, bad[i][0], bad[i][1]), &inner, SYN_E_ARGUMENT,
               "set of 3");
    syn_data_destroy(part);
    syn_data_destroy(d);

    ok(syn_data_from_arrays(&d, &ax, NULL));
    ck_assert(!syn_data_has_y(d));
    ck_assert_int_eq(syn_data_check_labels(d, 3), SYN_E_ARGUMENT);
    syn_data_destroy(d);
    ck_assert_int_eq(syn_data_from_arrays(&d, &ax, &ax),
                     SYN_OK); /* targets, as in an autoencoder */
    ck_assert(syn_data_has_y(d) && !syn_data_has_labels(d));
    syn_data_destroy(d);
    ay.shape = SYN_SHAPE(3);
    no_set(syn_data_from_arrays(&d, &ax, &ay), &d, SYN_E_SHAPE, "y has 3 rows and the first input has 4");
    ax.shape = SYN_SHAPE(0, 2);
    no_set(syn_data_from_arrays(&d, &ax, NULL), &d, SYN_E_SHAPE, "empty");
    ax.shape = SYN_SHAPE(4, -2);
    no_set(syn_data_from_arrays(&d, &ax, NULL), &d, SYN_E_SHAPE, "positive");
    ax = (syn_array){ NULL, SYN_U8, SYN_SHAPE(4, 2) };
    no_set(syn_data_from_arrays(&d, &ax, NULL), &d, SYN_E_ARGUMENT, "NULL");
    syn_data_destroy(NULL);
}
END_TEST

START_TEST(test_moments) {
    /* a large offset, a constant that is no binary fraction, plain values */
    enum { N = 1000 };
    static float x[N][3];
    for (int i = 0; i < N; i++) {
        x[i][0] = 8388608.0f + (float)(i % 2); /* the edge of whole floats */
        x[i][1] = 0.1f;
        x[i][2] = (float)i;
    }
    syn_array ax = { x, SYN_F32, SYN_SHAPE(N, 3) };
    syn_data *d;
    double mean[3], inv[3];
    ok(syn_data_from_arrays(&d, &ax, NULL));
    ok(syn_data_moments(d, mean, inv));
    ck_assert_double_eq(mean[0], 8388608.5);
    ck_assert_double_eq(inv[0], 2);
    ck_assert_double_eq(mean[1], (double)0.1f);
    ck_assert_double_eq(inv[1], 1);
    ck_assert_double_eq_tol(mean[2], (N - 1) / 2.0, 1e-12);
    ck_assert_double_eq_tol(inv[2], sqrt(12.0 / ((double)N * N - 1)), 1e-14);
    x[7][2] = NAN;
    ck_assert_int_eq(syn_data_moments(d, mean, inv), SYN_E_NONFINITE);
    ck_assert_ptr_nonnull(strstr(syn_error_text(), "row 7, feature 2"));
    syn_data_destroy(d);
}
END_TEST

START_TEST(test_named) {
    syn_data *train, *test;
    no_set(syn_data_named(&train, &test, "fashon-mnist"), &train, SYN_E_ARGUMENT,
           "'fashion-mnist'?");
    no_set(syn_data_named(&train, &test, "imagenet"), &test, SYN_E_ARGUMENT, "known are");
    setenv("SYNCLINE_DATA_DIR", folder, 1);
    if (access("/usr/share/datasets/mnist", F_OK) &&
        access("/usr/local/share/datasets/mnist", F_OK))
        no_set(syn_data_named(&train, &test, "mnist"), &train, SYN_E_IO, "SYNCLINE_DATA_DIR (");
    ck_assert_int_eq(mkdir(at("mnist"), 0777), 0);
    PUT("mnist/train-images-idx3-ubyte", "\0\0\x08\3\0\0\0\1\0\0\0\2\0\0\0\1ab");
    PUT("mnist/train-labels-idx1-ubyte", "\0\0\x08\1\0\0\0\1\3");
    put_gz("mnist/t10k-images-idx3-ubyte.gz", "\0\0\x08\3\0\0\0\1\0\0\0\2\0\0\0\1ab", 18);
    no_set(syn_data_named(&train, &test, "mnist"), &train, SYN_E_IO, "t10k-labels-idx1-ubyte");
    put_gz("mnist/t10k-labels-idx1-ubyte.gz", "\0\0\x08\1\0\0\0\1\4", 9);
    ok(syn_data_named(&train, &test, "mnist"));
    ck_assert_int_eq(*(const int32_t *)syn_data_y(train), 3);
    ck_assert_int_eq(*(const int32_t *)syn_data_y(test), 4);
    syn_data_destroy(train);
    syn_data_destroy(test);
    unsetenv("SYNCLINE_DATA_DIR");

    if (access("/usr/share/datasets/fashion-mnist", F_OK) != 0) {
        no_set(syn_data_named(&train, &test, "fashion-mnist"), &train, SYN_E_IO,
               "dataset-fashion-mnist");
        return;
    }
    ok(syn_data_named(&train, &test, "fashion-mnist"));
    syn_shape shape = syn_data_x_shape(train);
    ck_assert_int_eq(syn_data_rows(train), 60000);
    ck_assert_int_eq(syn_data_rows(test), 10000);
    ck_assert(syn_shape_equal(&shape, &SYN_SHAPE(28, 28)));
    ck_assert_int_eq(*(const int32_t *)syn_data_y(train), 9);
    ok(syn_data_check_labels(train, 10));
    syn_data_destroy(train);
    syn_data_destroy(test);
}
END_TEST

int main(void) {
    const TTest *const tests[] = { test_idx,         test_idx_refused, test_gz,      test_npy,
                                   test_npy_refused, test_arrays,      test_moments, test_named };
    return run_in_folder("data", tests, SYN_COUNT(tests));
}
