/* Experiment files that are refused: the exact line that says where, what and what to do. */
#include <stdio.h>
#include <string.h>

#include "lowbit/experiment.h"
#include "support/support.h"

typedef struct refusal {
    const char *text;
    lb_status status;
    const char *message; /* without the folder */
} refusal;

static void check_refusal(const refusal *wanted)
{
    const char *path = lb_test_path(lb_test_folder(), "lab.yaml");
    const size_t folder = strlen(path) - strlen("lab.yaml");
    lb_experiment *e = NULL;
    lb_test_write(path, wanted->text, strlen(wanted->text));
    const lb_status status = lb_experiment_open(path, &e);
    if (status == LB_OK) fail_msg("taken, wanted '%s'", wanted->message);
    assert_null(e);
    if (strcmp(lb_error() + folder, wanted->message) != 0)
        fail_msg("got    '%s',\nwanted '%s'", lb_error() + folder, wanted->message);
    assert_status(status, wanted->status);
}

#define CHECK_REFUSALS(cases) \
    for (size_t i = 0; i < sizeof(cases) / sizeof *(cases); i++) check_refusal(&(cases)[i])

static void what_is_not_yaml(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"", LB_E_FORMAT, "lab.yaml: nothing in the file"},
        {"# only this\n", LB_E_FORMAT, "lab.yaml: nothing in the file"},
        {"name: a\nbase: {lr: 1\n", LB_E_FORMAT,
         "lab.yaml:3: not YAML: did not find expected ',' or '}', while parsing a flow mapping"},
        {"name: a\n\tx: 1\n", LB_E_FORMAT,
         "lab.yaml:2: not YAML: found a tab character that violates indentation, while scanning a "
         "plain scalar"},
        {"a: 1\nb: \xff\n", LB_E_FORMAT, "lab.yaml:2: not YAML: invalid leading UTF-8 octet"},
        {"- a\n", LB_E_FORMAT, "lab.yaml:1: got a list, wanted a mapping of keys to values"},
        {"~\n", LB_E_FORMAT, "lab.yaml:1: got nothing, wanted a mapping of keys to values"},
        {"name: a\n---\nname: b\n", LB_E_FORMAT, "lab.yaml:2: a second document; wanted one"},
        {"name: !!str a\n", LB_E_FORMAT,
         "lab.yaml:1: the tag 'tag:yaml.org,2002:str'; tags have no meaning here"},
        {"name: a\naxes:\n  ? [x]\n  : y\n", LB_E_FORMAT,
         "lab.yaml:3: axes: a key must be a word, and no list or mapping"},
        {"name: \"a\\0b\"\n", LB_E_FORMAT, "lab.yaml:1: a text with a zero byte in it"},
        {"name: a\nbase:\n  lr: 1\n  epochs: 1\n  lr: 2\n", LB_E_FORMAT,
         "lab.yaml:5: base: 'lr' is given twice, first in line 3"},
    };
    CHECK_REFUSALS(cases);
}

static void aliases_that_explode(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"name: a\naxes: &x\n  - *x\n", LB_E_FORMAT,
         "lab.yaml:3: axes: '*x' stands inside its own anchor: a cycle"},
        {"name: *x\n", LB_E_FORMAT, "lab.yaml:1: no anchor '&x' before '*x'"},
        {"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
         "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
         "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
         "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
         "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
         "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
         LB_E_FORMAT, "lab.yaml:5: e: more than 100000 values, aliases written out"},
        {"a: [[[[[[[[x]]]]]]]]\n", LB_E_FORMAT,
         "lab.yaml:1: a: lists and mappings are nested deeper than 8 levels"},
    };
    CHECK_REFUSALS(cases);
}

static void keys_and_texts(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"title: a\n", LB_E_FORMAT, "lab.yaml:1: wanted a key 'name'"},
        {"name: a\naxis: {}\n", LB_E_FORMAT,
         "lab.yaml:2: axis: unknown key 'axis'; did you mean 'axes'?"},
        {"name: a\nqqqqqqqq: {}\n", LB_E_FORMAT, "lab.yaml:2: qqqqqqqq: unknown key 'qqqqqqqq'"},
        {"name: a b\n", LB_E_FORMAT,
         "lab.yaml:1: name: got 'a b', wanted letters, digits, '-', '_' and '.', beginning with a "
         "letter, a digit "
         "or '_'"},
        {"name: ..\n", LB_E_FORMAT,
         "lab.yaml:1: name: got '..', wanted letters, digits, '-', '_' and '.', beginning with a "
         "letter, a digit "
         "or '_'"},
        {"name: [a]\n", LB_E_FORMAT, "lab.yaml:1: name: got a list, wanted a single value"},
        {"name: a\ntitle:\n", LB_E_FORMAT, "lab.yaml:2: title: got nothing, wanted a single value"},
        {"name: a\ntitle: \"x\\ny\"\n", LB_E_FORMAT,
         "lab.yaml:2: title: wanted one line of 1 to 200 bytes"},
        {"name: a\n", LB_E_FORMAT, "lab.yaml:1: no point: wanted a key 'axes' or 'points'"},
    };
    CHECK_REFUSALS(cases);
}

static void settings_and_their_values(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"name: a\nbase:\n  epoch: 1\n", LB_E_FORMAT,
         "lab.yaml:3: base.epoch: unknown setting 'epoch'; did you mean 'epochs'?"},
        {"name: a\nbase: {seed: 1}\n", LB_E_FORMAT,
         "lab.yaml:2: base.seed: the seeds of all points stand under 'seeds'"},
        {"name: a\nbase: {threads: 1}\n", LB_E_FORMAT,
         "lab.yaml:2: base.threads: says how a run is carried out, not what it is"},
        {"name: a\naxes: {workers: [1, 2]}\n", LB_E_FORMAT,
         "lab.yaml:2: axes.workers: says how a run is carried out, not what it is; it may stand "
         "under 'base'"},
        {"name: a\nbase:\n  model: lenet5\n  epochs: ten\n", LB_E_FORMAT,
         "lab.yaml:4: base.epochs: epochs 'ten': wanted a whole number from 1 to 1000000"},
        {"name: a\nbase: {wbits: [1, 2]}\n", LB_E_FORMAT,
         "lab.yaml:2: base.wbits: got a list, but 'wbits' takes one value; what varies is an axis"},
        {"name: a\nbase: {milestones: []}\n", LB_E_FORMAT,
         "lab.yaml:2: base.milestones: an empty list"},
        {"name: a\nbase: {lr: {x: 1}}\n", LB_E_FORMAT,
         "lab.yaml:2: base.lr: got a mapping of keys to values, wanted a single value"},
        {"name: a\nbase: {lr: }\n", LB_E_FORMAT,
         "lab.yaml:2: base.lr: got nothing, wanted a single value"},
        {"name: a\nbase: {data: mnst}\n", LB_E_FORMAT,
         "lab.yaml:2: base.data: no data set 'mnst'; did you mean 'mnist'? There are: mnist, "
         "fashion-mnist, "
         "cifar10, cifar100, svhn, idx, folder, imagenet, imagenet-square, synth-digits, "
         "synth-color"},
        {"name: a\nbase: {recipe: redbit-mnst}\n", LB_E_FORMAT,
         "lab.yaml:2: base.recipe: unknown recipe 'redbit-mnst'; did you mean 'redbit-mnist'?"},
        {"name: a\nbase: [lr]\n", LB_E_FORMAT,
         "lab.yaml:2: base: got a list, wanted a mapping of keys to values"},
    };
    CHECK_REFUSALS(cases);
}

static void axes_and_points(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"name: a\naxes: []\n", LB_E_FORMAT,
         "lab.yaml:2: axes: nothing in it; wanted settings and values"},
        {"name: a\naxes: {}\n", LB_E_FORMAT,
         "lab.yaml:2: axes: nothing in it; wanted settings and values"},
        {"name: a\naxes:\n", LB_E_FORMAT,
         "lab.yaml:2: axes: got nothing, wanted a mapping of keys to values"},
        {"name: a\naxes:\n  - method: []\n", LB_E_FORMAT,
         "lab.yaml:3: axes.method: an axis without values"},
        {"name: a\naxes:\n  - []\n", LB_E_FORMAT, "lab.yaml:3: axes: an axis without values"},
        {"name: a\naxes: [[{}]]\n", LB_E_FORMAT, "lab.yaml:2: axes: an axis without settings"},
        {"name: a\naxes: [method]\n", LB_E_FORMAT,
         "lab.yaml:2: axes: got a single value, wanted a mapping of keys to values"},
        {"name: a\naxes:\n  - {wbits: [1], abits: [1]}\n", LB_E_FORMAT,
         "lab.yaml:3: axes: an axis of 2 settings; wanted one, or for settings that go together a "
         "list of mappings"},
        {"name: a\naxes:\n  - wbits: [1, 2]\n  - [{abits: 1, wbits: 2}]\n", LB_E_FORMAT,
         "lab.yaml:4: axes.wbits: is on another axis already, in line 3"},
        {"name: a\naxes: [&x [{wbits: 1}, {wbits: 2}], *x]\n", LB_E_FORMAT,
         "lab.yaml:2: axes.wbits: is on another axis already, in line 2"},
        {"name: a\naxes:\n  wbits:\n    - 2\n    - 02\n", LB_E_FORMAT,
         "lab.yaml:5: axes.wbits: '02': the same value twice"},
        {"name: a\naxes:\n  - - {lr: 1, wbits: 2}\n    - {wbits: 2, lr: 1.0}\n", LB_E_FORMAT,
         "lab.yaml:4: axes: the same value twice"},
        {"name: a\naxes:\n  wbits: [1, x]\n", LB_E_FORMAT,
         "lab.yaml:3: axes.wbits: wbits 'x': wanted a whole number from 1 to 32"},
        {"name: a\naxes:\n  wbit: [1]\n", LB_E_FORMAT,
         "lab.yaml:3: axes.wbit: unknown setting 'wbit'; did you mean 'wbits'?"},
        {"name: a\npoints: {method: qnn}\n", LB_E_FORMAT,
         "lab.yaml:2: points: got a mapping of keys to values, wanted a list"},
        {"name: a\npoints: []\n", LB_E_FORMAT, "lab.yaml:2: points: an empty list"},
        {"name: a\naxes: {method: [qnn]}\npoints:\n  - {method: bnn}\n  - {method: qnn}\n",
         LB_E_ARG,
         "lab.yaml:5: points: point 3 (method=qnn) has the settings of point 1, from line 2"},
        {"name: a\nbase: {batch: 64}\naxes: {batch: [~, 64]}\n", LB_E_ARG,
         "lab.yaml:3: axes: point 2 (batch=64) has the settings of point 1, from line 3"},
        {"name: a\npoints:\n  - {method: bnn}\n  - {method: bnn, lr: 0.001}\n",
         LB_E_ARG, /* the default */
         "lab.yaml:4: points: point 2 (method=bnn lr=0.001) has the settings of point 1, from line "
         "3"},
    };
    CHECK_REFUSALS(cases);
}

static void constraints(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"name: a\naxes: {wbits: [1, 2]}\nonly: {wbits: 1}\n", LB_E_FORMAT,
         "lab.yaml:3: only: got a mapping of keys to values, wanted a list"},
        {"name: a\naxes: {wbits: [1, 2]}\nonly: []\n", LB_E_FORMAT,
         "lab.yaml:3: only: 0 constraints; wanted 1 to 100"},
        {"name: a\naxes: {wbits: [1, 2]}\nexcept: [{}]\n", LB_E_FORMAT,
         "lab.yaml:3: except: an empty constraint matches everything"},
        {"name: a\naxes: {wbits: [1, 2]}\nexcept: [{wbits: []}]\n", LB_E_FORMAT,
         "lab.yaml:3: except.wbits: an empty list matches nothing"},
        {"name: a\naxes: {wbits: [1, 2]}\nexcept:\n  - {abits: 1}\n", LB_E_FORMAT,
         "lab.yaml:4: except.abits: no axis has the setting 'abits'; did you mean 'wbits'?"},
        {"name: a\naxes: {wbits: [1, 2]}\nexcept:\n  - {wbits: [1, 3]}\n", LB_E_FORMAT,
         "lab.yaml:4: except.wbits: no axis has the value '3'; there are: 1, 2"},
        {"name: a\naxes: {wbits: [1, 2]}\nexcept: [{wbits: x}]\n", LB_E_FORMAT,
         "lab.yaml:3: except.wbits: wbits 'x': wanted a whole number from 1 to 32"},
        {"name: a\naxes: {wbits: [1, 2]}\nexcept: [{wbits: [1, 2]}]\n", LB_E_ARG,
         "lab.yaml:2: axes: the constraints leave no point of 2"},
        {"name: a\npoints: [{}]\nonly: [{wbits: 1}]\n", LB_E_FORMAT,
         "lab.yaml:3: only: there are no axes that it could constrain"},
    };
    CHECK_REFUSALS(cases);
}

static void seeds(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"name: a\npoints: [{}]\nseeds: 3\n", LB_E_FORMAT,
         "lab.yaml:3: seeds: got '3', wanted a range (1..5) or a list ([1, 7])"},
        {"name: a\npoints: [{}]\nseeds: []\n", LB_E_FORMAT, "lab.yaml:3: seeds: an empty list"},
        {"name: a\npoints: [{}]\nseeds:\n  - 1\n  - -2\n", LB_E_FORMAT,
         "lab.yaml:5: seeds: got '-2', wanted a whole number from 0 to 9007199254740991"},
        {"name: a\npoints: [{}]\nseeds: 5..3\n", LB_E_FORMAT,
         "lab.yaml:3: seeds: got '3', wanted a whole number from 5 to 9007199254740991"},
        {"name: a\npoints: [{}]\nseeds: [1, 9007199254740992]\n", LB_E_FORMAT,
         "lab.yaml:3: seeds: got '9007199254740992', wanted a whole number from 0 to "
         "9007199254740991"},
        {"name: a\npoints: [{}]\nseeds: [1..3, 2]\n", LB_E_FORMAT,
         "lab.yaml:3: seeds: the seed 2 twice"},
        {"name: a\npoints: [{}]\nseeds: 0..9007199254740991\n", LB_E_ARG,
         "lab.yaml:3: seeds: more than 1000000 seeds"},
        {"name: a\npoints: [{}]\nseeds: {a: 1}\n", LB_E_FORMAT,
         "lab.yaml:3: seeds: got a mapping of keys to values, wanted a single value"},
    };
    CHECK_REFUSALS(cases);
}

/* What takes several settings to be wrong names the point, what takes one names its line. */
static void points_that_cannot_be(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"name: a\naxes:\n  - wbits: [1, 2]\n  - method:\n      - dorefa\n      - dorefaa\n",
         LB_E_ARG, "lab.yaml:6: axes.method: unknown method 'dorefaa'; did you mean 'dorefa'?"},
        {"name: a\nbase:\n  epochs: 2\n  model: lenet6\naxes: {wbits: [32, 1], method: [qnn]}\n",
         LB_E_ARG, "lab.yaml:4: base.model: unknown model 'lenet6'; did you mean 'lenet5'?"},
        {"name: a\naxes:\n  method: [dorefa, ttq]\n  wbits: [2, 3]\n", LB_E_ARG,
         "lab.yaml:2: axes: method=ttq wbits=3: method 'ttq' is ternary: its weights take 2 bits, "
         "not 3"},
        {"name: a\npoints:\n  - {method: twn}\n  - {method: ttq, wbits: [2, 3]}\n", LB_E_ARG,
         "lab.yaml:4: points: method=ttq wbits=3: method 'ttq' is ternary: its weights take 2 "
         "bits, not 3"},
        {"name: a\nbase: {method: ttq}\naxes:\n  abits: [32, 8]\n  wbits: [2,\n    3]\n", LB_E_ARG,
         "lab.yaml:6: axes.wbits: method 'ttq' is ternary: its weights take 2 bits, not 3"},
        {"name: a\nbase: {method: bnn, warmup: 9, epochs: 5}\npoints: [{wbits: 1}]\n", LB_E_ARG,
         "lab.yaml:2: base: warmup of 9 epochs, but the run has 5; it must be shorter"},
        {"name: a\nbase: {method: dorefa}\naxes: {wbits: [1], weights: [foo]}\n", LB_E_ARG,
         "lab.yaml:3: axes.weights: unknown weight quantizer 'foo'; `lowbit methods` lists them"},
        {"name: a\nbase: {warmup: 4}\npoints: [{batch: 64}]\nsearch: {epochs: 3, axes: {lr: [1, "
         "2]}}\n",
         LB_E_ARG,
         "lab.yaml:3: points: batch=64 with lr=1 in a short run: warmup of 4 epochs, but the run "
         "has 3; it must be "
         "shorter"},
    };
    CHECK_REFUSALS(cases);
}

static void searches(void **state)
{
    (void)state;
#define WITH(search) "name: a\npoints: [{wbits: 32}]\nsearch: " search "\n"
    static const refusal cases[] = {
        {WITH("3"), LB_E_FORMAT,
         "lab.yaml:3: search: got a single value, wanted a mapping of keys to values"},
        {WITH("{epochs: 3}"), LB_E_FORMAT, "lab.yaml:3: search: wanted a key 'axes'"},
        {WITH("{axes: {lr: [1, 2]}}"), LB_E_FORMAT, "lab.yaml:3: search: wanted a key 'epochs'"},
        {WITH("{epoch: 3}"), LB_E_FORMAT,
         "lab.yaml:3: search.epoch: unknown key 'epoch'; did you mean 'epochs'?"},
        {WITH("{epochs: 0, axes: {lr: [1, 2]}}"), LB_E_FORMAT,
         "lab.yaml:3: search.epochs: got '0', wanted a whole number from 1 to 1000000"},
        {WITH("{epochs: 1, halving: 1, axes: {lr: [1, 2]}}"), LB_E_FORMAT,
         "lab.yaml:3: search.halving: got '1', wanted a whole number from 2 to 16"},
        {WITH("{epochs: 1000000, halving: 2, axes: {lr: [1, 2, 3, 4]}}"), LB_E_ARG,
         "lab.yaml:3: search.halving: the last of 2 rungs would have 2000000 epochs, more than "
         "1000000"},
        {WITH("{epochs: 1, axes: {lr: [1]}}"), LB_E_ARG,
         "lab.yaml:3: search.axes: 1 trials; wanted 2 to 10000"},
        {WITH("{epochs: 1, axes: {epochs: [1, 2]}}"), LB_E_FORMAT,
         "lab.yaml:3: search.axes.epochs: the epochs of a short run stand under 'search.epochs'"},
        {WITH("{epochs: 1, axes: {wbits: [1, 2]}}"), LB_E_FORMAT,
         "lab.yaml:3: search.axes.wbits: the points differ in 'wbits', the search must not set it"},
        {WITH("{epochs: 1, base: {lr: 1}, axes: {lr: [1, 2]}}"), LB_E_FORMAT,
         "lab.yaml:3: search.base.lr: 'lr' is an axis of the search"},
        {WITH("{epochs: 1, axes: {lr: [1, 0.001, ~]}}"), LB_E_ARG, /* the default */
         "lab.yaml:3: search.axes: point 3 (the base) has the settings of point 2, from line 3"},
        {WITH("{epochs: 1, axes: {optimizer: [adam, sdg]}}"), LB_E_FORMAT,
         "lab.yaml:3: search.axes.optimizer: optimizer 'sdg': wanted one of adam|sgd"},
    };
#undef WITH
    CHECK_REFUSALS(cases);
}

static void reports(void **state)
{
    (void)state;
#define WITH(report) "name: a\npoints: [{}]\nreport:\n  - " report "\n"
    static const refusal cases[] = {
        {WITH("curve"), LB_E_FORMAT,
         "lab.yaml:4: report: unknown kind 'curve'; there are: table, bits, bars, convergence, "
         "costs, weights, freezing"},
        {WITH("tabel: {}"), LB_E_FORMAT,
         "lab.yaml:4: report.tabel: unknown kind 'tabel'; did you mean 'table'?"},
        {WITH("{bits: ~, costs: ~}"), LB_E_FORMAT,
         "lab.yaml:4: report: 2 keys; wanted one, the kind, with its options below it"},
        {WITH("bits: {rows: method}"), LB_E_FORMAT,
         "lab.yaml:4: report.bits.rows: unknown key 'rows'"},
        {WITH("table: {rows: methods}"), LB_E_FORMAT,
         "lab.yaml:4: report.table.rows: unknown setting 'methods'; did you mean 'method'?"},
        {WITH("table: {columns: \"wbits,\"}"), LB_E_FORMAT,
         "lab.yaml:4: report.table.columns: unknown setting ''; `lowbit train --help` lists them"},
        {WITH("bars: {only: {wbits: x}}"), LB_E_FORMAT,
         "lab.yaml:4: report.bars.only.wbits: wbits 'x': wanted a whole number from 1 to 32"},
        {WITH("bars: {only: {wbits: ~}}"), LB_E_FORMAT,
         "lab.yaml:4: report.bars.only.wbits: got nothing, wanted a single value"},
        {WITH("bars: {only: {milestones: \"1,2\"}}"), LB_E_FORMAT,
         "lab.yaml:4: report.bars.only.milestones: '1,2': values with commas or blanks cannot be "
         "chosen"},
    };
#undef WITH
    CHECK_REFUSALS(cases);
}

/* Refused by arithmetic: the time limit of the test would not suffice to write them out. */
static void absurd_sizes(void **state)
{
    (void)state;
#define TEN "[1,2,3,4,5,6,7,8,9,10]"
    static const refusal cases[] = {
        {"name: a\naxes:\n  batch: &v " TEN
         "\n  epochs: *v\n  warmup: *v\n  milestones: *v\n  lr: *v\n"
         "  final-lr: *v\n  val-split: *v\n  weight-decay: *v\n  relu-slope: *v\n",
         LB_E_ARG, "lab.yaml:2: axes: 1000000000 combinations; at most 1000000 are taken"},
        /* 2^64 does not fit a size */
        {"name: a\naxes:\n  batch: &v "
         "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,"
         "29,30,31,32]\n  epochs: *v\n  warmup: *v\n  milestones: *v\n  lr: *v\n  final-lr: *v\n  "
         "val-split: *v\n"
         "  weight-decay: *v\n  relu-slope: *v\n  wbits: *v\n  abits: *v\n  widths: *v\n  option: "
         "[a=1, a=2]\n"
         "  momentum: [0, .1, .2, .3, .4, .5, .6, .7]\n",
         LB_E_ARG, "lab.yaml:2: axes: more than 10^19 combinations; at most 1000000 are taken"},
        {"name: a\naxes: {batch: &v " TEN
         ", epochs: *v}\npoints:\n  - {batch: *v, epochs: *v, milestones: *v, lr: *v,"
         " final-lr: *v, val-split: *v}\n",
         LB_E_ARG,
         "lab.yaml:4: points: 1000000 combinations beside the others; at most 1000000 are taken"},
        {"name: a\naxes: {batch: &v " TEN ", epochs: *v}\nseeds: 1..10001\n", LB_E_ARG,
         "lab.yaml:1: 100 points of 10001 runs each make 1000100 runs; at most 1000000 are taken"},
        {"name: a\naxes: {batch: &v " TEN ", epochs: *v}\nseeds: 1..9990\n"
         "search: {epochs: 1, halving: 2, axes: {lr: *v}}\n",
         LB_E_ARG,
         "lab.yaml:1: 100 points of 10007 runs each make 1000700 runs; at most 1000000 are taken"},
    };
    CHECK_REFUSALS(cases);
}

static void files_that_are_none(void **state)
{
    (void)state;
    lb_experiment *e = NULL;
    const char *folder = lb_test_folder(), *path = lb_test_path(folder, "zero.yaml");
    static const char with_zero[] = "name: a\0b";
    assert_status(lb_experiment_open(lb_test_path(folder, "none.yaml"), &e), LB_E_IO);
    assert_contains(lb_error(), "none.yaml: cannot open: No such file");
    assert_status(lb_experiment_open(folder, &e), LB_E_IO);
    assert_contains(lb_error(), "not a regular file");
    lb_test_write(path, with_zero, sizeof with_zero);
    assert_status(lb_experiment_open(path, &e), LB_E_FORMAT);
    assert_contains(lb_error(), "zero.yaml: not a text file: there is a zero byte in it");
    assert_null(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_yaml),
        cmocka_unit_test(aliases_that_explode),
        cmocka_unit_test(keys_and_texts),
        cmocka_unit_test(settings_and_their_values),
        cmocka_unit_test(axes_and_points),
        cmocka_unit_test(constraints),
        cmocka_unit_test(seeds),
        cmocka_unit_test(points_that_cannot_be),
        cmocka_unit_test(searches),
        cmocka_unit_test(reports),
        cmocka_unit_test(absurd_sizes),
        cmocka_unit_test(files_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
