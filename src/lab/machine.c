/* CPU model (from /proc/cpuinfo), processors, instruction sets that kernels use. */
#define _DEFAULT_SOURCE /* sysconf's number of processors */
#include "lab/machine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/memory.h"

enum { MODEL_BYTES = 128, LINE_BYTES = 512 };

/* The first "model name : ..." (x86) or "Model : ..." (Arm boards); the architecture where there is neither. */
static void read_model(char out[MODEL_BYTES])
{
#if defined(LB_ARCH_X86_64)
    (void)snprintf(out, MODEL_BYTES, "x86-64");
#elif defined(LB_ARCH_AARCH64)
    (void)snprintf(out, MODEL_BYTES, "AArch64");
#else
    (void)snprintf(out, MODEL_BYTES, "unknown CPU");
#endif
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[LINE_BYTES];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "model name", 10) != 0 && strncmp(line, "Model", 5) != 0) continue;
        const char *value = strchr(line, ':');
        if (value == NULL) continue;
        value += 1 + strspn(value + 1, " \t");
        const int length = (int)strcspn(value, "\n");
        if (length == 0) continue;
        (void)snprintf(out, MODEL_BYTES, "%.*s", length, value);
        break;
    }
    if (file != NULL) (void)fclose(file);
}

lb_status lb_machine_describe(char **out)
{
    static const struct {
        unsigned isa;
        const char *name;
    } sets[] = {
        {LB_ISA_AVX2, "avx2"},
        {LB_ISA_AVX512, "avx512"},
        {LB_ISA_AVX512_VPOPCNT, "avx512_vpopcnt"},
        {LB_ISA_AVX512_VNNI, "avx512_vnni"},
        {LB_ISA_AVX512_VBMI, "avx512_vbmi"},
        {LB_ISA_NEON, "neon"},
    };
    char model[MODEL_BYTES], text[LINE_BYTES];
    read_model(model);
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const unsigned isa = lb_cpu_isa();
    size_t at = (size_t)snprintf(text, sizeof text, "%s, %ld processor%s,%s", model, processors,
                                 processors == 1 ? "" : "s", isa == LB_ISA_ANY ? " scalar" : "");
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (isa & sets[i].isa)
            at += (size_t)snprintf(text + at, sizeof text - at, " %s", sets[i].name);
    }
    return lb_strdup(text, out);
}
