/* What a packed network consists of and costs. */
#include "intnet/int_cost.h"
#include "lowbit/inspect.h"
#include "runtime/packed.h"

static lb_status allocate(lb_packed_inspection *p)
{
    LB_TRY(lb_alloc(p->info.layers, sizeof *p->layers, "an inspection", (void **)&p->layers));
    return lb_alloc(p->info.layers, sizeof *p->layer_bit_operations, "an inspection",
                    (void **)&p->layer_bit_operations);
}

static void fill(lb_packed_inspection *p)
{
    const lb_intnet *net = &p->packed->net;
    const lb_int_cost cost = lb_intnet_cost_of(net);
    for (size_t i = 0; i < p->info.layers; i++) {
        lb_packed_get_layer(p->packed, i, &p->layers[i]);
        p->layer_bit_operations[i] = lb_int_layer_cost_of(net, i).bit_operations;
    }
    p->weights = cost.weights;
    p->macs = cost.macs;
    p->thresholds = cost.thresholds;
    p->bit_operations = cost.bit_operations;
    p->weight_bits = cost.weight_bits;
    p->act_bits = cost.act_bits;
    p->memory_bytes = p->info.weight_bytes + p->info.context_bytes;
}

lb_status lb_inspect_packed(const char *path, lb_packed_inspection **out)
{
    lb_packed_inspection *p = NULL;
    LB_TRY(lb_alloc(1, sizeof *p, "an inspection", (void **)&p));
    lb_status status = lb_packed_open(path, NULL, &p->packed);
    if (status == LB_OK) {
        lb_packed_get_info(p->packed, &p->info);
        status = allocate(p);
    }
    if (status != LB_OK) {
        lb_packed_inspection_destroy(p);
        return status;
    }
    fill(p);
    *out = p;
    return LB_OK;
}

void lb_packed_inspection_destroy(lb_packed_inspection *p)
{
    if (p == NULL) return;
    lb_free(p->layers);
    lb_free(p->layer_bit_operations);
    lb_packed_close(p->packed);
    lb_free(p);
}
