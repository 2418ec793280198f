/* Whole trainings for tests: a tiny run on synthetic data with the reference back end, what it
 * told, and the comparison of run folders byte by byte. */
#ifndef LB_TESTS_TINY_TRAINING_H
#define LB_TESTS_TINY_TRAINING_H

#include "lowbit/train.h"
#include "support/support.h"

enum { LB_TOLD_EPOCHS = 8 };

/* What a training told. */
typedef struct lb_told {
    size_t n_start, n_epoch, n_result, n_progress;
    lb_event start, epochs[LB_TOLD_EPOCHS], result; /* texts in them are void by now */
    char status[8], split[16];
    size_t stop_at_epoch; /* call lb_train_stop at that epoch event; 0: never */
    bool stop_at_start;
} lb_told;

/* Settings over those of the tiny run: PAIRS("key", "value", ...). */
#define PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})

/** Train three epochs of six steps, with these settings changed; pairs may be NULL. */
lb_status lb_test_train(const char *out, lb_told *told, const char *const *pairs);
/** Resume a run with nothing but its folder given. */
lb_status lb_test_resume(const char *out, lb_told *told);

/* The files of a run. */
enum { LB_N_RUN_FILES = 4 };
extern const char *const lb_run_files[LB_N_RUN_FILES];

/** Read a file of a run, or fail the test; lb_free(*data). */
void lb_test_read(const char *run, const char *name, uint8_t **data, size_t *bytes);
/** Fail the test unless all files of the two runs are the same. */
void lb_test_same_run(const char *a, const char *b);
/** The folder of the tiny run without changes, trained at the first call. */
const char *lb_test_whole_run(void);
/** A path in a fresh folder. */
const char *lb_test_fresh(const char *name);

#endif
