/* "did you mean": the nearest of a list of words. */
#ifndef LB_BASE_SUGGEST_H
#define LB_BASE_SUGGEST_H

#include <stddef.h>

/** The word nearest to `word` by edit distance (at most 2 or a third of its length, whichever is
 *  more), else the first that begins with it (3 letters or more), else NULL. Borrowed. */
const char *lb_suggest(const char *word, const char *const *words, size_t n_words);

#endif
