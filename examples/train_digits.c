/* Trains a network with one-bit weights and two-bit activations on generated digits, and evaluates
 * it. */
#include <lowbit/train.h>
#include <stdio.h>

static void show(const lb_event *event, void *user)
{
    (void)user;
    if (event->kind != LB_EVENT_EPOCH) return;
    printf("epoch %zu: loss %.3f, test accuracy %.1f %%\n", event->epoch, event->train_loss,
           event->val_top1);
}

int main(int argc, char **argv)
{
    const char *run = argc > 1 ? argv[1] : "digits-run";
    const char *const values[][2] = {
        {"data", "synth-digits:1000"},
        {"model", "lenet5"},
        {"width-multiplier", "0.5"},
        {"method", "dorefa"},
        {"wbits", "1"},
        {"abits", "2"},
        {"epochs", "3"},
        {"batch", "50"},
        {"lr", "0.002"},
        {"overwrite", "yes"},
        {"out", run},
    };
    lb_settings *settings = NULL;
    lb_status status = lb_settings_create(&settings);
    for (size_t i = 0; status == LB_OK && i < sizeof values / sizeof *values; i++) {
        status = lb_settings_set(settings, values[i][0], values[i][1]);
    }
    if (status == LB_OK) status = lb_train(settings, show, NULL);
    lb_settings_destroy(settings);

    lb_evaluation evaluation;
    if (status == LB_OK) status = lb_evaluate_run(run, NULL, &evaluation);
    if (status != LB_OK) {
        fprintf(stderr, "train_digits: %s\n", lb_error());
        return 1;
    }
    printf("best: %.2f %% of %zu test images\n", evaluation.top1, evaluation.images);
    return 0;
}
