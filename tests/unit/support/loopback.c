/* Plain blocking sockets and threads: the opposite of the code under test, on purpose. */
#include "loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PEERS_MAX  64u
#define PATIENCE_S 10

struct loopback_peer {
    struct loopback *server;
    pthread_t thread;
    unsigned nth;
    int fd;
    char ahead[16384]; /* received, not yet asked for */
    size_t ahead_len;
    bool was_reset;
};

struct loopback {
    loopback_script *script;
    const void *ctx;
    pthread_t thread;
    int fd;
    unsigned port;
    atomic_uint count;
    atomic_bool is_stopping;
    struct loopback_peer *peers[PEERS_MAX];
};

static void require(bool is_true, const char *what)
{
    if (!is_true) {
        fprintf(stderr, "loopback server: %s: %s\n", what, strerror(errno));
        abort();
    }
}

static int listen_anywhere(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    require(fd >= 0, "socket");
    require(bind(fd, (struct sockaddr *)&address, len) == 0, "bind");
    require(getsockname(fd, (struct sockaddr *)&address, &len) == 0, "getsockname");
    *port = ntohs(address.sin_port);
    return fd;
}

static void *serve_peer(void *arg)
{
    struct loopback_peer *peer = arg;

    peer->server->script(peer, peer->nth, peer->server->ctx);
    shutdown(peer->fd, SHUT_WR);
    close(peer->fd);
    return NULL;
}

static void *serve(void *arg)
{
    struct loopback *server = arg;

    while (!atomic_load(&server->is_stopping)) {
        struct pollfd waiting = {.fd = server->fd, .events = POLLIN};
        struct timeval patience = {.tv_sec = PATIENCE_S};
        struct loopback_peer *peer;
        unsigned nth;

        if (poll(&waiting, 1, 20) <= 0) {
            continue;
        }
        nth = atomic_load(&server->count);
        require(nth < PEERS_MAX, "too many connections");
        peer = calloc(1, sizeof *peer);
        require(peer != NULL, "calloc");
        peer->server = server;
        peer->nth = nth;
        peer->fd = accept(server->fd, NULL, NULL);
        require(peer->fd >= 0, "accept");
        require(setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0,
                "SO_RCVTIMEO");
        require(setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0,
                "SO_SNDTIMEO");
        server->peers[nth] = peer;
        atomic_fetch_add(&server->count, 1);
        require(pthread_create(&peer->thread, NULL, serve_peer, peer) == 0, "pthread_create");
    }
    return NULL;
}

struct loopback *loopback_start(loopback_script *script, const void *ctx)
{
    struct loopback *server = calloc(1, sizeof *server);

    require(server != NULL, "calloc");
    server->script = script;
    server->ctx = ctx;
    server->fd = listen_anywhere(&server->port);
    require(listen(server->fd, 64) == 0, "listen");
    require(pthread_create(&server->thread, NULL, serve, server) == 0, "pthread_create");
    return server;
}

void loopback_stop(struct loopback *server)
{
    if (!server) {
        return;
    }
    atomic_store(&server->is_stopping, true);
    pthread_join(server->thread, NULL);
    close(server->fd);
    for (unsigned i = 0; i < atomic_load(&server->count); i++) {
        pthread_join(server->peers[i]->thread, NULL);
        free(server->peers[i]);
    }
    free(server);
}

unsigned loopback_port(const struct loopback *server)
{
    return server->port;
}

unsigned loopback_connections(struct loopback *server)
{
    return atomic_load(&server->count);
}

const char *loopback_url(const struct loopback *server, const char *path)
{
    static char url[512];

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server->port, path);
    return url;
}

unsigned loopback_closed_port(void)
{
    unsigned port;

    close(listen_anywhere(&port));
    return port;
}

/* Waits in small steps, so that loopback_stop() need not wait for it. */
static bool wait_for(struct loopback_peer *peer, short events, int ms)
{
    for (int waited = 0; waited < ms && !atomic_load(&peer->server->is_stopping); waited += 20) {
        struct pollfd waiting = {.fd = peer->fd, .events = events};

        if (events != 0 && poll(&waiting, 1, 20) > 0) {
            return true;
        }
        if (events == 0) {
            nanosleep(
                &(struct timespec){.tv_nsec = (ms - waited < 20 ? ms - waited : 20) * 1000000L},
                NULL);
        }
    }
    return false;
}

static ssize_t receive(struct loopback_peer *peer, char *out, size_t len)
{
    ssize_t got;

    if (!wait_for(peer, POLLIN, PATIENCE_S * 1000)) {
        require(atomic_load(&peer->server->is_stopping), "the client sends nothing");
        return 0;
    }
    got = recv(peer->fd, out, len, 0);
    peer->was_reset = peer->was_reset || (got < 0 && errno == ECONNRESET);
    return got < 0 ? 0 : got;
}

bool loopback_read_head(struct loopback_peer *peer, struct loopback_request *out)
{
    const char *end;
    const char *length;
    size_t head_len;

    memset(out, 0, sizeof *out);
    while (!(end = memmem(peer->ahead, peer->ahead_len, "\r\n\r\n", 4))) {
        ssize_t got;

        require(peer->ahead_len < sizeof out->head - 1, "the request's head is too long");
        got = receive(peer, peer->ahead + peer->ahead_len, sizeof out->head - 1 - peer->ahead_len);
        if (got == 0) {
            return false;
        }
        peer->ahead_len += (size_t)got;
    }
    head_len = (size_t)(end - peer->ahead) + 4;
    memcpy(out->head, peer->ahead, head_len);
    peer->ahead_len -= head_len;
    memmove(peer->ahead, peer->ahead + head_len, peer->ahead_len);
    length = strcasestr(out->head, "\r\ncontent-length:");
    out->content_length = length ? strtoul(length + 17, NULL, 10) : 0;
    return true;
}

size_t loopback_drain(struct loopback_peer *peer, int ms)
{
    char bin[65536];
    size_t done = peer->ahead_len;

    peer->ahead_len = 0;
    while (wait_for(peer, POLLIN, ms)) {
        ssize_t got = recv(peer->fd, bin, sizeof bin, 0);

        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

bool loopback_was_reset(const struct loopback_peer *peer)
{
    return peer->was_reset;
}

size_t loopback_read(struct loopback_peer *peer, char *out, size_t len)
{
    char bin[65536];
    size_t done = peer->ahead_len < len ? peer->ahead_len : len;

    if (out) {
        memcpy(out, peer->ahead, done);
    }
    peer->ahead_len -= done;
    memmove(peer->ahead, peer->ahead + done, peer->ahead_len);
    while (done < len) {
        size_t want = len - done;
        ssize_t got =
            receive(peer, out ? out + done : bin, out || want < sizeof bin ? want : sizeof bin);

        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

bool loopback_take(struct loopback_peer *peer, struct loopback_request *out)
{
    return loopback_read_head(peer, out) &&
           loopback_read(peer, NULL, out->content_length) == out->content_length;
}

bool loopback_send(struct loopback_peer *peer, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent;

        if (!wait_for(peer, POLLOUT, PATIENCE_S * 1000)) {
            require(atomic_load(&peer->server->is_stopping), "the client reads nothing");
            return false;
        }
        sent = send(peer->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) {
            return false;
        }
        bytes += sent < 0 ? 0 : sent;
        len -= sent < 0 ? 0 : (size_t)sent;
    }
    return true;
}

bool loopback_say(struct loopback_peer *peer, const char *text)
{
    return loopback_send(peer, text, strlen(text));
}

bool loopback_answer(struct loopback_peer *peer, int status, const char *headers, const char *body)
{
    char head[4096];

    snprintf(head, sizeof head, "HTTP/1.1 %d Whatever\r\ncontent-length: %zu\r\n%s\r\n", status,
             strlen(body), headers);
    return loopback_say(peer, head) && loopback_say(peer, body);
}

void loopback_reset(struct loopback_peer *peer)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    int moved;

    require(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0, "SO_LINGER");
    /* The shutdown that follows a script would end the connection politely: close first, keep a
     * number to close. */
    moved = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(moved >= 0 && dup2(moved, peer->fd) == peer->fd, "dup2");
    close(moved);
}

void loopback_wait(struct loopback_peer *peer, int ms)
{
    (void)wait_for(peer, 0, ms);
}

void loopback_linger(struct loopback_peer *peer)
{
    char bin[4096];

    while (wait_for(peer, POLLIN, PATIENCE_S * 1000) && recv(peer->fd, bin, sizeof bin, 0) > 0) {
    }
}
