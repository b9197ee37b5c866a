/* What of a server's words is shown: no form of a secret that was sent, and all that helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/chroma_internal.h"

#define HIDDEN "the reason given repeats the secret and is not shown"

#define TOKEN "X-Chroma-Token: sword+fish/0815\xc3\xa4=x"
#define BASIC "Authorization: Basic Ym9iOnN3b3JkZmlzaC0wODE1" /* bob:swordfish-0815 */
#define QUOTE "X-Chroma-Token: \"sw<rd&fish\"\\n'x"

/* lines: of a header file, each with its NUL. */
static void check_lines(int status, const char *header, const char *lines, size_t size,
                        const char *body, bool is_hidden)
{
    struct chroma chroma = {.address = {"http://127.0.0.1:8000", "http://127.0.0.1:8000"},
                            .role = "target"};
    struct http_answer answer = {.status = status, .body = span_from_str(body), .trace_id = ""};
    struct error err = {0};

    snprintf(chroma.auth_header, sizeof chroma.auth_header, "%s", header);
    memcpy(chroma.headers, lines, size);
    assert_false(chroma_check(&chroma, &answer, &err));
    if ((strstr(err.message, HIDDEN) != NULL) != is_hidden) {
        fail_msg("%d, %s: %s", status, body, err.message);
    }
    if (!is_hidden) {
        assert_non_null(strstr(err.message, "shown"));
    }
}

static void check(int status, const char *header, const char *body, bool is_hidden)
{
    check_lines(status, header, "", 1, body, is_hidden);
}

static void a_secret_is_hidden_in_every_form(void **state)
{
    static const struct {
        const char *header, *body;
    } rows[] = {
        {TOKEN, "you sent sword+fish/0815\xc3\xa4=x"},
        {TOKEN, "you sent SWORD+FISH/0815\xc3\xa4=X"},
        {TOKEN, "/login?token=sword%2Bfish%2F0815%C3%A4%3Dx"},
        {TOKEN, "/login?token=sword%2bfish%2f0815%c3%a4%3dx"},
        {TOKEN, "/login?back=%2Flogin%3Ftoken%3Dsword%252Bfish%252F0815%25C3%25A4%253Dx"},
        {TOKEN, "<html><title>no sword&#43;fish&#x2F;0815&#228;&#61;x</title></html>"},
        {TOKEN, "<html><title>no sword&amp;#43;fish&amp;#x2f;0815</title></html>"},
        {TOKEN, "{\"detail\":[{\"input\":\"sword\\u002bfish\\/0815\\u00e4=x\"}]}"},
        {TOKEN, "{'token': b'sword+fish/0815\\xc3\\xa4=x'}"},
        {TOKEN, "no such token: sword+fish/0815"}, /* cut */
        {QUOTE, "<html><title>&quot;sw&lt;rd&amp;fish&quot;\\n'x</title></html>"},
        {QUOTE, "{\"errors\":[\"\\\"sw<rd&fish\\\"\\\\n'x\"]}"},
        {QUOTE, "?token=%22sw%3Crd%26fish%22%5Cn%27x"},
        {BASIC, "password swordfish-0815 of user bob is wrong"},
        {BASIC, "bob:swordfish-0815"},
        {BASIC, "Swordfish-0815"},
        {BASIC, "swordfish%2D0815"},
        {BASIC, "swordfish&#45;0815"},
        {BASIC, "Basic Ym9iOnN3b3JkZmlzaC0wODE1"},
        {BASIC, "ym9ionn3b3jkzmlzac0wode1"},
        {BASIC, "swordfish-08"},
        {"Authorization: Basic c3dvcmRmaXNoOg==", "no user Swordfish"}, /* a token as the user */
        {"Authorization: Basic c3dvcmRmaXNo", "no user Swordfish"},     /* no colon */
        {"Authorization: Bearer ab", "AB is short"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(401, rows[i].header, rows[i].body, true);
        check(403, rows[i].header, rows[i].body, true);
        check(400, rows[i].header, rows[i].body, true);
        check(503, rows[i].header, rows[i].body, true);
    }
}

static void of_refused_credentials_a_part_is_enough(void **state)
{
    (void)state;
    check(401, BASIC, "no such password: swordf... (shown)", true);
    check(403, BASIC, "no such password: ...h-0815 (shown)", true);
    check(400, BASIC, "field swordf is not shown", false);
    check(401, BASIC, "no such password: sword... (shown)", false);
}

static void lines_of_a_header_file_are_secrets_too(void **state)
{
    static const char lines[] = "X-Gate: gate-hunter2\0"
                                "Cookie: a=1; session=0815-4711-0815\0"
                                "Proxy-Authorization: Basic Ym9iOnN3b3JkZmlzaC0wODE1\0"
                                "X-Stage: test\0";
    static const char *const bodies[] = {"no gate%2Dhunter2", "Gate-Hunter2",
                                         "a=1; session=0815-4711-0815", "swordfish-0815",
                                         "Basic Ym9iOnN3b3JkZmlzaC0wODE1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        check_lines(401, "", lines, sizeof lines, bodies[i], true);
        check_lines(500, "", lines, sizeof lines, bodies[i], true);
    }
    check_lines(403, "", lines, sizeof lines, "session=0815-4711", true);
    check_lines(403, "", lines, sizeof lines, "Basic login of the test stage is shown", false);
}

/* Words of a secret may stand in any answer; what is no escape is none. */
static void other_words_are_shown(void **state)
{
    static const char *const bodies[] = {
        "Forbidden: shown",
        "Basic authentication is needed, of user bob: shown",
        "100% & 5 < 6; \\ &; &#; &#x; &#xzz; &unknown; %zz %4 shown",
        "{\"message\":\"field 'fish' is not shown\"}",
        "shown&",
        "shown\\",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        check(401, BASIC, bodies[i], false);
        check(400, TOKEN, bodies[i], false);
        check(503, "", bodies[i], false);
    }
    check(400, "Authorization: Bearer swordfish-and-documents-0815",
          "documents must be text, as is shown", false);
    check(400, "Authorization: Basic !!", "no base64 is shown", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_hidden_in_every_form),
        cmocka_unit_test(of_refused_credentials_a_part_is_enough),
        cmocka_unit_test(lines_of_a_header_file_are_secrets_too),
        cmocka_unit_test(other_words_are_shown),
    };
    return cmocka_run_group_tests_name("chroma_words", tests, NULL, NULL);
}
