/* Freezing schedules: reading them, and finding an epoch in them. */
#include "train/freezing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EPOCHS = 1000000 };

const char lb_freezing_standard[] = "0.9:37,0.95:10,0.95:5x0.1,0.975:10,0.975:5x0.1,0.9875:10,"
                                    "0.9875:5x0.1,1:10,1:10x0.1,1:10x0.01";

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_piece(const char **at, lb_freezing_piece *out)
{
    char *end = NULL;
    out->frozen = strtod(*at, &end);
    if (end == *at || *end != ':') return false;
    const char *epochs = end + 1;
    out->epochs = (size_t)strtoull(epochs, &end, 10);
    if (end == epochs || *epochs < '0' || *epochs > '9') return false;
    out->factor = 1.0;
    if (*end == 'x') {
        const char *factor = end + 1;
        out->factor = strtod(factor, &end);
        if (end == factor) return false;
    }
    *at = end;
    return *end == ',' || *end == '\0';
}

static lb_status check_piece(const char *text, const lb_freezing *f)
{
    const lb_freezing_piece *p = &f->pieces[f->n - 1];
    if (!(p->frozen > 0.0 && p->frozen <= 1.0))
        return lb_fail(LB_E_ARG, "freezing '%s': fraction %g, wanted one above 0, at most 1", text,
                       p->frozen);
    if (f->n > 1 && p->frozen < p[-1].frozen)
        return lb_fail(LB_E_ARG, "freezing '%s': %g after %g; fractions never fall", text,
                       p->frozen, p[-1].frozen);
    if (p->epochs < 1 || p->epochs > MAX_EPOCHS)
        return lb_fail(LB_E_ARG, "freezing '%s': %zu epochs at %g, wanted 1 to %d", text, p->epochs,
                       p->frozen, MAX_EPOCHS);
    if (!(p->factor >= 0.0) || !isfinite(p->factor))
        return lb_fail(LB_E_ARG, "freezing '%s': learning rate x%g, wanted a number from 0", text,
                       p->factor);
    return LB_OK;
}

lb_status lb_freezing_parse(const char *text, lb_freezing *out)
{
    lb_freezing f = {0};
    const char *at = text;
    do {
        if (f.n == LB_MAX_FREEZING)
            return lb_fail(LB_E_ARG, "freezing '%s': more than %d pieces", text, LB_MAX_FREEZING);
        if (!read_piece(&at, &f.pieces[f.n++]))
            return lb_fail(LB_E_ARG,
                           "freezing '%s': piece %zu is not FRACTION:EPOCHS or "
                           "FRACTION:EPOCHSxFACTOR, as 0.95:5x0.1",
                           text, f.n);
        LB_TRY(check_piece(text, &f));
    } while (*at++ == ',');
    if (f.pieces[f.n - 1].frozen < 1.0)
        return lb_fail(LB_E_ARG,
                       "freezing '%s': the last fraction is %g, wanted 1: in the end all weights "
                       "are quantized",
                       text, f.pieces[f.n - 1].frozen);
    *out = f;
    return LB_OK;
}

size_t lb_freezing_length(const lb_freezing *f)
{
    size_t length = 0;
    for (size_t i = 0; i < f->n; i++) length += f->pieces[i].epochs;
    return length;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* First epoch of piece i, as if the first one did not end early. */
static size_t planned(const lb_freezing *f, size_t epochs, size_t i)
{
    size_t before = 0;
    for (size_t k = 0; k < i; k++) before += f->pieces[k].epochs;
    return (size_t)((unsigned long long)epochs * before / lb_freezing_length(f));
}

/* Epochs that the first piece is short of. */
static size_t saved(const lb_freezing *f, size_t epochs, const lb_progress *p)
{
    const size_t length = planned(f, epochs, 1);
    size_t best = 0;
    for (size_t i = 0; f->patience > 0 && i < p->n_rows && i < length; i++) {
        if (p->rows[i].mixed_top1 > p->rows[best].mixed_top1) best = i;
        if (i - best >= f->patience) return length - (i + 1);
    }
    return 0;
}

static size_t begin_of(const lb_freezing *f, size_t epochs, size_t early, size_t i)
{
    return i == 0 ? 0 : planned(f, epochs, i) - early;
}

lb_freezing_place lb_freezing_at(const lb_freezing *f, size_t epochs, const lb_progress *p,
                                 size_t epoch)
{
    const size_t early = f->n > 1 ? saved(f, epochs, p) : 0;
    size_t i = f->n - 1; /* pieces without epochs begin where the next one does */
    while (i > 0 && begin_of(f, epochs, early, i) > epoch) i--;
    lb_freezing_place place = {.frozen = f->pieces[i].frozen, .factor = f->pieces[i].factor};
    size_t from = i, to = i + 1;
    while (from > 0 && f->pieces[from - 1].frozen >= place.frozen) from--;
    while (to < f->n && f->pieces[to].frozen <= place.frozen) to++;
    place.stage = from;
    place.first = begin_of(f, epochs, early, from);
    place.epochs = begin_of(f, epochs, early, to) - place.first;
    return place;
}

size_t lb_freezing_epochs(const lb_freezing *f, size_t epochs, const lb_progress *p)
{
    return f->n > 1 ? epochs - saved(f, epochs, p) : epochs;
}

size_t lb_freezing_all_from(const lb_freezing *f, size_t epochs, const lb_progress *p)
{
    const size_t last = lb_freezing_epochs(f, epochs, p) - 1;
    return lb_freezing_at(f, epochs, p, last).first;
}
