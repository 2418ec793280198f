/* Names and labels that lie beside ImageNet's images. */
#include <string.h>

#include "base/memory.h"
#include "data/format/synset_files.h"
#include "input_file.h"

static char *names[] = {"a.JPEG", "b.JPEG", "n01440764", "n01443537"};
static const lb_name_list images = {2, 2, names}, classes = {2, 2, names + 2};

static char *copy_text(const uint8_t *data, size_t size)
{
    void *block = NULL;
    if (lb_alloc(size + 1, 1, "input", &block) != LB_OK) return NULL;
    if (size > 0) memcpy(block, data, size);
    return block;
}

/* A list to be renamed. */
static lb_name_list folders(void)
{
    lb_name_list list = {0};
    for (size_t i = 0; i < classes.n; i++) {
        if (lb_name_list_add(&list, classes.names[i]) != LB_OK) break;
    }
    return list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int parser = 0; parser < 3; parser++) {
        char *text = copy_text(data, size);
        lb_name_list out = folders();
        uint16_t labels[2] = {0};
        if (text == NULL || out.n < classes.n) return 0;
        const lb_status status =
            parser == 0   ? lb_synset_names_of_json(text, &classes, &out)
            : parser == 1 ? lb_synset_names_of_lines(text, &classes, &out)
                          : lb_flat_labels_of_lines("input", text, &images, &classes, labels);
        (void)status;
        lb_name_list_release(&out);
        lb_free(text);
    }
    return 0;
}
