#include "runtime/map_rows.h"

size_t lb_map_bytes_of_pixel(const lb_int_map *map)
{
    return map->coded ? lb_map_pixel_bytes(map->grid.bits, map->shape.c)
                      : map->shape.c * sizeof(float);
}

size_t lb_map_bytes_of_row(const lb_int_map *map)
{
    return map->shape.w * lb_map_bytes_of_pixel(map);
}

size_t lb_map_bytes_of(const lb_int_map *map)
{
    return map->shape.h * lb_map_bytes_of_row(map);
}

const float *lb_map_row_values(const lb_int_map *map, const void *at, size_t row, size_t pixels,
                               uint8_t *fields, float *values)
{
    const char *from = (const char *)at + row * lb_map_bytes_of_row(map);
    if (!map->coded) return (const float *)(const void *)from;
    const size_t channels = map->shape.c;
    lb_map_row_unpack(map->grid.bits, channels, pixels, from, fields);
    lb_fields_to_values(map->grid, map->scale, pixels * channels, fields, values);
    return values;
}

size_t lb_align_bytes(size_t bytes)
{
    return (bytes + LB_ALIGN - 1) / LB_ALIGN * LB_ALIGN;
}
