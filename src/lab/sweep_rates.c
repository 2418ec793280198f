#include "lab/sweep_rates.h"

#include <string.h>

#include "train/description.h"

void lb_rates_release(lb_rates *rates)
{
    lb_free(rates->kinds);
    lb_arena_release(&rates->texts);
    *rates = (lb_rates){0};
}

/* The first kind of these; rates->n: none. */
static size_t find(const lb_rates *rates, const char *data, const char *model, const char *method)
{
    size_t i = 0;
    while (i < rates->n &&
           (strcmp(rates->kinds[i].method, method) != 0 ||
            strcmp(rates->kinds[i].model, model) != 0 || strcmp(rates->kinds[i].data, data) != 0))
        i++;
    return i;
}

static lb_status grow(lb_rates *rates)
{
    if (rates->n < rates->capacity) return LB_OK;
    const size_t capacity = rates->capacity > 0 ? 2 * rates->capacity : 16;
    void *block = NULL;
    LB_TRY(lb_alloc(capacity, sizeof *rates->kinds, "kinds of runs", &block));
    if (rates->n > 0) memcpy(block, rates->kinds, rates->n * sizeof *rates->kinds);
    lb_free(rates->kinds);
    rates->kinds = block;
    rates->capacity = capacity;
    return LB_OK;
}

static lb_status keep(lb_rates *rates, const char *text, const char **out)
{
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(&rates->texts, text, &copy));
    *out = copy;
    return LB_OK;
}

static lb_status add(lb_rates *rates, const char *data, const char *model, const char *method)
{
    lb_run_kind made = {0};
    char *identity = NULL;
    LB_TRY(lb_data_identity(data, &identity));
    lb_status status = keep(rates, identity, &made.identity);
    lb_free(identity);
    if (status == LB_OK) status = grow(rates);
    if (status == LB_OK) status = keep(rates, data, &made.data);
    if (status == LB_OK) status = keep(rates, model, &made.model);
    if (status == LB_OK) status = keep(rates, method, &made.method);
    if (status == LB_OK) rates->kinds[rates->n++] = made;
    return status;
}

lb_status lb_rates_kind(lb_rates *rates, const lb_settings *settings, size_t *kind)
{
    const char *data = lb_settings_get(settings, "data");
    const char *model = lb_settings_get(settings, "model");
    const char *method = lb_settings_get(settings, "method");
    const size_t found = find(rates, data, model, method);
    if (found == rates->n) LB_TRY(add(rates, data, model, method));
    *kind = found;
    return LB_OK;
}

void lb_rates_learn(lb_rates *rates, const lb_run_record *run)
{
    if (run->epochs == 0 || !(run->seconds > 0.0)) return;
    for (size_t i = 0; i < rates->n; i++) {
        lb_run_kind *kind = &rates->kinds[i];
        if (strcmp(kind->identity, run->data) != 0 || strcmp(kind->model, run->model) != 0 ||
            strcmp(kind->method, run->method) != 0)
            continue;
        kind->seconds += run->seconds;
        kind->epochs += (double)run->epochs;
    }
}

lb_status lb_rates_learn_store(lb_rates *rates, lb_store *store)
{
    lb_run_list list = {0};
    LB_TRY(lb_store_list(store, "state=ok", &list));
    for (size_t i = 0; i < list.n; i++) lb_rates_learn(rates, &list.runs[i]);
    lb_run_list_release(&list);
    return LB_OK;
}

static double mean_rate(const lb_rates *rates)
{
    double seconds = 0.0, epochs = 0.0;
    for (size_t i = 0; i < rates->n; i++) {
        seconds += rates->kinds[i].seconds;
        epochs += rates->kinds[i].epochs;
    }
    return epochs > 0.0 ? seconds / epochs : -1.0;
}

double lb_rates_seconds(const lb_rates *rates, size_t kind, double epochs)
{
    const lb_run_kind *k = &rates->kinds[kind];
    const double rate = k->epochs > 0.0 ? k->seconds / k->epochs : mean_rate(rates);
    return rate < 0.0 ? -1.0 : rate * epochs;
}

double lb_rates_open_seconds(const lb_rates *rates)
{
    double sum = 0.0;
    for (size_t i = 0; i < rates->n; i++) {
        const double seconds = lb_rates_seconds(rates, i, rates->kinds[i].open_epochs);
        if (seconds < 0.0) return -1.0;
        sum += seconds;
    }
    return sum;
}
