/*
 * How connections end that curl closes: their last words are kept until the end of the turn. Reads only what
 * has arrived, understands nothing of it.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop_state.h"

static unsigned local_port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return 0;
    }
    if (address.ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)&address)->sin_port);
    }
    return address.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&address)->sin6_port)
                                         : 0;
}

int loop_close_socket(void *ctx, curl_socket_t fd)
{
    struct loop *loop = ctx;

    if (loop->last_words_count < LOOP_LAST_WORDS) {
        struct loop_last_words *words = &loop->last_words[loop->last_words_count];
        ssize_t got = recv(fd, words->bytes, sizeof words->bytes, MSG_DONTWAIT);

        if (got > 0) {
            words->len = (size_t)got;
            words->local_port = local_port_of(fd);
            loop->last_words_count++;
        }
    }
    if (loop->is_cutting) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                         sizeof(struct linger));
    }
    return close(fd);
}

void loop_cut(struct loop *loop, bool is_cutting)
{
    loop->is_cutting = is_cutting;
}

struct span loop_last_words(const struct loop *loop, unsigned local_port)
{
    for (size_t i = 0; i < loop->last_words_count; i++) {
        if (loop->last_words[i].local_port == local_port) {
            return (struct span){loop->last_words[i].bytes, loop->last_words[i].len};
        }
    }
    return (struct span){NULL, 0};
}
