/* The command line: its table of commands, and what they share. */
#ifndef SYN_CLI_CLI_H
#define SYN_CLI_CLI_H

#include "base/base.h"

enum { CLI_OK = 0, CLI_ERROR = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

/* An option of a command: --name, or --name VALUE. */
typedef struct cli_flag {
    const char *name;
    const char *value; /* what stands for the value in help, NULL: none */
    const char *doc;
} cli_flag;

#define CLI_MAX_OPERANDS 24
#define CLI_MAX_GIVEN 64

/* A parsed call. */
typedef struct cli_call {
    const struct cli_command *command;
    const char *operand[CLI_MAX_OPERANDS];
    int n_operands;
    struct {
        const char *name, *value;
    } given[CLI_MAX_GIVEN];
    int n_given;
} cli_call;

typedef struct cli_command {
    const char *name;
    const char *operands; /* "FILE", "DIR INPUT.npy", "[TOPIC]" */
    int min, max;         /* operands */
    const char *doc;      /* one line */
    const char *more;     /* paragraphs for `help NAME`, or NULL */
    const cli_flag *flag; /* ended by a NULL name, or NULL */
    int (*run)(const cli_call *call);
} cli_command;

int cli_command_count(void);
const cli_command *cli_command_at(int i);

/* The value of --name (the last one given), "" for one without value, NULL when not given. */
const char *cli_get(const cli_call *call, const char *name);

/* The number --name gives, of lowest to highest, or otherwise when it is not given. CLI_OK, or CLI_USAGE with
 * the error printed. */
int cli_whole(const cli_call *call, const char *name, long otherwise, long lowest, long highest, long *value);
int cli_real(const cli_call *call, const char *name, double otherwise, double lowest, double highest,
             double *value);

/* Print "syncline: ..." to stderr, one line; return the exit code. */
int cli_fail(void); /* the library's error text; CLI_ERROR */
int cli_usage(const cli_call *call, const char *fmt, ...) SYN_PRINTF(2, 3);

/* Parse argv[1...] of a command into call; CLI_OK or CLI_USAGE with the error printed. */
int cli_parse(cli_call *call, int argc, char **argv);

#define CLI_DEVICE_FLAG                                                                            \
    { "device", "D", "gpu, cpu, 0:1, or part of a name; default: SYNCLINE_DEVICE, else the best" }
#define CLI_SET_FLAG                                                                               \
    { "set", "KEY=VALUE", "override a key of the experiment, as train.epochs=3; may be repeated" }

int cli_devices(const cli_call *call);
int cli_plan(const cli_call *call);
int cli_profile(const cli_call *call);
int cli_tune(const cli_call *call);
int cli_train(const cli_call *call);
int cli_schedule(const cli_call *call);
int cli_compare(const cli_call *call);
int cli_evaluate(const cli_call *call);
int cli_predict(const cli_call *call);
int cli_selftest(const cli_call *call);
int cli_help(const cli_call *call);

/* Commands of a command, named "bench step" and so on, ended by a NULL name; NULL: it has none. */
const cli_command *cli_command_rows(const cli_command *c);
extern const cli_command cli_benches[]; /* bench/benches.c */

/* Terminal and text helpers (term.c). */
bool cli_is_terminal(int fd);
int cli_width(int fd);                                             /* columns; 80 when unknown */
bool cli_unicode(void);                                            /* the locale takes UTF-8 */
const char *cli_count_text(char *buf, size_t size, double n);      /* 1,234,567 */
const char *cli_bytes_text(char *buf, size_t size, double bytes);  /* 12.3 MiB */
const char *cli_short_text(char *buf, size_t size, double n);      /* 48.9k */
const char *cli_time_text(char *buf, size_t size, double seconds); /* 1:05, 2:03:07 */
int cli_columns(const char *s);                                    /* columns a UTF-8 text takes */
/* Print text in lines of at most `width` columns; the first starts at column `at`, all others are
 * indented. */
void cli_wrap(const char *text, int at, int indent, int width);

#endif
