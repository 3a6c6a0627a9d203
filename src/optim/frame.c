#include "optim/frame.h"

#include <fnmatch.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#define SYN_ROW_PREFIX(name, suffix) syn_##name##suffix
#define SYN_ROW_KIND "training option"
#define SYN_ROW_INITS NULL
#include "base/rows_def.inc"
#include <syncline/train_options.inc>
#include <syncline/rows_end.inc>

const syn_table *syn_train_rows(void) {
    static const syn_def *row[3];
    static const syn_table table = { .kind = "training option", .row = row, .n = 3 };
    row[0] = syn_decay_def();
    row[1] = syn_penalty_def();
    row[2] = syn_clip_def();
    return &table;
}

/* The decay that AdamW and LARS have as an option is the frame's: rules can leave parameters out. */
static syn_status own_decay(syn_frame *f, const syn_optim_use *use) {
    if (use->decoupled == 0 && use->coupled == 0) return SYN_OK;
    const char *name = use->spec.def->name;
    if (f->decay.coupled > 0 || f->decay.decoupled > 0)
        return syn_fail(SYN_E_ARGUMENT, "decay: %s decays by its own option, decay; give one of both", name);
    f->decay.decoupled = use->decoupled;
    f->decay.coupled = use->coupled;
    return SYN_OK;
}

/* A line search compares losses with their gradients: what changes the one without the other is refused. */
static syn_status check_search(const syn_frame *f, const char *name) {
    const struct {
        bool given;
        const char *what, *why;
    } no[] = {
        { f->clip.value > 0 || f->clip.norm > 0 || f->clip.global_norm > 0, "clip", "a clipped gradient is not "
          "that of the loss, which its line search needs; leave it out" },
        { f->decay.decoupled > 0, "decay: decoupled", "it moves the weights beside its line search; coupled "
          "decay and penalties are part of the objective" },
        { f->ema > 0, "ema", "it takes few and long steps, whose average says little; leave it out" },
        { f->half, "dtype: half", "its line search compares losses to more digits than halves leave them; float is "
          "possible" },
        { f->on_nonfinite > SYN_NONFINITE_STOP, "on_nonfinite", "the step after one that is skipped would be the "
          "same again; stop is possible, and trial points that are not finite are left anyway" },
    };
    for (size_t i = 0; i < SYN_COUNT(no); i++)
        if (no[i].given) return syn_fail(SYN_E_ARGUMENT, "%s: not with %s: %s", no[i].what, name, no[i].why);
    return SYN_OK;
}

syn_status syn_frame_check_factors(const syn_frame *f, const syn_optim_use *use) {
    if (!syn_optim_searches(use) || !f->lr_factors) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "rules: lr_factor: not with %s: all weights move along one line; trainable: "
                                    "no leaves parameters where they are", use->spec.def->name);
}

syn_status syn_frame_prepare(syn_frame *f, const syn_optim_use *use, syn_preset preset) {
    SYN_TRY(syn_options_resolve(syn_decay_def(), &f->decay, preset, "decay"));
    SYN_TRY(syn_options_resolve(syn_penalty_def(), &f->penalty, preset, "penalty"));
    SYN_TRY(syn_options_resolve(syn_clip_def(), &f->clip, preset, "clip"));
    if ((f->clip.value > 0) + (f->clip.norm > 0) + (f->clip.global_norm > 0) > 1)
        return syn_fail(SYN_E_ARGUMENT, "clip: give one of value, norm and global_norm");
    if (f->decay.coupled > 0 && f->decay.decoupled > 0)
        return syn_fail(SYN_E_ARGUMENT, "decay: give one of coupled and decoupled");
    SYN_TRY(own_decay(f, use));
    if (f->accumulate < 0 || f->accumulate > 4095)
        return syn_fail(SYN_E_ARGUMENT, "accumulate is %d, allowed 1 to 4095", f->accumulate);
    if (f->accumulate == 0) f->accumulate = 1;
    if (!(f->ema >= 0 && f->ema < 1))
        return syn_fail(SYN_E_ARGUMENT, "ema is %g, allowed 0 (none) to below 1", f->ema);
    if (f->loss_scale != 0 && !(f->loss_scale >= 1e-6 && f->loss_scale <= 16777216))
        return syn_fail(SYN_E_ARGUMENT, "loss_scale is %g, allowed 1e-6 to 16777216, or 0: dynamic", f->loss_scale);
    if (syn_optim_searches(use)) SYN_TRY(check_search(f, use->spec.def->name));
    if (f->on_nonfinite < SYN_NONFINITE_STOP || f->on_nonfinite > SYN_NONFINITE_PROPAGATE)
        return syn_fail(SYN_E_ARGUMENT, "on_nonfinite is %d, allowed 0 to 2", (int)f->on_nonfinite);
    return SYN_OK;
}

/* A rule's number: 0 says nothing. */
static double ruled(double rule, double otherwise) {
    if (rule == 0) return otherwise;
    return fabs(rule) <= SYN_TINY ? 0 : rule;
}

syn_status syn_frame_factors(syn_frame *f, const syn_rule *rules, int n_rules, const char *name,
                             bool kernel, double factor[SYN_FACTORS], bool *trained) {
    bool decays = kernel || !f->decay.kernels_only, penalised = kernel || f->penalty.all;
    factor[SYN_FACTOR_LR] = 1;
    factor[SYN_FACTOR_L1] = penalised ? f->penalty.l1 : 0;
    factor[SYN_FACTOR_L2] = penalised ? f->penalty.l2 : 0;
    *trained = true;
    for (int i = 0; i < n_rules; i++) {
        const syn_rule *r = &rules[i];
        if (fnmatch(r->match, name, 0) != 0) continue;
        factor[SYN_FACTOR_LR] = ruled(r->lr_factor, factor[SYN_FACTOR_LR]);
        factor[SYN_FACTOR_L1] = ruled(r->l1, factor[SYN_FACTOR_L1]);
        factor[SYN_FACTOR_L2] = ruled(r->l2, factor[SYN_FACTOR_L2]);
        if (r->trainable) *trained = r->trainable == SYN_YES;
        if (r->decay) decays = r->decay == SYN_YES;
    }
    for (int k = 0; k < SYN_FACTORS; k++)
        if (k != SYN_FACTOR_DECAY && !(factor[k] >= 0 && factor[k] <= 1e6))
            return syn_fail(SYN_E_ARGUMENT, "a rule gives %s a factor of %g, allowed 0 to 1e6", name, factor[k]);
    factor[SYN_FACTOR_DECAY] = decays ? f->decay.coupled + f->decay.decoupled : 0;
    if (*trained) {
        f->lr_factors |= factor[SYN_FACTOR_LR] != 1;
        f->penalties |= factor[SYN_FACTOR_L1] != 0 || factor[SYN_FACTOR_L2] != 0;
    }
    return SYN_OK;
}

syn_status syn_frame_check_rules(const syn_rule *rules, int n_rules, const char *const *names, int n) {
    for (int i = 0; i < n_rules; i++) {
        if (!rules[i].match) return syn_fail(SYN_E_ARGUMENT, "rules: rule %d: match must be given", i + 1);
        bool found = false;
        for (int k = 0; k < n && !found; k++) found = fnmatch(rules[i].match, names[k], 0) == 0;
        if (found) continue;
        const char *near = syn_nearest(rules[i].match, names, (size_t)n, sizeof *names);
        if (!near && n) near = names[0];
        return syn_fail(SYN_E_ARGUMENT, "rules: rule %d: no parameter matches '%s'; there is %s", i + 1,
                        rules[i].match, near ? near : "none");
    }
    return SYN_OK;
}

bool syn_frame_needs_norm(const syn_frame *f) {
    return f->clip.norm > 0 || f->clip.global_norm > 0 || f->penalties ||
           f->on_nonfinite == SYN_NONFINITE_SKIP || (f->half && f->loss_scale == 0);
}

void syn_frame_scalars(const syn_frame *f, int64_t t, double lr, double *out) {
    const syn_clip_opts *c = &f->clip;
    out[SYN_FRAME_LR] = lr;
    out[SYN_FRAME_CLIP] = c->value > 0 ? c->value : c->norm > 0 ? c->norm : c->global_norm;
    out[SYN_FRAME_EMA] = t == 1 ? 0 : f->ema; /* the average starts from the first updated weights */
}

void syn_frame_defines(const syn_frame *f, syn_text *t) {
    const struct {
        const char *name;
        int value;
    } row[] = {
        { "LR_FACTORS", f->lr_factors },
        { "PENALTY", f->penalties },
        { "COUPLED", f->decay.coupled > 0 },
        { "DECOUPLED", f->decay.decoupled > 0 },
        { "DECAY_FIRST", f->clip.order == 2 },
        { "CLIP_VALUE", f->clip.value > 0 },
        { "CLIP_EACH", f->clip.norm > 0 },
        { "CLIP_NORM", f->clip.norm > 0 || f->clip.global_norm > 0 },
        { "CLIP_P", f->clip.p },
        { "CLIP_TORCH", f->clip.form == 2 },
        { "ACCUMULATE", f->accumulate > 1 },
        { "EMA", f->ema > 0 },
        { "NORMS", syn_frame_needs_norm(f) },
        { "CHECK", f->on_nonfinite == SYN_NONFINITE_STOP },
        { "SCALER", !f->half ? 0 : f->loss_scale != 0 ? 1 : 2 },
        { "SKIP", f->on_nonfinite == SYN_NONFINITE_SKIP },
    };
    for (size_t i = 0; i < SYN_COUNT(row); i++)
        syn_text_add(t, "#define %s %d\n", row[i].name, row[i].value);
}
