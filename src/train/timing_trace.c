/* The timeline: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU,
 * "complete" events. Times are microseconds from the first enqueue. */
#include "train/timing.h"

#include <jansson.h>
#include <stdlib.h>

enum { HOST = 1, DEVICE = 2 };

static void name_lane(json_t *events, int lane, const char *name) {
    json_array_append_new(events,
                          json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", "thread_name", "ph",
                                    "M", "pid", 1, "tid", lane, "args", "name", name));
}

static void add(json_t *events, const char *name, const char *kind, int lane, double from,
                double to, json_t *args) {
    json_array_append_new(events,
                          json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:o}", "name", name, "cat",
                                    kind, "ph", "X", "ts", from * 1e6, "dur", (to - from) * 1e6,
                                    "pid", 1, "tid", lane, "args", args));
}

char *syn_timing_trace(const syn_timing *t) {
    static const struct {
        char way;
        const char *name;
    } ways[] = { { '>', "forward" }, { '<', "backward" }, { '=', "step" } };
    json_t *events = json_array();
    double offset =
        0; /* host's clock less device's: a launch is queued after its enqueueing began */
    for (int i = 0; i < t->n_spans; i++) {
        double d = t->span[i].from - t->span[i].queued;
        if (i == 0 || d > offset) offset = d;
    }
    name_lane(events, HOST, "host: enqueueing");
    name_lane(events, DEVICE, "device");
    for (int i = 0; i < t->n_spans; i++) {
        const syn_timed *launch = &t->launch[i % t->n_launches];
        const syn_span *s = &t->span[i];
        char what[128];
        const char *kind = "feed", *layer = syn_timing_layer(t, launch);
        syn_item_text(launch->item, t->list->graph, what, sizeof what);
        for (size_t k = 0; !launch->feed && k < SYN_COUNT(ways); k++)
            if (syn_item_way(launch->item, t->list->graph) == ways[k].way) kind = ways[k].name;
        double zero = t->span[0].from, took = s->end - s->start;
        add(events, what, kind, HOST, s->from - zero, s->to - zero,
            json_pack("{s:i, s:i}", "step", i / t->n_launches, "launch", i % t->n_launches));
        add(events, what, kind, DEVICE, s->start + offset - zero, s->end + offset - zero,
            json_pack("{s:i, s:i, s:s, s:f, s:f, s:f, s:f}", "step", i / t->n_launches, "launch",
                      i % t->n_launches, "layer", layer, "bytes", launch->item->call.bytes, "flops",
                      launch->item->call.flops, "GB/s",
                      took > 0 ? launch->item->call.bytes / took / 1e9 : 0., "GFLOP/s",
                      took > 0 ? launch->item->call.flops / took / 1e9 : 0.));
    }
    json_t *root = json_pack("{s:o, s:s}", "traceEvents", events, "displayTimeUnit", "ns");
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(root);
    return text;
}
