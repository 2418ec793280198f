/* C functions that nobody calls here, with what takes their place. tools/check_style.py reads
 * this list and holds it for every source file; a file that includes this header last is also
 * held to it by the compiler.
 *
 * strcpy, strcat, sprintf, vsprintf, gets  write past the end   -> snprintf, memcpy
 * atoi, atol, atof                         cannot report errors -> strtol, strtod and their end
 * rand, srand                              hidden global state  -> base/random.h
 * strtok                                   hidden global state  -> strcspn, strspn
 */
#ifndef LB_BASE_BANNED_H
#define LB_BASE_BANNED_H

#if defined(__GNUC__)
#pragma GCC poison strcpy strcat sprintf vsprintf gets
#pragma GCC poison atoi atol atof
#pragma GCC poison rand srand
#pragma GCC poison strtok
#endif

#endif
