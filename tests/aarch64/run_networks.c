/* Replays an archive of networks (tests/support/network_archive.h) on this machine, without cmocka.
 * usage: run_networks ARCHIVE SCRATCH ISA...; exit status 1 where a map differs. */
#include <stdio.h>

#include "support/network_archive.h"

int main(int argc, char **argv)
{
    int failed = argc < 4;
    for (int i = 3; i < argc; i++) {
        lb_replay replay;
        const bool whole = lb_archive_replay(argv[1], argv[2], argv[i], &replay);
        printf("%s: %zu networks, %zu maps equal, %zu differ%s%s\n", argv[i], replay.networks,
               replay.maps, replay.differences, replay.first[0] ? "; " : "", replay.first);
        failed |= !whole || replay.differences > 0 || replay.networks == 0;
    }
    return failed;
}
