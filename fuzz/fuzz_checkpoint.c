/* The checkpoint loader: description, network, parameters and progress of a run, from one file. */
#include "input_file.h"
#include "train/checkpoint.h"
#include "train/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = lb_fuzz_path(data, size);
    lb_run run;
    if (lb_run_open(path, &run) == LB_OK) {
        lb_safetensors *file = NULL;
        lb_optimizer optimizer = {0};
        lb_progress progress = {0};
        const lb_optimizer_options adam = {.kind = LB_OPTIMIZER_ADAM};
        if (lb_checkpoint_open(path, &file) == LB_OK) {
            const char *text = lb_safetensors_metadata(file, "progress");
            if (text != NULL && lb_progress_read(path, text, &progress) == LB_OK &&
                lb_optimizer_init(&optimizer, &run.net, &adam) == LB_OK) {
                const lb_status status = lb_checkpoint_load_moments(path, file, &optimizer);
                (void)status;
            }
            lb_safetensors_close(file);
        }
        lb_optimizer_release(&optimizer);
        lb_progress_release(&progress);
    }
    lb_run_release(&run);
    return 0;
}
