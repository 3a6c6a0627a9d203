/* syncline: the command line. */
#include "cli/cli.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_flag device_only[] = { CLI_DEVICE_FLAG, { NULL, NULL, NULL } };
static const cli_flag no_flags[] = { { NULL, NULL, NULL } };
static const cli_flag plan_flags[] = { CLI_DEVICE_FLAG,
                                       CLI_SET_FLAG,
                                       { "launches", NULL, "every kernel launch and buffer, too" },
                                       { NULL, NULL, NULL } };
static const cli_flag profile_flags[] = { CLI_DEVICE_FLAG,
                                          CLI_SET_FLAG,
                                          { "seconds", "S", "about how long it measures; default: 4" },
                                          { "trace", "FILE.json", "a timeline of three steps, too" },
                                          { NULL, NULL, NULL } };
static const cli_flag tune_flags[] = { CLI_DEVICE_FLAG,
                                       CLI_SET_FLAG,
                                       { "seconds", "S", "about how long it measures; default: 60" },
                                       { NULL, NULL, NULL } };
static const cli_flag train_flags[] = {
    CLI_DEVICE_FLAG,
    { "out", "DIR", "the run folder; default: runs/NAME, or runs/NAME-2 and so on" },
    CLI_SET_FLAG,
    { "init", "W.safetensors", "start from these weights: parameters are taken by name" },
    { "resume", "DIR", "go on with the run in this folder, exactly; instead of FILE" },
    { NULL, NULL, NULL }
};
static const cli_flag schedule_flags[] = {
    { "out", "FILE.svg", "where the picture goes; default: schedule.svg" },
    { "rows", "N", "rows of the table; default: 20" },
    CLI_SET_FLAG,
    { NULL, NULL, NULL }
};
static const cli_flag evaluate_flags[] = {
    CLI_DEVICE_FLAG,
    { "top-k", "K", "also count rows whose class is among the K likeliest; default: 5" },
    { "out", "DIR", "where tables and picture go; default: the run folder" },
    { NULL, NULL, NULL }
};
static const cli_flag compare_flags[] = {
    { "out", "FILE.svg", "where the picture goes; default: compare.svg" },
    { "title", "TEXT", "above the picture; default: the names of the first two runs" },
    { "training", NULL, "training loss and accuracy, though there is validation data" },
    { "gradients", NULL, "on the right the norm of each kernel's gradient instead of the accuracy" },
    { "beside", "DIR", "on the right the loss of the runs of the same names in this folder" },
    { "epoch", "N", "of the gradients; default: 0, in front of the first step" },
    { NULL, NULL, NULL }
};
static const cli_flag predict_flags[] = {
    CLI_DEVICE_FLAG,
    { "output", "NAME", "what this loss reads, or this layer gives, alone; default: all outputs" },
    { "mc", "N", "Monte Carlo dropout: N passes with dropout acting, their mean and spread" },
    { "out", "FILE.npy", "where predictions go; default: predictions.npy in the run folder" },
    { NULL, NULL, NULL }
};
static const cli_flag help_flags[] = {
    { "markdown", NULL, "the whole reference as doc/reference.md" }, { NULL, NULL, NULL }
};

static const cli_command commands[] = {
    { "devices", "", 0, 0, "list the OpenCL devices, best first",
      "The best device is used unless --device or the environment variable SYNCLINE_DEVICE "
      "chooses: gpu, cpu, platform and device number as 0:1, or part of a name.",
      no_flags, cli_devices },
    { "plan", "FILE", 1, 1, "show layers, shapes, parameters, launches and memory of an experiment",
      "Checks the experiment file and its data, and compiles for the device, but trains nothing.",
      plan_flags, cli_plan },
    { "profile", "FILE", 1, 1, "show where the time of an experiment's training step goes",
      "Runs steps over the data, at a learning rate of 0, and prints for every launch its median time, what it moves "
      "and computes, and how near that is to the device's own peak of multiply-adds and to a long copy, both "
      "measured in the same run; caches may beat the copy. Wall time is that of steps nothing was recorded of.\n"
      "--trace writes a timeline of host and device in the Chrome trace format.",
      profile_flags, cli_profile },
    { "tune", "[FILE]", 0, 1, "measure this device's matrix products and keep the fastest ones' choices",
      "For the shapes of an experiment's training step, or without FILE for usual ones: register tiles, local-memory tiles "
      "and CLBlast with several settings of its parameters, of which one holds for all products. CLBlast builds its kernels "
      "for each setting, which takes seconds on some devices and counts; what was not tried for want of time is named. A "
      "result is checked against the host's before it may win, and a winner has to win again. The choices lie in the user's "
      "cache folder, by device and version; a run folder keeps those that its run used, and resuming takes them from there. "
      "Nothing is tuned by any other command.",
      tune_flags, cli_tune },
    { "schedule", "FILE", 1, 1, "show an experiment's learning rate and momentum over the run",
      "Prints some of the values and draws all of them as schedule.svg. Trains nothing.", schedule_flags,
      cli_schedule },
    { "train", "[FILE]", 0, 1, "train the network an experiment file describes",
      "The run folder gets experiment.yaml (every option written out), weights.safetensors, "
      "state.safetensors (for --resume), history.csv, history.jsonl, curves.svg, gemm.json (the choices of kernels) and summary.json.\n"
      "Ctrl-C saves the state and stops; a second one stops at once.",
      train_flags, cli_train },
    { "evaluate", "DIR", 1, 1, "loss, metrics and what is confused, of a trained run on its data",
      "Of classifiers: precision, recall and F1 of each class, and the confusion matrix, on the test data "
      "(without any, the validation or training data), also as classes.csv, confusion.csv and the picture "
      "confusion.svg. Of values: root mean squared error and r2. data.classes names the classes.",
      evaluate_flags, cli_evaluate },
    { "compare", "DIR...", 1, CLI_MAX_OPERANDS, "loss and accuracy of several runs as one table and one picture",
      "Validation loss and accuracy where there are, else those of training. --gradients draws how large "
      "the gradients of the first to the last kernel are, for runs trained with train.gradients: yes.",
      compare_flags, cli_compare },
    { "predict", "DIR INPUT.npy", 2, 1 + SYN_MAX_ENDS, "outputs of a trained run for the samples in a file",
      "INPUT is .npy or IDX, its first axis samples of the shape the network was trained on. "
      "Classifiers give probabilities. A network of several inputs takes a file for each, in order or as "
      "NAME=FILE; one of several losses gives predictions-NAME.npy for each.\n"
      "With --mc the predictions are means over the passes. predictions-deviation.npy has their standard "
      "deviation; for probabilities also predictions-entropy.npy, the entropy of the mean, how uncertain the "
      "prediction is, and predictions-information.npy, the mutual information, which part of that more "
      "training data could remove; both in nats.",
      predict_flags, cli_predict },
    { "bench", "NAME", 0, 0, "measure this device with Syncline's own benches",
      "By turns in one run, since machines are noisy: shares and ratios say more than times.", no_flags, NULL },
    { "selftest", "", 0, 0, "check every kernel against the host on this device", NULL, device_only,
      cli_selftest },
    { "help", "[TOPIC]", 0, 2, "the reference: every layer, optimizer, schedule and option", NULL,
      help_flags, cli_help },
};

int cli_command_count(void) { return (int)SYN_COUNT(commands); }

const cli_command *cli_command_at(int i) { return &commands[i]; }

const cli_command *cli_command_rows(const cli_command *c) {
    return strcmp(c->name, "bench") ? NULL : cli_benches;
}

static int unknown(const char *name, const cli_command *rows, size_t n) {
    const char *near = syn_nearest(name, &rows->name, n, sizeof *rows);
    fprintf(stderr, "syncline: no command '%s'; %s%s%s\n", name,
            near ? "did you mean '" : "see: syncline --help", near ? near : "", near ? "'?" : "");
    return CLI_USAGE;
}

/* "bench step" for the words `bench` and `step`. */
static const cli_command *row_command(const cli_command *c, const char *word) {
    const cli_command *rows = cli_command_rows(c);
    size_t n = 0;
    for (const cli_command *r = rows; r->name; r++, n++)
        if (!strcmp(r->name + strlen(c->name) + 1, word)) return r;
    char whole[128];
    snprintf(whole, sizeof whole, "%s %s", c->name, word);
    unknown(whole, rows, n);
    return NULL;
}

/* What was printed has arrived, else the command failed. */
static int flushed(int code) {
    if (fflush(stdout) == 0 || code != CLI_OK) return code;
    perror("syncline: standard output");
    return CLI_ERROR;
}

/* Jansson's trees are built without a check at every value; half of one must not become a file. */
static void *json_memory(size_t n) {
    void *p = malloc(n);
    if (p) return p;
    fprintf(stderr, "syncline: out of host memory (%zu bytes were asked for)\n", n);
    exit(CLI_ERROR);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_DFL); /* syncline help | head */
    json_set_alloc_funcs(json_memory, free);
    const char *name = argc > 1 ? argv[1] : "--help";
    cli_call call = { 0 };
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        printf("syncline %s\n", SYN_VERSION);
        return flushed(CLI_OK);
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
        int code = cli_help(&call);
        return argc > 1 ? flushed(code) : CLI_USAGE;
    }
    for (size_t i = 0; i < SYN_COUNT(commands); i++)
        if (!strcmp(commands[i].name, name)) call.command = &commands[i];
    if (!call.command) return unknown(name, commands, SYN_COUNT(commands));
    int used = 2;
    if (cli_command_rows(call.command) && argc > 2 && argv[2][0] != '-') {
        call.command = row_command(call.command, argv[used++]);
        if (!call.command) return CLI_USAGE;
    }
    int code = cli_parse(&call, argc - used, argv + used);
    if (code != CLI_OK) return code;
    if (cli_get(&call, "help")) {
        cli_call help = { .operand = { call.command->name }, .n_operands = 1 };
        return flushed(cli_help(&help));
    }
    if (!call.command->run) return cli_usage(&call, "expects a %s", call.command->operands);
    return flushed(call.command->run(&call));
}
