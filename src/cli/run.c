#include "cli/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_RUNS 100000

char *cli_run_path(const char *folder, const char *file) {
    size_t n = strlen(folder);
    return syn_format("%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", file);
}

bool cli_run_has(const char *folder, const char *file) {
    char path[PATH_MAX]; /* no allocation that could fail: what is there must not be taken for gone */
    int n = snprintf(path, sizeof path, "%s/%s", folder, file);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static syn_status cannot(const char *what, const char *path) {
    return syn_fail(SYN_E_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Every folder of the path, as mkdir -p. */
static syn_status make_folders(const char *path, bool *made) {
    char *copy = syn_strdup(path);
    if (!copy) return syn_no_memory(strlen(path));
    syn_status status = SYN_OK;
    *made = false;
    for (char *c = copy + 1;; c++) {
        if (*c != '/' && *c) continue;
        char kept = *c;
        struct stat st;
        *c = 0;
        if (mkdir(copy, 0777) == 0) {
            *made = !kept;
        } else if (errno != EEXIST || stat(copy, &st) != 0 || !S_ISDIR(st.st_mode)) {
            if (errno == EEXIST) errno = ENOTDIR;
            status = cannot("make the folder", copy);
            break;
        }
        if (!kept) break;
        *c = kept;
    }
    free(copy);
    return status;
}

/* By writing, since permissions alone do not tell of read-only and full disks. */
static syn_status check_writable(const char *folder) {
    char *path = cli_run_path(folder, ".syncline-XXXXXX");
    if (!path) return syn_no_memory(strlen(folder));
    int fd = mkstemp(path);
    syn_status status = SYN_OK;
    if (fd < 0 || write(fd, "x", 1) != 1) status = cannot("write into the folder", folder);
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    free(path);
    return status;
}

syn_status cli_run_lock(const char *folder, int *lock) {
    *lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* file systems without locks go without */
    if (*lock < 0 || flock(*lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return SYN_OK;
    return syn_fail(SYN_E_IO, "%s: another process is training in this folder; wait for it to end, or stop it",
                    folder);
}

static syn_status create_named(char **folder, const char *name, bool *made, int *lock) {
    SYN_TRY(make_folders("runs", made));
    for (int i = 1; i < MOST_RUNS; i++) {
        *folder = i == 1 ? syn_format("runs/%s", name) : syn_format("runs/%s-%d", name, i);
        if (!*folder) return syn_no_memory(strlen(name));
        *made = true;
        if (mkdir(*folder, 0777) == 0) {
            SYN_TRY(cli_run_lock(*folder, lock));
            return check_writable(*folder);
        }
        if (errno != EEXIST) return cannot("make the folder", *folder);
        free(*folder);
    }
    *folder = NULL;
    *made = false;
    return syn_fail(SYN_E_IO, "runs/%s-%d is there already; clear runs/, or choose --out", name,
                    MOST_RUNS - 1);
}

syn_status cli_run_create(char **folder, const char *out, const char *name, bool *made, int *lock) {
    *made = false;
    *folder = NULL;
    if (!out) return create_named(folder, name, made, lock);
    *folder = syn_strdup(out);
    if (!*folder) return syn_no_memory(strlen(out));
    SYN_TRY(make_folders(out, made));
    SYN_TRY(cli_run_lock(out, lock));
    static const char *const marks[] = { CLI_EXPERIMENT, CLI_STATE, CLI_WEIGHTS, CLI_SUMMARY };
    for (size_t i = 0; i < SYN_COUNT(marks); i++)
        if (cli_run_has(out, marks[i]))
            return syn_fail(SYN_E_ARGUMENT,
                            "%s already holds a run (%s); go on with it: syncline "
                            "train --resume %s; or choose another --out",
                            out, marks[i], out);
    return check_writable(out);
}

syn_status cli_run_check(const char *folder, const char *file, bool for_writing) {
    struct stat st;
    if (stat(folder, &st) != 0) return cannot("open the run folder", folder);
    if (!S_ISDIR(st.st_mode))
        return syn_fail(SYN_E_IO, "%s is no folder; expected a run folder, as train makes it",
                        folder);
    if (!cli_run_has(folder, file))
        return syn_fail(SYN_E_IO, "%s holds no %s; expected a run folder, as train makes it",
                        folder, file);
    return for_writing ? check_writable(folder) : SYN_OK;
}

/* "state.safetensors.123-0.tmp": what syn_file_replace writes before it renames. */
static bool is_leftover(const char *name) {
    static const char *const files[] = { CLI_EXPERIMENT, CLI_WEIGHTS,   CLI_STATE,      CLI_SUMMARY,
                                         CLI_CURVES,     CLI_CHOICES,   CLI_GRADIENTS,  "history.csv",
                                         "history.jsonl" };
    for (size_t i = 0; i < SYN_COUNT(files); i++) {
        size_t n = strlen(files[i]);
        if (strncmp(name, files[i], n) || name[n] != '.') continue;
        const char *rest = name + n + 1;
        rest += strspn(rest, "0123456789-");
        if (!strcmp(rest, ".tmp")) return true;
    }
    return false;
}

void cli_run_tidy(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        char *path = is_leftover(d->d_name) ? cli_run_path(folder, d->d_name) : NULL;
        if (path) unlink(path);
        free(path);
    }
    closedir(dir);
}
