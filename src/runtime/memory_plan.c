/* Where the maps of a network lie: each lives from the layer that writes it to its last reader, and shares
 * its place with maps that live at other times. */
#include <string.h>

#include "runtime/packed.h"

/* One map's life and place. */
typedef struct life {
    size_t first, last; /* layers */
    size_t bytes, offset;
    bool placed;
    struct life *above; /* the placed one that comes next in the order of offsets */
} life;

static bool overlap(const life *a, const life *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Place a map at the lowest offset that no placed one takes at any time of its life; `lowest` is the first
 * of those placed. */
static void place(life **lowest, life *one)
{
    size_t offset = 0;
    for (const life *other = *lowest; other; other = other->above) {
        if (!overlap(other, one) || other->offset + other->bytes <= offset) continue;
        if (offset + one->bytes <= other->offset) break; /* all others lie above this one */
        offset = other->offset + other->bytes;
    }
    life **link = lowest;
    while (*link && (*link)->offset < offset) link = &(*link)->above;
    one->offset = offset;
    one->above = *link;
    one->placed = true;
    *link = one;
}

static void find_lives(const lb_packed *packed, bool keep, life *lives)
{
    const size_t n = packed->net.n_layers;
    size_t first = 0;
    for (size_t i = 0; i < n; i++) {
        const lb_int_layer *l = &packed->net.layers[i];
        if (!packed->layers[i].follows) first = i; /* followers are written while their CONV is */
        lives[i] = (life){.first = keep ? 0 : first,
                          .last = keep ? n : i,
                          .bytes = lb_align_bytes(lb_map_bytes_of(&l->map))};
        for (int k = 0; k < l->n_in && !keep; k++) lives[l->in[k]].last = i;
    }
    lives[n - 1].last = n; /* the logits are read after the run */
}

lb_status lb_plan_memory(const lb_packed *packed, bool keep, size_t *offsets, size_t *bytes)
{
    const size_t n = packed->net.n_layers;
    life *lives = NULL;
    LB_TRY(lb_alloc(n, sizeof *lives, "plan of maps", (void **)&lives));
    find_lives(packed, keep, lives);
    life *lowest = NULL;
    size_t end = 0;
    for (size_t done = 0; done < n; done++) { /* the largest first: it leaves no gaps below */
        life *largest = NULL;
        for (size_t i = 0; i < n; i++)
            if (!lives[i].placed && (!largest || lives[i].bytes > largest->bytes))
                largest = &lives[i];
        place(&lowest, largest);
        if (largest->offset + largest->bytes > end) end = largest->offset + largest->bytes;
    }
    for (size_t i = 0; i < n; i++) offsets[i] = lives[i].offset;
    lb_free(lives);
    *bytes = end;
    return LB_OK;
}
