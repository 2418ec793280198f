/* Everything a packed file can have wrong is refused with the field, what stands there and what is wanted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/safetensors.h"
#include "support/support.h"
#include "support/tiny_intnet.h"

static const char *folder;
static size_t wrong; /* cases so far that were not refused, or with another message */

enum { GRAPH_BYTES = 1 << 14, TENSORS = 32 };

/* The file of the tiny network, in pieces that a test changes. */
typedef struct pieces {
    lb_safetensors *file;
    lb_stored_tensor tensors[TENSORS];
    size_t n_tensors;
    const char *format, *version;
    char graph[GRAPH_BYTES];
} pieces;

static void take_apart(pieces *p)
{
    lb_intnet net;
    const char *path = lb_test_path(folder, "whole.lbm");
    lb_test_tiny_intnet(false, &net);
    assert_ok(lb_intnet_write(&net, path));
    lb_intnet_release(&net);
    *p = (pieces){.format = "lowbit-packed", .version = "1"};
    assert_ok(lb_safetensors_open(path, &p->file));
    const lb_stored_tensor *all = lb_safetensors_tensors(p->file, &p->n_tensors);
    assert_true(p->n_tensors <= TENSORS);
    memcpy(p->tensors, all, p->n_tensors * sizeof *all);
    (void)snprintf(p->graph, sizeof p->graph, "%s", lb_safetensors_metadata(p->file, "graph"));
}

static lb_stored_tensor *tensor(pieces *p, const char *name)
{
    for (size_t i = 0; i < p->n_tensors; i++)
        if (strcmp(p->tensors[i].name, name) == 0) return &p->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

/* Put the pieces together, open, and want this message. NULL: the file is good. */
static void put_together(pieces *p, const char *what, const char *wanted)
{
    const char *path = lb_test_path(folder, "changed.lbm");
    const lb_stored_text metadata[] = {
        {"format", p->format}, {"version", p->version}, {"graph", p->graph}};
    assert_ok(lb_safetensors_write(path, p->tensors, p->n_tensors, metadata, 3));
    lb_intnet net;
    const lb_status status = lb_intnet_open(path, &net);
    lb_intnet_release(&net);
    lb_safetensors_close(p->file);
    const char *got = status == LB_OK ? "no refusal" : lb_error();
    const bool good = wanted ? status == LB_E_FORMAT && strstr(got, wanted) && strstr(got, path)
                             : status == LB_OK;
    if (good) return;
    print_error("%s: got '%s', wanted '%s'\n", what, got, wanted ? wanted : "no refusal");
    wrong++;
}

static void all_refused(void)
{
    const size_t n = wrong;
    wrong = 0;
    assert_int_equal(n, 0);
}

/* Replace the first `from` of the graph. */
static void replace(pieces *p, const char *from, const char *to)
{
    char changed[GRAPH_BYTES];
    const char *at = strstr(p->graph, from);
    if (!at) fail_msg("the graph has no %s", from);
    const int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - p->graph), p->graph, to,
                           at + strlen(from));
    assert_true(n > 0 && (size_t)n < sizeof changed);
    memcpy(p->graph, changed, (size_t)n + 1);
}

/* ---- the graph ---- */

static const struct {
    const char *from, *to, *message; /* NULL: no refusal */
} changes[] = {
    /* encoded weights */
    {"\"weights\":\"ternary\"", "\"weights\":\"ternary\",\"encoding\":\"zip\"",
     "layer 'body.conv2': encoding: got \"zip\", wanted"},
    {"\"weights\":\"ternary\"", "\"weights\":\"ternary\",\"encoding\":\"planes\"",
     "encoding: wanted with ternary weights only, and not 'planes'"},
    {"\"weights\":\"ternary\"", "\"weights\":\"ternary\",\"encoding\":\"huffman\"",
     "tensor 'body.conv2.weight': 1-byte elements, 2 x 19, wanted 1-byte integers, 38"},
    {"\"weights\":[1,1,-2]", "\"weights\":[1,1,-2],\"encoding\":\"huffman\"",
     "layer 'body.conv1': encoding: wanted with ternary weights only"},
    {"\"weights\":\"float\"", "\"weights\":\"float\",\"encoding\":\"huffman\"",
     "layer 'stem': encoding: wanted with ternary weights only"},
    {"\"weights\":\"float\"", "\"weights\":\"float\",\"encoding\":\"mixed\",\"bits\":\"11111\"",
     "layer 'stem': encoding: 'mixed' is wanted with a grid of codes only"},
    {"\"weights\":\"float\"", "\"weights\":\"float\",\"bits\":\"11111\"",
     "layer 'stem': bits: wanted with encoding 'mixed' only"},
    /* as a whole */
    {"{\"title\"", "{\"title\":1,\"title\"", "graph: no valid JSON"},
    {"{\"title\"", "[{\"title\"", "graph: no valid JSON"},
    {"\"title\":", "\"titel\":", "graph: unknown key 'titel'; did you mean 'title'?"},
    {"\"title\":\"tiny", "\"title\":\"\\ntiny", "title: control character 0x0a"},
    {"\"title\":\"tiny, every kind of layer\"", "\"title\":3", "title: got 3, wanted a text"},
    {"\"title\":", "\"loss\":\"mean\",\"title\":", "loss 'mean': wanted cross-entropy"},
    {"\"title\":", "\"loss\":\"squared-hinge\",\"title\":", NULL},
    {"\"title\":", "\"data\":\"mnist\",\"title\":", NULL},
    {"\"title\":", "\"data\":7,\"title\":", "data: got 7, wanted a text"},
    {"\"classes\":3", "\"classes\":4", "class_names: 3 of them for 4 classes"},
    {"\"classes\":3", "\"classes\":0", "class_names: 3 of them for 0 classes"},
    {"\"classes\":3,\"class_names\":[\"cat\",\"d\xc3\xb6g\",\"a \\\"quoted\\\" one\"]",
     "\"classes\":4",
     "'logits': the last one gives 3 x 1 x 1 floats, wanted the logits, 4 x 1 x 1"},
    {"\"classes\":3,\"class_names\":[\"cat\",\"d\xc3\xb6g\",\"a \\\"quoted\\\" one\"]",
     "\"classes\":0", "classes: 0, wanted 1 to"},
    {"\"classes\":3", "\"classes\":\"3\"", "classes: got \"3\", wanted a whole number from 0"},
    {"\"classes\":3", "\"classes\":70000", "classes: got 70000, wanted a whole number"},
    {"\"cat\"", "\"\\u001b[2J\"", "class 0: class name: control character 0x1b"},
    {"\"cat\"", "\"\\u009b2J\"", "class 0: class name: control character 0x9b"},
    {"\"cat\"", "null", "class_names: got null, wanted a text"},

    /* the input */
    {"\"input\":{", "\"input\":7,\"classes\":{", "no valid JSON"},
    {"\"shape\":[2,6,6]", "\"shape\":[2,6]", "input: shape: got [2,6], wanted a list of 3"},
    {"\"shape\":[2,6,6]", "\"shape\":[0,6,6]", "map: 0 x 6 x 6 values"},
    {"\"shape\":[2,6,6]", "\"shape\":[2,-6,6]", "input: shape: got -6, wanted a whole number"},
    {"\"shape\":[2,6,6]", "\"shape\":[2,268435456,268435456]", "layer 'input': map: 2 x 268435456"},
    {"\"shape\":[2,6,6]", "\"shap\":[2,6,6]", "input: unknown key 'shap'; did you mean 'shape'?"},
    {"\"mean\":[0.100000001,1.10000002]", "\"mean\":[0.1]", "input: std: got"},
    {"\"mean\":[0.100000001,1.10000002],\"std\":[", "\"mean\":[0,0,0],\"std\":[1,",
     "input: mean: 3 numbers, wanted 2, one a channel"},
    {"\"mean\":[0.100000001,1.10000002]", "\"mean\":[0.1,1,1,1,1,1]", "mean: got"},
    {"\"mean\":[0.100000001", "\"mean\":[1e39", "mean: got 1e39, wanted a number that float32"},
    {"\"mean\":[0.100000001", "\"mean\":[true", "mean: got true, wanted a number"},
    {"\"std\":[0.333333343", "\"std\":[0", "std 0 of channel 0, wanted finite ones, std above 0"},
    {"\"mean\":", "\"raw\":true,\"mean\":", "input: raw: got true, wanted true, without mean"},
    {"\"mean\":", "\"raw\":false,\"mean\":", "raw: got false, wanted true"},

    /* layers as a whole */
    {"{\"input\":\"input\"},", "", "layer 'stem': wanted the input as first layer"},
    {"{\"input\":\"input\"}", "7", "layer 0: not an object"},
    {"{\"input\":\"input\"}", "{}", "layer 0: 0 operations, wanted one"},
    {"{\"input\":\"input\"}", "{\"input\":\"input\",\"conv\":\"x\"}", "layer 0: 2 operations"},
    {"{\"input\":\"input\"}", "{\"imput\":\"input\"}",
     "layer 0: unknown key 'imput'; did you mean 'input'?"},
    {"{\"input\":\"input\"}", "{\"input\":7}", "layer 0: name: got 7, wanted a text"},
    {"{\"input\":\"input\"}", "{\"input\":\"\"}", "layer 0: name: empty"},
    {"{\"input\":\"input\"}", "{\"input\":\"a b\"}", "name: byte 0x20, wanted letters"},
    {"{\"input\":\"input\"}", "{\"input\":\"stem\"}", "layers 0 and 1: both have the name 'stem'"},
    {"{\"input\":\"input\"}",
     "{\"input\":\"01234567890123456789012345678901234567890123456789012345678901234\"}",
     "layer 0: name: got"},
    {"{\"input\":\"input\"}", "{\"input\":\"input\",\"groups\":1}",
     "key 'groups' is none of an operation 'input'"},
    {"{\"expression\"", "{\"input\"", "layer 2: key 'codes' is none of an operation 'input'"},
    {"{\"max-pool\":", "{\"max-pol\":", "layer 4: unknown key 'max-pol'; did you mean 'max-pool'?"},
    {"\"equals\":\"elsewhere.add\"", "\"equals\":[]", "layer 'body.conv3': equals: got []"},
    {"\"equals\":\"elsewhere.add\"", "\"equals\":\"a\\tb\"", "equals: byte 0x09"},
    {"{\"conv\":\"stem\",", "{\"conv\":\"stem\",\"equals\":\".x\",", "equals: '.x' begins with"},
    {"\"in\":[5,4]", "\"in\":[5,6]",
     "layer 'body.conv3': in: got 6, wanted a whole number from 0 to 5"},
    {"\"in\":[5,4]", "\"in\":[5,-1]", "in: got -1"},
    {"\"in\":[5,4]", "\"in\":[5]", "layer 'body.conv3': post: 1 steps of add for 1 inputs"},
    {"\"in\":[5,4]", "\"in\":[5,3]", "in: adds a map of 5 x 6 x 6 to one of 5 x 3 x 3"},
    {"\"in\":[5,4]", "\"in\":[5,4,3]", "in: got [5,4,3], wanted a list of 1"},
    {"\"in\":[5,4]", "\"in\":4", "in: got 4, wanted a list"},
    {"\"in\":[7,7]", "\"in\":[7]", "layer 'twice': in: 1 inputs, wanted 2"},
    {"\"in\":[7,7]", "\"in\":[7,6]", "'twice': in: maps of 2 x 2 and 3 x 3 pixels"},

    /* windows, groups, strides */
    {"\"window\":[2,2,0],\"rev", "\"window\":[2,0,0],\"rev", "'body.pool': window: 0, wanted"},
    {"\"window\":[2,2,0],\"rev", "\"window\":[0,2,0],\"rev", "'body.pool': window: 0, wanted"},
    {"\"window\":[2,2,0],\"rev", "\"window\":[2,2,2],\"rev",
     "padding as large as the kernel 2 x 2"},
    {"\"window\":[2,2,0],\"rev", "\"window\":[7,2,0],\"rev",
     "kernel 7 x 7 on a padded map of 6 x 6"},
    {"\"window\":[2,2,0],\"rev", "\"window\":[2,2],\"rev", "window: got [2,2], wanted a list of 7"},
    {"\"window\":[2,2,0],\"rev", "\"rev", "'body.pool': window: got nothing, wanted a list"},
    {"\"window\":[3,1,1],\"weights\":\"float\"", "\"window\":[3,1,65536],\"weights\":\"float\"",
     "layer 'stem': map: 2 x 131078 x 131078 values"},
    {"\"window\":[3,1,1],\"weights\":\"float\"", "\"window\":[3,1,99999],\"weights\":\"float\"",
     "window: got 99999, wanted a whole number from 0 to 65536"},
    {"\"groups\":5", "\"groups\":0", "groups: 0 do not divide 5 channels in and 5 out"},
    {"\"groups\":5", "\"groups\":2", "groups: 2 do not divide"},
    {"\"groups\":5", "\"groups\":1",
     "tensor 'body.conv3.weight': 1-byte elements, 4 x 6, wanted "
     "1-byte integers, 4 x 29"},
    {"\"channels\":8,\"stride\":2", "\"channels\":4,\"stride\":2",
     "channels: 4, wanted at least the 5"},
    {"\"channels\":8,\"stride\":2", "\"channels\":8,\"stride\":0", "stride: 0, wanted 1 to"},
    {"\"channels\":8,\"stride\":2", "\"channels\":8", "stride: got nothing"},
    {"\"channels\":8,\"stride\":2", "\"stride\":2", "channels: got nothing"},
    {"\"channels\":8,\"stride\":2", "\"channels\":268435456,\"stride\":2",
     "'shortcut': map: 268435456 x 2 x 2"},

    /* weights */
    {"\"weights\":\"float\"", "\"weights\":\"flaot\"", "weights: got \"flaot\", wanted 'float'"},
    {"\"weights\":\"float\"", "\"weights\":\"ternary\"",
     "tensor 'stem.weight': 4-byte elements, 5 x 18, wanted 1-byte integers, 2 x 12"},
    {"\"weights\":\"float\"", "\"weights\":[9,0,1]",
     "weights: got 9, wanted a whole number from 1 to 8"},
    {"\"weights\":[4,-8,1]", "\"weights\":[4,-7,1]",
     "'body.conv3': weights: 4 bits from -7 in steps of 1 are no grid of codes"},
    {"\"weights\":[4,-8,1]", "\"weights\":[4,-8,0]", "weights: 4 bits from -8 in steps of 0"},
    {"\"weights\":[4,-8,1]", "\"weights\":[4,-8]", "weights: got [4,-8], wanted a list of 3"},
    {"\"sums\":2", "\"sums\":3", "sums: got 3"},
    {"\"sums\":2", "\"sums\":0", "sums: 0, wanted 1, 2, row or pixel"},
    {"\"sums\":2", "\"sums\":1",
     "tensor 'body.conv2.post': 4-byte elements, 3 x 5, wanted 4-byte "
     "floats, 2 x 5"},
    {"\"weights\":[4,-8,1]", "\"sums\":2,\"weights\":[4,-8,1]",
     "2 sums a channel, wanted 1; ternary"},
    {"\"weights\":[4,-8,1]", "\"sums\":\"row\",\"weights\":[4,-8,1]",
     "3 sums a channel, wanted 1; ternary"},
    {"\"weights\":\"float\"", "\"sums\":\"pixel\",\"weights\":\"float\"",
     "9 sums a channel, wanted 1; ternary"},
    {"\"sums\":2", "\"sums\":\"pixels\"", "sums: got \"pixels\", wanted 'pixel'"},
    {"[\"bias\",null]", "[\"bias\",[0.5,0.5]]", "step 0: value: 2 numbers, wanted 1"},
    {"[\"bias\",null]", "[\"bias\",[true]]", "step 0: value: got true"},
    {"\"sums\":2", "\"sums\":\"row\"", "tensor 'body.conv2.post'"},

    /* codes */
    {"\"codes\":[[2,0,1,", "\"codes\":[[2,1,1,", "map: 2 bits from 1 in steps of 1 are no grid"},
    {"\"codes\":[[2,0,1,", "\"codes\":[[2,-3,2,", "map: 2 bits from -3 in steps of 2 are no grid"},
    {"\"codes\":[[2,0,1,0.333333343]", "\"codes\":[[2,0,1,0]", "map: scale 0, wanted a normal"},
    {"\"codes\":[[2,0,1,0.333333343]", "\"codes\":[[2,0,1,-1]", "map: scale -1, wanted"},
    {"\"codes\":[[2,0,1,0.333333343]", "\"codes\":[[2,0,1]",
     "codes: got [2,0,1], wanted a list of 4"},
    {"\"codes\":[[2,0,1,0.333333343]", "\"codes\":[[3,0,1,0.333333343]",
     "'body.conv1.threshold': 2-byte elements, 5 x 3, wanted 2-byte integers, 5 x 7"},
    {"\"codes\":[[2,0,1,0.333333343],[1,1,-2,1],[8,0,1,0.00390625]]", "\"codes\":[]",
     "codes: the graph has no table of codes"},
    {"\"codes\":2", "\"codes\":3", "'fixed': codes: got 3, wanted a whole number from 0 to 2"},
    {"\"codes\":2", "\"codes\":1", "'fixed': exception 0: channel 1, field 200"},
    {"\"codes\":2,", "", "'fixed': post: fixed point to 0 bits, but the map has 32"},

    /* post */
    {"\"post\":\"thresholds\"", "\"post\":\"threshold\"",
     "post: got \"threshold\", wanted 'thresholds'"},
    {"\"post\":\"thresholds\"", "\"post\":7", "falls: wanted with thresholds only"},
    {"\"post\":\"thresholds\",\"falls\":\"12\"", "\"post\":7",
     "post: got 7, wanted a list of steps"},
    {"\"post\":\"thresholds\",\"falls\":\"12\"", "\"post\":[]",
     "13 tensors, but the layers have 12"},
    {"\"falls\":\"12\"", "\"falls\":\"1\"", "falls: got \"1\", wanted 2 hexadecimal digits"},
    {"\"falls\":\"12\"", "\"falls\":\"1G\"", "falls: got \"1G\", wanted 2 hexadecimal"},
    {"\"falls\":\"12\"", "\"falls\":true", "falls: got true"},
    {"\"falls\":\"12\"", "\"falls\":\"32\"", "falls: bits set past the last channel"},
    {"\"reversed\":\"09\"", "\"reversed\":\"29\"", "reversed: bits set past the last channel"},
    {"\"reversed\":\"09\"", "\"reversed\":\"\"", "reversed: got \"\", wanted 2 hexadecimal"},
    {"[\"fixed-point\",20,2]", "[\"fixed-point\",41,2]", "post: shift: got 41"},
    {"[\"fixed-point\",20,2]", "[\"fixed-point\",-1,2]", "post: shift: got -1"},
    {"[\"fixed-point\",20,2]", "[\"fixed-point\"]", "post: shift: got nothing"},
    {"[\"fixed-point\",20,2]", "[\"fixed-point\",20,2,1]", "post: more after the exceptions"},
    {"[\"fixed-point\",20,2]", "[\"fixed-point\",20,0]", "post: exceptions: got 0"},
    {"[\"fixed-point\",20,2]", "[\"fixed-point\",20,18]", "post: exceptions: got 18"},
    {"[\"fixed-point\",20,2]", "[\"fixed\",20]", "post: got \"fixed\", wanted 'fixed-point'"},
    {"[\"fixed-point\",20,2]", "\"thresholds\"", "tensor 'fixed.threshold' is not in the file"},
    {"[\"relu\",1.10000002]", "[\"rellu\",1]",
     "'stem': post: step 2: name: got \"rellu\", wanted 'relu'"},
    {"[\"relu\",1.10000002]", "[\"relu\"]",
     "step 2: got [\"relu\"], wanted 1 values after the name"},
    {"[\"relu\",1.10000002]", "[\"relu\",null]", "step 2: slope: got null"},
    {"[\"relu\",1.10000002]", "[]", "step 2: name: got nothing"},
    {"[\"relu\",1.10000002]", "[\"scale\",1]", "step 2: a scale, wanted at the start"},
    {"[\"relu\",1.10000002]", "[\"add\"]", "post: 1 steps of add for 1 inputs"},
    {"[\"relu\",1.10000002]", "[\"encode\",\"sign\",1,1,-1,1]",
     "step 2: encode, wanted at the end"},
    {"[\"bias\",null]", "[\"bias\",\"x\"]", "step 0: value: got \"x\""},
    {"[\"bias\",null]", "[\"bias\",1]", "tensor 'stem.post': 4-byte elements, 3 x 5, wanted"},
    {"[\"scale\",0.100000001],", "", "'body.conv3': post: step 0: no scale, wanted at the start"},
    {"[[\"scale\",0.100000001],[\"add\"]]", "[]", "'body.conv3': post: no steps"},
    {"[\"clip\",-1,1]", "[\"clip\",1,-1]", "step 2: from 1 to -1, wanted finite bounds in order"},
    {",[\"encode\",\"sign\",1,1,-1,1]", "", "no encode, wanted at the end of a layer with a coded"},
    {"\"even\",3,1.10000002,0,3", "\"evn\",3,1,0,3", "rounding: got \"evn\", wanted 'even'"},
    {"\"even\",3,1.10000002,0,3", "\"even\",3,0,0,3", "divisor 0, wanted finite ones above 0"},
    {"\"even\",3,1.10000002,0,3", "\"even\",-3,1,0,3", "multiplier -3"},
    {"\"even\",3,1.10000002,0,3", "\"even\",3,1,0,2.5", "codes from 0 to 2.5 do not fit"},
    {"\"even\",3,1.10000002,0,3", "\"even\",3,1,3,0", "codes from 3 to 0 do not fit"},
    {"\"even\",3,1.10000002,0,3", "\"even\",3,1,0,300", "codes from 0 to 300 do not fit"},
    {"\"even\",3,1.10000002,0,3", "\"even\",3,1,0,4",
     "codes from 0 to 4 of scale 0.333333343 are not"},
    {"\"even\",3,1.10000002,0,3", "\"sign\",3,1,0,3", "codes from 0 to 3 do not fit the rounding"},
    {"\"sign\",1,1,-1,1", "\"step\",1,1,-1,1", "codes from -1 to 1 do not fit the rounding"},
    {"\"sign\",1,1,-1,1", "\"step\",1,1,0,1",
     "codes from 0 to 1 of scale 1 are not those of the map"},
    {"\"encode\",\"even\",3,1.10000002,0,3", "\"relu\",1",
     "'stem.quantize': post: step 0: no encode"},
};

static void test_graphs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        pieces p;
        take_apart(&p);
        replace(&p, changes[i].from, changes[i].to);
        put_together(&p, changes[i].to, changes[i].message);
    }
    all_refused();
}

static void test_depth_and_garbage(void **state)
{
    (void)state;
    pieces p;
    take_apart(&p);
    memset(p.graph, '[', GRAPH_BYTES - 1);
    put_together(&p, "many brackets", "graph: no valid JSON");
    take_apart(&p);
    (void)snprintf(p.graph, sizeof p.graph, "[]");
    put_together(&p, "a list", "graph: not an object");
    take_apart(&p);
    (void)snprintf(p.graph, sizeof p.graph, "{}");
    put_together(&p, "nothing", "title: got nothing");
    take_apart(&p);
    p.graph[0] = '\0';
    put_together(&p, "no text", "graph: no valid JSON");
    all_refused();
}

/* A file of a kilobyte asked for gigabytes: a number stands for a value of each of very many channels. */
static void test_numbers_that_stand_for_too_many_values(void **state)
{
    (void)state;
    static const int channels[] = {(1 << 24) / 3 + 1, 1 << 28};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        pieces p;
        take_apart(&p);
        p.n_tensors = 0;
        (void)snprintf(p.graph, sizeof p.graph,
                       "{\"title\":\"\",\"input\":{\"shape\":[%d,1,1],\"raw\":true},\"classes\":1,"
                       "\"layers\":[{\"input\":\"i\"},"
                       "{\"expression\":\"e\",\"post\":[[\"bias\",1],[\"affine\",2,3]]}]}",
                       channels[i]);
        put_together(&p, "many values", "value: numbers stand for more than 16777216 values");
    }
    all_refused();
}

/* ---- metadata ---- */

static void test_formats_and_versions(void **state)
{
    (void)state;
    pieces p;
    take_apart(&p);
    p.format = "lowbit-checkpoint";
    put_together(&p, "format", "not a packed network: metadata 'format' is 'lowbit-checkpoint'");
    take_apart(&p);
    p.version = "2";
    put_together(&p, "version", "packed format version '2', wanted '1': written by a newer lowbit");
    all_refused();

    static const lb_stored_text only[] = {{"format", "lowbit-packed"}, {"version", "1"}};
    static const char *const messages[] = {"metadata 'format' is ''", "version ''",
                                           "no metadata 'graph'"};
    const char *path = lb_test_path(folder, "bare.lbm");
    lb_intnet net;
    for (size_t n = 0; n <= 2; n++) {
        assert_ok(lb_safetensors_write(path, NULL, 0, only, n));
        assert_status(lb_intnet_open(path, &net), LB_E_FORMAT);
        assert_contains(lb_error(), messages[n]);
        lb_intnet_release(&net);
    }
    assert_status(lb_intnet_open(lb_test_path(folder, "missing.lbm"), &net), LB_E_IO);
    lb_intnet_release(&net);
}

/* ---- tensors ---- */

static void test_missing_and_spare_tensors(void **state)
{
    (void)state;
    pieces p;
    take_apart(&p);
    *tensor(&p, "stem.weight") = p.tensors[--p.n_tensors];
    put_together(&p, "one less", "layer 'stem': tensor 'stem.weight' is not in the file");
    take_apart(&p);
    p.tensors[p.n_tensors] = p.tensors[0];
    p.tensors[p.n_tensors++].name = "spare";
    put_together(&p, "one more", "14 tensors, but the layers have 13");
    all_refused();
}

/* Give a tensor other bytes. */
static void put(pieces *p, const char *name, const void *bytes, size_t n, const char *message)
{
    lb_stored_tensor *t = tensor(p, name);
    char changed[1024];
    assert_true(t->bytes <= sizeof changed && n <= t->bytes);
    memcpy(changed, t->data, t->bytes);
    memcpy(changed, bytes, n);
    t->data = changed;
    put_together(p, name, message);
}

static void test_contents_of_tensors(void **state)
{
    (void)state;
    static const uint8_t nan[4] = {0, 0, 0xc0, 0x7f}, infinity[4] = {0, 0, 0x80, 0x7f};
    static const int16_t falling[] = {-135, 0, -1}, low[] = {-136}, high[] = {0, 0, 137};
    static const int16_t highest[] = {136, 136, 136}, lowest[] = {-135, -135, -135};
    static const int64_t large = ((int64_t)1 << 62) + 1, small = -((int64_t)1 << 62) - 1;
    uint8_t weights[38] = {0};
    pieces p;
    take_apart(&p);
    put(&p, "stem.weight", nan, 4, "layer 'stem': weight: number 0 is not finite");
    take_apart(&p);
    put(&p, "stem.post", infinity, 4, "layer 'stem': post: step 0: value 0 is not finite");
    take_apart(&p);
    put(&p, "body.conv1.threshold", falling, 6,
        "threshold: -1, number 2 of channel 0, wanted 0 to 136");
    take_apart(&p);
    put(&p, "body.conv1.threshold", low, 2, "threshold: -136, number 0 of channel 0, wanted -135");
    take_apart(&p);
    put(&p, "body.conv1.threshold", high, 6, "threshold: 137, number 2");
    take_apart(&p);
    put(&p, "body.conv1.threshold", highest, 6, NULL);
    take_apart(&p);
    put(&p, "body.conv1.threshold", lowest, 6, NULL);
    take_apart(&p);
    put(&p, "fixed.offset", &large, 8,
        "offset: 4611686018427387905 of channel 0, wanted at most 2^62");
    take_apart(&p);
    put(&p, "fixed.offset", &small, 8, "offset: -4611686018427387905");
    take_apart(&p);
    weights[28] = 0x02; /* weight 225 of 225 */
    put(&p, "body.conv1.weight", weights, 29, "weight: plane 0 has bits set past its last weight");
    take_apart(&p);
    weights[28] = 0;
    weights[0] = 0x10; /* sign without non-zero */
    put(&p, "body.conv2.weight", weights, 38, "weight: a negative zero among weights 0 to 7");
    take_apart(&p);
    weights[19] = 0x10;
    put(&p, "body.conv2.weight", weights, 38, NULL);
    all_refused();
}

/* The file with its ternary layer encoded: every cut and every changed byte is refused or harmless. */
static void test_encoded_weights(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        lb_intnet net, back;
        const char *path = lb_test_path(folder, "encoded.lbm");
        lb_test_tiny_intnet(false, &net);
        lb_test_tiny_encode(&net, k == 0 ? LB_ENCODED_RUN_LENGTH : LB_ENCODED_HUFFMAN);
        assert_ok(lb_intnet_write(&net, path));
        assert_ok(lb_intnet_open(path, &back));
        lb_test_same_intnet(&net, &back);
        lb_intnet_release(&back);
        pieces p = {.format = "lowbit-packed", .version = "1"};
        assert_ok(lb_safetensors_open(path, &p.file));
        const lb_stored_tensor *all = lb_safetensors_tensors(p.file, &p.n_tensors);
        memcpy(p.tensors, all, p.n_tensors * sizeof *all);
        (void)snprintf(p.graph, sizeof p.graph, "%s", lb_safetensors_metadata(p.file, "graph"));
        lb_stored_tensor *t = tensor(&p, "body.conv2.weight");
        t->dims[0] = --t->bytes;
        put_together(&p, "cut", "layer 'body.conv2': weight: ends before its last weight");
        lb_intnet_release(&net);
    }
    all_refused();
}

/* The file with filters of different bits. */
static void test_mixed_weights(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *said;
    } cases[] = {
        {"\"bits\":\"21", "\"bits\":\"31", "bits: got"},
        {"\"bits\":\"21", "\"bits\":\"01", "bits: got"},
        {"\"bits\":\"21", "\"bits\":\"2", "bits: got"},
        {"\"bits\":\"21", "\"bits\":\"11", "tensor 'logits.weight'"},
        {"\"encoding\":\"mixed\",\"bits\":\"21", "\"bits\":\"21", "bits: wanted with encoding"},
        {"\"encoding\":\"mixed\",\"bits\":\"21", "\"encoding\":\"huffman\",\"bits\":\"21",
         "bits: wanted with encoding"},
        {"[2,-3,2],\"encoding\"", "\"ternary\",\"encoding\"", "a grid of codes only"},
        {"[2,-3,2],\"encoding\"", "[2,0,1],\"encoding\"", "both sides of 0"},
        {"[2,-3,2],\"encoding\"", "[2,-3,1],\"encoding\"", "no grid"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_intnet net;
        const char *path = lb_test_path(folder, "mixed.lbm");
        lb_test_tiny_intnet(false, &net);
        lb_test_tiny_encode(&net, LB_ENCODED_MIXED);
        assert_ok(lb_intnet_write(&net, path));
        pieces p = {.format = "lowbit-packed", .version = "1"};
        assert_ok(lb_safetensors_open(path, &p.file));
        const lb_stored_tensor *all = lb_safetensors_tensors(p.file, &p.n_tensors);
        memcpy(p.tensors, all, p.n_tensors * sizeof *all);
        const char *graph = lb_safetensors_metadata(p.file, "graph");
        const char *at = strstr(graph, cases[i].from);
        assert_non_null(at);
        (void)snprintf(p.graph, sizeof p.graph, "%.*s%s%s", (int)(at - graph), graph, cases[i].to,
                       at + strlen(cases[i].from));
        put_together(&p, "mixed", cases[i].said);
        lb_intnet_release(&net);
    }
    all_refused();
}

static int make_folder(void **state)
{
    (void)state;
    folder = lb_test_folder();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_depth_and_garbage),
        cmocka_unit_test(test_numbers_that_stand_for_too_many_values),
        cmocka_unit_test(test_formats_and_versions),
        cmocka_unit_test(test_missing_and_spare_tensors),
        cmocka_unit_test(test_contents_of_tensors),
        cmocka_unit_test(test_encoded_weights),
        cmocka_unit_test(test_mixed_weights),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
