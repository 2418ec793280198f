/* Image files by class: their names, kept close together; a million of them take some 30 MB. */
#ifndef LB_DATA_IMAGE_INDEX_H
#define LB_DATA_IMAGE_INDEX_H

#include "data/format/folder_list.h"
#include "data/stream.h"

typedef struct lb_image_index lb_image_index;

/** Start an index of the images in `folder`. Ownership: *out is yours, lb_image_index_destroy, till it is
 *  made a store. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_image_index_create(const char *folder, lb_image_index **out);
void lb_image_index_destroy(lb_image_index *index);

/**
 * Add FOLDER/CLASS/IMAGE for each of the image names; class_folder "": FOLDER/IMAGE.
 *
 * Errors: LB_E_NOMEM; LB_E_FORMAT more than an index may hold.
 */
LB_MUST_CHECK lb_status lb_image_index_add(lb_image_index *index, const char *class_folder,
                                           const lb_name_list *images, uint16_t label);
/** Add one image of FOLDER. Errors: as lb_image_index_add. */
LB_MUST_CHECK lb_status lb_image_index_add_one(lb_image_index *index, const char *image,
                                               uint16_t label);

size_t lb_image_index_count(const lb_image_index *index);
/** Labels in the order of the images. Borrowed. */
const uint16_t *lb_image_index_labels(const lb_image_index *index);
/** The index as a store of images, which owns it now. */
lb_image_store *lb_image_index_store(lb_image_index *index);

#endif
