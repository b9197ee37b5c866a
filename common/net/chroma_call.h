/* One call of the Chroma API in flight: shared by chroma.c, chroma_version.c and chroma_records.c,
 * made and freed in chroma_call.c. */
#ifndef NET_CHROMA_CALL_H
#define NET_CHROMA_CALL_H

#include "net/chroma.h"

struct chroma_call {
    struct chroma *chroma;
    /* What to make of the answer. *err is empty; it ends up at the caller's callback. */
    void (*finish)(struct chroma_call *call, const struct http_answer *answer, struct error *err);
    union {
        chroma_done_fn *done;
        chroma_limits_fn *limits;
        chroma_version_fn *version;
        chroma_collection_fn *collection;
        chroma_answer_fn *answer;
        chroma_ids_fn *ids;
        chroma_count_fn *count;
        chroma_identity_fn *identity;
    } fn;
    void *ctx;
    struct buf url;
    struct buf name;          /* get by name: for the message */
    struct buf body;          /* a body that had to be changed for this server */
    struct id_stream *stream; /* id listing */
    id_stream_fn *on_id;
    bool has_begun;        /* its answer, with more than blanks */
    bool is_callers_error; /* on_id stopped the stream: its error passes unchanged */
};

/* NULL on failure. */
struct chroma_call *chroma_call_new(struct chroma *chroma, void *ctx, struct error *err);
void chroma_call_free(struct chroma_call *call);
/* -- chroma_routes.c: address and path in the server's API -- */
void chroma_call_version(struct chroma_call *call, enum chroma_api api);
void chroma_call_preflight(struct chroma_call *call);
void chroma_call_collections(struct chroma_call *call);
void chroma_call_page(struct chroma_call *call, uint64_t offset, uint32_t limit); /* of them */
/* Behind any of these that has no query yet, or one. */
void chroma_call_add_page(struct chroma_call *call, uint64_t offset, uint32_t limit);
void chroma_call_identity(struct chroma_call *call);
void chroma_call_place(struct chroma_call *call, bool is_database);  /* else: the tenant */
void chroma_call_places(struct chroma_call *call, bool is_database); /* where they are made */
/* which: a name or a UUID; verb: of its records, or NULL for itself. */
void chroma_call_collection(struct chroma_call *call, const char *which, const char *verb);
/* -- chroma_call.c -- */
/* For calls that hand on no more than the error, or the answer as it came. */
void chroma_call_finish_done(struct chroma_call *call, const struct http_answer *answer,
                             struct error *err);
void chroma_call_finish_answer(struct chroma_call *call, const struct http_answer *answer,
                               struct error *err);
/* Adds URL, headers and callback to `request` and sends it. Takes the call over, whatever
 * happens. */
struct http_request *chroma_call_send(struct chroma_call *call, struct http_call request,
                                      struct error *err);
/* The same for a GET that any server answers at once: it has LIMIT_CONNECT_MS. */
struct http_request *chroma_call_ask(struct chroma_call *call, struct error *err);

#endif
