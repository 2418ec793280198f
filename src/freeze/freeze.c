#include "freeze/freeze.h"

#include "freeze/layers.h"
#include "freeze/thresholds.h"

static lb_status freeze(lb_freeze_graph *graph, lb_net *net, lb_intnet *out)
{
    LB_TRY(lb_freeze_graph_build(net, graph));
    LB_TRY(lb_freeze_layers(graph, out));
    for (size_t i = 0; i < out->n_layers; i++) LB_TRY(lb_freeze_post(out, i));
    out->classes = net->classes;
    out->title = "";
    out->input.raw = net->raw_input;
    for (size_t c = 0; c < 4; c++) out->input.std[c] = 1.0f;
    const lb_status status = lb_intnet_check(out);
    /* a limit of the packed file, such as the length of a name */
    return status == LB_E_FORMAT ? lb_fail_in(LB_E_UNSUPPORTED, "no integer network") : status;
}

lb_status lb_freeze(lb_net *net, lb_intnet *out)
{
    lb_freeze_graph graph = {0};
    *out = (lb_intnet){0};
    const lb_status status = freeze(&graph, net, out);
    lb_freeze_graph_release(&graph);
    return status;
}
