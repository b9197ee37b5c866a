/* Shared by net/chroma*.c only: messages, and the raw parts of a collection object. */
#ifndef NET_CHROMA_INTERNAL_H
#define NET_CHROMA_INTERNAL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"
#include "format/json_scan.h"
#include "net/chroma.h"

/* -- chroma_refusal.c -- */
/* "127.0.0.1:8000": how messages name the server. Points into the address. */
const char *chroma_host(const struct chroma *chroma);
/* True for a 2xx answer. Otherwise *err is the refusal or the transport's failure, the server named
 * in front. A page (chroma_page.c) is an outage, ERROR_UNAVAILABLE, also with a status of 2xx. */
MUST_CHECK bool chroma_check(const struct chroma *chroma, const struct http_answer *answer,
                             struct error *err);
/* The same for questions to whose answers there is something to say: nothing at all is a page, too. */
MUST_CHECK bool chroma_check_told(const struct chroma *chroma, const struct http_answer *answer,
                                  struct error *err);
/* The same for questions at the first contact: as long as nobody has met a Chroma there, a page is what its status says. */
MUST_CHECK bool chroma_check_first(const struct chroma *chroma, const struct http_answer *answer,
                                   struct error *err);
/* Does the answer say that there is no such collection? name: of one asked for by name, NULL for a
 * call by UUID, where a 404 may be the tenant's or the route's. */
bool chroma_says_missing(const struct chroma *chroma, const struct http_answer *answer,
                         const char *name);
/* Puts "role host:port: " in front. Always returns false. */
bool chroma_name_server(const struct chroma *chroma, struct error *err);

/* -- chroma_advice.c -- */
/* Of a 401 or 403: what was sent, where that stands, what else may be meant. words: the server's. Always false. */
bool chroma_refuse_credentials(const struct chroma *chroma, const struct http_answer *answer,
                               const char *words, struct error *err);

/* -- chroma_answer.c -- */
/* chroma_check() for get-by-name: a missing collection is ERROR_NOT_FOUND in every server's dialect. */
MUST_CHECK bool chroma_check_named(const struct chroma *chroma, const struct http_answer *answer,
                                   const char *name, struct error *err);
/* The same for pre-flight: a server that is no Chroma is ERROR_USAGE, and where one has been met before it is an outage,
 * ERROR_UNAVAILABLE. */
MUST_CHECK bool chroma_check_preflight(const struct chroma *chroma,
                                       const struct http_answer *answer, struct chroma_limits *out,
                                       struct error *err);

/* -- chroma_create.c -- */
bool chroma_is_at_cloud(const struct chroma *chroma); /* by its host, whatever is said */

/* -- chroma_collection.c -- */
/* The index parameters that hold, as JSON numbers; ptr NULL: the server's default. */
struct chroma_index {
    enum space space;
    bool is_doubtful; /* the metadata names another space than the configuration, and is believed */
    struct span ef_construction, ef_search, max_neighbors, resize_factor, sync_threshold,
        batch_size, num_threads;
};
/* Resolved from the configuration, or from hnsw:* metadata where that takes over. `json`: a valid
 * collection object. */
/* metadata_is_idle: a measurement has shown that the index was not built from the metadata. */
MUST_CHECK bool chroma_resolve_index(struct span json, bool metadata_is_idle,
                                     struct chroma_index *out, struct error *err);
/* A member of an object that is known to be valid JSON; false when there is none or `object` is no
 * object. */
bool chroma_member(struct span object, const char *name, struct json_value *out);
/* Is this metadata key one of the old index parameters? */
bool chroma_is_index_key(struct json_value key);

/* -- chroma_page.c -- */
/* Is the answer none of a Chroma, but a page, or a word, of a gateway or proxy before it? By its body; empty ones of a
 * status that Chroma gives without words are not. */
bool chroma_is_page(const struct http_answer *answer);
/* What a page means: UNAVAILABLE, but for refused credentials, 413, 429 and redirections, which mean the same whoever
 * says so. */
enum error_kind chroma_classify_page(int status);

/* -- chroma_words.c -- */
#define CHROMA_WORDS 640 /* room for what chroma_words writes */
/* The reason that a refusal gives, in one line, without secrets. is_page: it is told as somebody's before the server;
 * HTML always is. True: it is HTML. */
bool chroma_words(const struct chroma *chroma, const struct http_answer *answer, bool is_page,
                  char out[CHROMA_WORDS]);
struct span chroma_trim(struct span text); /* without blanks and line ends around it */
bool chroma_holds(struct span text, struct span part);

/* -- chroma_repeats.c -- */
/* Does a text repeat a secret that was sent, or much of it: token, password, value of a header line; also escaped, or in other
 * letter case? is_refusal: of the credentials; then six characters of it are enough. Of a long text its beginning. */
bool chroma_repeats_secret(const struct chroma *chroma, struct span text, bool is_refusal);

/* -- chroma_unescape.c -- */
uint8_t chroma_fold(uint8_t byte); /* small letters of ASCII */
/* Takes one layer of escapes off a folded text, in place: %2d, "+" for a blank, &#45; and &amp;, \u002d and \n. The length of what
 * comes out, folded, and never longer. */
size_t chroma_unescape(uint8_t *at, size_t len);

#endif
