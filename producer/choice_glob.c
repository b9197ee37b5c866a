/* Patterns: * is any run of characters, ? any one; and what each * stood for. */
#include "producer/choice_parts.h"

#include <string.h>

bool choice_is_pattern(const char *text)
{
    return strpbrk(text, "*?") != NULL;
}

size_t choice_stars(const char *text)
{
    size_t stars = 0;
    for (; text != NULL && *text != '\0'; text++) {
        stars += *text == '*';
    }
    return stars;
}

/* Every star takes as little as it can, from the left on. */
bool choice_match(const char *pattern, const char *text, struct span *stars, size_t *count)
{
    const char *after_star = NULL;
    const char *at = text;
    *count = 0;
    for (;;) {
        if (*pattern == '*') {
            stars[(*count)++] = (struct span){(const uint8_t *)at, 0};
            after_star = ++pattern;
        } else if (*pattern == '\0' && *at == '\0') {
            return true;
        } else if (*at != '\0' && (*pattern == '?' || *pattern == *at)) {
            pattern++;
            at++;
        } else {
            struct span *last = after_star != NULL ? &stars[*count - 1] : NULL;
            if (last == NULL || last->ptr[last->len] == '\0') {
                return false;
            }
            last->len++;
            at = (const char *)last->ptr + last->len;
            pattern = after_star;
        }
    }
}

bool choice_matches(const char *pattern, const char *text)
{
    struct span stars[CHOICE_STARS];
    size_t count;
    return choice_match(pattern, text, stars, &count);
}

/* NULL: out of memory. */
const char *choice_fill(struct arena *arena, const char *template, const struct span *stars)
{
    size_t size = strlen(template) + 1;
    size_t star = 0;
    for (const char *c = template; *c != '\0'; c++) {
        size += *c == '*' ? stars[star++].len : 0;
    }
    char *out = arena_alloc(arena, size);
    char *end = out;
    star = 0;
    for (; out != NULL && *template != '\0'; template ++) {
        if (*template == '*') {
            memcpy(end, stars[star].ptr, stars[star].len);
            end += stars[star++].len;
        } else {
            *end++ = *template;
        }
    }
    if (out != NULL) {
        *end = '\0';
    }
    return out;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_address(const char *name)
{
    int dots = 0;
    for (const char *c = name; *c != '\0'; c++) {
        dots += *c == '.';
        if (*c != '.' && (*c < '0' || *c > '9')) {
            return false;
        }
    }
    return dots == 3;
}

bool choice_name_is_valid(const char *name)
{
    size_t len = strlen(name);
    if (len < 3 || len > 512 || !is_letter_or_digit(name[0]) ||
        !is_letter_or_digit(name[len - 1]) || strstr(name, "..") != NULL || is_address(name)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_letter_or_digit(name[i]) && strchr("._-", name[i]) == NULL) {
            return false;
        }
    }
    return true;
}
