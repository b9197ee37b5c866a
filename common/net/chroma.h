/*
 * A Chroma server, as far as the ferry needs it: 1.x and 0.5.16 to 0.6.x by API v2, 0.4.15 to
 * 0.5.15 by API v1. Asynchronous: each call sends one request and answers through its callback, exactly
 * once, never from inside the call. A refusal is classified here, once: status → error kind,
 * message = "STATUS: the server's words", `what` first; what a gateway or proxy before it says of its own, with whatever
 * status, is an outage (chroma_page.c). No retries here: they are the deciding
 * cores' business.
 */
#ifndef NET_CHROMA_H
#define NET_CHROMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/uuid.h"
#include "format/columns.h"
#include "format/document.h"
#include "format/equality.h"
#include "format/id_stream.h"
#include "net/http.h"

enum chroma_api { /* by which the server is spoken to; the routes are in chroma_routes.c */
    CHROMA_API_V2,
    CHROMA_API_V1,
    CHROMA_API_COUNT
};

struct chroma_version {
    uint32_t number; /* major * 10^6 + minor * 10^3 + patch; 0: not known */
    char text[32];   /* as the server says it; every 1.x says "1.0.0" */
};

/* For who is refused: where settings stand, never what they hold. "": where the variables of that role stand. */
struct chroma_advice {
    char sent[240];   /* the secret that is sent */
    char address[64]; /* what else is to be set, and first: "FERRY_TARGET to its address, and " */
    char token[160];  /* a token for that server */
    char style[160];  /* how a secret is sent there */
    bool is_none;     /* not at all, by what is set there */
};

/* One tenant's database on one server. Owned by the caller, outlives its calls. All zero but for
 * http, address and names, it is a 1.x server; chroma_take_version() sets what differs. */
struct chroma {
    struct http *http;
    struct http_address address;
    char tenant[256];
    char database[256];
    char role[16];         /* "source" or "target": begins every message */
    char auth_header[512]; /* "X-Chroma-Token: …" or "" ; a secret: never printed */
    char
        headers[4096]; /* further lines, each with its NUL, then an empty one; may be secrets too */
    struct chroma_advice advice;
    struct http_tls tls; /* the paths are borrowed */
    enum chroma_api api;
    struct chroma_version version;
    bool lacks_uris; /* 0.4.15: a get that asks for them is refused; it is sent without */
    bool is_cloud;   /* said to be Chroma Cloud, though its host has another name */
    /* A Chroma has answered there (pre-flight), to us or to whoever gave us the address: what is none from then on is an
     * outage, and no wrong address. */
    bool is_met;
};
/* Chroma Cloud: by its host, api.trychroma.com and its regions, or because it is said to be. */
bool chroma_is_cloud(const struct chroma *chroma);
void chroma_forget_secret(struct chroma *chroma); /* wipes auth_header and headers */

struct chroma_limits { /* GET pre-flight-checks */
    uint32_t max_batch_records;
    bool takes_base64;
};

struct chroma_collection {
    struct uuid uuid;
    char name[520];
    uint32_t dimension;     /* 0: none yet */
    enum space space;       /* resolved as the server does, chroma-api §7 */
    bool is_space_doubtful; /* metadata and configuration name two: only a measurement can tell */
    bool
        metadata_is_idle; /* measured: hnsw:* metadata came after the index, which does not follow it */
    struct document *object; /* the whole answer, owned; chroma_collection_deinit frees it */
    struct buf text;         /* the same as text, owned: numbers keep their type in it */
};
void chroma_collection_deinit(struct chroma_collection *collection);

/* err->kind is ERROR_NONE on success. Pointers are borrowed for the callback, but see
 * chroma_collection_fn. */
typedef void chroma_done_fn(void *ctx, const struct error *err);
typedef void chroma_limits_fn(void *ctx, const struct chroma_limits *limits,
                              const struct error *err);
/* Moves the collection to the callee on success (it deinits it). */
typedef void chroma_collection_fn(void *ctx, struct chroma_collection *collection,
                                  const struct error *err);
typedef void chroma_version_fn(void *ctx, const struct chroma_version *version,
                               const struct error *err);
/* answer.body is a columnar get answer on success. */
typedef void chroma_answer_fn(void *ctx, const struct http_answer *answer, const struct error *err);
typedef void chroma_ids_fn(void *ctx, uint64_t count, const struct error *err);
typedef void chroma_count_fn(void *ctx, uint64_t count, const struct error *err);

/* Each returns the request (for deadlines and cancelling), or NULL with *err and no callback. */

/* Which version? Asked by API v2 first: where 0.6.3 still answers v1, it answers wrongly. A server
 * without that API refuses (ERROR_NOT_FOUND, ERROR_REJECTED, or ERROR_AUTH before a token was
 * accepted); a 200 that is no version is ERROR_FORMAT. */
struct http_request *chroma_ask_version(struct chroma *chroma, enum chroma_api api,
                                        chroma_version_fn *fn, void *ctx, struct error *err);
/* Sets how this server is spoken to from here on. ERROR_USAGE: its version is too old, unknown, or
 * none that can be a target (chroma->role). */
MUST_CHECK bool chroma_take_version(struct chroma *chroma, const struct chroma_version *version,
                                    struct error *err);
/* A server before 1.0; false as long as its version is not known. */
bool chroma_is_old(const struct chroma *chroma);
/* "0.5.23", the body of a version answer; false when it is none (exposed for tests). */
MUST_CHECK bool chroma_read_version(struct span body, struct chroma_version *out);
/* Is this a Chroma that speaks its API? Wrong servers are named as what they are ("answers 404 …",
 * "not JSON"), ERROR_USAGE; where one has been met before (is_met, which this sets), such an answer is ERROR_UNAVAILABLE. */
struct http_request *chroma_preflight(struct chroma *chroma, chroma_limits_fn *fn, void *ctx,
                                      struct error *err);
/* By name. ERROR_NOT_FOUND (404, or in an old server's dialect 400 or 500) is an answer that
 * callers expect. */
struct http_request *chroma_get_collection(struct chroma *chroma, const char *name,
                                           chroma_collection_fn *fn, void *ctx, struct error *err);
/* One page. A server before 0.4.20 knows no pages and answers all of them. */
struct http_request *chroma_list_collections(struct chroma *chroma, uint64_t offset, uint32_t limit,
                                             chroma_answer_fn *fn, void *ctx, struct error *err);
/* One page of the databases of the tenant, from 0.6.3 on; others refuse (ERROR_USAGE, without a request). */
struct http_request *chroma_list_databases(struct chroma *chroma, uint64_t offset, uint32_t limit,
                                           chroma_answer_fn *fn, void *ctx, struct error *err);
/* Is there such a tenant, such a database? ERROR_NOT_FOUND, or whatever else an old server says of it. */
struct http_request *chroma_look_tenant(struct chroma *chroma, chroma_done_fn *fn, void *ctx,
                                        struct error *err);
struct http_request *chroma_look_database(struct chroma *chroma, chroma_done_fn *fn, void *ctx,
                                          struct error *err);
/* Make them. ERROR_CONFLICT: there is one already. */
struct http_request *chroma_create_tenant(struct chroma *chroma, chroma_done_fn *fn, void *ctx,
                                          struct error *err);
struct http_request *chroma_create_database(struct chroma *chroma, chroma_done_fn *fn, void *ctx,
                                            struct error *err);
/* Whose are the credentials? Of Chroma Cloud's key it is told which tenant, and which databases. */
struct chroma_identity {
    char tenant[256];    /* "": not told, or all of them */
    char database[256];  /* of one only; "": none, several, or all */
    char databases[200]; /* the first of several, for messages: "a, b and 3 more" */
    size_t database_count;
    bool is_for_all; /* databases: "*" */
};
typedef void chroma_identity_fn(void *ctx, const struct chroma_identity *identity,
                                const struct error *err);
struct http_request *chroma_ask_identity(struct chroma *chroma, chroma_identity_fn *fn, void *ctx,
                                         struct error *err);
/* Reads such an answer (exposed for tests). ERROR_FORMAT: it is none. */
MUST_CHECK bool chroma_read_identity(struct span body, struct chroma_identity *out,
                                     struct error *err);
/* body: a whole create request (chroma_create_body). ERROR_CONFLICT when it exists. */
struct http_request *chroma_create_collection(struct chroma *chroma, struct span body,
                                              chroma_collection_fn *fn, void *ctx,
                                              struct error *err);
/* By name, which is all that servers take. */
struct http_request *chroma_delete_collection(struct chroma *chroma, const char *name,
                                              chroma_done_fn *fn, void *ctx, struct error *err);
/* By UUID. body: new_metadata, as chroma_metadata_body writes it, or {"new_name":"…"}. It is borrowed until the callback, here
 * and below. */
struct http_request *chroma_put_collection(struct chroma *chroma, const struct uuid *collection,
                                           struct span body, chroma_done_fn *fn, void *ctx,
                                           struct error *err);
/* Streams ids through on_id (get with include:[]): a page of them, or with limit 0 all, as far as the server gives them:
 * it may cut them and not say so. The returned request may be paused. */
struct chroma_page {
    uint64_t offset;
    uint32_t limit;
};
struct http_request *chroma_list_ids(struct chroma *chroma, const struct uuid *collection,
                                     struct chroma_page page, id_stream_fn *on_id,
                                     chroma_ids_fn *fn, void *ctx, struct error *err);
struct http_request *chroma_count(struct chroma *chroma, const struct uuid *collection,
                                  chroma_count_fn *fn, void *ctx, struct error *err);
/* body: columns_write_get. */
struct http_request *chroma_get_records(struct chroma *chroma, const struct uuid *collection,
                                        struct span body, int64_t deadline_ms, chroma_answer_fn *fn,
                                        void *ctx, struct error *err);
/* body: neighbours_write_query. */
struct http_request *chroma_query(struct chroma *chroma, const struct uuid *collection,
                                  struct span body, int64_t deadline_ms, chroma_answer_fn *fn,
                                  void *ctx, struct error *err);
/* body: columns_write_upsert. */
struct http_request *chroma_upsert(struct chroma *chroma, const struct uuid *collection,
                                   struct span body, int64_t deadline_ms, chroma_done_fn *fn,
                                   void *ctx, struct error *err);
/* By id; body: columns_write_delete. Ids that are not there are no error. */
struct http_request *chroma_delete(struct chroma *chroma, const struct uuid *collection,
                                   struct span body, int64_t deadline_ms, chroma_done_fn *fn,
                                   void *ctx, struct error *err);

/* -- creating a target like its source: chroma-api §7 -- */

enum chroma_index_kind {
    CHROMA_INDEX_HNSW,     /* a single server: every resolved value is carried */
    CHROMA_INDEX_SPANN,    /* Chroma Cloud: of an index only the distance space is carried */
    CHROMA_INDEX_METADATA, /* a server before 1.0: the index as hnsw:* metadata, which stays there */
};
enum chroma_index_kind chroma_index_kind_of(const struct chroma *chroma);

/* name, configuration of that kind, embedding function, metadata without hnsw:* keys (but for an old server, which has
 * no configuration and needs no chroma_metadata_body); without lists too for all but Chroma Cloud: a single server ends the
 * connection on them. */
MUST_CHECK bool chroma_create_body(const struct chroma_collection *source, const char *target_name,
                                   enum chroma_index_kind kind, struct buf *out, struct error *err);
/* One thing that is set on a collection. Texts are borrowed from the collection or static. */
enum chroma_setting_kind {
    CHROMA_SETTING_NUMBER,       /* 1 and 1.0 are the same */
    CHROMA_SETTING_TYPED_NUMBER, /* they are not */
    CHROMA_SETTING_TREE,         /* any other JSON; the order of members is free */
};
struct chroma_setting {
    char name
        [128]; /* "hnsw.ef_search", "spann.…", "index", "embedding_function", "metadata.KEY", "schema.KEY.INDEX" */
    struct span key; /* what follows the point, whole: a long one is cut in the name */
    struct span value;
    enum chroma_setting_kind kind;
    bool is_default;   /* as a server sets it by itself */
    bool is_list;      /* metadata: a single server does not survive these */
    bool is_index_key; /* metadata: hnsw:*, which follow after creation */
};
typedef bool chroma_setting_fn(void *ctx, const struct chroma_setting *setting); /* false: enough */
/* Index parameters that a server does not show have their defaults; the space is in the collection. */
MUST_CHECK bool chroma_each_setting(const struct chroma_collection *collection,
                                    chroma_setting_fn *fn, void *ctx, struct error *err);
/* {"new_metadata":{…}} with all of the source's metadata that such a server can keep; *needed = false when creating already
 * carried all of it. */
MUST_CHECK bool chroma_metadata_body(const struct chroma_collection *source,
                                     enum chroma_index_kind kind, struct buf *out, bool *needed,
                                     struct error *err);
/* Fills a collection from its JSON object (exposed for tests). ERROR_FORMAT names what is
 * missing. */
MUST_CHECK bool chroma_read_collection(struct span json, struct chroma_collection *out,
                                       struct error *err);
/* The kind a refusal's status means (exposed for tests): 400/422 REJECTED, 401/403 AUTH, 404
 * NOT_FOUND, 409 CONFLICT, 408 TIMEOUT, 413 TOO_LARGE, 429 THROTTLED, 3xx REJECTED (never
 * followed), 5xx UNAVAILABLE but 501 REJECTED. */
enum error_kind chroma_classify(int status);

#endif
