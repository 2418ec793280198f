/* Image files by class.
 *
 * Names stand one behind the other, each with its zero byte; an image has the place of its name and its
 * label. Images of one class come together, so a class's folder is kept once, with the number of its first image. */
#include "data/image_index.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { FIRST_IMAGES = 1024, FIRST_BYTES = 1 << 16, MAX_IMAGE_FILE = 1 << 28 };

/* Images from `first` on lie in this subfolder. */
typedef struct group {
    size_t first;
    uint32_t folder; /* place among the names */
} group;

struct lb_image_index {
    lb_image_store store; /* first: a pointer to it is one to the index */
    char *folder;
    char *names;
    size_t names_used, names_room;
    uint32_t *at; /* (count) place of the name */
    uint16_t *labels;
    size_t count, room;
    group *groups;
    size_t n_groups, groups_room;
};

static lb_status fetch(const lb_image_store *store, size_t i, lb_view_work *work,
                       lb_view_source *out);

static void destroy(lb_image_store *store)
{
    lb_image_index_destroy((lb_image_index *)(void *)store);
}

lb_status lb_image_index_create(const char *folder, lb_image_index **out)
{
    void *block = NULL;
    LB_TRY(lb_alloc(1, sizeof(lb_image_index), "image index", &block));
    lb_image_index *index = block;
    index->store = (lb_image_store){fetch, destroy};
    const lb_status status = lb_strdup(folder, &index->folder);
    if (status == LB_OK) {
        *out = index;
    } else {
        lb_image_index_destroy(index);
    }
    return status;
}

void lb_image_index_destroy(lb_image_index *index)
{
    if (index == NULL) return;
    lb_free(index->folder);
    lb_free(index->names);
    lb_free(index->at);
    lb_free(index->labels);
    lb_free(index->groups);
    lb_free(index);
}

/* Have room for `wanted` elements in a block that has *room and uses `used`. */
static lb_status grow(size_t wanted, size_t first, size_t size, size_t used, size_t *room,
                      void **block)
{
    if (wanted <= *room) return LB_OK;
    size_t larger = *room > 0 ? *room : first;
    while (larger < wanted) larger += larger / 2;
    void *grown = NULL;
    LB_TRY(lb_alloc(larger, size, "image index", &grown));
    if (used > 0) memcpy(grown, *block, used * size);
    lb_free(*block);
    *block = grown;
    *room = larger;
    return LB_OK;
}

static lb_status add_name(lb_image_index *index, const char *name, uint32_t *at)
{
    const size_t bytes = strlen(name) + 1;
    if (bytes > UINT32_MAX - index->names_used) {
        return lb_fail(LB_E_FORMAT, "%s: names of more than 4 GiB", index->folder);
    }
    void *names = index->names;
    LB_TRY(grow(index->names_used + bytes, FIRST_BYTES, 1, index->names_used, &index->names_room,
                &names));
    index->names = names;
    memcpy(index->names + index->names_used, name, bytes);
    *at = (uint32_t)index->names_used;
    index->names_used += bytes;
    return LB_OK;
}

static lb_status add_group(lb_image_index *index, const char *folder)
{
    void *groups = index->groups;
    LB_TRY(grow(index->n_groups + 1, 64, sizeof(group), index->n_groups, &index->groups_room,
                &groups));
    index->groups = groups;
    group *g = &index->groups[index->n_groups];
    LB_TRY(add_name(index, folder, &g->folder));
    g->first = index->count;
    index->n_groups++;
    return LB_OK;
}

static lb_status add_image(lb_image_index *index, const char *name, uint16_t label)
{
    size_t room = index->room;
    void *at = index->at, *labels = index->labels;
    const size_t wanted = index->count + 1;
    LB_TRY(grow(wanted, FIRST_IMAGES, sizeof *index->labels, index->count, &room, &labels));
    index->labels = labels;
    LB_TRY(grow(wanted, FIRST_IMAGES, sizeof *index->at, index->count, &index->room, &at));
    index->at = at;
    LB_TRY(add_name(index, name, &index->at[index->count]));
    index->labels[index->count++] = label;
    return LB_OK;
}

lb_status lb_image_index_add(lb_image_index *index, const char *class_folder,
                             const lb_name_list *images, uint16_t label)
{
    LB_TRY(add_group(index, class_folder));
    for (size_t i = 0; i < images->n; i++) LB_TRY(add_image(index, images->names[i], label));
    return LB_OK;
}

lb_status lb_image_index_add_one(lb_image_index *index, const char *image, uint16_t label)
{
    if (index->n_groups == 0) LB_TRY(add_group(index, ""));
    return add_image(index, image, label);
}

size_t lb_image_index_count(const lb_image_index *index)
{
    return index->count;
}

const uint16_t *lb_image_index_labels(const lb_image_index *index)
{
    return index->labels;
}

lb_image_store *lb_image_index_store(lb_image_index *index)
{
    return &index->store;
}

/* The group that image i is in: the last one that begins at or before it. */
static const group *group_of(const lb_image_index *index, size_t i)
{
    size_t low = 0, high = index->n_groups;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (index->groups[middle].first <= i) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &index->groups[low];
}

static lb_status fetch(const lb_image_store *store, size_t i, lb_view_work *work,
                       lb_view_source *out)
{
    const lb_image_index *index = (const lb_image_index *)(const void *)store;
    const char *folder = index->names + group_of(index, i)->folder;
    LB_TRY(lb_buffer_reserve(&work->where, LB_PATH_BYTES, "path"));
    char *path = (char *)work->where.data;
    const int n = snprintf(path, LB_PATH_BYTES, "%s/%s%s%s", index->folder, folder,
                           folder[0] != '\0' ? "/" : "", index->names + index->at[i]);
    if (n <= 0 || n >= LB_PATH_BYTES)
        return lb_fail(LB_E_IO, "'%s/...': path too long", index->folder);
    size_t bytes = 0;
    LB_TRY(lb_file_read_buffer(path, MAX_IMAGE_FILE, &work->file, &bytes));
    *out = (lb_view_source){.where = path, .data = work->file.data, .bytes = bytes};
    return LB_OK;
}
