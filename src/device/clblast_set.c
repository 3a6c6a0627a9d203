#include "device/clblast_set.h"

#include "base/base.h"

#include <string.h>

static const struct {
    const char *kernel, *param[17];
} kernels[] = {
    { "Xgemm",
      { "GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB", "NDIMC", "NWG", "SA", "SB",
        "STRM", "STRN", "VWM", "VWN", NULL } },
    { "XgemmDirect",
      { "KWID", "MDIMAD", "MDIMCD", "NDIMBD", "NDIMCD", "PADA", "PADB", "VWMD", "VWND", "WGD",
        NULL } },
    { "Copy", { "COPY_DIMX", "COPY_DIMY", "COPY_VW", "COPY_WPT", NULL } },
    { "Pad", { "PAD_DIMX", "PAD_DIMY", "PAD_WPTX", "PAD_WPTY", NULL } },
    { "Transpose", { "TRA_DIM", "TRA_PAD", "TRA_SHUFFLE", "TRA_WPT", NULL } },
    { "Padtranspose", { "PADTRA_PAD", "PADTRA_TILE", "PADTRA_WPT", NULL } },
    { "GemmRoutine", { "XGEMM_MIN_INDIRECT_SIZE", NULL } },
};

/* In the order of `kernels`. */
enum {
    GEMMK,
    KREG,
    KWG,
    KWI,
    MDIMA,
    MDIMC,
    MWG,
    NDIMB,
    NDIMC,
    NWG,
    SA,
    SB,
    STRM,
    STRN,
    VWM,
    VWN,
    KWID,
    MDIMAD,
    MDIMCD,
    NDIMBD,
    NDIMCD,
    PADA,
    PADB,
    VWMD,
    VWND,
    WGD,
    COPY_DIMX,
    COPY_DIMY,
    COPY_VW,
    COPY_WPT,
    PAD_DIMX,
    PAD_DIMY,
    PAD_WPTX,
    PAD_WPTY,
    TRA_DIM,
    TRA_PAD,
    TRA_SHUFFLE,
    TRA_WPT,
    PADTRA_PAD,
    PADTRA_TILE,
    PADTRA_WPT,
    MIN_INDIRECT,
    PARAMS
};
_Static_assert((int)PARAMS == (int)SYN_CLBLAST_PARAMS, "a setting has every parameter");

#define SET_OF_CPU true
#define SET_OF_GPU false
static const struct {
    bool cpu;
    syn_clblast_set set;
} rows[] = {
    { false, { .name = "as installed", .installed = true } },
#define SET(of, name, ...) { SET_OF_##of, { name, false, { __VA_ARGS__ } } },
#include "device/clblast.inc"
#undef SET
};

bool syn_clblast_set_same(const syn_clblast_set *a, const syn_clblast_set *b) {
    return a->installed == b->installed &&
           (a->installed || memcmp(a->value, b->value, sizeof a->value) == 0);
}

const syn_clblast_set *syn_clblast_row(const syn_device_info *device, int i) {
    for (size_t r = 0; r < SYN_COUNT(rows); r++)
        if (rows[r].cpu == device->cpu && i-- == 0) return &rows[r].set;
    return NULL;
}

const char *syn_clblast_param(int i, const char **kernel) {
    size_t k = 0;
    int n = 0;
    for (;; n++) {
        if (!kernels[k].param[n]) {
            k++;
            n = 0;
        }
        if (i-- == 0) break;
    }
    *kernel = kernels[k].kernel;
    return kernels[k].param[n];
}

static bool in(int v, int least, int most) { return v >= least && v <= most; }
static bool divides(int a, int b) { return a > 0 && b % a == 0; }
static bool vector(int v) { return v == 1 || v == 2 || v == 4 || v == 8 || v == 16; }

/* What Xgemm's text takes for granted: tiles, and their loads into local memory, come out even. */
static bool tiles_even(const short *v) {
    const int group = v[MDIMC] * v[NDIMC];
    if (!divides(v[KWI], v[KWG]) || !divides(v[MDIMC] * v[VWM], v[MWG]) ||
        !divides(v[NDIMC] * v[VWN], v[NWG]) || !divides(v[MDIMA] * v[VWM], v[MWG]) ||
        !divides(v[NDIMB] * v[VWN], v[NWG]) || !divides(v[MDIMA], group) ||
        !divides(v[NDIMB], group))
        return false;
    return v[GEMMK] == 1 ? !v[SA] && !v[SB] && v[MDIMA] == v[MDIMC] && v[NDIMB] == v[NDIMC]
                         : divides(group / v[MDIMA], v[KWG]) && divides(group / v[NDIMB], v[KWG]);
}

static bool direct_even(const short *v) {
    const int group = v[MDIMCD] * v[NDIMCD];
    return divides(v[KWID], v[WGD]) && divides(v[MDIMCD] * v[VWMD], v[WGD]) &&
           divides(v[NDIMCD] * v[VWND], v[WGD]) && divides(v[MDIMAD] * v[VWMD], v[WGD]) &&
           divides(v[NDIMBD] * v[VWND], v[WGD]) && divides(v[MDIMAD], group) &&
           divides(v[NDIMBD], group) && divides(group / v[MDIMAD], v[WGD]) &&
           divides(group / v[NDIMBD], v[WGD]);
}

const char *syn_clblast_fault(const syn_clblast_set *s, syn_dtype dtype, const syn_profile *p) {
    const short *v = s->value;
    if (s->installed) return NULL;
    for (int i = 0; i < PARAMS - 1; i++) {
        const bool zero = i == GEMMK || in(i, SA, STRN) || i == PADA || i == PADB || i == TRA_PAD ||
                          i == TRA_SHUFFLE || i == PADTRA_PAD;
        if (!in(v[i], zero ? 0 : 1, zero ? 1 : SYN_CLBLAST_MOST)) return "a value is out of range";
    }
    if (v[MIN_INDIRECT] < 0) return "a value is out of range";
    if (!vector(v[VWM]) || !vector(v[VWN]) || !vector(v[VWMD]) || !vector(v[VWND]) ||
        !vector(v[COPY_VW]) || !vector(v[TRA_WPT]))
        return "a vector is none";
    if (!tiles_even(v) || !direct_even(v)) return "tiles do not come out even";
    const int group[] = { v[MDIMC] * v[NDIMC],         v[MDIMCD] * v[NDIMCD],
                          v[COPY_DIMX] * v[COPY_DIMY], v[PAD_DIMX] * v[PAD_DIMY],
                          v[TRA_DIM] * v[TRA_DIM],     v[PADTRA_TILE] * v[PADTRA_TILE] };
    for (size_t i = 0; i < SYN_COUNT(group); i++)
        if (group[i] > p->max_group) return "a work-group is larger than the device takes";
    const int64_t tra = v[TRA_DIM] * v[TRA_WPT], padtra = v[PADTRA_TILE] * v[PADTRA_WPT],
                  local[] = { v[KWG] * (v[SA] * v[MWG] + v[SB] * v[NWG]),
                              v[WGD] * (2 * v[WGD] + v[PADA] + v[PADB]),
                              tra * (tra + v[TRA_PAD] * v[TRA_WPT]),
                              padtra * (padtra + v[PADTRA_PAD]) };
    for (size_t i = 0; i < SYN_COUNT(local); i++)
        if (local[i] * (dtype == SYN_DOUBLE ? 8 : 4) > p->local_bytes)
            return "it takes more local memory than the device has";
    return NULL;
}
