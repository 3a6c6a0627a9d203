/* The control and metrics blocks as the host sees them; cl/base/control.cl is the other side. */
#ifndef SYN_PLAN_CONTROL_H
#define SYN_PLAN_CONTROL_H

#include <syncline/base.h>

enum {
    SYN_CTL_STEP = 0, /* optimizer steps taken */
    SYN_CTL_KEY = 1,  /* two words: the seed */
    SYN_CTL_CURSOR = 3,
    SYN_CTL_LATCH = 4,
    SYN_CTL_LATCH_STEP = 5,
    SYN_CTL_LATCH_CURSOR = 6,
    SYN_CTL_GRAD_LATCH = 7,
    SYN_CTL_ROWS = 9,
    SYN_CTL_BATCHES = 10,
    SYN_CTL_GRADS = 11,
    SYN_CTL_SKIPPED = 14,
    SYN_CTL_SKIP_GUILTY = 15,
    SYN_CTL_NORM_STEPS = 18,
    SYN_CTL_PASS = 24,
    SYN_CTL_HITS = 32, /* by loss */
    SYN_CTL_IGNORED = 40, /* rows by loss, with a label that it leaves out */
    SYN_CTL_KEPT = 60, /* from here on words outlive an epoch, as those in front of the cursor do */
    SYN_CTL_LOSS_SCALE = 60,
    SYN_CTL_UNSCALE = 61,
    SYN_CTL_GOOD = 62,
    SYN_CTL_OVERFLOWS = 63,
    SYN_CTL_WORDS = 64
};
enum { SYN_FIRST_LOSS_SCALE = 65536 }; /* of a dynamic one: as torch's GradScaler */
enum { SYN_LATCH_LOSS = 1, SYN_LATCH_GRAD = 2 };
enum { SYN_METRIC_CLIP = 3, SYN_METRIC_NORM, SYN_METRIC_NORMS, SYN_METRIC_PENALTY, SYN_METRIC_PENALTIES,
       SYN_METRIC_LOSSES = 8, /* by loss, three each: */
       SYN_METRIC_SUM = 0, SYN_METRIC_CARRY, SYN_METRIC_LAST, SYN_METRIC_EACH,
       SYN_METRICS = SYN_METRIC_LOSSES + SYN_METRIC_EACH * SYN_MAX_ENDS };
enum { SYN_TALLY_SUM = 1, SYN_TALLY_ADVANCE = 2, SYN_TALLY_GROUP = 64 };
enum { SYN_SCALAR_ROWS = 256 }; /* rows of the step-scalar table: steps ahead, in two halves */
enum { SYN_TILE = 2048 };       /* weights of a tile of the update kernel */
enum { SYN_NORM_PARTS = 128, SYN_NORM_GROUP = 128 }; /* partial norms, about so many; GPU work-group */
enum { SYN_ACCUMULATE_RUN = 2048 };

#endif
