/* The table of targets, and where their secrets come from. Nothing of a secret is ever printed or kept beside the
 * header that carries it. */
#include "consumer/targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/link.h"
#include "run/chroma_link.h"

bool targets_open(struct targets *targets, const struct option_set *options, struct http *http,
                  struct error *err)
{
    const char *url = option_server(options, "target");
    struct http_address address;

    *targets = (struct targets){.options = options, .http = http};
    if (url == NULL) {
        return true;
    }
    if (!http_parse_address(url, &address, err)) {
        return error_wrap(err, "FERRY_TARGET");
    }
    snprintf(targets->expected_origin, sizeof targets->expected_origin, "%s", address.origin);
    return true;
}

void targets_close(struct targets *targets)
{
    while (targets->first != NULL) {
        struct target *target = targets->first;
        targets->first = target->next;
        chroma_forget_secret(&target->chroma);
        free(target);
    }
}

static bool origins_hold(const struct origins *origins, const char *origin)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (strcmp(origins->text[i], origin) == 0) {
            return true;
        }
    }
    return false;
}

static void origins_add(struct origins *origins, const char *origin)
{
    size_t at = origins->count;

    if (origins_hold(origins, origin)) {
        return;
    }
    if (at == TARGETS_ORIGINS) {
        at = origins->oldest;
        origins->oldest = (at + 1) % TARGETS_ORIGINS;
    } else {
        origins->count++;
    }
    snprintf(origins->text[at], sizeof origins->text[at], "%s", origin);
    origins->list[at] = origins->text[at];
}

static void origins_remove(struct origins *origins, const char *origin)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (strcmp(origins->text[i], origin) == 0) {
            origins->count--;
            memmove(origins->text[i], origins->text[origins->count], sizeof origins->text[i]);
            origins->oldest = 0;
            return;
        }
    }
}

bool targets_lack_secret(const struct targets *targets, const char *origin)
{
    return origins_hold(&targets->without_secret, origin);
}

/* chroma: whose tenant and database are known, or NULL. */
static struct secret_request request_for(const struct targets *targets, const char *origin,
                                         const struct chroma *chroma)
{
    return (struct secret_request){
        .role = SECRET_TARGET,
        .origin = origin,
        .expected_origin = targets->expected_origin[0] != '\0' ? targets->expected_origin : NULL,
        .tenant = chroma != NULL ? chroma->tenant : NULL,
        .database = chroma != NULL ? chroma->database : NULL,
    };
}

static bool find_header(const struct targets *targets, const char *origin,
                        const struct chroma *chroma, char header[512], struct error *err)
{
    char style[16];
    struct secret_request request = request_for(targets, origin, chroma);

    if (!secret_find(targets->options, &request, header, style, err)) {
        return false;
    }
    if (header[0] == '\0') {
        return error_set(err, ERROR_AUTH,
                         "no secret for %s: set FERRY_TARGET to its address, and "
                         "FERRY_TARGET_TOKEN or FERRY_TARGET_TOKEN_FILE, or give it an [endpoint] "
                         "in ferry.conf",
                         origin);
    }
    return true;
}

static bool is_headers(const char *style)
{
    return strcmp(style, SECRET_STYLE_HEADERS) == 0;
}

/* Of a target that wants none but the header lines of a file. */
static bool find_headers(const struct targets *targets, const char *origin,
                         const struct chroma *chroma, struct error *err)
{
    struct secret_request request = request_for(targets, origin, chroma);
    struct link link;
    bool ok = link_find(targets->options, &request,
                        option_text(targets->options, "target-header-file"), "", &link, err);
    bool has_any = ok && link.headers[0] != '\0';

    explicit_bzero(link.headers, sizeof link.headers);
    return has_any || error_set(err, ERROR_AUTH,
                                "no header lines for %s: set FERRY_TARGET to its address, and "
                                "FERRY_TARGET_HEADER_FILE, or give it an [endpoint] in ferry.conf",
                                origin);
}

bool targets_find_secret(struct targets *targets, const char *origin, const char *style,
                         struct error *err)
{
    char header[512] = "";
    bool is_found = is_headers(style) ? find_headers(targets, origin, NULL, err)
                                      : find_header(targets, origin, NULL, header, err);

    explicit_bzero(header, sizeof header);
    if (is_found) {
        origins_add(&targets->with_secret, origin);
        origins_remove(&targets->without_secret, origin);
    } else {
        origins_add(&targets->without_secret, origin);
        origins_remove(&targets->with_secret, origin);
    }
    return is_found;
}

static struct target *find_or_add(struct targets *targets, const struct uuid *uuid)
{
    for (struct target *target = targets->first; target != NULL; target = target->next) {
        if (uuid_equal(&target->uuid, uuid)) {
            return target;
        }
    }
    struct target *target = calloc(1, sizeof *target);
    if (target != NULL) {
        target->uuid = *uuid;
        target->next = targets->first;
        targets->first = target;
    }
    return target;
}

static bool find_link(const struct targets *targets, struct target *target, struct error *err)
{
    struct chroma *chroma = &target->chroma;
    struct secret_request request = request_for(targets, chroma->address.origin, chroma);

    return chroma_link(chroma, targets->options, &request,
                       option_text(targets->options, "target-header-file"), &target->is_warned,
                       err);
}

static bool fill(const struct targets *targets, struct target *target, const struct pg_rows *rows,
                 int row, struct error *err)
{
    struct chroma *chroma = &target->chroma;
    const char *style = pg_cstr(rows, row, "auth_style");
    bool needs_secret = strcmp(style, "none") != 0 && !is_headers(style);

    chroma->http = targets->http;
    chroma->is_met = true; /* by the producer */
    snprintf(chroma->role, sizeof chroma->role, "target");
    snprintf(chroma->tenant, sizeof chroma->tenant, "%s", pg_cstr(rows, row, "tenant"));
    snprintf(chroma->database, sizeof chroma->database, "%s", pg_cstr(rows, row, "database_name"));
    snprintf(target->name, sizeof target->name, "%s", pg_cstr(rows, row, "target_name"));
    target->takes_base64 = pg_bool(rows, row, "takes_base64");
    target->max_request_bytes = pg_i64(rows, row, "max_request_bytes");
    chroma_forget_secret(chroma);
    if (!space_parse(pg_cstr(rows, row, "space"), &target->space)) {
        return error_set(err, ERROR_INTEGRITY, "the ledger names an unknown space \"%s\"",
                         pg_cstr(rows, row, "space"));
    }
    return http_parse_address(pg_cstr(rows, row, "url"), &chroma->address, err) &&
           (!is_headers(style) || find_headers(targets, chroma->address.origin, chroma, err)) &&
           (!needs_secret ||
            find_header(targets, chroma->address.origin, chroma, chroma->auth_header, err)) &&
           find_link(targets, target, err);
}

struct target *targets_take(struct targets *targets, const struct pg_rows *rows, int row,
                            struct error *err)
{
    struct uuid uuid;

    if (!uuid_parse(pg_text(rows, row, "target_uuid"), &uuid)) {
        error_set(err, ERROR_INTEGRITY, "the ledger's target has no UUID");
        return NULL;
    }
    struct target *target = find_or_add(targets, &uuid);
    if (target == NULL) {
        error_set(err, ERROR_NOMEM, "out of memory for a target");
        return NULL;
    }
    if (!fill(targets, target, rows, row, err)) {
        error_wrap(err, "target \"%s\"", target->name);
        err->kind = ERROR_REJECTED; /* the job needs a person, this program goes on */
        return NULL;
    }
    return target;
}
