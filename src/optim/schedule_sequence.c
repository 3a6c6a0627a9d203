/* One schedule after the other. */
#include "optim/schedule.h"

#include <math.h>

typedef syn_schedule_use use;
typedef syn_schedule_point point;

/* Part i in the sequence: *start is its first step. The last one may have no length of its own: it has
 * what is left of the run. */
static syn_status begin_part(use *part, const use *u, int i, int64_t *start, int64_t *length) {
    const syn_schedule_sequence_opts *o = u->opts;
    *start = 0;
    for (int k = 0; k < i; k++) *start += (int64_t)o->lengths.v[k];
    int64_t left = u->steps > *start ? u->steps - *start : u->steps > 0 ? 1 : 0;
    *length = i < o->lengths.n ? (int64_t)o->lengths.v[i] : 0;
    return syn_schedule_begin(part, &o->parts.spec[i], u->run, *length > 0 ? *length : left, u->epochs);
}

static syn_status check(use *u) {
    const syn_schedule_sequence_opts *o = u->opts;
    int n = o->parts.n, lengths = o->lengths.n, judged = 0;
    if (n == 0) return syn_fail(SYN_E_ARGUMENT, "give parts, a list of schedules");
    if (lengths != n && lengths != n - 1)
        return syn_fail(SYN_E_ARGUMENT, "%d parts want %d lengths, or %d with one for the last, not %d", n,
                        n - 1, n, lengths);
    for (int i = 0; i < lengths; i++)
        if (o->lengths.v[i] != floor(o->lengths.v[i]))
            return syn_fail(SYN_E_ARGUMENT, "lengths must be whole numbers, not %g", o->lengths.v[i]);
    for (int i = 0; i < n; i++) {
        use part;
        int64_t start, length;
        syn_status status = begin_part(&part, u, i, &start, &length);
        if (status == SYN_OK && part.end > 0 && part.end < length)
            status = syn_fail(SYN_E_ARGUMENT, "%s: ends after %lld steps, but has %lld to fill",
                              o->parts.spec[i].def->name, (long long)part.end, (long long)length);
        if (status != SYN_OK) return syn_fail_in(status, "part %d", i + 1);
        if (part.unit == 0) u->unit = 0;
        if (syn_schedule_plateau(&o->parts.spec[i]) && ++judged > 1)
            return syn_fail(SYN_E_ARGUMENT, "part %d: a schedule has one performance part at most", i + 1);
        u->total = length > 0 ? start + length : part.end > 0 ? start + part.end : 0;
    }
    return SYN_OK;
}

static point at(const use *u, int64_t t) {
    const syn_schedule_sequence_opts *o = u->opts;
    use part;
    int64_t start = 0, length;
    int i = 0;
    for (; i < o->parts.n - 1 && t >= start + (int64_t)o->lengths.v[i]; i++) start += (int64_t)o->lengths.v[i];
    if (begin_part(&part, u, i, &start, &length) != SYN_OK) return (point){ .lr = NAN }; /* check saw to it */
    return syn_schedule_eval(&part, t - start);
}

const syn_schedule_kind syn_schedule_sequence_kind = { check, at };
