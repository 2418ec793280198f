/* The version of lowbit: the one place where it is written; the build reads it from here. */
#ifndef LOWBIT_VERSION_H
#define LOWBIT_VERSION_H

#define LOWBIT_VERSION "0.1.0"

#endif
