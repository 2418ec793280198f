/* The readers of a run's JSON: config.json, and the progress that a checkpoint holds. What they accept can be
 * resolved or refused, written, and read again. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "input_file.h"
#include "lab/run_hash.h"
#include "train/description.h"
#include "train/progress.h"

static void read_description(const char *text)
{
    lb_settings *settings = NULL;
    lb_run_facts facts = {0};
    if (lb_settings_create(&settings) == LB_OK &&
        lb_run_description_read("input", text, settings, &facts) == LB_OK) {
        lb_resolved_run run = {0};
        if (facts.classes == 0 || facts.shape.channels == 0) abort();
        const lb_status status = lb_resolve_run(settings, &run); /* they need not fit together */
        (void)status;
        lb_resolved_run_release(&run);
    }
    lb_settings_destroy(settings);
}

static void read_progress(const char *text)
{
    lb_progress progress = {0}, again = {0};
    char *written = NULL;
    if (lb_progress_read("input", text, &progress) == LB_OK &&
        lb_progress_write(&progress, &written) == LB_OK) {
        if (lb_progress_read("written", written, &again) != LB_OK || again.step != progress.step ||
            again.n_rows != progress.n_rows)
            abort();
    }
    lb_free(written);
    lb_progress_release(&again);
    lb_progress_release(&progress);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) abort();
    memcpy(text, data, size);
    text[size] = '\0';
    read_description(text);
    read_progress(text);
    free(text);
    return 0;
}
