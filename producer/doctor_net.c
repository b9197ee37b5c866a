/* Names and connections, apart from HTTP, so that a failure can be told from the next one. Blocking, each bounded. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "producer/doctor.h"

#define CONNECT_MS 5000

/* scheme://host:port, as http_parse_address writes it. */
static void split(const char *origin, char host[256], char port[8])
{
    const char *name = strstr(origin, "://");
    name = name != NULL ? name + 3 : origin;
    const char *colon = strrchr(name, ':');
    size_t len = colon != NULL ? (size_t)(colon - name) : strlen(name);
    snprintf(port, 8, "%s", colon != NULL ? colon + 1 : "");
    if (name[0] == '[' && len >= 2) {
        name++;
        len -= 2;
    }
    snprintf(host, 256, "%.*s", (int)len, name);
}

static struct addrinfo *look_up(const char *origin, struct error *err)
{
    struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[256], port[8];
    split(origin, host, port);
    int code = getaddrinfo(host, port, &wanted, &found);
    if (code != 0) {
        error_set(err, ERROR_UNAVAILABLE, "%s cannot be resolved: %s", host, gai_strerror(code));
        return NULL;
    }
    return found;
}

static void name_address(const struct addrinfo *address, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof host, NULL, 0,
                    NI_NUMERICHOST) != 0) {
        snprintf(host, sizeof host, "?");
    }
    snprintf(out, size, "%s", host);
}

bool doctor_resolve(const char *origin, struct buf *addresses, struct error *err)
{
    struct addrinfo *found = look_up(origin, err);
    if (found == NULL) {
        return false;
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        char name[INET6_ADDRSTRLEN];
        name_address(at, name, sizeof name);
        buf_printf(addresses, "%s%s", at == found ? "" : ", ", name);
    }
    freeaddrinfo(found);
    return true;
}

/* errno, or 0. */
static int try_address(const struct addrinfo *address)
{
    int cause = 0;
    socklen_t len = sizeof cause;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        cause = errno;
        if (cause == EINPROGRESS) {
            int ready = poll(&wait, 1, CONNECT_MS);
            cause = ready == 0 ? ETIMEDOUT : ready < 0 ? errno : 0;
        }
        if (cause == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &len) != 0) {
            cause = errno;
        }
    }
    close(fd);
    return cause;
}

bool doctor_connect(const char *origin, struct error *err)
{
    int cause = EHOSTUNREACH;
    char host[256], port[8];
    struct addrinfo *found = look_up(origin, err);
    if (found == NULL) {
        return false;
    }
    for (const struct addrinfo *at = found; at != NULL && cause != 0; at = at->ai_next) {
        cause = try_address(at);
    }
    freeaddrinfo(found);
    split(origin, host, port);
    return cause == 0 ||
           error_set(err, ERROR_UNAVAILABLE, "%s port %s: %s", host, port, strerrordesc_np(cause));
}
