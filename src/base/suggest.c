/* "did you mean": edit distance with transpositions (optimal string alignment), and prefixes. */
#include "base/suggest.h"

#include <string.h>

enum { WORD_MAX = 63 }; /* names of ours are shorter; longer words get no suggestion */

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours that make b of a. */
static size_t edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t rows[3][WORD_MAX + 1] = {{0}}; /* the last three rows of the usual table */
    for (size_t j = 0; j <= n_b; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            const size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = min_size(change, min_size(above[j], row[j - 1]) + 1);
            const int swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = min_size(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}

const char *lb_suggest(const char *word, const char *const *words, size_t n_words)
{
    const size_t length = strlen(word);
    if (length == 0 || length > WORD_MAX) return NULL;
    const size_t limit = length / 3 > 2 ? length / 3 : 2;
    const char *best = NULL;
    size_t best_distance = limit + 1;
    for (size_t i = 0; i < n_words; i++) {
        const size_t candidate = strlen(words[i]);
        if (candidate > WORD_MAX) continue;
        const size_t distance = edit_distance(word, length, words[i], candidate);
        /* a distance of the whole length shares no letter: not what was meant */
        if (distance < best_distance && distance < length) {
            best = words[i];
            best_distance = distance;
        }
    }
    /* a word broken off: "cifar" for "cifar10" is found above, "bc-stoch" for "bc-stochastic"
     * here */
    for (size_t i = 0; best == NULL && length >= 3 && i < n_words; i++) {
        if (strncmp(word, words[i], length) == 0) best = words[i];
    }
    return best;
}
