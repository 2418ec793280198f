/* The training loop: epochs of steps, an evaluation after each, checkpoints so that a run that
 * ends at any instant goes on as if it had not. */
#include <math.h>
#include <omp.h>
#include <signal.h>

#include "base/clock.h"
#include "train/procedure.h"

static const double report_every = 0.2; /* seconds */

/* Set from signal handlers. */
static volatile sig_atomic_t stop_wanted;

void lb_train_stop(void)
{
    stop_wanted = 1;
}

static bool stopped(void)
{
    return stop_wanted != 0;
}

bool lb_train_take_stop(void)
{
    const bool wanted = stopped();
    stop_wanted = 0;
    return wanted;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void report(const lb_trainer *t, lb_event event)
{
    if (t->report == NULL) return;
    event.run = t->folder.path;
    event.epochs = t->procedure->epochs(&t->config, &t->progress);
    event.batches = t->config.schedule.batches;
    event.split = t->split;
    if (event.kind != LB_EVENT_EPOCH) event.seconds = lb_seconds() - t->watch.started;
    t->report(&event, t->user);
}

static double rate(uint64_t images, double seconds)
{
    return seconds > 0.0 ? (double)images / seconds : 0.0;
}

static double train_loss(const lb_progress *p)
{
    return p->batch > 0 ? p->loss_sum / (double)p->batch : 0.0;
}

static double train_top1(const lb_progress *p)
{
    return p->seen > 0 ? 100.0 * (double)p->correct / (double)p->seen : 0.0;
}

static lb_stage stage_of(const lb_trainer *t)
{
    return t->procedure->stage(&t->config, &t->progress, t->progress.epoch);
}

/* Of a step of the epoch going on. */
static double lr_of_batch(const lb_trainer *t, size_t batch)
{
    return t->procedure->lr(&t->config, &t->progress, t->progress.epoch, batch);
}

/* Steps since the stage began: the optimizer starts anew with it. */
static uint64_t step_of_stage(const lb_trainer *t)
{
    const uint64_t epochs = t->progress.epoch - stage_of(t).first;
    return epochs * t->config.schedule.batches + t->progress.batch;
}

static double lr_of_epoch(const lb_trainer *t)
{
    return lr_of_batch(t, 0);
}

static void report_progress(lb_trainer *t)
{
    const lb_progress *p = &t->progress;
    const lb_stopwatch *w = &t->watch;
    const double speed = rate(w->epoch_images, w->epoch_training);
    const size_t batches = t->config.schedule.batches;
    const double epochs_left = (double)(t->procedure->epochs(&t->config, p) - p->epoch);
    const double steps_left = epochs_left * (double)batches - (double)p->batch;
    double left = w->evaluation * epochs_left;
    if (speed > 0.0) left += steps_left * (double)t->config.batch / speed;
    report(t, (lb_event){.kind = LB_EVENT_PROGRESS,
                         .epoch = p->epoch + 1,
                         .batch = p->batch,
                         .lr = lr_of_epoch(t),
                         .train_loss = train_loss(p),
                         .train_top1 = train_top1(p),
                         .images_per_second = speed,
                         .seconds_left = left});
    t->watch.last_report = lb_seconds();
}

static void report_epoch(const lb_trainer *t)
{
    const lb_progress *p = &t->progress;
    const lb_epoch_row *row = &p->rows[p->n_rows - 1];
    report(t,
           (lb_event){.kind = LB_EVENT_EPOCH,
                      .epoch = p->n_rows,
                      .lr = row->lr,
                      .train_loss = row->train_loss,
                      .train_top1 = row->train_top1,
                      .val_loss = row->val_loss,
                      .val_top1 = row->val_top1,
                      .val_top5 = row->val_top5,
                      .frozen = row->frozen,
                      .mixed_loss = row->mixed_loss,
                      .mixed_top1 = row->mixed_top1,
                      .seconds = lb_seconds() - t->watch.epoch_started,
                      .images_per_second = rate(t->watch.epoch_images, t->watch.epoch_training)});
}

/* Images that could not be read, once each. */
static void report_unreadable(const lb_trainer *t)
{
    const lb_dataset *const splits[] = {t->train_data, t->test_data};
    char text[1024];
    for (size_t s = 0; s < 2; s++) {
        while (splits[s] != NULL && lb_dataset_take_message(splits[s], text, sizeof text)) {
            report(t, (lb_event){.kind = LB_EVENT_UNREADABLE,
                                 .epoch = t->progress.epoch + 1,
                                 .message = text});
        }
    }
}

static size_t count_unreadable(const lb_trainer *t)
{
    return lb_dataset_unreadable(t->train_data) +
           (t->test_data != NULL ? lb_dataset_unreadable(t->test_data) : 0);
}

static void report_result(const lb_trainer *t)
{
    const lb_progress *p = &t->progress;
    const size_t epochs = t->procedure->epochs(&t->config, p),
                 from = t->procedure->counts_from(&t->config, p);
    lb_event event = {.kind = LB_EVENT_RESULT,
                      .epoch = p->n_rows,
                      .status = lb_progress_status(p, t->facts.classes, epochs, from),
                      .images_per_second = rate(t->watch.images, t->watch.training),
                      .unreadable = count_unreadable(t)};
    if (p->n_rows > 0) {
        const size_t best = lb_progress_best(p, from);
        event.best_epoch = best + 1;
        event.best_top1 = p->rows[best].val_top1;
        event.last_top1 = p->rows[p->n_rows - 1].val_top1;
    }
    report(t, event);
}

/* ---- an epoch -------------------------------------------------------------------------------- */

static bool out_of_time(const lb_trainer *t)
{
    return t->config.max_seconds > 0.0 && lb_seconds() - t->watch.started >= t->config.max_seconds;
}

/* One step; *end where the epoch had no batch left. */
static lb_status step(lb_trainer *t, bool *end)
{
    lb_progress *p = &t->progress;
    const lb_batch *batch = NULL;
    LB_TRY(lb_loader_next(t->loader, &batch));
    *end = batch == NULL;
    if (batch == NULL) return LB_OK;
    lb_step_result result;
    if (t->net.distillation.logits != NULL)
        LB_TRY(lb_teacher_ask(&t->teacher, batch->n, batch->images));
    LB_TRY(t->config.backend->train(t->executor, batch->images, batch->labels, p->step, &result));
    if (!isfinite(result.loss)) {
        p->diverged = true;
        return LB_OK;
    }
    lb_optimizer_step(&t->optimizer, lr_of_batch(t, p->batch), step_of_stage(t) + 1);
    p->step++;
    p->batch++;
    p->loss_sum += result.loss;
    p->correct += result.correct;
    p->seen += batch->n;
    t->watch.images += batch->n;
    t->watch.epoch_images += batch->n;
    return LB_OK;
}

/* Steps until the epoch's end, a divergence, or a wish to stop. *stop: the run pauses here. */
static lb_status train_epoch(lb_trainer *t, bool *stop)
{
    LB_TRY(lb_loader_start(t->loader, t->progress.epoch, t->progress.batch));
    bool end = false;
    *stop = false;
    while (!end && !t->progress.diverged && !*stop) {
        const double before = lb_seconds();
        LB_TRY(step(t, &end));
        const double now = lb_seconds();
        report_unreadable(t);
        t->watch.training += now - before;
        t->watch.epoch_training += now - before;
        *stop = stopped() || (!end && out_of_time(t));
        if (end || t->progress.diverged) break;
        if (now - t->watch.last_report >= report_every) report_progress(t);
        const double every = t->config.checkpoint_seconds;
        if (!*stop && every > 0.0 && now - t->watch.last_checkpoint >= every)
            LB_TRY(lb_trainer_save_last(t));
    }
    report_progress(t);
    return LB_OK;
}

static bool is_finite_row(const lb_epoch_row *row)
{
    return isfinite(row->train_loss) && isfinite(row->val_loss) && isfinite(row->mixed_loss);
}

/* What a procedure that mixes adds: the network as it was trained. With all weights frozen that is the quantized
 * one. */
static lb_status add_mixed(lb_trainer *t, lb_epoch_row *row)
{
    if (!t->procedure->mixes) return LB_OK;
    row->frozen = stage_of(t).frozen;
    row->mixed_loss = row->val_loss;
    row->mixed_top1 = row->val_top1;
    if (row->frozen >= 1.0) return LB_OK;
    lb_evaluation_task task = t->evaluator;
    task.executor = t->mixed;
    lb_evaluation e;
    LB_TRY(lb_evaluate(&task, &e));
    row->mixed_loss = e.loss;
    row->mixed_top1 = e.top1;
    return LB_OK;
}

/* Evaluate, and put the epoch into the run's files: best first, last last, so that whatever is
 * lost to a kill is done again, with the same outcome. */
static lb_status finish_epoch(lb_trainer *t)
{
    const double before = lb_seconds();
    lb_evaluation e;
    LB_TRY(lb_evaluate(&t->evaluator, &e));
    lb_epoch_row row = {.lr = lr_of_epoch(t),
                        .train_loss = train_loss(&t->progress),
                        .train_top1 = train_top1(&t->progress),
                        .val_loss = e.loss,
                        .val_top1 = e.top1,
                        .val_top5 = e.top5};
    LB_TRY(add_mixed(t, &row));
    report_unreadable(t);
    t->watch.evaluation = lb_seconds() - before;
    if (!is_finite_row(&row)) {
        t->progress.diverged = true;
        return lb_trainer_save_last(t);
    }
    LB_TRY(lb_progress_add(&t->progress, &row));
    const size_t best =
        lb_progress_best(&t->progress, t->procedure->counts_from(&t->config, &t->progress));
    if (best + 1 == t->progress.n_rows) LB_TRY(lb_trainer_save_best(t));
    LB_TRY(lb_progress_write_csv(&t->progress, t->split, t->folder.metrics));
    LB_TRY(lb_trainer_save_last(t));
    if (t->tensorboard != NULL) LB_TRY(lb_tensorboard_add(t->tensorboard, &t->progress));
    report_epoch(t);
    return LB_OK;
}

static void start_epoch_watch(lb_stopwatch *w)
{
    w->epoch_started = lb_seconds();
    w->epoch_training = 0.0;
    w->epoch_images = 0;
}

/* Write where the run stands; it can be resumed from there. */
static lb_status pause(lb_trainer *t)
{
    LB_TRY(lb_trainer_save_last(t));
    if (!stopped()) return LB_OK;
    return lb_fail(LB_E_INTERRUPTED, "%s: stopped in epoch %zu after batch %zu; --resume goes on",
                   t->folder.path, t->progress.epoch + 1, t->progress.batch);
}

static lb_status run(lb_trainer *t)
{
    lb_progress *p = &t->progress;
    t->watch.last_checkpoint = t->watch.last_report = lb_seconds();
    report(t, (lb_event){.kind = LB_EVENT_START, .epoch = p->epoch + 1, .batch = p->batch});
    if (t->procedure->go_on != NULL) LB_TRY(t->procedure->go_on(t, stage_of(t)));
    while (p->epoch < t->procedure->epochs(&t->config, p) && !p->diverged) {
        const lb_stage stage = stage_of(t);
        if (p->epoch == stage.first && p->batch == 0) LB_TRY(t->procedure->begin(t, stage));
        if (t->procedure->begin_epoch != NULL) LB_TRY(t->procedure->begin_epoch(t, stage));
        start_epoch_watch(&t->watch);
        bool stop = false;
        LB_TRY(train_epoch(t, &stop));
        /* a pause right at the end leaves the evaluation to the next call */
        if (stop || (out_of_time(t) && t->watch.epoch_images > 0 && !p->diverged)) {
            LB_TRY(pause(t));
            break;
        }
        if (p->diverged) {
            LB_TRY(lb_trainer_save_last(t));
            break;
        }
        const lb_status status = finish_epoch(t);
        if (status == LB_E_INTERRUPTED) return pause(t);
        LB_TRY(status);
        if (out_of_time(t)) break;
    }
    report_result(t);
    return LB_OK;
}

lb_status lb_train(const lb_settings *settings, lb_event_fn *report_fn, void *user)
{
    const int threads_before = omp_get_max_threads();
    lb_trainer t = {.report = report_fn, .user = user, .folder.lock = -1};
    t.watch.started = lb_seconds();
    lb_status status = lb_trainer_init(&t, settings, stopped);
    if (status == LB_OK) status = run(&t);
    lb_trainer_release(&t);
    omp_set_num_threads(threads_before);
    stop_wanted = 0;
    return status;
}
