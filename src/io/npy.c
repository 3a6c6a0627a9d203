#include "io/npy.h"

#include "io/safetensors.h"

/* A version 1 header: magic, length, a Python dict padded so that the data stands at a multiple
 * of 64. */
syn_status syn_npy_write(const char *path, const double *v, int64_t rows, const syn_shape *shape,
                         bool wide) {
    syn_text dict = { 0 }, file = { 0 };
    syn_text_add(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (%lld,",
                 wide ? "<f8" : "<f4", (long long)rows);
    for (int i = 0; i < shape->rank; i++)
        syn_text_add(&dict, "%s%lld", i ? ", " : " ", (long long)shape->dim[i]);
    syn_text_add(&dict, "), }");
    while (!dict.failed && (10 + dict.len + 1) % 64) syn_text_add(&dict, " ");
    syn_text_add(&dict, "\n");
    const char length[2] = { (char)(dict.len & 255), (char)(dict.len >> 8) };
    syn_text_put(&file, "\x93NUMPY\x01\x00", 8);
    syn_text_put(&file, length, 2);
    syn_text_put(&file, syn_text_str(&dict), dict.len);
    int64_t n = rows * syn_shape_count(shape);
    for (int64_t i = 0; i < n; i++) {
        float narrow = (float)v[i];
        if (wide)
            syn_text_put(&file, (const char *)&v[i], sizeof v[i]);
        else
            syn_text_put(&file, (const char *)&narrow, sizeof narrow);
    }
    syn_status status = dict.failed || file.failed ? syn_no_memory((size_t)n * sizeof *v)
                                                   : syn_file_replace(path, file.s, file.len);
    syn_text_free(&dict);
    syn_text_free(&file);
    return status;
}
