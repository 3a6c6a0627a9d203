/* Whole files: read at once, and replaced at once. */
#include "io/file.h"

#include "io/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, const char *data, size_t bytes) {
    while (bytes) {
        ssize_t n = write(fd, data, bytes < 1 << 30 ? bytes : 1 << 30);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        if (n == 0) {
            errno = ENOSPC;
            return false;
        }
        data += n;
        bytes -= (size_t)n;
    }
    return true;
}

static bool write_pieces(int fd, const syn_piece *piece, int n) {
    for (int i = 0; i < n; i++)
        if (!write_all(fd, piece[i].data, piece[i].bytes)) return false;
    return fsync(fd) == 0;
}

/* The rename itself survives a power cut once the folder is flushed. Not every file system can. */
static void flush_folder(const char *path) {
    char *folder = syn_strdup(path);
    if (!folder) return;
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

/* A new file beside path. mkstemp would hide it from everybody but its owner. */
static int create_beside(const char *path, char **name) {
    struct stat old;
    bool there = stat(path, &old) == 0;
    for (int i = 0; i < 100; i++) {
        *name = syn_format("%s.%ld-%d.tmp", path, (long)getpid(), i);
        if (!*name) {
            errno = ENOMEM;
            return -1;
        }
        int fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            int kept = there ? fchmod(fd, old.st_mode & 0777) : 0;
            (void)kept; /* else the usual mode, which is as good */
            return fd;
        }
        int why = errno;
        free(*name);
        *name = NULL;
        errno = why;
        if (why != EEXIST) return -1;
    }
    return -1;
}

syn_status syn_file_replace_pieces(const char *path, const syn_piece *piece, int n) {
    char *name = NULL;
    int fd = create_beside(path, &name);
    if (fd < 0 && errno == ENOMEM) return syn_no_memory(strlen(path));
    if (fd < 0) return syn_fail(SYN_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    bool ok = write_pieces(fd, piece, n);
    int why = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(name, path) != 0) {
        ok = false;
        why = errno;
    }
    if (!ok) unlink(name);
    free(name);
    if (!ok)
        return syn_fail(SYN_E_IO, "%s: cannot be written: %s; what stood there before is untouched",
                        path, strerror(why));
    flush_folder(path);
    return SYN_OK;
}

syn_status syn_file_replace(const char *path, const void *data, size_t bytes) {
    return syn_file_replace_pieces(path, &(syn_piece){ data, bytes }, 1);
}

syn_status syn_file_read(const char *path, char **data, size_t *bytes) {
    *data = NULL;
    *bytes = 0;
    FILE *f = fopen(path, "rbe");
    if (!f) return syn_fail(SYN_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    /* By growing, not by asking for the size: pipes and /proc have none. */
    size_t cap = 1 << 14, len = 0;
    char *text = malloc(cap);
    while (text) {
        len += fread(text + len, 1, cap - 1 - len, f);
        if (len + 1 < cap) break;
        char *grown = realloc(text, cap *= 2);
        if (!grown) free(text);
        text = grown;
    }
    int why = ferror(f) ? errno : 0;
    fclose(f);
    if (!text) return syn_no_memory(cap);
    if (why) {
        free(text);
        return syn_fail(SYN_E_IO, "%s: cannot be read: %s", path, strerror(why));
    }
    text[len] = 0;
    *data = text;
    *bytes = len;
    return SYN_OK;
}
