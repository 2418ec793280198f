/* Shapes of maps and sliding windows, of training graphs and integer networks alike. */
#ifndef LB_INTNET_SHAPE_H
#define LB_INTNET_SHAPE_H

#include <stddef.h>

/* Channels, height and width of one image's map. */
typedef struct lb_shape {
    size_t c, h, w;
} lb_shape;

/* A sliding window: kernel, stride and the padding on each side (ceil mode = more padding below and
 * right). */
typedef struct lb_window {
    size_t kh, kw, stride, pad_top, pad_left, pad_bottom, pad_right;
} lb_window;

#endif
