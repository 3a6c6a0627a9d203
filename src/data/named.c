/* Named sets: four IDX files in a folder of the set's name, as the packages install them. */
#include "data/data.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLASSES = 10 };

static const struct {
    const char *name, *remedy;
    const char *class_name[CLASSES]; /* of Xiao, Rasul and Vollgraf 2017; digits name themselves */
} sets[] = {
    { "fashion-mnist",
      "install Debian's package dataset-fashion-mnist, or ",
      { "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
        "ankle boot" } },
    { "mnist", "", { NULL } }, /* no package has it */
};

static const char *const parts[4] = {
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
};

/* The file of a part, unpacked before packed; NULL: not there. */
static syn_status find_part(const char *folder, const char *part, char **path) {
    static const char *const endings[] = { "", ".gz" };
    for (size_t i = 0; i < SYN_COUNT(endings); i++) {
        *path = syn_format("%s/%s%s", folder, part, endings[i]);
        if (!*path) return syn_no_memory(strlen(folder) + 64);
        if (access(*path, F_OK) == 0) return SYN_OK;
        free(*path);
    }
    *path = NULL;
    return SYN_OK;
}

/* All four in one folder, or none (found false); a folder with a part missing is an error. */
static syn_status find_parts(const char *folder, char *path[4], bool *found) {
    int n = 0;
    for (int i = 0; i < 4; i++) {
        SYN_TRY(find_part(folder, parts[i], &path[i]));
        n += path[i] != NULL;
    }
    *found = n == 4;
    if (n == 0 || n == 4) return SYN_OK;
    int i = 0;
    while (path[i]) i++;
    return syn_fail(SYN_E_IO,
                    "%s: the set is incomplete: %s (or .gz) is missing; fetch it, or remove "
                    "the folder",
                    folder, parts[i]);
}

static void free_parts(char *path[4]) {
    for (int i = 0; i < 4; i++) {
        free(path[i]);
        path[i] = NULL;
    }
}

static syn_status search(const char *name, const char *remedy, char *path[4]) {
    const char *own = getenv("SYNCLINE_DATA_DIR");
    const char *roots[] = { own && own[0] ? own : NULL, "/usr/share/datasets",
                            "/usr/local/share/datasets" };
    bool found = false;
    for (size_t i = 0; i < SYN_COUNT(roots) && !found; i++) {
        if (!roots[i]) continue;
        char *folder = syn_format("%s/%s", roots[i], name);
        if (!folder) return syn_no_memory(strlen(roots[i]) + 64);
        syn_status status = find_parts(folder, path, &found);
        free(folder);
        SYN_TRY(status);
    }
    if (found) return SYN_OK;
    return syn_fail(
        SYN_E_IO,
        "data set '%s' is in neither SYNCLINE_DATA_DIR (%s), %s nor %s: %sput %s.gz and "
        "its three companions into %s/%s%s",
        name, roots[0] ? roots[0] : "not set", roots[1], roots[2], remedy, parts[0],
        roots[0] ? roots[0] : "FOLDER", name, roots[0] ? "" : " and set SYNCLINE_DATA_DIR=FOLDER");
}

static syn_status open_both(syn_data **train, syn_data **test, char *path[4]) {
    if (train) SYN_TRY(syn_data_open(train, path[0], path[1]));
    if (test) SYN_TRY(syn_data_open(test, path[2], path[3]));
    return SYN_OK;
}

syn_status syn_data_named(syn_data **train, syn_data **test, const char *name) {
    if (train) *train = NULL;
    if (test) *test = NULL;
    if (!name) return syn_fail(SYN_E_ARGUMENT, "syn_data_named: name is needed");
    size_t k = 0;
    while (k < SYN_COUNT(sets) && strcmp(name, sets[k].name)) k++;
    if (k == SYN_COUNT(sets)) {
        const char *near = syn_nearest(name, &sets[0].name, SYN_COUNT(sets), sizeof sets[0]);
        return syn_fail(SYN_E_ARGUMENT, "data set '%s' is unknown; %s%s%s", name,
                        near ? "did you mean '" : "known are fashion-mnist and mnist",
                        near ? near : "", near ? "'?" : "");
    }
    char *path[4] = { 0 };
    syn_status status = search(name, sets[k].remedy, path);
    if (status == SYN_OK) status = open_both(train, test, path);
    syn_data *const both[] = { train ? *train : NULL, test ? *test : NULL };
    for (int i = 0; i < 2 && status == SYN_OK && sets[k].class_name[0]; i++)
        if (both[i]) status = syn_data_name_classes(both[i], 0, sets[k].class_name, CLASSES);
    free_parts(path);
    syn_data **const out[] = { train, test };
    for (int i = 0; i < 2 && status != SYN_OK; i++) {
        if (!out[i]) continue;
        syn_data_destroy(*out[i]);
        *out[i] = NULL;
    }
    return status;
}
