/* What a path is: asked of the file itself. */
#include <string.h>

#include "base/file.h"
#include "base/safetensors.h"
#include "intnet/packed_format.h"
#include "lowbit/deploy.h"

lb_path_kind lb_path_kind_of(const char *path)
{
    if (lb_path_is_folder(path)) return LB_PATH_RUN;
    lb_safetensors *file = NULL;
    if (lb_safetensors_open(path, &file) != LB_OK) return LB_PATH_OTHER;
    const char *format = lb_safetensors_metadata(file, "format");
    lb_path_kind kind = LB_PATH_OTHER;
    if (format != NULL && strcmp(format, LB_PACKED_FORMAT) == 0) kind = LB_PATH_PACKED;
    if (format != NULL && strncmp(format, "lowbit checkpoint", strlen("lowbit checkpoint")) == 0)
        kind = LB_PATH_RUN;
    lb_safetensors_close(file);
    return kind;
}
