/* The table of data sets. SHA-256 and sizes are those of the published files, as recorded by
 * TensorFlow Datasets (url_checksums). Means and standard deviations are the ones in common use for
 * the training split, with pixels in [0, 1]. */
#include "data/dataset.h"

#define MNIST_URL "https://ossci-datasets.s3.amazonaws.com/mnist/"
#define FASHION_URL "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
#define CIFAR_URL "https://www.cs.toronto.edu/~kriz/"
#define SVHN_URL "http://ufldl.stanford.edu/housenumbers/"

static const lb_data_file mnist_files[] = {
    {.folder_url = MNIST_URL,
     .name = "train-images-idx3-ubyte.gz",
     .bytes = 9912422,
     .sha256 = "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
    {.folder_url = MNIST_URL,
     .name = "train-labels-idx1-ubyte.gz",
     .bytes = 28881,
     .sha256 = "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
    {.folder_url = MNIST_URL,
     .name = "t10k-images-idx3-ubyte.gz",
     .bytes = 1648877,
     .sha256 = "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
    {.folder_url = MNIST_URL,
     .name = "t10k-labels-idx1-ubyte.gz",
     .bytes = 4542,
     .sha256 = "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
    {.name = NULL},
};

static const lb_data_file fashion_files[] = {
    {.folder_url = FASHION_URL,
     .name = "train-images-idx3-ubyte.gz",
     .bytes = 26421880,
     .sha256 = "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
    {.folder_url = FASHION_URL,
     .name = "train-labels-idx1-ubyte.gz",
     .bytes = 29515,
     .sha256 = "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
    {.folder_url = FASHION_URL,
     .name = "t10k-images-idx3-ubyte.gz",
     .bytes = 4422102,
     .sha256 = "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
    {.folder_url = FASHION_URL,
     .name = "t10k-labels-idx1-ubyte.gz",
     .bytes = 5148,
     .sha256 = "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
    {.name = NULL},
};

static const char *const cifar10_members[] = {"data_batch_1.bin",
                                              "data_batch_2.bin",
                                              "data_batch_3.bin",
                                              "data_batch_4.bin",
                                              "data_batch_5.bin",
                                              "test_batch.bin",
                                              NULL};
static const lb_data_file cifar10_files[] = {
    {.folder_url = CIFAR_URL,
     .name = "cifar-10-binary.tar.gz",
     .bytes = 170052171,
     .sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
     .members = cifar10_members,
     .min_member_bytes = 30730000,
     .max_member_bytes = 30730000},
    {.name = NULL},
};

static const char *const cifar100_members[] = {"train.bin", "test.bin", NULL};
static const lb_data_file cifar100_files[] = {
    {.folder_url = CIFAR_URL,
     .name = "cifar-100-binary.tar.gz",
     .bytes = 168513733,
     .sha256 = "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
     .members = cifar100_members,
     .min_member_bytes = 30740000,
     .max_member_bytes = 153700000},
    {.name = NULL},
};

static const lb_data_file svhn_files[] = {
    {.folder_url = SVHN_URL,
     .name = "train_32x32.mat",
     .bytes = 182040794,
     .sha256 = "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"},
    {.folder_url = SVHN_URL,
     .name = "test_32x32.mat",
     .bytes = 64275384,
     .sha256 = "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"},
    {.name = NULL},
};

static const lb_normalization mnist_figures = {.mean = {0.1307f}, .std = {0.3081f}};
static const lb_normalization fashion_figures = {.mean = {0.2860f}, .std = {0.3530f}};
static const lb_normalization cifar10_figures = {.mean = {0.4914f, 0.4822f, 0.4465f},
                                                 .std = {0.2470f, 0.2435f, 0.2616f}};
static const lb_normalization cifar100_figures = {.mean = {0.5071f, 0.4865f, 0.4409f},
                                                  .std = {0.2673f, 0.2564f, 0.2762f}};
static const lb_normalization svhn_figures = {.mean = {0.4377f, 0.4438f, 0.4728f},
                                              .std = {0.1980f, 0.2010f, 0.1970f}};

static const lb_normalization imagenet_figures = {.mean = {0.485f, 0.456f, 0.406f},
                                                  .std = {0.229f, 0.224f, 0.225f}};

const lb_data_kind lb_data_kinds[] = {
    {.entry = {"mnist", "handwritten digits, 28x28x1, 10 classes", false, 11594722},
     .format = &lb_format_idx,
     .classes = 10,
     .shape = {1, 28, 28},
     .published = &mnist_figures,
     .augment = {.rotation_degrees = 10.0f, .crop_padding = 4},
     .files = mnist_files},
    {.entry = {"fashion-mnist", "clothes, 28x28x1, 10 classes", false, 30878645},
     .format = &lb_format_idx,
     .classes = 10,
     .class_names = lb_class_names_fashion,
     .shape = {1, 28, 28},
     .published = &fashion_figures,
     .augment = {.crop_padding = 2, .flip = true},
     .files = fashion_files},
    {.entry = {"cifar10", "natural images, 32x32x3, 10 classes", false, 170052171},
     .format = &lb_format_cifar10,
     .classes = 10,
     .class_names = lb_class_names_cifar10,
     .shape = {3, 32, 32},
     .published = &cifar10_figures,
     .augment = {.crop_padding = 4, .pad_mode = LB_PAD_REFLECT, .flip = true},
     .files = cifar10_files},
    {.entry = {"cifar100", "natural images, 32x32x3, 100 classes (fine labels)", false, 168513733},
     .format = &lb_format_cifar100,
     .classes = 100,
     .class_names = lb_class_names_cifar100,
     .shape = {3, 32, 32},
     .published = &cifar100_figures,
     .augment = {.crop_padding = 4, .pad_mode = LB_PAD_REFLECT, .flip = true},
     .files = cifar100_files},
    {.entry = {"svhn", "house numbers, cropped, 32x32x3, 10 classes", false, 246316178},
     .format = &lb_format_svhn,
     .classes = 10,
     .shape = {3, 32, 32},
     .published = &svhn_figures,
     .augment = {.crop_padding = 4, .pad_mode = LB_PAD_REFLECT}, /* no flip: digits have a side */
     .files = svhn_files},
    {.entry = {"idx", "any images in IDX files with MNIST's file names", false, 0},
     .format = &lb_format_idx},
    {.entry = {"folder", "DIR/train/CLASS/*.png|jpg and DIR/test (or val) alike", false, 0},
     .format = &lb_format_folder},
    {.entry = {"imagenet",
               "DIR/train/CLASS/*.JPEG and DIR/val alike, any sizes, read as they are used", false,
               0},
     .format = &lb_format_imagenet,
     .published = &imagenet_figures,
     .augment = {.crop = LB_CROP_RANDOM, .flip = true}},
    {.entry = {"imagenet-square", "the same, resized to a square, not in proportion", false, 0},
     .format = &lb_format_imagenet,
     .published = &imagenet_figures,
     .augment = {.crop = LB_CROP_RANDOM, .flip = true},
     .square = true},
    {.entry = {"synth-digits", "drawn digits, 28x28x1, 10 classes, generated", true, 0},
     .format = &lb_format_synth_digits,
     .classes = 10,
     .shape = {1, 28, 28}},
    {.entry = {"synth-color", "drawn digits in colour, 32x32x3, 10 classes, generated", true, 0},
     .format = &lb_format_synth_color,
     .classes = 10,
     .shape = {3, 32, 32}},
    {.entry = {NULL, NULL, false, 0}},
};
