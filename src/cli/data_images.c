/* lowbit data check and cache. */
#include "cli/data_images.h"

#include <stdio.h>

#include "cli/cli.h"
#include "cli/cli_progress.h"
#include "lowbit/data.h"

static void tell_skipped(void *context, const char *message)
{
    static char name[] = "data";
    lb_cli_progress_end(context);
    lb_cli_skipped(name, message);
}

static void tell_progress(void *context, size_t done, size_t total)
{
    lb_cli_progress_show(context, done, total);
}

int lb_cli_data_check(const char *spec, const lb_cli_images_options *options)
{
    size_t images = 0, unreadable = 0;
    lb_cli_progress progress = {.what = "images"};
    for (int s = LB_SPLIT_TRAIN; s <= LB_SPLIT_TEST; s++) {
        lb_dataset *dataset = NULL;
        lb_dataset_info info;
        size_t bad = 0;
        lb_status status = lb_dataset_open(spec, (lb_split)s, &dataset);
        if (status == LB_OK) {
            lb_dataset_get_info(dataset, &info);
            status = lb_dataset_check(dataset, tell_skipped, &progress, &bad);
        }
        lb_dataset_close(dataset);
        if (status != LB_OK) return lb_cli_error("data", (int)status);
        images += info.count;
        unreadable += bad;
    }
    if (options->json) {
        (void)printf("{\"images\": %zu, \"unreadable\": %zu}\n", images, unreadable);
    } else {
        (void)printf("%zu images, %zu unreadable\n", images, unreadable);
    }
    return unreadable > 0 ? LB_E_FORMAT : LB_OK;
}

int lb_cli_data_cache(const char *spec, const lb_cli_images_options *options)
{
    if (options->out == NULL)
        return lb_cli_fail("data", LB_E_ARG, "cache: no folder to write to; give --out FOLDER");
    if (options->edge < 0 || options->jobs < 0) {
        return lb_cli_fail("data", LB_E_ARG, "cache: --%s %d: wanted 1 or more",
                           options->edge < 0 ? "short-edge" : "jobs",
                           options->edge < 0 ? options->edge : options->jobs);
    }
    lb_cli_progress progress = {.what = "images"};
    const lb_cache_options wanted = {.edge = (size_t)options->edge,
                                     .quality = options->quality,
                                     .threads = options->jobs,
                                     .progress = tell_progress,
                                     .report = tell_skipped,
                                     .context = &progress};
    lb_cache_result r;
    const lb_status status = lb_data_cache(spec, options->out, &wanted, &r);
    lb_cli_progress_end(&progress);
    if (status != LB_OK) return lb_cli_error("data", (int)status);
    if (options->json) {
        (void)printf("{\"images\": %zu, \"unreadable\": %zu, \"shards_written\": %zu, "
                     "\"shards_kept\": %zu}\n",
                     r.images, r.unreadable, r.written, r.kept);
    } else {
        (void)printf("%zu images, %zu unreadable; %zu shards written, %zu kept in %s\n", r.images,
                     r.unreadable, r.written, r.kept, options->out);
    }
    return LB_OK;
}
