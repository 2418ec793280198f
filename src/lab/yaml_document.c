/* From libyaml's events to a tree. */
#include "lab/yaml_document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/suggest.h"

/* A list or mapping that is being read. */
typedef struct frame {
    lb_yaml_node *node;
    lb_yaml_item *last;
    const char *key; /* MAP: read, and its value is still to come */
    size_t key_line;
} frame;

typedef struct anchor {
    const char *name;
    const lb_yaml_node *node;
    struct anchor *next;
} anchor;

typedef struct reader {
    lb_yaml_document *document;
    lb_arena *arena;
    frame frames[LB_YAML_MAX_DEPTH];
    size_t depth;
    anchor *anchors;
    size_t n_anchors, n_read; /* anchors and nodes so far */
} reader;

/* ---- messages -------------------------------------------------------------------------------- */

lb_status lb_yaml_at(const lb_yaml_document *document, const lb_yaml_node *node, lb_status status)
{
    if (status == LB_OK || status == LB_E_NOMEM) return status;
    if (node->place[0] == '\0') return lb_fail_in(status, "%s:%zu", document->path, node->line);
    return lb_fail_in(status, "%s:%zu: %s", document->path, node->line, node->place);
}

/* At a line, inside the innermost list or mapping that is open. */
static lb_status fail_at(const reader *r, size_t line, lb_status status)
{
    const frame *open = r->depth > 0 ? &r->frames[r->depth - 1] : NULL;
    const char *place = open != NULL ? open->node->place : "";
    const lb_yaml_node node = {.line = line, .place = place};
    return lb_yaml_at(r->document, &node, status);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static bool is_null_word(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0) return true;
    return false;
}

/* Where a new node stands: a list's entries stand where the list does. */
static lb_status make_place(reader *r, const char **out)
{
    const frame *open = r->depth > 0 ? &r->frames[r->depth - 1] : NULL;
    const char *parent = open != NULL ? open->node->place : "";
    *out = parent;
    if (open == NULL || open->key == NULL) return LB_OK;
    char text[LB_YAML_MAX_DEPTH * (LB_YAML_MAX_KEY_BYTES + 1)];
    (void)snprintf(text, sizeof text, "%s%s%s", parent, parent[0] != '\0' ? "." : "", open->key);
    char *place = NULL;
    LB_TRY(lb_arena_strdup(r->arena, text, &place));
    *out = place;
    return LB_OK;
}

static lb_status make_node(reader *r, lb_yaml_kind kind, size_t line, lb_yaml_node **out)
{
    void *block = NULL;
    if (++r->n_read > LB_YAML_MAX_NODES)
        return fail_at(r, line, lb_fail(LB_E_FORMAT, "more than %d values", LB_YAML_MAX_NODES));
    LB_TRY(lb_arena_alloc(r->arena, 1, sizeof **out, "YAML node", &block));
    lb_yaml_node *node = block;
    const frame *open = r->depth > 0 ? &r->frames[r->depth - 1] : NULL;
    node->kind = kind;
    node->line = open != NULL && open->key != NULL ? open->key_line : line;
    node->n_nodes = kind == LB_YAML_SCALAR ? 1 : 0;
    LB_TRY(make_place(r, &node->place));
    *out = node;
    return LB_OK;
}

/* Make a finished or just begun node part of what is open. */
static lb_status attach(reader *r, const lb_yaml_node *node)
{
    if (r->depth == 0) {
        r->document->root = node;
        return LB_OK;
    }
    frame *open = &r->frames[r->depth - 1];
    void *block = NULL;
    LB_TRY(lb_arena_alloc(r->arena, 1, sizeof(lb_yaml_item), "YAML item", &block));
    lb_yaml_item *item = block;
    item->key = open->key;
    item->value = node;
    if (open->last != NULL) {
        open->last->next = item;
    } else {
        open->node->items = item;
    }
    open->last = item;
    open->node->n_items++;
    open->key = NULL;
    return LB_OK;
}

static lb_status remember_anchor(reader *r, const yaml_char_t *name, const lb_yaml_node *node)
{
    if (name == NULL) return LB_OK;
    if (++r->n_anchors > LB_YAML_MAX_ANCHORS) {
        return lb_yaml_at(r->document, node,
                          lb_fail(LB_E_FORMAT, "more than %d anchors", LB_YAML_MAX_ANCHORS));
    }
    void *block = NULL;
    char *copy = NULL;
    LB_TRY(lb_arena_alloc(r->arena, 1, sizeof(anchor), "YAML anchor", &block));
    LB_TRY(lb_arena_strdup(r->arena, (const char *)name, &copy));
    anchor *a = block;
    *a = (anchor){.name = copy, .node = node, .next = r->anchors};
    r->anchors = a;
    return LB_OK;
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool wants_key(const reader *r)
{
    if (r->depth == 0) return false;
    const frame *open = &r->frames[r->depth - 1];
    return open->node->kind == LB_YAML_MAP && open->key == NULL;
}

static lb_status read_key(reader *r, const char *text, size_t line)
{
    frame *open = &r->frames[r->depth - 1];
    const size_t length = strlen(text);
    if (length == 0 || length > LB_YAML_MAX_KEY_BYTES) {
        return fail_at(r, line,
                       lb_fail(LB_E_FORMAT, "a key of %zu letters; wanted 1 to %d", length,
                               LB_YAML_MAX_KEY_BYTES));
    }
    if (open->node->n_items == LB_YAML_MAX_KEYS)
        return fail_at(r, line, lb_fail(LB_E_FORMAT, "more than %d keys", LB_YAML_MAX_KEYS));
    const lb_yaml_node *same = lb_yaml_find(open->node, text);
    if (same != NULL) {
        return fail_at(
            r, line,
            lb_fail(LB_E_FORMAT, "'%s' is given twice, first in line %zu", text, same->line));
    }
    char *key = NULL;
    LB_TRY(lb_arena_strdup(r->arena, text, &key));
    open->key = key;
    open->key_line = line;
    return LB_OK;
}

static lb_status read_scalar(reader *r, const yaml_event_t *event, size_t line)
{
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length)
        return fail_at(r, line, lb_fail(LB_E_FORMAT, "a text with a zero byte in it"));
    if (wants_key(r)) return read_key(r, text, line);
    lb_yaml_node *node = NULL;
    LB_TRY(make_node(r, LB_YAML_SCALAR, line, &node));
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(r->arena, text, &copy));
    node->text = copy;
    node->is_null = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_null_word(text);
    LB_TRY(remember_anchor(r, event->data.scalar.anchor, node));
    return attach(r, node);
}

static lb_status no_key(const reader *r, size_t line)
{
    return fail_at(r, line, lb_fail(LB_E_FORMAT, "a key must be a word, and no list or mapping"));
}

static lb_status open_container(reader *r, lb_yaml_kind kind, const yaml_char_t *name, size_t line)
{
    if (wants_key(r)) return no_key(r, line);
    if (r->depth == LB_YAML_MAX_DEPTH) {
        return fail_at(r, line,
                       lb_fail(LB_E_FORMAT, "lists and mappings are nested deeper than %d levels",
                               LB_YAML_MAX_DEPTH));
    }
    lb_yaml_node *node = NULL;
    LB_TRY(make_node(r, kind, line, &node));
    LB_TRY(remember_anchor(r, name, node));
    LB_TRY(attach(r, node));
    r->frames[r->depth++] = (frame){.node = node};
    return LB_OK;
}

static lb_status close_container(reader *r)
{
    lb_yaml_node *node = r->frames[--r->depth].node;
    size_t n = 1;
    for (const lb_yaml_item *i = node->items; i != NULL && n <= LB_YAML_MAX_NODES; i = i->next)
        n += i->value->n_nodes;
    if (n > LB_YAML_MAX_NODES) {
        return lb_yaml_at(
            r->document, node,
            lb_fail(LB_E_FORMAT, "more than %d values, aliases written out", LB_YAML_MAX_NODES));
    }
    node->n_nodes = n;
    return LB_OK;
}

static lb_status read_alias(reader *r, const char *name, size_t line)
{
    if (wants_key(r)) return no_key(r, line);
    const anchor *a = r->anchors;
    while (a != NULL && strcmp(a->name, name) != 0) a = a->next;
    if (a == NULL)
        return fail_at(r, line,
                       lb_fail(LB_E_FORMAT, "no anchor '&%.64s' before '*%.64s'", name, name));
    if (a->node->n_nodes == 0) {
        return fail_at(
            r, line, lb_fail(LB_E_FORMAT, "'*%.64s' stands inside its own anchor: a cycle", name));
    }
    return attach(r, a->node);
}

/* The tag that an event carries, or NULL. */
static const yaml_char_t *tag_of(const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT) return event->data.scalar.tag;
    if (event->type == YAML_SEQUENCE_START_EVENT) return event->data.sequence_start.tag;
    if (event->type == YAML_MAPPING_START_EVENT) return event->data.mapping_start.tag;
    return NULL;
}

static lb_status read_event(reader *r, const yaml_event_t *event)
{
    const size_t line = event->start_mark.line + 1;
    const yaml_char_t *tag = tag_of(event);
    if (tag != NULL) {
        return fail_at(
            r, line,
            lb_fail(LB_E_FORMAT, "the tag '%.64s'; tags have no meaning here", (const char *)tag));
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (r->document->root == NULL) return LB_OK;
        return fail_at(r, line, lb_fail(LB_E_FORMAT, "a second document; wanted one"));
    case YAML_SCALAR_EVENT: return read_scalar(r, event, line);
    case YAML_ALIAS_EVENT: return read_alias(r, (const char *)event->data.alias.anchor, line);
    case YAML_SEQUENCE_START_EVENT:
        return open_container(r, LB_YAML_LIST, event->data.sequence_start.anchor, line);
    case YAML_MAPPING_START_EVENT:
        return open_container(r, LB_YAML_MAP, event->data.mapping_start.anchor, line);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return close_container(r);
    default: return LB_OK;
    }
}

/* What libyaml says; where the bytes are no UTF-8 it knows the byte only. */
static lb_status parser_failure(const reader *r, const yaml_parser_t *parser, const char *text,
                                size_t bytes)
{
    if (parser->error == YAML_MEMORY_ERROR) return lb_fail(LB_E_NOMEM, "YAML: no memory left");
    size_t line = parser->problem_mark.line + 1;
    if (parser->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < parser->problem_offset && i < bytes; i++) line += text[i] == '\n';
    }
    const lb_yaml_node node = {.line = line, .place = ""};
    return lb_yaml_at(r->document, &node,
                      lb_fail(LB_E_FORMAT, "not YAML: %s%s%s",
                              parser->problem != NULL ? parser->problem : "unreadable",
                              parser->context != NULL ? ", " : "",
                              parser->context != NULL ? parser->context : ""));
}

static lb_status read_stream(reader *r, yaml_parser_t *parser, const char *text, size_t bytes)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) return parser_failure(r, parser, text, bytes);
        const bool last = event.type == YAML_STREAM_END_EVENT;
        const lb_status status = read_event(r, &event);
        yaml_event_delete(&event);
        if (status != LB_OK || last) return status;
    }
}

lb_status lb_yaml_read(const char *path, const char *text, size_t bytes, lb_arena *arena,
                       lb_yaml_document *out)
{
    char *name = NULL;
    LB_TRY(lb_arena_strdup(arena, path, &name));
    *out = (lb_yaml_document){.path = name};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return lb_fail(LB_E_NOMEM, "YAML: no memory left");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    reader r = {.document = out, .arena = arena};
    lb_status status = read_stream(&r, &parser, text, bytes);
    yaml_parser_delete(&parser);
    if (status == LB_OK && out->root == NULL)
        status = lb_fail(LB_E_FORMAT, "%s: nothing in the file", path);
    return status;
}

/* ---- reading the tree ------------------------------------------------------------------------ */

const lb_yaml_node *lb_yaml_find(const lb_yaml_node *map, const char *key)
{
    for (const lb_yaml_item *i = map->items; i != NULL; i = i->next)
        if (strcmp(i->key, key) == 0) return i->value;
    return NULL;
}

lb_status lb_yaml_want(const lb_yaml_document *document, const lb_yaml_node *node,
                       lb_yaml_kind kind)
{
    static const char *const names[] = {"a single value", "a list", "a mapping of keys to values"};
    if (node->kind == kind && !node->is_null) return LB_OK;
    return lb_yaml_at(document, node,
                      lb_fail(LB_E_FORMAT, "got %s, wanted %s",
                              node->is_null ? "nothing" : names[node->kind], names[kind]));
}

lb_status lb_yaml_check_keys(const lb_yaml_document *document, const lb_yaml_node *map,
                             const char *const *keys, size_t n_keys)
{
    for (const lb_yaml_item *i = map->items; i != NULL; i = i->next) {
        bool known = false;
        for (size_t k = 0; k < n_keys && !known; k++) known = strcmp(i->key, keys[k]) == 0;
        if (known) continue;
        const char *near = lb_suggest(i->key, keys, n_keys);
        const char *start = near != NULL ? "; did you mean '" : "", *end = near != NULL ? "'?" : "";
        return lb_yaml_at(document, i->value,
                          lb_fail(LB_E_FORMAT, "unknown key '%s'%s%s%s", i->key, start,
                                  near != NULL ? near : "", end));
    }
    return LB_OK;
}

lb_status lb_yaml_whole(const lb_yaml_document *document, const lb_yaml_node *node,
                        unsigned long long low, unsigned long long high, unsigned long long *out)
{
    LB_TRY(lb_yaml_want(document, node, LB_YAML_SCALAR));
    char *end = NULL;
    errno = 0;
    const unsigned long long number = strtoull(node->text, &end, 10);
    const bool digits = node->text[strspn(node->text, "0123456789")] == '\0';
    if (!digits || end == node->text || errno != 0 || number < low || number > high) {
        return lb_yaml_at(document, node,
                          lb_fail(LB_E_FORMAT,
                                  "got '%.64s', wanted a whole number from %llu to %llu",
                                  node->text, low, high));
    }
    *out = number;
    return LB_OK;
}

lb_status lb_yaml_line(const lb_yaml_document *document, const lb_yaml_node *node, size_t most,
                       const char **out)
{
    LB_TRY(lb_yaml_want(document, node, LB_YAML_SCALAR));
    const size_t length = strlen(node->text);
    bool plain = length > 0 && length <= most;
    for (const char *c = node->text; *c != '\0'; c++) plain &= (unsigned char)*c >= 0x20;
    if (!plain) {
        return lb_yaml_at(document, node,
                          lb_fail(LB_E_FORMAT, "wanted one line of 1 to %zu bytes", most));
    }
    *out = node->text;
    return LB_OK;
}

lb_status lb_yaml_join(const lb_yaml_document *document, lb_arena *arena, const lb_yaml_node *list,
                       const char **out)
{
    size_t bytes = 1;
    for (const lb_yaml_item *i = list->items; i != NULL; i = i->next) {
        LB_TRY(lb_yaml_want(document, i->value, LB_YAML_SCALAR));
        bytes += strlen(i->value->text) + 1;
    }
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, bytes, 1, "list", &block));
    char *text = block;
    size_t at = 0;
    for (const lb_yaml_item *i = list->items; i != NULL; i = i->next) {
        const char *comma = at > 0 ? "," : "";
        at += (size_t)snprintf(text + at, bytes - at, "%s%s", comma, i->value->text);
    }
    *out = text;
    return LB_OK;
}
