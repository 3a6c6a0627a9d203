/* Where batches come from: a data set on the device as stored, with a permutation; or batches sent one
 * by one through two staging slots on the transfer queue. */
#ifndef SYN_PLAN_SOURCE_H
#define SYN_PLAN_SOURCE_H

#include "plan/list.h"

#include <syncline/data.h>

typedef struct syn_plan syn_plan;

enum { SYN_MAX_FED = 2 * SYN_MAX_ENDS + 1 }; /* inputs, targets, weights: syn_plan.fed */

/* Stored form of the rows a source delivers to one of the fed values. */
typedef struct syn_stored {
    bool there;    /* else nothing is delivered */
    bool ones;     /* weights of a set that has none */
    syn_type type;
    int64_t count, bytes; /* of a row */
    const void *from;     /* the set's rows, as from_type */
    syn_type from_type;
} syn_stored;

/* The launches that fill a list's fed values from one slot of a source. */
typedef struct syn_feed_launch {
    const syn_list *list;
    int slot;
    syn_list feed;       /* an item for each; values are the list's */
    int of[SYN_MAX_FED]; /* which fed value an item fills */
} syn_feed_launch;

typedef struct syn_slot {
    syn_buffer *data[SYN_MAX_FED];
    char *host[SYN_MAX_FED];
    syn_event *sent, *fed; /* on the transfer queue; on the compute queue */
} syn_slot;

typedef struct syn_source {
    syn_plan *plan;
    syn_stored stored[SYN_MAX_FED];
    const syn_data *data;  /* NULL: batches of the caller */
    bool resident;
    bool borrowed;         /* batches lie in a caller's device buffers */
    syn_buffer *resident_data[SYN_MAX_FED], *perm;
    int32_t *host_perm;
    syn_slot slot[2];      /* streamed */
    int next;
    int64_t cursor;        /* streamed: rows of this epoch delivered */
    syn_feed_launch *feed;
    int n_feeds, cap_feeds;
} syn_source;

/* What data looks like stored on this device (types it lacks are converted), checked against the
 * plan's inputs and targets. */
syn_status syn_source_open(syn_source **s, syn_plan *plan, const syn_data *data);
/* For batches in the caller's memory, of these types by fed value; not there: no targets. */
syn_status syn_source_direct(syn_source **s, syn_plan *plan, const syn_type *type, const bool *there);
/* The plan's own source for batches of these types: made once, closed with the plan. borrowed: they lie in a
 * caller's device buffers. */
syn_status syn_plan_source(syn_source **s, syn_plan *plan, const syn_type *type, const bool *there, bool borrowed);
void syn_source_close(syn_source *s);

/* Feeds of this list from every slot: made before the first step. */
syn_status syn_source_prepare(syn_source *s, const syn_list *list);

/* The order of the next epoch (n = rows of data; NULL: as stored). Uploads, or remembers. */
syn_status syn_source_order(syn_source *s, const int32_t *perm);
/* Enqueue the feed of the list's next batch. Streamed: gathers rows [cursor, cursor + rows) first. */
syn_status syn_source_feed(syn_source *s, const syn_list *list);
/* The same for a batch in the caller's memory. */
syn_status syn_source_feed_again(syn_source *s, const syn_list *list); /* the caller's last batch */
/* Feeds from a caller's device buffers, by fed value. The source forgets them. */
syn_status syn_source_lend(syn_source *s, const syn_list *list, syn_buffer *const *buffer);
syn_status syn_source_feed_rows(syn_source *s, const syn_list *list, const void *const *rows);

#endif
