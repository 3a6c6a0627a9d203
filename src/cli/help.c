/* syncline help: commands, and the reference by topic. */
#include "cli/cli.h"
#include "cli/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int width(void) {
    int w = isatty(STDOUT_FILENO) ? cli_width(STDOUT_FILENO) : 100;
    return w > 110 ? 110 : w;
}

static void overview(int w) {
    printf("syncline %s: trains deep networks on any OpenCL device\n\n", SYN_VERSION);
    for (int i = 0; i < cli_command_count(); i++) {
        const cli_command *c = cli_command_at(i);
        printf("  syncline %-8s %-14s  ", c->name, c->operands);
        cli_wrap(c->doc, 36, 36, w);
    }
    printf("\nsyncline help COMMAND shows a command's options. Other topics:\n ");
    for (int i = 0; i < cli_topic_count(); i++) printf(" %s", cli_topic_at(i)->name);
    printf("\nand every name in them, as: syncline help adam\n");
}

static void print_command(const cli_command *c, int w) {
    printf("syncline %s%s%s%s\n    ", c->name, *c->operands ? " " : "", c->operands,
           c->flag[0].name ? " [options]" : "");
    cli_wrap(c->doc, 4, 4, w);
    int column = 0;
    for (const cli_flag *f = c->flag; f->name; f++) {
        int n = (int)strlen(f->name) + (f->value ? (int)strlen(f->value) + 1 : 0);
        if (n > column) column = n;
    }
    for (const cli_flag *f = c->flag; f->name; f++) {
        int used = printf("    --%s%s%s", f->name, f->value ? " " : "", f->value ? f->value : "");
        printf("%*s", column + 8 - used, "");
        cli_wrap(f->doc, column + 8, column + 8, w);
    }
    if (c->more) {
        printf("    ");
        cli_wrap(c->more, 4, 4, w);
    }
    for (const cli_command *s = cli_command_rows(c); s && s->name; s++) {
        printf("\n");
        print_command(s, w);
    }
}

/* Two operands name a command of a command: "bench step". */
static const cli_command *find_command(const char *name, const char *second) {
    for (int i = 0; i < cli_command_count(); i++) {
        const cli_command *c = cli_command_at(i);
        if (!second && !strcmp(c->name, name)) return c;
        for (const cli_command *s = cli_command_rows(c); s && s->name; s++) {
            size_t n = strlen(name);
            if (second ? !strncmp(s->name, name, n) && s->name[n] == ' ' &&
                             !strcmp(s->name + n + 1, second)
                       : !strcmp(s->name, name))
                return s;
        }
    }
    return NULL;
}

static void print_topic(const cli_topic *t, int w) {
    cli_map_def room;
    if (strcmp(t->name, "experiment")) {
        cli_print_topic(t, w);
        printf("\nsyncline help NAME shows one with its options.\n");
        return;
    }
    printf("%s\n\n%s\n", t->intro, cli_sample);
    for (int i = 0; cli_notes[i][0]; i++) {
        int used = printf("  %-12s", cli_notes[i][0]);
        cli_wrap(cli_notes[i][1], used, used, w);
    }
    for (int i = 0; i < t->count(); i++) {
        printf("\n");
        cli_print_row(t->at(i, &room), w);
    }
}

/* Every row of that name: a schedule and an initialiser may share one. `found` is how many things
 * stand above already; returns how many do then. */
static int print_rows(const char *name, int found, int w) {
    cli_map_def room;
    for (int i = 0; i < cli_topic_count(); i++)
        for (int k = 0; k < cli_topic_at(i)->count(); k++) {
            const syn_def *def = cli_topic_at(i)->at(k, &room);
            if (strcmp(def->name, name)) continue;
            if (found++) printf("\n");
            cli_print_row(def, w);
        }
    return found;
}

static int unknown(const char *name) {
    const char **names = malloc(sizeof *names * 1024);
    size_t n = 0;
    cli_map_def room;
    if (!names) {
        syn_no_memory(sizeof *names);
        return cli_fail();
    }
    for (int i = 0; i < cli_command_count(); i++) names[n++] = cli_command_at(i)->name;
    for (int i = 0; i < cli_topic_count(); i++) {
        const cli_topic *t = cli_topic_at(i);
        names[n++] = t->name;
        for (int k = 0; k < t->count() && n < 1024; k++)
            names[n++] = syn_intern(t->at(k, &room)->name);
    }
    const char *near = syn_nearest(name, names, n, sizeof *names);
    fprintf(stderr, "syncline: help: no topic '%s'; %s%s%s\n", name,
            near ? "did you mean '" : "see: syncline help", near ? near : "", near ? "'?" : "");
    free(names);
    return CLI_USAGE;
}

int cli_help(const cli_call *call) {
    int w = width();
    if (call->command && cli_get(call, "markdown")) {
        cli_print_markdown();
        return CLI_OK;
    }
    if (!call->n_operands) {
        overview(w);
        return CLI_OK;
    }
    const char *name = call->operand[0];
    const cli_command *command = find_command(name, call->operand[1]);
    if (command) {
        print_command(command, w);
        print_rows(name, 1, w); /* train is a section of the file, too */
        return CLI_OK;
    }
    if (call->operand[1]) return unknown(call->operand[1]);
    for (int i = 0; i < cli_topic_count(); i++)
        if (!strcmp(cli_topic_at(i)->name, name)) {
            print_topic(cli_topic_at(i), w);
            return CLI_OK;
        }
    return print_rows(name, 0, w) ? CLI_OK : unknown(name);
}
