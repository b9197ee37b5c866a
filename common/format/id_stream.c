/*
 * The ids of a `get` answer as they arrive. Looks only at the member "ids" of the outermost object;
 * everything else is parsed, so that a broken answer is noticed, and dropped.
 */
#include "format/id_stream.h"

#include <stdlib.h>

#include "base/limits.h"
#include "format/json_push.h"

#define NAME_BYTES  4u /* "ids" and one more: longer names differ anyway */
#define SHOWN_BYTES 48u

struct id_stream {
    struct json_push push;
    id_stream_fn *on_id;
    void *ctx;
    struct buf id;     /* the id being read, at most LIMIT_RECORD_ID of it */
    uint64_t id_bytes; /* its whole length */
    uint64_t count;
    struct buf name;    /* of the outermost object's current member */
    bool is_ids_member; /* that member is "ids" */
    bool in_ids;
    bool has_ids;
    struct error failure; /* once failed, always failed */
};

static bool format_error(const struct id_stream *stream, const char *what, struct error *err)
{
    return error_set(err, ERROR_FORMAT, "malformed answer at byte %llu: %s",
                     (unsigned long long)stream->push.offset, what);
}

static bool finish_id(struct id_stream *stream, struct error *err)
{
    struct span id = buf_span(&stream->id);

    if (stream->id_bytes > LIMIT_RECORD_ID) {
        struct buf shown;

        buf_init(&shown, SHOWN_BYTES + 8); /* the ellipsis comes on top */
        buf_append_printable(&shown, id, SHOWN_BYTES);
        error_set(err, ERROR_LIMIT, "id number %llu, \"%s\", has %llu bytes, more than %u",
                  (unsigned long long)stream->count + 1, buf_cstr(&shown),
                  (unsigned long long)stream->id_bytes, LIMIT_RECORD_ID);
        buf_deinit(&shown);
        return false;
    }
    if (!buf_check(&stream->id, "id", err)) {
        return false;
    }
    stream->count++;
    return stream->on_id(stream->ctx, id, err);
}

/* Goes on counting beyond the limit: the message is to name the length. */
static void append_id(struct id_stream *stream, struct span piece)
{
    size_t room = LIMIT_RECORD_ID - stream->id.len;

    stream->id_bytes += piece.len;
    buf_append(&stream->id, piece.ptr, piece.len < room ? piece.len : room);
}

static bool on_id_element(struct id_stream *stream, enum json_push_event event, struct span piece,
                          struct error *err)
{
    switch (event) {
    case JSON_PUSH_STRING:
        append_id(stream, piece);
        return true;
    case JSON_PUSH_STRING_END:
        if (!finish_id(stream, err)) {
            return false;
        }
        buf_clear(&stream->id);
        stream->id_bytes = 0;
        return true;
    default:
        return format_error(stream, "an id that is not a string", err);
    }
}

static bool on_member(struct id_stream *stream, enum json_push_event event, struct span piece,
                      struct error *err)
{
    switch (event) {
    case JSON_PUSH_NAME:
        buf_append(&stream->name, piece.ptr,
                   piece.len < NAME_BYTES - stream->name.len ? piece.len
                                                             : NAME_BYTES - stream->name.len);
        return buf_check(&stream->name, "member name", err);
    case JSON_PUSH_NAME_END:
        stream->is_ids_member = span_equal(buf_span(&stream->name), SPAN_LITERAL("ids"));
        buf_clear(&stream->name);
        return true;
    case JSON_PUSH_CLOSE:
        stream->in_ids = false;
        return true;
    default:
        break;
    }
    if (!stream->is_ids_member) {
        return true;
    }
    if (event != JSON_PUSH_ARRAY) {
        return format_error(stream, "\"ids\" is not an array", err);
    }
    if (stream->has_ids) {
        return format_error(stream, "\"ids\" for the second time", err);
    }
    stream->in_ids = true;
    stream->has_ids = true;
    return true;
}

static bool on_event(void *ctx, enum json_push_event event, unsigned depth, struct span piece,
                     struct error *err)
{
    struct id_stream *stream = ctx;

    if (depth == 0) {
        return event == JSON_PUSH_OBJECT || event == JSON_PUSH_CLOSE ||
               format_error(stream, "the answer is not an object", err);
    }
    if (depth == 1) {
        return on_member(stream, event, piece, err);
    }
    return depth == 2 && stream->in_ids ? on_id_element(stream, event, piece, err) : true;
}

struct id_stream *id_stream_new(id_stream_fn *on_id, void *ctx)
{
    struct id_stream *stream = calloc(1, sizeof *stream);

    if (!stream) {
        return NULL;
    }
    json_push_init(&stream->push, on_event, stream);
    stream->on_id = on_id;
    stream->ctx = ctx;
    buf_init(&stream->id, LIMIT_RECORD_ID);
    buf_init(&stream->name, NAME_BYTES);
    return stream;
}

void id_stream_free(struct id_stream *stream)
{
    if (stream) {
        buf_deinit(&stream->id);
        buf_deinit(&stream->name);
        free(stream);
    }
}

/* Keeps a failure, and repeats it to whoever asks again. */
static bool settle(struct id_stream *stream, bool ok, struct error *err)
{
    if (ok) {
        return true;
    }
    if (stream->failure.kind == ERROR_NONE) {
        error_set(err, ERROR_BUG, "reading ids failed without a reason");
        stream->failure = *err;
    } else if (err->kind == ERROR_NONE) {
        *err = stream->failure;
    }
    return false;
}

bool id_stream_feed(struct id_stream *stream, struct span bytes, struct error *err)
{
    bool ok = stream->failure.kind == ERROR_NONE && json_push_feed(&stream->push, bytes, err);

    return settle(stream, ok, err);
}

bool id_stream_finish(struct id_stream *stream, struct error *err)
{
    bool ok = stream->failure.kind == ERROR_NONE && json_push_finish(&stream->push, err) &&
              (stream->has_ids || error_set(err, ERROR_FORMAT, "the answer has no \"ids\""));

    return settle(stream, ok, err);
}

uint64_t id_stream_count(const struct id_stream *stream)
{
    return stream->count;
}
