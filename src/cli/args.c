/* Reading a call: --name VALUE, --name=VALUE, operands; and the errors. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cli_get(const cli_call *call, const char *name) {
    for (int i = call->n_given - 1; i >= 0; i--)
        if (!strcmp(call->given[i].name, name)) return call->given[i].value;
    return NULL;
}

int cli_whole(const cli_call *call, const char *name, long otherwise, long lowest, long highest,
              long *value) {
    const char *given = cli_get(call, name);
    char *end;
    *value = otherwise;
    if (!given) return CLI_OK;
    *value = strtol(given, &end, 10);
    if (end != given && !*end && *value >= lowest && *value <= highest) return CLI_OK;
    return cli_usage(call, "--%s is '%s', expected a whole number of %ld to %ld", name, given,
                     lowest, highest);
}

int cli_real(const cli_call *call, const char *name, double otherwise, double lowest,
             double highest, double *value) {
    const char *given = cli_get(call, name);
    char *end;
    *value = otherwise;
    if (!given) return CLI_OK;
    *value = strtod(given, &end);
    if (end != given && !*end && *value >= lowest && *value <= highest) return CLI_OK;
    return cli_usage(call, "--%s is '%s', expected a number of %g to %g", name, given, lowest,
                     highest);
}

/* One line, whatever the text holds. */
static void print_error(const char *text) {
    fflush(stdout);
    fputs("syncline: ", stderr);
    for (size_t n = strlen(text); n && text[n - 1] == '\n';) n--;
    for (; *text; text++)
        if (*text != '\n')
            fputc(*text, stderr);
        else if (text[1])
            fputs("; ", stderr);
    fputc('\n', stderr);
}

int cli_fail(void) {
    print_error(syn_error_text());
    return CLI_ERROR;
}

int cli_usage(const cli_call *call, const char *fmt, ...) {
    syn_text t = { 0 };
    va_list ap;
    va_start(ap, fmt);
    syn_text_add(&t, "%s: ", call->command->name);
    syn_text_addv(&t, fmt, ap);
    va_end(ap);
    syn_text_add(&t, "; see: syncline %s --help", call->command->name);
    print_error(syn_text_str(&t));
    syn_text_free(&t);
    return CLI_USAGE;
}

static const cli_flag help_flag = { "help", NULL, "this command's help" };

static const cli_flag *find_flag(const cli_command *c, const char *name, size_t len) {
    for (const cli_flag *f = c->flag; f->name; f++)
        if (strlen(f->name) == len && !memcmp(f->name, name, len)) return f;
    return len == 4 && !memcmp(name, "help", 4) ? &help_flag : NULL;
}

static int unknown_flag(const cli_call *call, const char *arg) {
    size_t n = 0;
    while (call->command->flag[n].name) n++;
    const char *near = syn_nearest(arg + strspn(arg, "-"), &call->command->flag[0].name, n,
                                   sizeof call->command->flag[0]);
    return near ? cli_usage(call, "no option '%s'; did you mean '--%s'?", arg, near)
                : cli_usage(call, "no option '%s'", arg);
}

/* argv[*i] is --name; takes its value, too. */
static int take_flag(cli_call *call, int argc, char **argv, int *i) {
    const char *name = argv[*i] + 2;
    size_t len = strcspn(name, "=");
    const cli_flag *f = find_flag(call->command, name, len);
    const char *value = name[len] ? name + len + 1 : NULL;
    if (!f) return unknown_flag(call, argv[*i]);
    if (!f->value && value) return cli_usage(call, "--%s takes no value", f->name);
    if (f->value && !value) {
        if (*i + 1 >= argc) return cli_usage(call, "--%s needs a value: %s", f->name, f->value);
        value = argv[++*i];
    }
    if (!strcmp(f->name, "set") && (!strchr(value, '=') || value[0] == '='))
        return cli_usage(call, "--set expects KEY=VALUE, as train.epochs=3; got '%s'", value);
    if (call->n_given == CLI_MAX_GIVEN)
        return cli_usage(call, "more than %d options", CLI_MAX_GIVEN);
    call->given[call->n_given].name = f->name;
    call->given[call->n_given++].value = value ? value : "";
    return CLI_OK;
}

int cli_parse(cli_call *call, int argc, char **argv) {
    const cli_command *c = call->command;
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        int code = CLI_OK;
        if (only_operands || arg[0] != '-' || !arg[1]) {
            if (call->n_operands == c->max)
                return cli_usage(call, "'%s' is one operand too many", arg);
            call->operand[call->n_operands++] = arg;
        } else if (!strcmp(arg, "--")) {
            only_operands = true;
        } else if (!strcmp(arg, "-h")) {
            call->given[0].name = "help";
            call->given[0].value = "";
            call->n_given = 1;
        } else if (arg[1] != '-') {
            code = unknown_flag(call, arg);
        } else {
            code = take_flag(call, argc, argv, &i);
        }
        if (code != CLI_OK) return code;
    }
    if (call->n_operands < c->min && !cli_get(call, "help"))
        return cli_usage(call, "expects %s", c->operands);
    return CLI_OK;
}
