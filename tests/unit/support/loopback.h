/*
 * A small HTTP server for tests, inside the test process: every connection gets a thread that runs
 * the test's script. The script decides every byte, so it can answer wrongly, slowly, half or not
 * at all. A script that waits for more than ten seconds aborts the test. Checks inside a script
 * abort; what a script notes is read after loopback_stop().
 */
#ifndef SUPPORT_LOOPBACK_H
#define SUPPORT_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>

struct loopback;      /* the server */
struct loopback_peer; /* one connection */

/* The connection is closed when the script returns. `nth` counts connections from 0. */
typedef void loopback_script(struct loopback_peer *peer, unsigned nth, const void *ctx);

struct loopback *loopback_start(loopback_script *script, const void *ctx);
void loopback_stop(
    struct loopback *server); /* ends all connections, waits for the scripts; NULL is fine */
unsigned loopback_port(const struct loopback *server);
unsigned loopback_connections(struct loopback *server); /* accepted so far */
/* "http://127.0.0.1:PORT/PATH"; the text lives until the next call. */
const char *loopback_url(const struct loopback *server, const char *path);
unsigned loopback_closed_port(void); /* nothing listens there */

struct loopback_request {
    char head[8192];       /* request line and headers */
    size_t content_length; /* 0 when there is none */
};
/* Next request's head; false when the client has closed. */
bool loopback_read_head(struct loopback_peer *peer, struct loopback_request *out);
/* Reads up to len bytes of body, into out when it is not NULL; returns how many came before the
 * client closed. */
size_t loopback_read(struct loopback_peer *peer, char *out, size_t len);
/* Throws away what comes until nothing has come for so long; returns how much. */
size_t loopback_drain(struct loopback_peer *peer, int ms);
bool loopback_was_reset(const struct loopback_peer *peer); /* by the client, as reading has found */
/* Head and whole body, the body thrown away. */
bool loopback_take(struct loopback_peer *peer, struct loopback_request *out);
bool loopback_send(struct loopback_peer *peer, const char *bytes,
                   size_t len); /* false: the client has closed */
bool loopback_say(struct loopback_peer *peer, const char *text);
/* A whole answer; headers: complete lines with \r\n, or "". */
bool loopback_answer(struct loopback_peer *peer, int status, const char *headers, const char *body);
void loopback_reset(struct loopback_peer *peer);        /* closing will send a TCP reset */
void loopback_wait(struct loopback_peer *peer, int ms); /* or until loopback_stop */
void loopback_linger(struct loopback_peer *peer); /* until the client closes, or loopback_stop */

#endif
