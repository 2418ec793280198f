#include "cli/train_report.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_duration.h"
#include "cli/cli_json.h"

static const double plain_progress_every = 10.0; /* seconds: a log file need not be read live */

void lb_cli_report_end(lb_cli_report *r)
{
    if (!r->line_open) return;
    (void)fputs("\r\033[K", stdout); /* to the line's start, and clear it */
    r->line_open = false;
}

static void show_progress(lb_cli_report *r, const lb_event *e)
{
    if (!r->terminal && e->seconds - r->last_progress < plain_progress_every) return;
    r->last_progress = e->seconds;
    char left[LB_CLI_DURATION_BYTES];
    lb_cli_duration_format(e->seconds_left, left);
    lb_cli_report_end(r);
    (void)printf(
        "epoch %zu/%zu  batch %zu/%zu  %.0f images/s  loss %.4f  accuracy %.2f %%  left %s",
        e->epoch, e->epochs, e->batch, e->batches, e->images_per_second, e->train_loss,
        e->train_top1, left);
    if (r->terminal)
        r->line_open = true;
    else
        (void)putchar('\n');
}

static void show_epoch(lb_cli_report *r, const lb_event *e)
{
    lb_cli_report_end(r);
    r->last_progress = 0.0;
    (void)printf(
        "epoch %zu/%zu  loss %.4f  accuracy %.2f %%  %s %.2f %%  lr %.3g  %.1f s  %.0f images/s",
        e->epoch, e->epochs, e->train_loss, e->train_top1, e->split, e->val_top1, e->lr, e->seconds,
        e->images_per_second);
    if (e->frozen > 0.0)
        (void)printf("  frozen %.4g %%, mixed %.2f %%", 100.0 * e->frozen, e->mixed_top1);
    (void)putchar('\n');
}

static void show_result(lb_cli_report *r, const lb_event *e)
{
    lb_cli_report_end(r);
    (void)printf("\n%-8s %10s %8s %10s %-12s %9s %10s  %s\n", "status", "best top-1", "at epoch",
                 "last top-1", "of", "seconds", "images/s", "run");
    (void)printf("%-8s %8.2f %% %8zu %8.2f %% %-12s %9.1f %10.0f  %s\n", e->status, e->best_top1,
                 e->best_epoch, e->last_top1, e->split, e->seconds, e->images_per_second, e->run);
    if (e->unreadable > 0)
        (void)printf("%zu images could not be read and were skipped\n", e->unreadable);
    if (e->epoch < e->epochs && strcmp(e->status, "ok") == 0) {
        (void)printf("%zu of %zu epochs are done; --resume goes on\n", e->epoch, e->epochs);
    }
}

static void show_unreadable(lb_cli_report *r, const lb_event *e)
{
    static char name[] = "train";
    lb_cli_report_end(r);
    lb_cli_skipped(name, e->message);
}

static void print_json(const lb_event *e)
{
    if (e->kind == LB_EVENT_EPOCH) {
        (void)printf(
            "{\"event\": \"epoch\", \"epoch\": %zu, \"train_loss\": %.9g, \"train_top1\": %.4f, "
            "\"val_loss\": %.9g, \"val_top1\": %.4f, \"val_top5\": %.4f, \"split\": \"%s\", "
            "\"lr\": %.9g, "
            "\"seconds\": %.3f, \"images_per_second\": %.2f",
            e->epoch, e->train_loss, e->train_top1, e->val_loss, e->val_top1, e->val_top5, e->split,
            e->lr, e->seconds, e->images_per_second);
        if (e->frozen > 0.0)
            (void)printf(", \"frozen\": %.9g, \"mixed_loss\": %.9g, \"mixed_top1\": %.4f",
                         e->frozen, e->mixed_loss, e->mixed_top1);
        (void)printf("}\n");
    } else if (e->kind == LB_EVENT_RESULT) {
        (void)printf(
            "{\"event\": \"result\", \"status\": \"%s\", \"best_top1\": %.4f, \"best_epoch\": %zu, "
            "\"last_top1\": %.4f, \"split\": \"%s\", \"epochs\": %zu, \"seconds\": %.3f, "
            "\"images_per_second\": %.2f, \"unreadable\": %zu}\n",
            e->status, e->best_top1, e->best_epoch, e->last_top1, e->split, e->epoch, e->seconds,
            e->images_per_second, e->unreadable);
    } else if (e->kind == LB_EVENT_UNREADABLE) {
        (void)printf("{\"event\": \"unreadable\", \"message\": ");
        lb_cli_json_string(stdout, e->message);
        (void)printf("}\n");
    }
}

void lb_cli_report_event(const lb_event *e, void *user)
{
    lb_cli_report *r = user;
    if (e->kind == LB_EVENT_RESULT) r->diverged = strcmp(e->status, "dnc") == 0;
    if (r->json)
        print_json(e);
    else if (e->kind == LB_EVENT_PROGRESS)
        show_progress(r, e);
    else if (e->kind == LB_EVENT_EPOCH)
        show_epoch(r, e);
    else if (e->kind == LB_EVENT_RESULT)
        show_result(r, e);
    else if (e->kind == LB_EVENT_UNREADABLE)
        show_unreadable(r, e);
    (void)fflush(stdout);
}
