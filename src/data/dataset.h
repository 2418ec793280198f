/* Inside of a data set, and the table of the kinds there are.
 *
 * A reader (one file a format, in format/) fills a zeroed lb_dataset from a folder; the table in
 * kinds.c ties names to readers. A new data set is one row there, a new format one more file. */
#ifndef LB_DATA_DATASET_H
#define LB_DATA_DATASET_H

#include "base/fail.h"
#include "base/memory.h"
#include "data/augment.h"
#include "data/stream.h"
#include "lowbit/data.h"

typedef struct lb_data_kind lb_data_kind;

struct lb_dataset {
    const lb_data_kind *kind;
    lb_split split;
    size_t count, channels, height, width, classes;
    uint8_t *images;          /* (count, channels, height, width); NULL: a stream */
    lb_stream *stream;        /* images that are decoded when they are asked for, or NULL */
    uint16_t *labels;         /* (count) */
    const char **class_names; /* (classes); borrowed from constant tables or from `arena` */
    lb_arena arena;
};

/* Where a reader finds its input. */
typedef struct lb_data_source {
    const lb_data_kind *kind;
    const char *folder;    /* NULL for synthetic data */
    size_t training_count; /* synthetic data only */
    lb_split split;
} lb_data_source;

/* One file format. */
typedef struct lb_data_format {
    /* The first file of the split that is not in the folder, as a user would name it, or NULL: all
     * there. Not called (and may be NULL) for synthetic data. */
    const char *(*missing)(const char *folder, lb_split split);
    /* Fill a data set whose kind and split are set and the rest is zero: images, labels and shape;
     * also classes and class_names where the kind's row leaves them open. The caller checks the
     * labels, and on failure releases whatever is set. */
    lb_status (*read)(const lb_data_source *source, lb_dataset *out);
} lb_data_format;

extern const lb_data_format lb_format_idx, lb_format_cifar10, lb_format_cifar100, lb_format_svhn,
    lb_format_folder, lb_format_imagenet, lb_format_synth_digits, lb_format_synth_color;

/* One file to download. */
typedef struct lb_data_file {
    const char *folder_url; /* published place, with a slash at its end */
    const char *name;
    uint64_t bytes;
    const char *sha256;
    const char *const
        *members; /* an archive's (.tar.gz) files that are kept, NULL-terminated; or NULL */
    uint64_t min_member_bytes, max_member_bytes; /* sizes of the smallest and the largest of them */
} lb_data_file;

/* One row of the table of data sets. */
struct lb_data_kind {
    lb_data_entry entry;
    const lb_data_format *format;
    size_t classes;                    /* 0: as the data says */
    const char *const *class_names;    /* NULL: "0", "1", ... unless the reader gives some */
    lb_image_shape shape;              /* 0: any */
    const lb_normalization *published; /* NULL: the data set's own mean and std */
    lb_augment augment;                /* standard augmentation */
    bool square;                       /* streams: both edges are resized, not in proportion */
    const lb_data_file *files;         /* to download; NULL-name terminated, or NULL */
};

/* Length of one split may be at most this, so that an index fits uint32 and sizes stay sane. */
#define LB_DATA_MAX_COUNT ((size_t)1 << 28)
/* Pixels of one split in memory. */
#define LB_DATA_MAX_BYTES ((size_t)1 << 36)

/** The rows of the table, ended by one whose entry.name is NULL. */
extern const lb_data_kind lb_data_kinds[];

/** Names of classes. */
extern const char *const lb_class_names_fashion[10], *const lb_class_names_cifar10[10],
                                                         *const lb_class_names_cifar100[100];

/* A SPEC taken apart. */
typedef struct lb_data_spec {
    const lb_data_kind *kind;
    char
        *folder; /* lb_free; NULL for synthetic data, and where LOWBIT_DATA is needed and not set */
    size_t training_count;
} lb_data_spec;

/** Take a SPEC apart; *out is released by lb_data_spec_release. Errors: LB_E_ARG, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_data_spec_parse(const char *spec, lb_data_spec *out);
void lb_data_spec_release(lb_data_spec *spec);

/**
 * Allocate images and labels for `count` images of `shape` and set both in the data set.
 *
 * Errors: LB_E_FORMAT no image, or too many or too large ones; the message starts with `where`.
 */
LB_MUST_CHECK lb_status lb_dataset_allocate(lb_dataset *dataset, const char *where, size_t count,
                                            lb_image_shape shape);

/** The same for a stream: labels only; images have the standard size. */
LB_MUST_CHECK lb_status lb_dataset_allocate_labels(lb_dataset *dataset, const char *where,
                                                   size_t count);
/** Set the classes, with copies of their names. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_dataset_name_classes(lb_dataset *dataset, char *const *names, size_t n);

lb_image_shape lb_dataset_shape(const lb_dataset *dataset);

/** Let a stream give images of this shape, where it is one that it can give: 3 channels, a square. All
 *  other data sets and shapes stay as they are: a check of the shape follows. */
void lb_dataset_fit(lb_dataset *dataset, lb_image_shape wanted);

/**
 * Read images [first, first + n) into the caller's memory, as they are evaluated; those of a stream that
 * cannot be read are left out.
 *
 * Shapes:  pixels uint8 (n, channels, height, width), labels (n); *n_read of them are filled.
 * Errors:  LB_E_NOMEM.
 * Threads: decodes in a parallel loop.
 */
LB_MUST_CHECK lb_status lb_dataset_read_batch(const lb_dataset *dataset, size_t first, size_t n,
                                              uint8_t *pixels, uint16_t *labels, size_t *n_read);

/** The normalization published for this data set, or its own mean and std where none is. Take it from
 *  the training split and use it for the test split too. A channel that never changes gets std 1.
 *  Errors: as lb_dataset_statistics. */
LB_MUST_CHECK lb_status lb_dataset_standard_normalization(const lb_dataset *dataset,
                                                          lb_normalization *out);
/** Tell every message that waits (lb_dataset_take_message); report may be NULL. */
void lb_dataset_report(const lb_dataset *dataset,
                       void (*report)(void *context, const char *message), void *context);

/** The augmentation the papers use on this data set. */
lb_augment lb_dataset_standard_augment(const lb_dataset *dataset);

/**
 * Split the indices [0, count) at random into training and validation ones, each in ascending order.
 * A pure function of its arguments.
 *
 * Shapes:    training: (count - n_validation), validation: (n_validation); both the caller's.
 * Errors:    LB_E_ARG n_validation is not below count.
 */
LB_MUST_CHECK lb_status lb_split_indices(size_t count, size_t n_validation, uint64_t seed,
                                         uint32_t *training, uint32_t *validation);

#endif
