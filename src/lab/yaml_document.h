/* A YAML file as a tree: scalars that are all text, lists, and mappings whose keys are text. Every node knows its
 * line and its place ("search.axes"), so that whoever reads the tree can complain exactly.
 *
 * Not taken: tags, several documents, keys that are no scalars, keys given twice. An alias is the node of its
 * anchor; one inside its own anchor, and aliases that would multiply to a huge tree, are refused. */
#ifndef LB_LAB_YAML_DOCUMENT_H
#define LB_LAB_YAML_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

enum {
    LB_YAML_MAX_DEPTH = 8,      /* lists and mappings in each other                  */
    LB_YAML_MAX_KEYS = 256,     /* of one mapping                                    */
    LB_YAML_MAX_KEY_BYTES = 64, /* of one key                                        */
    LB_YAML_MAX_ANCHORS = 100,
    LB_YAML_MAX_NODES = 100000 /* aliases count with all that stands in their anchor */
};

typedef enum lb_yaml_kind { LB_YAML_SCALAR, LB_YAML_LIST, LB_YAML_MAP } lb_yaml_kind;

typedef struct lb_yaml_node {
    lb_yaml_kind kind;
    const char *text;                 /* SCALAR                                            */
    bool is_null;                     /* SCALAR: unquoted and empty, ~ or null             */
    const struct lb_yaml_item *items; /* LIST, MAP: the first one, NULL: empty             */
    size_t n_items;
    const char *place; /* keys from the root, with dots; "" for the root            */
    size_t line;       /* from 1; in a mapping that of its key                       */
    size_t n_nodes;    /* itself and all below it; 0 while it is being read          */
} lb_yaml_node;

/* An entry of a list or mapping. */
typedef struct lb_yaml_item {
    const char *key; /* MAP; NULL in lists */
    const lb_yaml_node *value;
    const struct lb_yaml_item *next;
} lb_yaml_item;

typedef struct lb_yaml_document {
    const char *path; /* for messages */
    const lb_yaml_node *root;
} lb_yaml_document;

/**
 * Read a text that came from `path`.
 *
 * Ownership: everything lies in the arena; `path` is copied, the text no longer needed.
 * Errors:    LB_E_FORMAT with file and line; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_yaml_read(const char *path, const char *text, size_t bytes,
                                     lb_arena *arena, lb_yaml_document *out);

/** Put "FILE:LINE: PLACE: " before the message of the last failure and return `status`. A want of memory
 *  has no place and stays as it is. */
LB_MUST_CHECK lb_status lb_yaml_at(const lb_yaml_document *document, const lb_yaml_node *node,
                                   lb_status status);

/** A mapping's value of that key; NULL: none. */
const lb_yaml_node *lb_yaml_find(const lb_yaml_node *map, const char *key);

/** Refuse a node of another kind: "got a list, wanted a mapping". Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_yaml_want(const lb_yaml_document *document, const lb_yaml_node *node,
                                     lb_yaml_kind kind);

/** Refuse keys of a mapping that are not among `keys`, suggesting one. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_yaml_check_keys(const lb_yaml_document *document,
                                           const lb_yaml_node *map, const char *const *keys,
                                           size_t n_keys);

/** Take a node for a whole number from low to high. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_yaml_whole(const lb_yaml_document *document, const lb_yaml_node *node,
                                      unsigned long long low, unsigned long long high,
                                      unsigned long long *out);

/** Take a node for a text of one line and at most that many bytes. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_yaml_line(const lb_yaml_document *document, const lb_yaml_node *node,
                                     size_t most, const char **out);

/** "a,b" of [a, b], in the arena. Errors: LB_E_FORMAT an entry that is no scalar; LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_yaml_join(const lb_yaml_document *document, lb_arena *arena,
                                     const lb_yaml_node *list, const char **out);

#endif
