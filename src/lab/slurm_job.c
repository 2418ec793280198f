#define _DEFAULT_SOURCE /* realpath */
#include "lab/slurm_job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "lab/process.h"

/* ---- files ----------------------------------------------------------------------------------- */

static lb_status join(lb_slurm_job *job, const char *folder, const char *name, const char **out)
{
    char *path = NULL, *kept = NULL;
    LB_TRY(lb_path_join(folder, name, &path));
    const lb_status status = lb_arena_strdup(&job->texts, path, &kept);
    lb_free(path);
    if (status == LB_OK) *out = kept;
    return status;
}

static lb_status write_text(const char *path, const char *text)
{
    const lb_file_part part = {.data = text, .bytes = strlen(text)};
    return lb_file_write_atomic(path, &part, 1);
}

/* Tasks may run elsewhere, and a job is known by its folder: paths are absolute. */
static lb_status find_folder(lb_slurm_job *job)
{
    LB_TRY(lb_make_folders(job->options->folder));
    char *path = realpath(job->options->folder, NULL), *kept = NULL;
    if (path == NULL)
        return lb_fail(LB_E_IO, "%s: cannot be found: %s", job->options->folder, strerror(errno));
    const lb_status status = lb_arena_strdup(&job->texts, path, &kept);
    free(path);
    if (status == LB_OK) job->folder = kept;
    return status;
}

/* FNV-1a: two folders with one sum would only wait for each other's tasks. */
static uint32_t sum_of(const char *text)
{
    uint32_t sum = 2166136261U;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        sum = (sum ^ *c) * 16777619U;
    return sum;
}

lb_status lb_slurm_job_init(const lb_experiment_info *info, const lb_sweep_options *options,
                            const lb_slurm_options *slurm, lb_slurm_job *out)
{
    *out = (lb_slurm_job){.options = options, .slurm = slurm};
    LB_TRY(find_folder(out));
    const char *folder = NULL;
    LB_TRY(join(out, out->folder, "slurm", &folder));
    LB_TRY(join(out, folder, "experiment.yaml", &out->file));
    LB_TRY(join(out, folder, "tasks.txt", &out->tasks));
    LB_TRY(join(out, folder, "array.sh", &out->script));
    LB_TRY(join(out, folder, "logs", &out->logs));
    LB_TRY(join(out, folder, "parts", &out->parts));
    LB_TRY(lb_make_folders(out->logs));
    LB_TRY(lb_make_folders(out->parts));
    (void)snprintf(out->name, sizeof out->name, "lowbit-%.100s-%08" PRIx32, info->name,
                   sum_of(out->folder));
    return write_text(out->file, info->text);
}

void lb_slurm_job_release(lb_slurm_job *job)
{
    lb_arena_release(&job->texts);
    *job = (lb_slurm_job){0};
}

lb_status lb_slurm_job_part(const lb_slurm_job *job, size_t cell, char **out)
{
    char name[48];
    (void)snprintf(name, sizeof name, "%zu.sqlite", cell + 1);
    return lb_path_join(job->parts, name, out);
}

/* A text that is written piece by piece; its failures are all for want of memory. */
static lb_status finish_text(FILE *file, char **text, const char *path)
{
    const bool failed = ferror(file) != 0;
    lb_status status = LB_OK;
    if (fclose(file) != 0 || failed) status = lb_fail(LB_E_NOMEM, "out of memory: %s", path);
    if (status == LB_OK) status = write_text(path, *text);
    free(*text);
    return status;
}

static lb_status write_tasks(const lb_slurm_job *job, const lb_cell_record *cells, size_t n)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL) return lb_fail(LB_E_NOMEM, "out of memory: %s", job->tasks);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(file, "%zu %d\n", cells[i].position + 1, cells[i].trial + 1);
    return finish_text(file, &text, job->tasks);
}

/* A word of the shell. */
static void put_word(FILE *file, const char *text)
{
    (void)fputc('\'', file);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'')
            (void)fputs("'\\''", file);
        else
            (void)fputc(*c, file);
    }
    (void)fputc('\'', file);
}

static int threads_of(const lb_slurm_job *job)
{
    return job->options->threads > 0 ? job->options->threads : 1;
}

static lb_status write_script(const lb_slurm_job *job)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL) return lb_fail(LB_E_NOMEM, "out of memory: %s", job->script);
    (void)fputs("#!/bin/bash\n# One task of the array trains one cell into a store of its own.\n"
                "read -r cell trial < <(sed -n \"${SLURM_ARRAY_TASK_ID}p\" ",
                file);
    put_word(file, job->tasks);
    (void)fputs(")\nexec ", file);
    put_word(file, job->options->program);
    (void)fputs(" sweep ", file);
    put_word(file, job->file);
    (void)fprintf(file, " --cell \"$cell\" --trial \"$trial\" --resume --jobs 1 --threads %d%s ",
                  threads_of(job), job->options->retry_failed ? " --retry-failed" : "");
    (void)fputs("--out ", file);
    put_word(file, job->folder);
    (void)fputs(" --store ", file);
    put_word(file, job->parts);
    (void)fputs("/\"$cell\".sqlite\n", file);
    return finish_text(file, &text, job->script);
}

/* ---- commands -------------------------------------------------------------------------------- */

enum { ARGUMENT_BYTES = 512, LOG_BYTES = 4200 };

lb_status lb_slurm_job_submit(const lb_slurm_job *job, const lb_cell_record *cells, size_t n,
                              unsigned long long *id)
{
    enum { FIXED = 8 };
    LB_TRY(write_tasks(job, cells, n));
    LB_TRY(write_script(job));
    char name[ARGUMENT_BYTES], array[ARGUMENT_BYTES], log[LOG_BYTES], cpus[64];
    (void)snprintf(name, sizeof name, "--job-name=%s", job->name);
    (void)snprintf(array, sizeof array, "--array=1-%zu", n);
    if (job->options->jobs > 0)
        (void)snprintf(array, sizeof array, "--array=1-%zu%%%zu", n, job->options->jobs);
    (void)snprintf(log, sizeof log, "--output=%s/%%A_%%a.txt", job->logs);
    (void)snprintf(cpus, sizeof cpus, "--cpus-per-task=%d", threads_of(job));
    size_t n_own = 0;
    while (job->slurm->sbatch != NULL && job->slurm->sbatch[n_own] != NULL) n_own++;
    void *block = NULL;
    LB_TRY(lb_alloc(FIXED + n_own, sizeof(char *), "arguments", &block));
    const char **argv = block;
    const char *const fixed[] = {"sbatch", "--parsable", name, array, log, cpus};
    size_t at = sizeof fixed / sizeof *fixed;
    memcpy(argv, fixed, sizeof fixed);
    for (size_t i = 0; i < n_own; i++) argv[at++] = job->slurm->sbatch[i];
    argv[at] = job->script;
    char *output = NULL;
    const lb_status status = lb_process_output(argv, &output);
    lb_free(block);
    LB_TRY(status);
    *id = strtoull(output, NULL, 10); /* "ID" or "ID;CLUSTER" */
    lb_free(output);
    return *id > 0 ? LB_OK : lb_fail(LB_E_IO, "sbatch names no job");
}

lb_status lb_slurm_job_queue(const lb_slurm_job *job, char **out)
{
    char name[ARGUMENT_BYTES];
    (void)snprintf(name, sizeof name, "--name=%s", job->name);
    const char *const argv[] = {"squeue",      "--noheader", "--me", "--array",
                                "--format=%i", name,         NULL};
    return lb_process_output(argv, out);
}

lb_status lb_slurm_job_cancel(const lb_slurm_job *job)
{
    char name[ARGUMENT_BYTES], *output = NULL;
    (void)snprintf(name, sizeof name, "--name=%s", job->name);
    const char *const argv[] = {"scancel", "--me", "--quiet", name, NULL};
    LB_TRY(lb_process_output(argv, &output));
    lb_free(output);
    return LB_OK;
}
