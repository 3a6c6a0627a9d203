/* history.csv for spreadsheets, history.jsonl for programs and resuming, curves.svg for the eye. */
#include "io/history.h"

#include "io/safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The numbers of a row behind epoch and step. */
static const struct {
    const char *name;
    size_t offset;
} columns[] = {
    { "loss", offsetof(syn_history_row, loss) },
    { "accuracy", offsetof(syn_history_row, accuracy) },
    { "val_loss", offsetof(syn_history_row, val_loss) },
    { "val_accuracy", offsetof(syn_history_row, val_accuracy) },
    { "lr", offsetof(syn_history_row, lr) },
    { "seconds", offsetof(syn_history_row, seconds) },
    { "penalty", offsetof(syn_history_row, penalty) },
    { "grad_norm", offsetof(syn_history_row, grad_norm) },
};

static double *cell(const syn_history_row *row, size_t i) {
    return (double *)((char *)row + columns[i].offset);
}

/* The numbers of each loss, in a row's order. */
static const char *const each_name[SYN_HISTORY_EACH] = { "loss", "accuracy", "val_loss", "val_accuracy" };

syn_status syn_history_add(syn_history *h, const syn_history_row *row) {
    if (!syn_grow(&h->row, &h->cap, h->n + 1, sizeof *h->row))
        return syn_no_memory((size_t)h->cap * 2 * sizeof *h->row);
    h->row[h->n++] = *row;
    return SYN_OK;
}

void syn_history_free(syn_history *h) {
    free(h->row);
    h->row = NULL;
    h->n = h->cap = 0;
}

static void add_csv(syn_text *t, const syn_history *h) {
    syn_text_add(t, "epoch,step");
    for (size_t k = 0; k < SYN_COUNT(columns); k++) syn_text_add(t, ",%s", columns[k].name);
    for (int l = 0; l < h->losses; l++)
        for (int k = 0; k < SYN_HISTORY_EACH; k++) syn_text_add(t, ",%s_%s", each_name[k], h->loss[l]);
    syn_text_add(t, "\n");
    for (int i = 0; i < h->n; i++) {
        const syn_history_row *r = &h->row[i];
        syn_text_add(t, "%d,%lld", r->epoch, (long long)r->step);
        for (size_t k = 0; k < SYN_COUNT(columns); k++)
            if (isnan(*cell(r, k)))
                syn_text_add(t, ",");
            else
                syn_text_add(t, ",%.9g", *cell(r, k));
        for (int l = 0; l < h->losses; l++)
            for (int k = 0; k < SYN_HISTORY_EACH; k++)
                if (isnan(r->each[l][k]))
                    syn_text_add(t, ",");
                else
                    syn_text_add(t, ",%.9g", r->each[l][k]);
        syn_text_add(t, "\n");
    }
}

/* JSON has no infinity: that too becomes null. */
static void add_jsonl(syn_text *t, const syn_history *h) {
    for (int i = 0; i < h->n; i++) {
        const syn_history_row *r = &h->row[i];
        syn_text_add(t, "{\"epoch\": %d, \"step\": %lld", r->epoch, (long long)r->step);
        for (size_t k = 0; k < SYN_COUNT(columns); k++)
            if (isfinite(*cell(r, k)))
                syn_text_add(t, ", \"%s\": %.9g", columns[k].name, *cell(r, k));
            else
                syn_text_add(t, ", \"%s\": null", columns[k].name);
        for (int l = 0; l < h->losses; l++)
            for (int k = 0; k < SYN_HISTORY_EACH; k++)
                if (isfinite(r->each[l][k]))
                    syn_text_add(t, ", \"%s_%s\": %.9g", each_name[k], h->loss[l], r->each[l][k]);
                else
                    syn_text_add(t, ", \"%s_%s\": null", each_name[k], h->loss[l]);
        syn_text_add(t, "}\n");
    }
}

static syn_status put(const char *folder, const char *name, const syn_text *t) {
    SYN_TRY(syn_text_status(t));
    char *path = syn_format("%s/%s", folder, name);
    if (!path) return syn_no_memory(strlen(folder) + 32);
    syn_status status = syn_file_replace(path, syn_text_str(t), t->len);
    free(path);
    return status;
}

static syn_status write_files(const syn_history *h, const char *folder, const char *title) {
    syn_text csv = { 0 }, jsonl = { 0 };
    add_csv(&csv, h);
    add_jsonl(&jsonl, h);
    syn_status status = put(folder, "history.csv", &csv);
    if (status == SYN_OK) status = put(folder, "history.jsonl", &jsonl);
    syn_text_free(&csv);
    syn_text_free(&jsonl);
    SYN_TRY(status);
    syn_text svg = { .s = syn_history_svg(h, title) };
    if (!svg.s) return syn_no_memory(4096);
    svg.len = strlen(svg.s);
    status = put(folder, "curves.svg", &svg);
    free(svg.s);
    return status;
}

syn_status syn_history_write(const syn_history *h, const char *folder, const char *title) {
    /* a comma for the decimal point would ruin all three files */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) return syn_no_memory(1024);
    locale_t before = uselocale(plain);
    syn_status status = write_files(h, folder, title);
    uselocale(before);
    freelocale(plain);
    return status;
}

static void read_each(const syn_history *h, const json_t *json, syn_history_row *row) {
    for (int l = 0; l < h->losses; l++)
        for (int k = 0; k < SYN_HISTORY_EACH; k++) {
            char *name = syn_format("%s_%s", each_name[k], h->loss[l]);
            const json_t *v = name ? json_object_get(json, name) : NULL;
            row->each[l][k] = json_is_number(v) ? json_number_value(v) : NAN;
            free(name);
        }
}

static syn_status read_row(const char *path, int line, const json_t *json, syn_history_row *row) {
    const json_t *epoch = json_object_get(json, "epoch"), *step = json_object_get(json, "step");
    if (!json_is_integer(epoch) || !json_is_integer(step) || json_integer_value(epoch) < 0 ||
        json_integer_value(epoch) > INT32_MAX)
        return syn_fail(SYN_E_FORMAT, "%s: line %d: epoch and step must be whole numbers", path,
                        line);
    row->epoch = (int)json_integer_value(epoch);
    row->step = json_integer_value(step);
    for (size_t k = 0; k < SYN_COUNT(columns); k++) {
        const json_t *v = json_object_get(json, columns[k].name);
        if (v && !json_is_number(v) && !json_is_null(v))
            return syn_fail(SYN_E_FORMAT, "%s: line %d: %s must be a number or null", path, line,
                            columns[k].name);
        *cell(row, k) = json_is_number(v) ? json_number_value(v) : NAN;
    }
    return SYN_OK;
}

static syn_status read_lines(syn_history *h, const char *path, char *text, int epochs) {
    int line = 0;
    for (char *p = text, *next; *p; p = next) {
        line++;
        size_t n = strcspn(p, "\n");
        next = p + n + (p[n] == '\n');
        if (strspn(p, " \t\r") >= n) continue;
        json_error_t error;
        json_t *json = json_loadb(p, n, JSON_REJECT_DUPLICATES, &error);
        if (!json)
            return syn_fail(SYN_E_FORMAT, "%s: line %d, column %d: %s", path, line, error.column,
                            error.text);
        syn_history_row row = { 0 };
        syn_status status = read_row(path, line, json, &row);
        read_each(h, json, &row);
        json_decref(json);
        if (status == SYN_OK && row.epoch <= epochs) status = syn_history_add(h, &row);
        SYN_TRY(status);
    }
    return SYN_OK;
}

syn_status syn_history_read(syn_history *h, const char *folder, int epochs) {
    syn_history_free(h);
    char *path = syn_format("%s/history.jsonl", folder), *text;
    if (!path) return syn_no_memory(strlen(folder) + 32);
    syn_status status = SYN_OK;
    size_t bytes;
    if (access(path, F_OK) == 0 || errno != ENOENT) {
        status = syn_file_read(path, &text, &bytes);
        if (status == SYN_OK) status = read_lines(h, path, text, epochs);
        free(text);
    }
    free(path);
    if (status != SYN_OK) syn_history_free(h);
    return status;
}
