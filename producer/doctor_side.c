/*
 * One server, step by step; each needs the ones before it, so after a fail the rest is skipped. The last steps are in
 * doctor_place.c, doctor_collection.c and doctor_likeness.c.
 */
#include <stdio.h>
#include <string.h>

#include "net/http.h"
#include "net/http_proxy.h"
#include "producer/doctor_steps.h"

bool doctor_fails(struct look *look, const char *name, const char *advice, const struct error *err)
{
    checkup_fail(&look->doctor->checkup, look->role, name, advice, err);
    return false;
}

bool doctor_passes(struct look *look, const char *name, const char *found)
{
    checkup_add(&look->doctor->checkup, look->role, name, CHECK_OK, "", "%s", found);
    return true;
}

static bool look_address(struct look *look, const char *name)
{
    struct side *side = look->side;
    struct error err = {0};
    if (!side_open(side, &look->doctor->rt, look->role, NULL, NULL, NULL, &err)) {
        return doctor_fails(look, name, "correct the setting that is named", &err);
    }
    bool has_secret = side->chroma.auth_header[0] != '\0' || side->chroma.headers[0] != '\0';
    bool is_bare = has_secret && http_is_in_clear(&side->chroma.address);
    checkup_add(&look->doctor->checkup, look->role, name, is_bare ? CHECK_WARNING : CHECK_OK,
                is_bare ? "use https, or a network that nobody else can listen to" : "",
                "%s, credentials: %s%s", side->chroma.address.base, side->auth_style,
                is_bare ? ", sent in the clear" : "");
    return true;
}

/* What is asked of a server behind a proxy is asked of the proxy. */
static bool is_proxied(struct look *look, const char *name)
{
    struct http_proxy proxy;
    struct error err = {0};
    if (!http_proxy_find(look->side->chroma.address.base, &proxy, &err)) {
        return false; /* the first request says so */
    }
    if (proxy.variable != NULL) {
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_SKIPPED, "",
                    "%s is set: requests go through the proxy %s unless NO_PROXY says otherwise",
                    proxy.variable, proxy.name);
    }
    return proxy.variable != NULL;
}

static bool look_dns(struct look *look, const char *name)
{
    struct error err = {0};
    struct buf addresses;
    if (is_proxied(look, name)) {
        return true;
    }
    buf_init(&addresses, 4096);
    bool ok = doctor_resolve(look->side->chroma.address.origin, &addresses, &err);
    ok = ok ? doctor_passes(look, name, buf_cstr(&addresses))
            : doctor_fails(look, name,
                           "check the host's name in the address, and this machine's resolver",
                           &err);
    buf_deinit(&addresses);
    return ok;
}

static bool look_tcp(struct look *look, const char *name)
{
    struct error err = {0};
    if (is_proxied(look, name)) {
        return true;
    }
    return doctor_connect(look->side->chroma.address.origin, &err)
               ? doctor_passes(look, name, "connected")
               : doctor_fails(look, name, "start the server, or check host, port and firewall",
                              &err);
}

/* The first requests; what else they say is for the next steps. A certificate that is refused may look like a server that
 * tells no version to strangers, and shows at the second. */
static bool look_tls(struct look *look, const char *name)
{
    bool is_tls = strncmp(look->side->chroma.address.origin, "https://", 8) == 0;
    if (side_identify(look->side, &look->doctor->rt, &look->identify)) {
        (void)!side_find_limits(look->side, &look->doctor->rt, &look->preflight);
    }
    const struct error *failed =
        look->identify.kind != ERROR_NONE ? &look->identify : &look->preflight;
    if (is_tls && http_is_tls_failure(failed)) {
        return doctor_fails(look, name,
                            "check the certificate's name, dates and issuer; a CA of your own goes "
                            "into FERRY_…_CA_FILE",
                            failed);
    }
    if (is_tls && http_is_without_answer(failed)) { /* which the next step tells */
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_SKIPPED, "",
                    "no answer came, so no certificate is known to be good");
        return true;
    }
    return doctor_passes(look, name, is_tls ? "certificate verified" : "none, the address is http");
}

static bool look_version(struct look *look, const char *name)
{
    const struct chroma *chroma = &look->side->chroma;
    char text[80];
    if (look->identify.kind != ERROR_NONE) {
        return doctor_fails(look, name,
                            look->identify.kind == ERROR_USAGE
                                ? "see README, Which servers"
                                : "check that this address is a Chroma's",
                            &look->identify);
    }
    if (look->preflight.kind != ERROR_NONE && look->preflight.kind != ERROR_AUTH) {
        return doctor_fails(look, name,
                            "this is no Chroma that is known: check port and path of the address",
                            &look->preflight);
    }
    if (chroma->version.number == 0) {
        return doctor_passes(look, name, "not told; taken for 1.x");
    }
    snprintf(text, sizeof text, "Chroma %s, API %s%s", chroma->version.text,
             chroma->api == CHROMA_API_V1 ? "v1" : "v2",
             chroma_is_old(chroma) ? "" : " (every 1.x says 1.0.0)");
    return doctor_passes(look, name, text);
}

static bool look_auth(struct look *look, const char *name)
{
    char text[80];
    const struct error *refused = &look->preflight;
    if (refused->kind != ERROR_AUTH) {
        (void)!(side_find_place(look->side, &look->doctor->rt, &look->tenant) &&
                side_look_place(look->side, &look->doctor->rt, false, &look->tenant));
        refused = &look->tenant;
    }
    if (refused->kind == ERROR_AUTH) {
        return doctor_fails(look, name, "set the credentials that this server asks for", refused);
    }
    snprintf(text, sizeof text, "%s%s", look->side->auth_style,
             look->side->chroma.auth_header[0] != '\0' ? " accepted" : " sent, none asked for");
    return doctor_passes(look, name, text);
}

static const struct {
    const char *name;
    step_fn *run;
} steps[] = {
    {"address", look_address},
    {"dns", look_dns},
    {"tcp", look_tcp},
    {"tls", look_tls},
    {"version", look_version},
    {"auth", look_auth},
    {"limits", doctor_look_limits},
    {"tenant", doctor_look_tenant},
    {"database", doctor_look_database},
    {"collection", doctor_look_collection},
    {"dimension", doctor_look_dimension},
    {"space", doctor_look_space},
};

void doctor_side(struct doctor *doctor, const char *role)
{
    struct look look = {.doctor = doctor,
                        .role = role,
                        .side = strcmp(role, "target") == 0 ? &doctor->job.target
                                                            : &doctor->job.source};
    const char *missing = NULL; /* the step that failed */
    if (option_text(doctor->options, role) == NULL) {
        checkup_add(&doctor->checkup, role, "address", CHECK_SKIPPED, "", "no --%s was given",
                    role);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(steps) && doctor->rt.stop.requested == 0; i++) {
        if (look.skipped != NULL) {
            checkup_add(&doctor->checkup, role, steps[i].name, CHECK_SKIPPED, "", "%s",
                        look.skipped);
        } else if (missing != NULL) {
            checkup_add(&doctor->checkup, role, steps[i].name, CHECK_SKIPPED, "", "needs %s %s",
                        role, missing);
        } else if (!steps[i].run(&look, steps[i].name)) {
            missing = steps[i].name;
        }
    }
}
