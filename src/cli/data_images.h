/* lowbit data check and cache: of data sets whose images are decoded when they are asked for. */
#ifndef LB_CLI_DATA_IMAGES_H
#define LB_CLI_DATA_IMAGES_H

typedef struct lb_cli_images_options {
    const char *out;
    int edge, quality, jobs, json;
} lb_cli_images_options;

/** Read every image of SPEC; returns the exit status, not 0 where some cannot be read. */
int lb_cli_data_check(const char *spec, const lb_cli_images_options *options);
/** Write a cache of resized images; returns the exit status. */
int lb_cli_data_cache(const char *spec, const lb_cli_images_options *options);

#endif
