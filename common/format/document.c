/*
 * Control documents by cJSON, which is included here and nowhere else. cJSON is lenient, so our own
 * scanner validates first; a tree node is simply a cJSON under another name.
 */
#include "format/document.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/limits.h"
#include "format/json_scan.h"

static const cJSON *item(const struct document *node)
{
    return (const cJSON *)node;
}

static const struct document *node(const cJSON *item)
{
    return (const struct document *)item;
}

static bool validate(struct span text, struct error *err)
{
    struct json_scan scan;
    struct json_value whole;

    json_scan_init(&scan, text);
    return json_read(&scan, &whole, err) && json_finish(&scan, err);
}

bool document_parse(struct span text, struct document **out, struct error *err)
{
    struct buf copy; /* with a NUL behind it: cJSON has read past the end of texts without one */
    cJSON *parsed = NULL;
    bool ok;

    *out = NULL;
    if (text.len > LIMIT_CONTROL_DOCUMENT) {
        return error_set(err, ERROR_LIMIT, "document of %zu bytes is larger than %u", text.len,
                         LIMIT_CONTROL_DOCUMENT);
    }
    if (!validate(text, err)) {
        return false;
    }
    buf_init(&copy, LIMIT_CONTROL_DOCUMENT);
    buf_append_span(&copy, text);
    ok = buf_check(&copy, "document", err);
    if (ok) {
        parsed = cJSON_ParseWithOpts(buf_cstr(&copy), NULL, true);
        ok = parsed || error_set(err, ERROR_FORMAT, "document that cJSON cannot read");
    }
    buf_deinit(&copy);
    *out = (struct document *)parsed;
    return ok;
}

void document_free(struct document *root)
{
    cJSON_Delete((cJSON *)root);
}

const struct document *document_get(const struct document *object, const char *name)
{
    return cJSON_IsObject(item(object)) ? node(cJSON_GetObjectItemCaseSensitive(item(object), name))
                                        : NULL;
}

const struct document *document_at(const struct document *array, int index)
{
    return cJSON_IsArray(item(array)) ? node(cJSON_GetArrayItem(item(array), index)) : NULL;
}

int document_length(const struct document *array)
{
    return cJSON_IsArray(item(array)) ? cJSON_GetArraySize(item(array)) : 0;
}

const char *document_string(const struct document *string, const char *fallback)
{
    return cJSON_IsString(item(string)) ? item(string)->valuestring : fallback;
}

double document_number(const struct document *number, double fallback)
{
    return cJSON_IsNumber(item(number)) ? item(number)->valuedouble : fallback;
}

bool document_bool(const struct document *boolean, bool fallback)
{
    return cJSON_IsBool(item(boolean)) ? cJSON_IsTrue(item(boolean)) : fallback;
}

bool document_is_null(const struct document *any)
{
    return !any || cJSON_IsNull(item(any));
}

bool document_equal(const struct document *left, const struct document *right)
{
    return cJSON_Compare(item(left), item(right), true);
}

const struct document *document_first(const struct document *object)
{
    return cJSON_IsObject(item(object)) || cJSON_IsArray(item(object)) ? node(item(object)->child)
                                                                       : NULL;
}

const struct document *document_next(const struct document *member)
{
    return member ? node(item(member)->next) : NULL;
}

const char *document_name(const struct document *member)
{
    return member ? item(member)->string : NULL;
}
