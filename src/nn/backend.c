/* The table of back ends, the default first. */
#include <string.h>

#include "nn/executor.h"

extern const lb_backend lb_backend_onednn, lb_backend_reference;

const lb_backend *const lb_backends[] = {
    &lb_backend_onednn,
    &lb_backend_reference,
    NULL,
};

const lb_backend *lb_backend_find(const char *name)
{
    for (size_t i = 0; lb_backends[i]; i++) {
        if (strcmp(lb_backends[i]->name, name) == 0) return lb_backends[i];
    }
    return NULL;
}
