/* Data sets: opening one by a SPEC, its images and labels, where it lies, fetching and writing it.
 *
 * SPEC is NAME or NAME:ARGUMENT. For `mnist`, `fashion-mnist`, `cifar10`, `cifar100`, `svhn`, `idx`,
 * `folder`, `imagenet` and `imagenet-square` the argument is the folder that holds the files; without
 * it, $LOWBIT_DATA/NAME with hyphens as underscores. For `synth-digits` and `synth-color` it is the
 * number of training images. */
#ifndef LOWBIT_DATA_H
#define LOWBIT_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LB_IMAGE_MAX_CHANNELS = 4,
    LB_IMAGE_MAX_SIDE = 4096 /* pixels; also bounds the fixed-point coordinates of augmentation */
};

typedef enum lb_split { LB_SPLIT_TRAIN, LB_SPLIT_TEST } lb_split;

/* A labelled set of images of one size, never changed after opening. Its images are held in memory, or,
 * of `imagenet` and `imagenet-square`, decoded when they are asked for: a stream. */
typedef struct lb_dataset lb_dataset;

typedef struct lb_dataset_info {
    const char *name; /* "mnist"; borrowed, lives as long as the program */
    lb_split split;
    size_t count, channels, height, width, classes;
    bool is_stream; /* images are decoded when they are asked for */
} lb_dataset_info;

/**
 * Open one split of a data set and read it into memory; of a stream, only names and labels. The images of a
 * stream are 3x224x224 till it is told otherwise.
 *
 * Shapes:    images uint8 (count, channels, height, width), labels uint16 (count).
 * Ownership: *out is yours, lb_dataset_close.
 * Errors:    LB_E_ARG    unknown name, a bad count, or no folder given and LOWBIT_DATA unset.
 *            LB_E_IO     a file is missing or cannot be read.
 *            LB_E_FORMAT a file is damaged, of another format, empty, or unreasonably large.
 *            LB_E_SHAPE  the images of a folder differ in size.
 *            LB_E_NOMEM  out of memory.
 * Source:    IDX: http://yann.lecun.com/exdb/mnist; CIFAR: https://www.cs.toronto.edu/~kriz/cifar.html;
 *            SVHN: http://ufldl.stanford.edu/housenumbers.
 */
lb_status lb_dataset_open(const char *spec, lb_split split, lb_dataset **out);

/** Free a data set; NULL is fine. */
void lb_dataset_close(lb_dataset *dataset);

/** Name, split, number and shape of the images, number of classes. */
void lb_dataset_get_info(const lb_dataset *dataset, lb_dataset_info *out);

/**
 * Name of a class, "7" or "airplane".
 *
 * Requires:  index < classes.
 * Ownership: borrowed from the data set.
 */
const char *lb_dataset_class_name(const lb_dataset *dataset, size_t index);

/**
 * Pixels of one image.
 *
 * Shapes:    (channels, height, width) uint8, colour channels in the order red, green, blue.
 * Requires:  index < count, and the data set is not a stream.
 * Ownership: borrowed from the data set.
 */
const uint8_t *lb_dataset_image(const lb_dataset *dataset, size_t index);

/**
 * Copy the pixels of one image, as it is evaluated: of a stream, resized and cropped at the centre.
 *
 * Shapes:   pixels (channels, height, width) uint8, the caller's.
 * Requires: index < count.
 * Errors:   of a stream: LB_E_FORMAT damaged, LB_E_IO cannot be read, LB_E_NOMEM.
 * Threads:  any number at a time.
 */
lb_status lb_dataset_read(const lb_dataset *dataset, size_t index, uint8_t *pixels);

/**
 * Images of a stream that could not be read so far; of other data sets 0.
 *
 * Threads: any number at a time.
 */
size_t lb_dataset_unreadable(const lb_dataset *dataset);

/**
 * Take the next message about an unreadable image that was not taken before: each image is told of once.
 *
 * Shapes:  text: room for `bytes`; false and untouched where there is none.
 * Threads: any number at a time.
 */
bool lb_dataset_take_message(const lb_dataset *dataset, char *text, size_t bytes);

/**
 * Read every image, to find those that cannot be.
 *
 * Computes: *unreadable, as lb_dataset_unreadable afterwards; `report` is told each message, from one
 *           thread at a time, and may be NULL.
 * Errors:   LB_E_NOMEM.
 * Threads:  decodes in a parallel loop.
 */
lb_status lb_dataset_check(const lb_dataset *dataset,
                           void (*report)(void *context, const char *message), void *context,
                           size_t *unreadable);

/**
 * Class of one image.
 *
 * Requires:  index < count.
 */
uint16_t lb_dataset_label(const lb_dataset *dataset, size_t index);

/**
 * Mean and standard deviation of every channel, over all images; of a stream, over 1,000 of them (or all)
 * evenly spaced, without those that cannot be read.
 *
 * Computes:  mean = sum p/255 / n,  std = sqrt(sum (p/255)^2 / n - mean^2), from exact integer sums.
 * Shapes:    mean, std: (LB_IMAGE_MAX_CHANNELS); entries past the channels are 0.
 * Units:     1 is the brightest pixel value, 255.
 * Errors:    of a stream: LB_E_FORMAT none of the images can be read; LB_E_NOMEM.
 */
lb_status lb_dataset_statistics(const lb_dataset *dataset, double *mean, double *std);

/**
 * How many images every class has.
 *
 * Shapes:    counts: (classes).
 */
void lb_dataset_class_counts(const lb_dataset *dataset, size_t *counts);

/* What is known of a data set before it is opened. */
typedef struct lb_data_entry {
    const char *name;        /* "fashion-mnist", as in a SPEC */
    const char *summary;     /* one line */
    bool synthetic;          /* generated: needs no files */
    uint64_t download_bytes; /* what lb_data_get fetches; 0: cannot be fetched */
} lb_data_entry;

/**
 * The data set kinds lowbit knows, in listing order.
 *
 * Ownership: borrowed, lives as long as the program; NULL past the last one.
 */
const lb_data_entry *lb_data_entry_at(size_t index);

/**
 * The folder a SPEC stands for and whether the data set's files are there.
 *
 * Shapes:    folder: room for folder_bytes; "" for synthetic data and where LOWBIT_DATA is needed
 *            and not set.
 * Errors:    LB_E_ARG unknown name, or folder_bytes too small.
 */
lb_status lb_data_locate(const char *spec, char *folder, size_t folder_bytes, bool *found);

typedef struct lb_data_get_options {
    const char *folder; /* where the files go; NULL: $LOWBIT_DATA/NAME */
    const char
        *url_base; /* fetch URL_BASE/FILE instead of the published address; NULL: published */
    /* Told about progress now and then; NULL: nobody is. total is 0 where it is not known. */
    void (*progress)(void *context, const char *file, uint64_t done, uint64_t total);
    void *context;
} lb_data_get_options;

/**
 * Download a data set: every file goes to FILE.part first, where a later call resumes it, is checked
 * for size and SHA-256, and only then gets its name. Archives are unpacked. Files that are there
 * already are kept.
 *
 * Errors:    LB_E_ARG    unknown name, one without a download, or no folder known.
 *            LB_E_IO     the network, the server or the disk failed; FILE.part is kept for resuming.
 *            LB_E_FORMAT size or SHA-256 differ from what was published; FILE.part is removed.
 *            LB_E_NOMEM  out of memory.
 */
lb_status lb_data_get(const char *name, const lb_data_get_options *options);

typedef struct lb_cache_options {
    size_t edge;           /* short edge (imagenet) or both (imagenet-square) in pixels; 0: 256 */
    int quality;           /* 1 to 100: JPEG; 0: raw pixels */
    size_t images_a_shard; /* 0: so many that a shard has some 256 MiB */
    int threads;           /* 0: all processors */
    /* Told now and then how many of all images were seen; NULL: nobody is. */
    void (*progress)(void *context, size_t done, size_t total);
    /* Told of each image that cannot be read; NULL: nobody is. */
    void (*report)(void *context, const char *message);
    void *context;
} lb_cache_options;

typedef struct lb_cache_result {
    size_t images, unreadable; /* of both splits */
    size_t written, kept;      /* shards made now, and found whole */
} lb_cache_result;

/**
 * Write the images of a stream, resized, into a folder of shards that the same kind of SPEC opens. A shard
 * has its name only when it is whole: a call that was killed is finished by the same call, which keeps
 * the shards there are.
 *
 * Errors: LB_E_ARG    not a stream, options out of range, or the folder holds another cache or the images.
 *         LB_E_BUSY   another process is writing the cache.
 *         LB_E_IO     cannot write; LB_E_NOMEM; those of lb_dataset_open.
 * Threads: decodes in a parallel loop.
 */
lb_status lb_data_cache(const char *spec, const char *folder, const lb_cache_options *options,
                        lb_cache_result *result);

/**
 * Write a data set as IDX files that `idx:FOLDER` reads, each whole or not at all.
 *
 * Errors:    LB_E_ARG  the data set has labels above 255, which IDX files of bytes cannot hold, or is a
 *                      stream.
 *            LB_E_IO   cannot write.
 *            LB_E_NOMEM.
 */
lb_status lb_dataset_write_idx(const lb_dataset *dataset, const char *folder);

/**
 * Write a contact sheet as a PNG file: one row a class, the first `columns` images of each.
 *
 * Errors:    LB_E_ARG  columns is 0 or the sheet would pass 16,384 pixels.
 *            LB_E_IO   cannot write.
 *            LB_E_NOMEM.
 */
lb_status lb_dataset_write_sheet(const lb_dataset *dataset, size_t columns, const char *path);

/**
 * Read a PNG or JPEG file as an image of a given shape.
 *
 * Computes:  of another size, the image is scaled, its sides in proportion, until it just covers
 *            height x width, and cropped at its centre: bilinear where it grows, averaging where it
 *            shrinks. Colour becomes grey by 0.299 R + 0.587 G + 0.114 B, grey becomes three equal
 *            channels. Transparency is on black.
 * Shapes:    pixels uint8 (channels, height, width); untouched on failure.
 * Errors:    LB_E_IO     cannot read.
 *            LB_E_FORMAT neither PNG nor JPEG, damaged, or sides above LB_IMAGE_MAX_SIDE.
 *            LB_E_SHAPE  channels is neither 1 nor 3.
 *            LB_E_NOMEM.
 */
lb_status lb_image_read(const char *path, size_t channels, size_t height, size_t width,
                        uint8_t *pixels);

#ifdef __cplusplus
}
#endif

#endif
