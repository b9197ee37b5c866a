/* See checkup.h. */
#include "producer/checkup.h"

#include <stdarg.h>
#include <stdio.h>

#include "format/json_write.h"

static struct finding *next(struct checkup *checkup, const char *area, const char *name,
                            const char *advice)
{
    if (checkup->count == CHECKUP_MOST) {
        checkup->count--;
    }
    struct finding *finding = &checkup->findings[checkup->count++];
    *finding = (struct finding){.area = area, .name = name};
    snprintf(finding->advice, sizeof finding->advice, "%s", advice);
    return finding;
}

void checkup_add(struct checkup *checkup, const char *area, const char *name,
                 enum check_state state, const char *advice, const char *fmt, ...)
{
    bool is_full = checkup->count == CHECKUP_MOST;
    struct finding *finding = next(checkup, area, name, advice);
    va_list args;
    va_start(args, fmt);
    vsnprintf(finding->found, sizeof finding->found, fmt, args);
    va_end(args);
    finding->state = is_full ? CHECK_FAIL : state;
    finding->code = is_full ? EXIT_BUG : state == CHECK_FAIL ? EXIT_USAGE : EXIT_DONE;
}

void checkup_fail(struct checkup *checkup, const char *area, const char *name, const char *advice,
                  const struct error *err)
{
    checkup_add(checkup, area, name, CHECK_FAIL, advice, "%s", err->message);
    struct finding *finding = &checkup->findings[checkup->count - 1];
    if (finding->code != EXIT_BUG) {
        finding->code = exit_code_for(err);
    }
}

enum exit_code checkup_exit_code(const struct checkup *checkup)
{
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; i < checkup->count; i++) {
        if (checkup->findings[i].state == CHECK_FAIL) {
            code = exit_code_worse(code, checkup->findings[i].code);
        }
    }
    return code;
}

size_t checkup_number(const struct checkup *checkup, enum check_state state)
{
    size_t number = 0;
    for (size_t i = 0; i < checkup->count; i++) {
        number += checkup->findings[i].state == state;
    }
    return number;
}

const char *check_state_name(enum check_state state)
{
    static const char *const names[] = {"ok", "warning", "fail", "skipped"};
    return names[state];
}

void checkup_write_line(const struct finding *finding, struct buf *out)
{
    buf_printf(out, "%-8s %-10s %-12s ", check_state_name(finding->state), finding->area,
               finding->name);
    buf_append_text(out, span_from_str(finding->found), sizeof finding->found);
    if (finding->advice[0] != '\0') {
        buf_printf(out, " -> %s", finding->advice);
    }
    buf_append_byte(out, '\n');
}

static void write_text(struct buf *out, const char *name, const char *text)
{
    struct buf valid; /* a text that was cut may end inside a character */
    buf_init(&valid, 4 * sizeof((struct finding *)0)->found + 16);
    buf_append_text(&valid, span_from_str(text), sizeof((struct finding *)0)->found);
    buf_printf(out, ",\"%s\":", name);
    json_write_string(out, buf_span(&valid));
    buf_deinit(&valid);
}

void checkup_write_json(const struct finding *finding, struct buf *out)
{
    buf_printf(out, "{\"state\":\"%s\"", check_state_name(finding->state));
    write_text(out, "area", finding->area);
    write_text(out, "check", finding->name);
    write_text(out, "found", finding->found);
    if (finding->advice[0] != '\0') {
        write_text(out, "advice", finding->advice);
    }
    if (finding->state == CHECK_FAIL) {
        buf_printf(out, ",\"exit_code\":%d", (int)finding->code);
    }
    buf_append_byte(out, '}');
}
