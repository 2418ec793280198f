/* The smallest program that uses lowbit. */
#include <lowbit/status.h>
#include <stdio.h>

int main(void)
{
    printf("built with lowbit %s\n", lb_version());
    return 0;
}
