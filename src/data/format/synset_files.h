/* Names and labels that lie beside ImageNet's images. */
#ifndef LB_DATA_FORMAT_SYNSET_FILES_H
#define LB_DATA_FORMAT_SYNSET_FILES_H

#include <stdint.h>

#include "data/format/folder_list.h"

/**
 * Names for classes known by their folders (WordNet's numbers, n01440764): from imagenet_class_index.json,
 * LOC_synset_mapping.txt or synset_words.txt in `folder`, the first of them that is there. A class that
 * is not in it, or all of them where there is none, keeps its folder's name.
 *
 * Ownership: lb_name_list_release(out), also after a failure.
 * Errors:    LB_E_FORMAT, LB_E_IO, LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_synset_names(const char *folder, const lb_name_list *synsets,
                                        lb_name_list *out);

/**
 * Labels of the images of a folder without class folders: from LOC_val_solution.csv or val.txt in
 * `folder`, whose lines are an image's name (with or without its ending), a comma or blanks, and its class
 * by folder; what follows is ignored, as is a first line that begins with ImageId.
 *
 * Shapes: labels: (images->n); `images` is sorted.
 * Errors: LB_E_FORMAT a line about no such image or class, or an image without a line; LB_E_IO neither
 *         file is there; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_flat_labels(const char *folder, const lb_name_list *images,
                                       const lb_name_list *classes, uint16_t *labels);

/** The parsers of these files: `text` ends with a zero byte, and is cut up by those of lines. Ownership, Errors:
 *  as above. `out` holds the folders' names. */
LB_MUST_CHECK lb_status lb_synset_names_of_json(const char *text, const lb_name_list *synsets,
                                                lb_name_list *out);
LB_MUST_CHECK lb_status lb_synset_names_of_lines(char *text, const lb_name_list *synsets,
                                                 lb_name_list *out);
LB_MUST_CHECK lb_status lb_flat_labels_of_lines(const char *file, char *text,
                                                const lb_name_list *images,
                                                const lb_name_list *classes, uint16_t *labels);

#endif
