/* Figures of a network, and the sensitivity pass over training images. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "intnet/int_cost.h"
#include "models/cost.h"
#include "nn/sensitivity.h"
#include "train/impq_plan.h"
#include "train/trainer.h"

enum { BATCH = 32, INPUT_BITS = 8, COMPARED_BITS = 16 };

/* ---- figures --------------------------------------------------------------------------------- */

lb_status lb_impq_figures(const lb_net *net, lb_impq_row *row)
{
    lb_inspection *costs = NULL;
    double weight_bits = 0.0, weights = 0.0, act_bits = 0.0, acts = 0.0;
    LB_TRY(lb_cost_of_net(net, &costs));
    row->bit_operations = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_layer_info *l = &costs->layers[i];
        if (l->weights == 0) continue;
        const int in = net->nodes[i].in[0], a = in == 0 ? INPUT_BITS : l->act_bits;
        const double entering = (double)lb_shape_count(net->nodes[in].shape);
        weight_bits += l->weight_bits * (double)l->weights;
        weights += (double)l->weights;
        act_bits += a * entering;
        acts += entering;
        row->bit_operations +=
            lb_bit_operations(l->macs, lb_node_filter_size(&net->nodes[i]), l->weight_bits, a);
    }
    row->weight_bits = weight_bits / weights;
    row->act_bits = act_bits / acts;
    row->compression = COMPARED_BITS / row->weight_bits;
    lb_inspection_destroy(costs);
    return LB_OK;
}

/* ---- the pass -------------------------------------------------------------------------------- */

/* What a pass works with. */
typedef struct pass {
    lb_dataset *data;
    uint32_t *indices;
    lb_loader *loader;
    lb_sensitivity *sensitivity;
    size_t images;
    double macs_an_image;
} pass;

/* Multiply-accumulates: forward once; backward, for each class, gradients of weights and of inputs. */
static double macs_of(const lb_net *net, size_t classes)
{
    double macs = 0.0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        if (node->op != LB_OP_CONV && node->op != LB_OP_LINEAR) continue;
        macs += (double)lb_node_filter_size(node) * (double)lb_shape_count(node->shape);
    }
    return macs * (1.0 + 2.0 * (double)classes);
}

static lb_status open_pass(const lb_impq_plan *plan, lb_run *run, int threads, pass *p)
{
    const lb_settings *tuning = plan->options->tuning;
    const char *spec = lb_settings_value(run->settings, LB_KEY_DATA);
    if (tuning != NULL && tuning->given[LB_KEY_DATA] != NULL) spec = tuning->given[LB_KEY_DATA];
    const size_t held_back = strtoull(lb_settings_value(run->settings, LB_KEY_VAL_SPLIT), NULL, 10);
    const uint64_t seed = strtoull(lb_settings_value(run->settings, LB_KEY_SEED), NULL, 10);
    lb_dataset_info info;
    LB_TRY(lb_dataset_open(spec, LB_SPLIT_TRAIN, &p->data));
    lb_dataset_fit(p->data, run->facts.shape);
    LB_TRY(lb_run_check_data(&run->facts, p->data));
    lb_dataset_get_info(p->data, &info);
    lb_loader_options options = {
        .batch = BATCH, .seed = seed, .normalization = run->facts.normalization, .shuffle = true};
    if (held_back > 0) {
        LB_TRY(lb_alloc(info.count, sizeof *p->indices, "split", (void **)&p->indices));
        options.n_indices = info.count - held_back;
        LB_TRY(lb_split_indices(info.count, held_back, seed, p->indices,
                                p->indices + options.n_indices));
        options.indices = p->indices;
    }
    LB_TRY(lb_loader_create(p->data, &options, &p->loader));
    p->images = (size_t)ceil(plan->fraction * (double)lb_loader_images(p->loader));
    const size_t most = run->net.classes - 1;
    p->macs_an_image = macs_of(&run->net, plan->runners_up < most ? plan->runners_up : most);
    return lb_sensitivity_create(&run->net, plan->runners_up, threads, &p->sensitivity);
}

static void close_pass(pass *p)
{
    lb_sensitivity_destroy(p->sensitivity);
    lb_loader_destroy(p->loader);
    lb_free(p->indices);
    lb_dataset_close(p->data);
}

static lb_status run_pass(const lb_impq_plan *plan, pass *p, lb_impq_event event,
                          lb_impq_fn *report, void *user)
{
    const double began = lb_seconds();
    LB_TRY(lb_loader_start(p->loader, event.iteration, 0));
    event.images = p->images;
    while (event.done < p->images) {
        const lb_batch *batch = NULL;
        if (lb_train_take_stop())
            return lb_fail(LB_E_INTERRUPTED, "%s: stopped before iteration %zu; --resume goes on",
                           plan->out, event.iteration);
        LB_TRY(lb_loader_next(p->loader, &batch));
        if (batch == NULL) break;
        const size_t left = p->images - event.done, n = batch->n < left ? batch->n : left;
        LB_TRY(lb_sensitivity_add(p->sensitivity, batch->images, n));
        event.done += n;
        event.seconds = lb_seconds() - began;
        event.macs = p->macs_an_image * (double)event.done;
        if (report != NULL) report(&event, user);
    }
    return LB_OK;
}

lb_status lb_impq_measure(const lb_impq_plan *plan, lb_run *run, int threads,
                          lb_impq_groups *groups, lb_impq_event event, lb_impq_fn *report,
                          void *user)
{
    pass p = {0};
    event.kind = LB_IMPQ_SENSITIVITY;
    lb_status status = open_pass(plan, run, threads, &p);
    if (status == LB_OK) status = run_pass(plan, &p, event, report, user);
    for (size_t c = 0; status == LB_OK && c < groups->n_cells; c++) {
        lb_impq_cell *cell = &groups->cells[c];
        cell->gain = lb_sensitivity_gain(p.sensitivity, cell->node, cell->filter);
    }
    close_pass(&p);
    return status;
}
