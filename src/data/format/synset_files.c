/* Names and labels that lie beside ImageNet's images, in the files people have them in. */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/format/synset_files.h"

enum { MAX_TEXT_FILE = 1 << 26, NAME_BYTES = 256 };

/* Take the next line off a text; false at its end. */
static bool next_line(char **text, char **line)
{
    if (**text == '\0') return false;
    *line = *text;
    const size_t length = strcspn(*text, "\n");
    *text += length;
    if (**text == '\n') *(*text)++ = '\0';
    if (length > 0 && (*line)[length - 1] == '\r') (*line)[length - 1] = '\0';
    return true;
}

/* Read a text file of a folder if it is there. *text: lb_free. */
static lb_status read_text(const char *folder, const char *name, bool *found, uint8_t **text)
{
    char path[LB_PATH_BYTES];
    size_t bytes = 0;
    LB_TRY(lb_folder_path(folder, name, path));
    *found = lb_path_exists(path);
    if (!*found) return LB_OK;
    return lb_file_read(path, MAX_TEXT_FILE, text, &bytes);
}

static lb_status set_name(lb_name_list *names, size_t i, const char *name)
{
    char *copy = NULL;
    LB_TRY(lb_strdup(name, &copy));
    lb_free(names->names[i]);
    names->names[i] = copy;
    return LB_OK;
}

/* {"0": ["n01440764", "tench"], ...} */
lb_status lb_synset_names_of_json(const char *text, const lb_name_list *synsets, lb_name_list *out)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return lb_fail(LB_E_FORMAT,
                       "imagenet_class_index.json: not an object of {\"0\": [synset, name], ...}");
    }
    lb_status status = LB_OK;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(root, key, value)
    {
        const char *synset = json_string_value(json_array_get(value, 0));
        const char *name = json_string_value(json_array_get(value, 1));
        if (synset == NULL || name == NULL) {
            status =
                lb_fail(LB_E_FORMAT, "imagenet_class_index.json: '%s' is not [synset, name]", key);
        } else {
            const size_t i = lb_name_list_find(synsets, synset);
            if (i < synsets->n) status = set_name(out, i, name);
        }
        if (status != LB_OK) break;
    }
    json_decref(root);
    return status;
}

/* Lines "n01440764 tench, Tinca tinca": the first of the names is taken. */
lb_status lb_synset_names_of_lines(char *text, const lb_name_list *synsets, lb_name_list *out)
{
    for (char *line = NULL; next_line(&text, &line);) {
        const size_t length = strcspn(line, " \t");
        if (line[length] == '\0') continue;
        line[length] = '\0';
        char *name = line + length + 1;
        name[strcspn(name, ",")] = '\0';
        const size_t i = lb_name_list_find(synsets, line);
        if (i < synsets->n && name[0] != '\0') LB_TRY(set_name(out, i, name));
    }
    return LB_OK;
}

lb_status lb_synset_names(const char *folder, const lb_name_list *synsets, lb_name_list *out)
{
    static const char *const files[] = {"imagenet_class_index.json", "LOC_synset_mapping.txt",
                                        "synset_words.txt"};
    for (size_t i = 0; i < synsets->n; i++) LB_TRY(lb_name_list_add(out, synsets->names[i]));
    bool found = false;
    uint8_t *text = NULL;
    size_t file = 0;
    for (; !found && file < sizeof files / sizeof *files; file++) {
        LB_TRY(read_text(folder, files[file], &found, &text));
    }
    if (!found) return LB_OK;
    const lb_status status = file == 1 ? lb_synset_names_of_json((const char *)text, synsets, out)
                                       : lb_synset_names_of_lines((char *)text, synsets, out);
    lb_free(text);
    return status == LB_OK ? LB_OK : lb_fail_in(status, "'%s'", folder);
}

/* ---- labels of a flat folder ----------------------------------------------------------------- */

/* The first image whose name is not before `name` and `ending` behind it. */
static size_t first_from(const lb_name_list *images, const char *name, const char *ending)
{
    const size_t length = strlen(name);
    size_t low = 0, high = images->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const char *one = images->names[middle];
        const int head = strncmp(one, name, length);
        if (head < 0 || (head == 0 && strcmp(one + length, ending) < 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The place of an image whose name, or its part before the last dot, is `name`; or images->n. */
static size_t find_image(const lb_name_list *images, const char *name)
{
    const size_t length = strlen(name), same = first_from(images, name, "");
    if (same < images->n && strcmp(images->names[same], name) == 0) return same;
    for (size_t i = first_from(images, name, "."); i < images->n; i++) {
        const char *one = images->names[i];
        if (strncmp(one, name, length) != 0 || one[length] != '.') break;
        if (strchr(one + length + 1, '.') == NULL) return i;
    }
    return images->n;
}

static lb_status read_labels(const char *file, char *text, const lb_name_list *images,
                             const lb_name_list *classes, uint16_t *labels, bool *is_set)
{
    size_t number = 0;
    for (char *line = NULL; next_line(&text, &line);) {
        number++;
        if (line[0] == '\0' || (number == 1 && strncmp(line, "ImageId", 7) == 0)) continue;
        const size_t length = strcspn(line, ", \t");
        char *class_name = line + length + strspn(line + length, ", \t");
        line[length] = '\0';
        class_name[strcspn(class_name, ", \t")] = '\0';
        const size_t image = find_image(images, line);
        const size_t label = lb_name_list_find(classes, class_name);
        if (image == images->n || label == classes->n) {
            return lb_fail(LB_E_FORMAT, "%s: line %zu: no such %s: '%s'", file, number,
                           image == images->n ? "image" : "class",
                           image == images->n ? line : class_name);
        }
        labels[image] = (uint16_t)label;
        is_set[image] = true;
    }
    for (size_t i = 0; i < images->n; i++) {
        if (!is_set[i])
            return lb_fail(LB_E_FORMAT, "%s: no line for image '%s'", file, images->names[i]);
    }
    return LB_OK;
}

lb_status lb_flat_labels_of_lines(const char *file, char *text, const lb_name_list *images,
                                  const lb_name_list *classes, uint16_t *labels)
{
    void *is_set = NULL;
    LB_TRY(lb_alloc(images->n, sizeof(bool), "labels", &is_set));
    const lb_status status = read_labels(file, text, images, classes, labels, is_set);
    lb_free(is_set);
    return status;
}

lb_status lb_flat_labels(const char *folder, const lb_name_list *images,
                         const lb_name_list *classes, uint16_t *labels)
{
    static const char *const files[] = {"LOC_val_solution.csv", "val.txt"};
    bool found = false;
    uint8_t *text = NULL;
    const char *file = files[0];
    LB_TRY(read_text(folder, file, &found, &text));
    if (!found) {
        file = files[1];
        LB_TRY(read_text(folder, file, &found, &text));
    }
    if (!found) {
        return lb_fail(LB_E_IO,
                       "'%s': the images of val are not in class folders, and neither %s nor %s "
                       "says their classes",
                       folder, files[0], files[1]);
    }
    const lb_status status = lb_flat_labels_of_lines(file, (char *)text, images, classes, labels);
    lb_free(text);
    return status == LB_OK ? LB_OK : lb_fail_in(status, "'%s'", folder);
}
