/* See fidelity.h. Which settings there are, and which of them are usual, is net/chroma_settings.c's business. */
#include "producer/fidelity.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "format/json_write.h"

#define NOT_SET "(not set)"

static void copy_shown(char *out, size_t size, struct span text)
{
    const uint8_t *at = text.ptr;
    const uint8_t *end = text.ptr + text.len;
    size_t len = 0;
    while (at < end) {
        char unit[4];
        size_t taken;
        size_t unit_len = utf8_printable(at, end, &taken, unit);
        if (len + unit_len + 4 > size) { /* room for the ellipsis */
            memcpy(out + len, "\xe2\x80\xa6", 3);
            len += 3;
            break;
        }
        memcpy(out + len, unit, unit_len);
        len += unit_len;
        at += taken;
    }
    out[len] = '\0';
}

static void add_row(struct fidelity *out, const char *setting, struct span source,
                    struct span target)
{
    if (out->count == FIDELITY_ROWS) {
        out->more++;
        return;
    }
    struct fidelity_row *row = &out->rows[out->count++];
    copy_shown(row->setting, sizeof row->setting, span_from_str(setting));
    copy_shown(row->source, sizeof row->source, source);
    copy_shown(row->target, sizeof row->target, target);
}

/* ---- a target that is yet to be made ---- */

struct expecting {
    enum chroma_index_kind kind;
    struct fidelity *out;
};

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static bool expect_setting(void *ctx, const struct chroma_setting *setting)
{
    const struct expecting *expecting = ctx;
    bool is_cloud = expecting->kind == CHROMA_INDEX_SPANN;
    const char *gets = NULL;

    if (strcmp(setting->name, "index") == 0) {
        bool is_spann = span_equal(setting->value, SPAN_LITERAL("\"spann\""));
        gets = is_spann == is_cloud ? NULL : is_cloud ? "\"spann\"" : "\"hnsw\"";
    } else if (setting->is_default) {
        return true;
    } else if (begins(setting->name, "spann.") || (is_cloud && begins(setting->name, "hnsw."))) {
        gets = "(the server's own)";
    } else if (strcmp(setting->name, "embedding_function") == 0 &&
               expecting->kind == CHROMA_INDEX_METADATA) {
        gets = "(none: a server before 1.0 keeps none)";
    } else if (setting->is_list && !is_cloud) {
        gets = "(left out: such a server cannot keep a list here)";
    } else if (begins(setting->name, "schema.")) {
        gets = "(the server's default)";
    }
    if (gets != NULL) {
        add_row(expecting->out, setting->name, setting->value, span_from_str(gets));
    }
    return true;
}

bool fidelity_expect(const struct chroma_collection *source, enum chroma_index_kind kind,
                     struct fidelity *out, struct error *err)
{
    struct expecting expecting = {kind, out};
    *out = (struct fidelity){0};
    return chroma_each_setting(source, expect_setting, &expecting, err);
}

/* ---- a target that exists ---- */

static bool is_tree_equal(struct span left, struct span right)
{
    struct document *trees[2] = {NULL, NULL};
    struct error ignored = {0};
    bool is_equal = span_equal(left, right);
    if (!is_equal && document_parse(left, &trees[0], &ignored) &&
        document_parse(right, &trees[1], &ignored)) {
        is_equal = document_equal(trees[0], trees[1]);
    }
    document_free(trees[0]);
    document_free(trees[1]);
    return is_equal;
}

static bool is_float(struct span number)
{
    for (size_t i = 0; i < number.len; i++) {
        if (number.ptr[i] == '.' || number.ptr[i] == 'e' || number.ptr[i] == 'E') {
            return true;
        }
    }
    return false;
}

static bool is_same(const struct chroma_setting *left, const struct chroma_setting *right)
{
    double numbers[2];
    bool are_numbers = number_parse_double(left->value, &numbers[0]) &&
                       number_parse_double(right->value, &numbers[1]);
    if (left->kind != right->kind) {
        return false;
    }
    switch (left->kind) {
    case CHROMA_SETTING_NUMBER:
        return are_numbers && numbers[0] == numbers[1];
    case CHROMA_SETTING_TYPED_NUMBER: /* integers beyond 2^53 are told apart by their text */
        return span_equal(left->value, right->value) ||
               (is_float(left->value) && is_float(right->value) && are_numbers &&
                numbers[0] == numbers[1]);
    case CHROMA_SETTING_TREE:
        break;
    }
    return is_tree_equal(left->value, right->value);
}

struct comparing {
    const struct chroma_collection *other;
    struct fidelity *out;
    enum chroma_index_kind kind;
    bool is_reversed; /* the settings given are the target's */
    size_t late;      /* hnsw:* keys that the target lacks */
    size_t others;    /* but for lists that it lacks, which it may not be able to keep */
    struct error *err;
};

struct finding {
    const struct chroma_setting *wanted;
    struct chroma_setting found;
    bool is_found;
};

static bool find_setting(void *ctx, const struct chroma_setting *setting)
{
    struct finding *finding = ctx;
    const struct chroma_setting *wanted = finding->wanted;
    if (strcmp(setting->name, wanted->name) == 0 && span_equal(setting->key, wanted->key)) {
        finding->found = *setting;
        finding->is_found = true;
    }
    return !finding->is_found;
}

static bool compare_setting(void *ctx, const struct chroma_setting *setting)
{
    struct comparing *comparing = ctx;
    struct finding finding = {.wanted = setting};
    if (setting->is_index_key && comparing->kind == CHROMA_INDEX_METADATA) {
        return true;
    }
    if (!chroma_each_setting(comparing->other, find_setting, &finding, comparing->err)) {
        return false;
    }
    if (finding.is_found ? comparing->is_reversed || is_same(setting, &finding.found)
                         : setting->is_default) {
        return true;
    }
    struct span other = finding.is_found                   ? finding.found.value
                        : begins(setting->name, "schema.") ? SPAN_LITERAL("(the server's default)")
                                                           : SPAN_LITERAL(NOT_SET);
    if (comparing->is_reversed) {
        add_row(comparing->out, setting->name, other, setting->value);
    } else {
        add_row(comparing->out, setting->name, setting->value, other);
    }
    bool is_lacking = !finding.is_found && !comparing->is_reversed;
    comparing->late += is_lacking && setting->is_index_key;
    comparing->others += !(is_lacking && (setting->is_index_key || setting->is_list));
    return true;
}

bool fidelity_compare(const struct chroma_collection *source,
                      const struct chroma_collection *target, enum chroma_index_kind kind,
                      struct fidelity *out, struct error *err)
{
    struct comparing comparing = {.other = target, .out = out, .kind = kind, .err = err};
    *out = (struct fidelity){0};
    if (!chroma_each_setting(source, compare_setting, &comparing, err)) {
        return false;
    }
    comparing.other = source;
    comparing.is_reversed = true;
    if (!chroma_each_setting(target, compare_setting, &comparing, err)) {
        return false;
    }
    out->is_unfinished = comparing.late > 0 && comparing.others == 0;
    return err->kind == ERROR_NONE;
}

/* ---- telling ---- */

void fidelity_note(struct fidelity *to, const char *setting, const char *source, const char *target)
{
    add_row(to, setting, span_from_str(source), span_from_str(target));
}

size_t fidelity_add(struct fidelity *to, const struct fidelity *more)
{
    size_t added = 0;
    size_t known = to->count;
    for (size_t i = 0; i < more->count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < known; j++) {
            is_known = is_known || strcmp(to->rows[j].setting, more->rows[i].setting) == 0;
        }
        if (!is_known && to->count < FIDELITY_ROWS) {
            to->rows[to->count++] = more->rows[i];
            added++;
        }
    }
    return added;
}

void fidelity_write_lines(const struct fidelity *fidelity, size_t first, struct buf *out)
{
    for (size_t i = first; i < fidelity->count; i++) {
        const struct fidelity_row *row = &fidelity->rows[i];
        buf_printf(out, "  %s: %s -> %s\n", row->setting, row->source, row->target);
    }
    if (fidelity->more > 0) {
        buf_printf(out, "  and %zu more\n", fidelity->more);
    }
}

static void write_member(struct buf *out, const char *name, const char *value, char behind)
{
    json_write_string(out, span_from_str(name));
    buf_append_byte(out, ':');
    json_write_string(out, span_from_str(value));
    buf_append_byte(out, (uint8_t)behind);
}

void fidelity_write_json(const struct fidelity *fidelity, struct buf *out)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < fidelity->count; i++) {
        const struct fidelity_row *row = &fidelity->rows[i];
        buf_append_str(out, i > 0 ? ",{" : "{");
        write_member(out, "setting", row->setting, ',');
        write_member(out, "source", row->source, ',');
        write_member(out, "target", row->target, '}');
    }
    buf_append_byte(out, ']');
}
