/* syncline train: from an experiment file, or a stopped run, to a run folder. */
#include "cli/gradients.h"
#include "cli/run.h"
#include "cli/session.h"

#include "io/history.h"
#include "device/tuning.h"
#include "io/safetensors.h"
#include "layer/layer.h"

#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int stop; /* the signal that asked for it */

static void on_signal(int number) { stop = number; }

/* First signal: stop after the step under way. Second: the default, which ends at once. A signal
 * that is ignored stays so: of jobs in the background and under nohup. */
static void catch_signals(bool catching) {
    static const int signals[] = { SIGINT, SIGTERM };
    for (size_t i = 0; i < SYN_COUNT(signals); i++) {
        struct sigaction a, before;
        memset(&a, 0, sizeof a);
        a.sa_flags = (int)SA_RESETHAND;
        a.sa_handler = catching ? on_signal : SIG_DFL;
        sigemptyset(&a.sa_mask);
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &a, NULL);
    }
}

typedef struct trainer {
    cli_experiment e;
    cli_session s;
    cli_progress progress;
    syn_history history;
    cli_gradients gradients;
    char *folder;
    bool made;     /* the folder is new */
    int lock;      /* on the folder; -1: none */
    bool resuming; /* from a checkpoint */
    bool history_read;
    syn_status failed; /* of a callback */
    char *error;
    syn_report last;
    double samples, seconds; /* trained here, for the rate */
    syn_metrics test, val, average;
} trainer;

static bool fail(trainer *t, syn_status status) {
    t->failed = status;
    t->error = syn_strdup(syn_error_text());
    return false;
}

/* Takes the text. */
static syn_status write_text(const trainer *t, const char *file, char *text) {
    char *path = cli_run_path(t->folder, file);
    syn_status status = path && text ? syn_file_replace(path, text, strlen(text)) : syn_no_memory(4096);
    free(path);
    free(text);
    return status;
}

static syn_status write_experiment(trainer *t) { return write_text(t, CLI_EXPERIMENT, cli_experiment_text(&t->e)); }

/* Which kernels the run takes for its products: a device may be tuned anew before it is resumed. */
static syn_status write_choices(trainer *t) { return write_text(t, CLI_CHOICES, syn_tuning_json(t->s.ctx, true)); }

/* Epochs that ended before the checkpoint stay in the history; known at the first report. */
static bool keep_history(trainer *t, const syn_report *r) {
    if (!t->resuming || t->history_read) return true;
    t->history_read = true;
    syn_status status = syn_history_read(&t->history, t->folder, r->epoch - 1);
    return status == SYN_OK ? true : fail(t, status);
}

/* The files of a run that goes on are its own until its checkpoint was read and fits. */
static bool on_start(const syn_report *r, void *user) {
    trainer *t = user;
    (void)r;
    syn_status status = write_choices(t);
    if (status == SYN_OK) status = write_experiment(t);
    return status == SYN_OK ? true : fail(t, status);
}

static bool on_step(const syn_report *r, void *user) {
    trainer *t = user;
    t->last = *r;
    cli_progress_step(&t->progress, r);
    return keep_history(t, r);
}

static bool on_epoch(const syn_report *r, void *user) {
    trainer *t = user;
    t->last = *r;
    if (!keep_history(t, r)) return false;
    cli_progress_epoch(&t->progress, r);
    t->samples += r->samples_per_second * r->epoch_seconds;
    t->seconds += r->epoch_seconds;
    syn_history_row row = { .epoch = r->epoch,
                            .step = r->step,
                            .loss = r->loss,
                            .accuracy = r->accuracy,
                            .val_loss = r->val_loss,
                            .val_accuracy = r->val_accuracy,
                            .lr = r->lr,
                            .seconds = r->seconds,
                            .penalty = r->penalty,
                            .grad_norm = r->grad_norm };
    for (int k = 0; k < t->history.losses; k++) {
        const double v[SYN_HISTORY_EACH] = { r->each[k].loss, r->each[k].accuracy, r->each[k].val_loss,
                                             r->each[k].val_accuracy };
        memcpy(row.each[k], v, sizeof v);
    }
    if (t->e.train.gradients && cli_gradients_add(&t->gradients, t->s.plan, t->folder, r->epoch) != SYN_OK)
        return fail(t, SYN_E_IO);
    syn_status status = syn_history_add(&t->history, &row);
    if (status == SYN_OK) status = syn_history_write(&t->history, t->folder, t->e.top.name);
    return status == SYN_OK ? true : fail(t, status);
}

static void print_row(const char *name, const char *fmt, ...) SYN_PRINTF(2, 3);
static void print_row(const char *name, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    printf("%-10s ", name);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
}

static void print_head(trainer *t) {
    const cli_experiment *e = &t->e;
    char a[32], b[32], c[32], shape[64];
    syn_field_info x;
    syn_text parts = { 0 };
    syn_text_add(&parts, "%s training",
                 cli_count_text(a, sizeof a, (double)syn_data_rows(e->train_set)));
    if (e->val_set)
        syn_text_add(&parts, ", %s validation",
                     cli_count_text(a, sizeof a, (double)syn_data_rows(e->val_set)));
    if (e->test_set)
        syn_text_add(&parts, ", %s test",
                     cli_count_text(a, sizeof a, (double)syn_data_rows(e->test_set)));
    syn_text_add(&parts, " samples of ");
    for (int k = 0; syn_data_input(e->set, k, &x); k++) {
        syn_shape_print(&x.shape, shape, sizeof shape);
        syn_text_add(&parts, "%s%s%s%s", k ? ", " : "", x.name ? x.name : "", x.name ? " " : "", shape);
    }
    if (cli_experiment_weighted(e)) syn_text_add(&parts, ", weighted");
    print_row("data", "%s", syn_text_str(&parts));
    syn_text_free(&parts);
    print_row("model", "%s parameters in %d tensors",
              cli_count_text(a, sizeof a, (double)syn_net_parameters(e->net)),
              syn_net_params(e->net));
    char *device = cli_device_text(&t->s.device);
    print_row("device", "%s", device ? device : "?");
    free(device);
    syn_plan_sizes sizes;
    syn_plan_measure(t->s.plan, &sizes);
    print_row("memory", "%s planned, besides the data (the device has %s)",
              cli_bytes_text(b, sizeof b, (double)sizes.peak),
              cli_bytes_text(c, sizeof c, (double)t->s.device.global_bytes));
    print_row("run", "%s%s", t->folder, t->resuming ? ", going on" : "");
    fflush(stdout);
}

/* ---- the run folder ---- */

static syn_status read_choices(trainer *t) {
    char *path = cli_run_path(t->folder, CLI_CHOICES), *text = NULL;
    size_t size;
    if (!path) return syn_no_memory(4096);
    if (!cli_run_has(t->folder, CLI_CHOICES) || syn_file_read(path, &text, &size) != SYN_OK ||
        syn_tuning_read(t->s.ctx, text) != SYN_OK) {
        cli_progress_clear(&t->progress);
        fprintf(stderr, "syncline: %s is ignored: %s; the run may not go on to the same bytes\n", path,
                text ? syn_error_text() : "it cannot be read");
    }
    free(text);
    free(path);
    return SYN_OK;
}

static syn_status save_as(trainer *t, const char *file) {
    char *path = cli_run_path(t->folder, file);
    syn_status status = path ? syn_save(t->s.state, path) : syn_no_memory(4096);
    free(path);
    return status;
}

static syn_status save_weights(trainer *t) { return save_as(t, CLI_WEIGHTS); }

/* The moving average takes the weights' place while it is saved and evaluated. */
static syn_status finish_average(trainer *t) {
    if (!(t->e.train.ema > 0) || syn_plan_step(t->s.plan) == 0) return SYN_OK;
    SYN_TRY(syn_ema_swap(t->s.plan));
    SYN_TRY(save_as(t, CLI_AVERAGE));
    if (t->e.test_set) SYN_TRY(syn_evaluate(t->s.plan, t->e.test_set, &t->average));
    return syn_ema_swap(t->s.plan);
}

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static syn_status write_summary(trainer *t) {
    const cli_experiment *e = &t->e;
    json_t *s = json_object();
    json_object_set_new(s, "name", json_string(e->top.name));
    json_object_set_new(s, "test_loss", number(t->test.loss));
    json_object_set_new(s, "test_accuracy", number(t->test.accuracy));
    if (e->train.ema > 0) {
        json_object_set_new(s, "test_loss_ema", number(t->average.loss));
        json_object_set_new(s, "test_accuracy_ema", number(t->average.accuracy));
    }
    json_object_set_new(s, "val_loss", number(t->val.loss));
    json_object_set_new(s, "val_accuracy", number(t->val.accuracy));
    json_object_set_new(s, "epochs", json_integer(t->history.n));
    json_object_set_new(s, "steps", json_integer(syn_plan_step(t->s.plan)));
    json_object_set_new(s, "seconds", number(t->last.seconds));
    /* a run that had ended before it was resumed: validation counts, too */
    double all = (double)syn_plan_step(t->s.plan) * e->train.batch * e->train.accumulate / t->last.seconds;
    json_object_set_new(s, "samples_per_second",
                        number(t->seconds > 0 ? t->samples / t->seconds : all));
    json_object_set_new(s, "peak_device_bytes", json_integer(syn_ctx_peak_bytes(t->s.ctx)));
    json_object_set_new(s, "device", json_string(t->s.device.name));
    json_object_set_new(s, "platform", json_string(t->s.device.platform_name));
    json_object_set_new(s, "driver", json_string(t->s.device.driver));
    json_object_set_new(s, "profile", json_string(syn_ctx_profile(t->s.ctx)));
    json_object_set_new(s, "seed", json_integer(e->train.seed));
    json_object_set_new(s, "parameters", json_integer(syn_net_parameters(e->net)));
    json_object_set_new(s, "batch", json_integer(e->train.batch));
    json_object_set_new(s, "version", json_string(SYN_VERSION));
    char *text = json_dumps(s, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    char *path = cli_run_path(t->folder, CLI_SUMMARY);
    syn_text lines = { 0 };
    if (text) syn_text_add(&lines, "%s\n", text);
    syn_status status = text && path && !lines.failed ? syn_file_replace(path, lines.s, lines.len)
                                                      : syn_no_memory(4096);
    syn_text_free(&lines);
    free(text);
    free(path);
    json_decref(s);
    return status;
}

/* ---- the stages ---- */

/* --init W: as train.init, relative to where the command runs. */
static syn_status take_init(cli_experiment *e, const char *init) {
    char *path = init[0] == '/' ? syn_strdup(init) : NULL, here[4096];
    if (!path && getcwd(here, sizeof here)) path = syn_format("%s/%s", here, init);
    if (!path) return syn_no_memory(strlen(init));
    e->train.init = syn_intern(path);
    json_object_set_new(json_object_get(e->resolved, "train"), "init", json_string(path));
    free(path);
    return SYN_OK;
}

static syn_status prepare(trainer *t, const cli_call *call) {
    const char *set[CLI_MAX_GIVEN], *resume = cli_get(call, "resume");
    int n = cli_sets(call, set);
    char *path = NULL;
    if (resume) {
        SYN_TRY(cli_run_check(resume, CLI_EXPERIMENT, true));
        SYN_TRY(cli_run_lock(resume, &t->lock));
        path = cli_run_path(resume, CLI_EXPERIMENT);
        t->folder = syn_strdup(resume);
        if (!path || !t->folder) return syn_no_memory(strlen(resume));
        t->resuming = cli_run_has(resume, CLI_STATE);
        cli_run_tidy(resume);
    }
    syn_status status = cli_experiment_read(&t->e, path ? path : call->operand[0], set, n);
    free(path);
    SYN_TRY(status);
    if (cli_get(call, "init")) SYN_TRY(take_init(&t->e, cli_get(call, "init")));
    if (t->resuming) t->e.train.init = NULL; /* the checkpoint's weights count */
    SYN_TRY(cli_experiment_data(&t->e));
    SYN_TRY(cli_experiment_net(&t->e));
    if (!resume) SYN_TRY(cli_run_create(&t->folder, cli_get(call, "out"), t->e.top.name, &t->made, &t->lock));
    t->s.progress = &t->progress;
    cli_progress_wait(&t->progress, "opening the device, making the plan");
    SYN_TRY(cli_session_context(&t->s, cli_get(call, "device")));
    if (t->resuming) SYN_TRY(read_choices(t));
    SYN_TRY(cli_session_train(&t->s, &t->e, NULL));
    if (t->resuming) return SYN_OK; /* see on_start */
    SYN_TRY(write_choices(t));
    return write_experiment(t);
}

static syn_status fit(trainer *t) {
    if (t->e.train.gradients)
        SYN_TRY(t->resuming ? cli_gradients_read(&t->gradients, t->folder)
                            : cli_gradients_start(&t->gradients, &t->s, &t->e, t->folder));
    char *state = cli_run_path(t->folder, CLI_STATE);
    if (!state) return syn_no_memory(4096);
    t->history.losses = syn_plan_losses(t->s.plan) > 1 ? syn_plan_losses(t->s.plan) : 0;
    for (int k = 0; k < t->history.losses; k++) t->history.loss[k] = syn_plan_loss_name(t->s.plan, k, NULL);
    syn_fit_opts opts = { .epochs = t->e.train.epochs,
                          .max_steps = t->e.train.steps,
                          .val = t->e.val_set,
                          .no_shuffle = t->e.train.shuffle == 1,
                          .on_start = t->resuming ? on_start : NULL,
                          .on_epoch = on_epoch,
                          .on_step = on_step,
                          .user = t,
                          .checkpoint = state,
                          .checkpoint_every = t->e.checkpoint.every,
                          .checkpoint_every_steps = t->e.checkpoint.every_steps,
                          .resume = t->resuming ? state : NULL,
                          .interrupt = &stop };
    catch_signals(true);
    syn_status status = syn_fit(t->s.plan, t->e.train_set, &opts);
    catch_signals(false);
    cli_progress_clear(&t->progress);
    free(state);
    if (t->failed != SYN_OK) return syn_fail(t->failed, "%s", t->error ? t->error : "failed");
    return status;
}

static syn_status finish(trainer *t) {
    if (t->resuming && !t->history_read) { /* there was nothing left to train */
        SYN_TRY(syn_history_read(&t->history, t->folder, INT_MAX));
        print_row("training", "had ended; --set train.epochs=N would go on");
        if (t->history.n) t->last.seconds = t->history.row[t->history.n - 1].seconds;
    }
    SYN_TRY(save_weights(t));
    if (t->e.test_set) SYN_TRY(syn_evaluate(t->s.plan, t->e.test_set, &t->test));
    if (t->e.val_set) SYN_TRY(syn_evaluate(t->s.plan, t->e.val_set, &t->val));
    SYN_TRY(finish_average(t));
    SYN_TRY(syn_history_write(&t->history, t->folder, t->e.top.name));
    SYN_TRY(write_summary(t));
    SYN_TRY(write_choices(t)); /* those of the last batch, too */
    const syn_metrics *m = t->e.test_set ? &t->test : &t->val;
    const char *name = t->e.test_set ? "test" : "validation";
    if (t->e.test_set || t->e.val_set) {
        if (isnan(m->accuracy))
            print_row(name, "loss %.5g", m->loss);
        else
            print_row(name, "accuracy %.2f %%, loss %.4f", 100 * m->accuracy, m->loss);
    }
    if (t->e.test_set && t->e.train.ema > 0)
        print_row("average", "accuracy %.2f %%, loss %.4f, of the weights' moving average",
                  100 * t->average.accuracy, t->average.loss);
    print_row("run", "%s", t->folder);
    print_row("curves", "%s/%s", t->folder, CLI_CURVES);
    return SYN_OK;
}

static int interrupted(trainer *t) {
    if (save_weights(t) != SYN_OK) return cli_fail();
    printf("stopped in epoch %d at step %lld; go on with: syncline train --resume %s\n",
           t->last.epoch, (long long)syn_plan_step(t->s.plan), t->folder);
    return 128 + stop;
}

int cli_train(const cli_call *call) {
    const char *resume = cli_get(call, "resume");
    if (resume && call->n_operands) return cli_usage(call, "give FILE or --resume DIR, not both");
    if (!resume && !call->n_operands) return cli_usage(call, "expects FILE, or --resume DIR");
    if (resume && (cli_get(call, "out") || cli_get(call, "init")))
        return cli_usage(call, "--resume goes on in its own folder with its own weights, without "
                               "--out and --init");
    trainer t = { .lock = -1,
                  .test = { .loss = NAN, .accuracy = NAN },
                  .val = { .loss = NAN, .accuracy = NAN },
                  .average = { .loss = NAN, .accuracy = NAN } };
    cli_progress_start(&t.progress);
    int code = CLI_OK;
    if (prepare(&t, call) != SYN_OK) {
        cli_progress_clear(&t.progress);
        code = cli_fail();
        if (t.made) rmdir(t.folder); /* empty: nothing was lost */
    } else {
        cli_progress_clear(&t.progress);
        print_head(&t);
        cli_progress_wait(&t.progress, "compiling kernels");
        syn_status status = fit(&t);
        if (status == SYN_E_STOPPED && stop)
            code = interrupted(&t);
        else if (status != SYN_OK || finish(&t) != SYN_OK)
            code = cli_fail();
    }
    cli_session_close(&t.s);
    cli_experiment_free(&t.e);
    syn_history_free(&t.history);
    syn_text_free(&t.gradients.text);
    if (t.lock >= 0) close(t.lock);
    free(t.folder);
    free(t.error);
    return code;
}
