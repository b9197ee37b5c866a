/* Which collections a job moves, and where to: every way of choosing, mapping and refusing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "producer/choice.h"

struct world {
    struct arena arena;
    struct choice choice;
    char result[4096]; /* "tenant/database/name>tenant/database/name;", - for the side's own */
    struct error err;
};

/* What a server holds: two databases of one tenant, one of another. */
static const char *const held[][3] = {
    {"default_tenant", "default_database", "docs-a"},
    {"default_tenant", "default_database", "docs-b"},
    {"default_tenant", "default_database", "notes"},
    {"default_tenant", "archive", "docs-a"},
    {"default_tenant", "archive", "old-2024"},
    {"acme", "main", "docs-a"},
};

static const struct choice_place own_source = {"default_tenant", "default_database"};
static const struct choice_place own_target = {"default_tenant", "default_database"};

static bool is_looked_at(const struct choice *choice, const char *const *row)
{
    struct choice_place place;
    for (size_t i = 0; choice_place_at(choice, i, &place); i++) {
        if (strcmp(place.tenant, row[0]) == 0 && choice_matches(place.database, row[1])) {
            return true;
        }
    }
    return false;
}

static void tell(struct world *world)
{
    size_t len = 0;
    world->result[0] = '\0';
    for (size_t i = 0; i < world->choice.count; i++) {
        const struct choice_pair *pair = &world->choice.pairs[i];
        len += (size_t)snprintf(world->result + len, sizeof world->result - len,
                                "%s/%s/%s>%s/%s/%s;", pair->source.tenant, pair->source.database,
                                pair->name, pair->target.tenant != NULL ? pair->target.tenant : "-",
                                pair->target.database != NULL ? pair->target.database : "-",
                                pair->target_name);
    }
}

static bool choose(struct world *world, const struct choice_wish *wish)
{
    memset(world, 0, sizeof *world);
    arena_init(&world->arena, MIB);
    if (!choice_read(&world->choice, wish, &world->arena, &world->err)) {
        return false;
    }
    choice_at(&world->choice, &own_source, &own_target);
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        struct choice_place place = {held[i][0], held[i][1]};
        if (is_looked_at(&world->choice, held[i]) &&
            !choice_offer(&world->choice, &place, held[i][2], &world->err)) {
            return false;
        }
    }
    if (!choice_close(&world->choice, &world->err)) {
        return false;
    }
    tell(world);
    return true;
}

#define OWN "default_tenant/default_database/"

static void what_is_chosen_and_where_it_goes(void **state)
{
    static const struct {
        struct choice_wish wish;
        const char *result;
    } rows[] = {
        {{.names = "notes"}, OWN "notes>-/-/notes;"},
        {{.names = "docs-b,notes"}, OWN "docs-b>-/-/docs-b;" OWN "notes>-/-/notes;"},
        {{.names = " notes , docs-b "}, OWN "docs-b>-/-/docs-b;" OWN "notes>-/-/notes;"},
        {{.names = "docs-*"}, OWN "docs-a>-/-/docs-a;" OWN "docs-b>-/-/docs-b;"},
        {{.names = "docs-?,n*"},
         OWN "docs-a>-/-/docs-a;" OWN "docs-b>-/-/docs-b;" OWN "notes>-/-/notes;"},
        /* One that is chosen twice goes once. */
        {{.names = "notes,no*,*tes"}, OWN "notes>-/-/notes;"},
        {{.is_all = true, .exclude = "*-a,docs-a"},
         OWN "docs-b>-/-/docs-b;" OWN "notes>-/-/notes;"},
        /* It matches one that no name has chosen; beside a single name, nothing but that is looked at. */
        {{.names = "docs-*", .exclude = "notes,*-b"}, OWN "docs-a>-/-/docs-a;"},
        {{.names = "notes", .exclude = "zzz"}, OWN "notes>-/-/notes;"},
        {{.is_all = true, .exclude = "docs*", .prefix = "old-"}, OWN "notes>-/-/old-notes;"},
        {{.names = "notes", .target_name = "remarks"}, OWN "notes>-/-/remarks;"},
        {{.names = "notes", .prefix = "x-"}, OWN "notes>-/-/x-notes;"},
        /* Maps alone choose. */
        {{.maps = "notes=remarks"}, OWN "notes>-/-/remarks;"},
        {{.maps = "archive/*=T/DB/*"},
         "default_tenant/archive/docs-a>T/DB/docs-a;default_tenant/archive/old-2024>T/DB/"
         "old-2024;"},
        {{.maps = "acme/main/docs-a=moved"}, "acme/main/docs-a>-/-/moved;"},
        {{.maps = "acme/main/docs-a=other/moved"}, "acme/main/docs-a>-/other/moved;"},
        {{.maps = "default_tenant/a*/*=T/b*/*"},
         "default_tenant/archive/docs-a>T/brchive/docs-a;"
         "default_tenant/archive/old-2024>T/brchive/old-2024;"},
        {{.maps = "default_tenant/*/docs-*=T/*/d.*", .exclude = "*-b"},
         OWN "docs-a>T/default_database/d.a;default_tenant/archive/docs-a>T/archive/d.a;"},
        /* As many stars in all: in order. Databases become part of names. */
        {{.maps = "default_tenant/*/docs-*=T/DB/*-*"},
         OWN "docs-a>T/DB/default_database-a;" OWN "docs-b>T/DB/default_database-b;"
             "default_tenant/archive/docs-a>T/DB/archive-a;"},
        /* Fewer: part by part. */
        {{.maps = "default_tenant/a*e/*=T/D/*"},
         "default_tenant/archive/docs-a>T/D/docs-a;default_tenant/archive/old-2024>T/D/old-2024;"},
        {{.maps = "default_tenant/a*/old-*=T/x*/fixed"},
         "default_tenant/archive/old-2024>T/xrchive/fixed;"},
        {{.maps = "*o*=*-*"},
         OWN "docs-a>-/-/d-cs-a;" OWN "docs-b>-/-/d-cs-b;" OWN "notes>-/-/n-tes;"},
        /* The first that matches decides. */
        {{.is_all = true, .maps = "notes=remarks,docs-a=first,docs-*=later-*"},
         OWN "docs-a>-/-/first;" OWN "docs-b>-/-/later-b;" OWN "notes>-/-/remarks;"},
        {{.is_all = true, .maps = "notes=remarks", .prefix = "x-"},
         OWN "docs-a>-/-/x-docs-a;" OWN "docs-b>-/-/x-docs-b;" OWN "notes>-/-/x-remarks;"},
        /* Names narrow what maps choose, wherever they look. */
        {{.names = "docs-a", .maps = "default_tenant/*/*=T/*/*,acme/main/*=A/*"},
         OWN "docs-a>T/default_database/docs-a;default_tenant/archive/docs-a>T/archive/docs-a;"
             "acme/main/docs-a>-/A/docs-a;"},
        {{.is_all = true, .maps = "acme/main/*=A/*"},
         OWN "docs-a>-/-/docs-a;" OWN "docs-b>-/-/docs-b;" OWN "notes>-/-/notes;"
             "acme/main/docs-a>-/A/docs-a;"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;
        if (!choose(&world, &rows[i].wish)) {
            fail_msg("row %zu: %s", i, world.err.message);
        }
        if (strcmp(world.result, rows[i].result) != 0) {
            fail_msg("row %zu:\n%s\nnot\n%s", i, world.result, rows[i].result);
        }
        arena_deinit(&world.arena);
    }
}

static void what_is_refused(void **state)
{
    static const struct {
        struct choice_wish wish;
        enum error_kind kind;
        const char *words;
    } rows[] = {
        {{.names = NULL}, ERROR_USAGE, "missing --collection NAME (or FERRY_COLLECTION)"},
        {{.names = "docs-a,zzz*"},
         ERROR_NOT_FOUND,
         "no collection is named \"zzz*\" in default_tenant/default_database"},
        {{.names = "docs-a,nope,also-not"}, ERROR_NOT_FOUND, "named \"nope\""},
        /* It is elsewhere only. */
        {{.names = "old-2024,notes"}, ERROR_NOT_FOUND, "named \"old-2024\""},
        {{.is_all = true, .exclude = "*"}, ERROR_NOT_FOUND, "--exclude leaves none"},
        {{.is_all = true, .exclude = "docs-*,zzz"}, ERROR_NOT_FOUND, "matches --exclude zzz"},
        /* It is elsewhere only. */
        {{.is_all = true, .exclude = "old-2024"}, ERROR_NOT_FOUND, "matches --exclude old-2024"},
        {{.is_all = true, .maps = "zzz=yyy"}, ERROR_NOT_FOUND, "matches --map zzz=yyy"},
        {{.is_all = true, .names = "docs-a"}, ERROR_USAGE, "choose one"},
        {{.names = "docs-a,"}, ERROR_USAGE, "--collection has an empty name"},
        {{.is_all = true, .exclude = " ,x"}, ERROR_USAGE, "--exclude has an empty name"},
        {{.names = "docs-*", .target_name = "one"}, ERROR_USAGE, "--target-collection names one"},
        {{.names = "docs-a,notes", .target_name = "one"}, ERROR_USAGE, "--target-collection names"},
        {{.names = "notes", .target_name = "one", .prefix = "x"},
         ERROR_USAGE,
         "so does --target-prefix"},
        {{.names = "notes", .target_name = "one", .maps = "notes=two"},
         ERROR_USAGE,
         "so does --map"},
        {{.maps = "notes"}, ERROR_USAGE, "has no = between"},
        {{.maps = "a=b=c"}, ERROR_USAGE, "has no = between its sides, or several"},
        {{.maps = "a//c=d"}, ERROR_USAGE, "a part of it is empty"},
        {{.maps = "=d"}, ERROR_USAGE, "a part of it is empty"},
        {{.maps = "a=/d"}, ERROR_USAGE, "a part of it is empty"},
        {{.maps = "a/b/c/d=e"}, ERROR_USAGE, "more than three parts"},
        {{.maps = "*/b/c=e"}, ERROR_USAGE, "no server lists its tenants"},
        {{.maps = "b=c?"}, ERROR_USAGE, "no ? can stand on its right side"},
        {{.maps = "doc*=*-*"}, ERROR_USAGE, "the stars on its right side"},
        {{.maps = "a*b*=x*"}, ERROR_USAGE, "the stars on its right side"},
        {{.maps = "*****=*****"}, ERROR_USAGE, "more than 4 stars"},
        {{.names = "*********"}, ERROR_USAGE, "more than 8 stars"},
        {{.is_all = true, .maps = "docs-*=docs"},
         ERROR_USAGE,
         "default_tenant/default_database/docs-a and default_tenant/default_database/docs-b would "
         "both go to collection \"docs\" of default_tenant/default_database"},
        {{.maps = "default_tenant/*/*=T/D/*"},
         ERROR_USAGE,
         "would both go to collection \"docs-a\""},
        /* The target's own database by name is the same as none named. */
        {{.is_all = true, .maps = "archive/docs-a=default_database/docs-a"},
         ERROR_USAGE,
         "would both go to"},
        {{.names = "notes", .prefix = "x "},
         ERROR_USAGE,
         "would be named \"x notes\" at the target, which Chroma does not take"},
        {{.is_all = true, .maps = "notes=n"}, ERROR_USAGE, "named \"n\" at the target"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;
        if (choose(&world, &rows[i].wish)) {
            fail_msg("row %zu was taken: %s", i, world.result);
        }
        if (world.err.kind != rows[i].kind || strstr(world.err.message, rows[i].words) == NULL) {
            fail_msg("row %zu: %d %s", i, (int)world.err.kind, world.err.message);
        }
        arena_deinit(&world.arena);
    }
}

static void patterns(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a*", "abc", true},
        {"a*", "bc", false},
        {"*c", "abcc", true},
        {"*c", "abcd", false},
        {"a*c", "abcbc", true},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"?", "", false},
        {"**", "x", true},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXcYb", false},
        {"*a*a*", "banana", true},
        {"*-*-*", "a-b", false},
        {"[a]", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (choice_matches(rows[i].pattern, rows[i].text) != rows[i].matches) {
            fail_msg("%s and %s", rows[i].pattern, rows[i].text);
        }
    }
}

static void names_that_chroma_takes(void **state)
{
    static const char *const good[] = {"abc", "a.b", "A_b-3", "1.2.3", "1.2.3.4.5", "a1.2.3.4"};
    static const char *const bad[] = {"",    "ab",  "-ab",     "ab-", "a..b", "a b",
                                      "a/b", "aäb", "1.2.3.4", ".ab", "ab\n", "a,b"};
    char longest[514];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(choice_name_is_valid(good[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(choice_name_is_valid(bad[i]));
    }
    memset(longest, 'a', sizeof longest);
    longest[512] = '\0';
    assert_true(choice_name_is_valid(longest));
    longest[512] = 'a';
    longest[513] = '\0';
    assert_false(choice_name_is_valid(longest));
}

static void one_named_in_full_needs_no_list(void **state)
{
    static const struct {
        struct choice_wish wish;
        bool is_single;
        const char *title;
    } rows[] = {
        {{.names = "notes"}, true, "notes"},
        {{.names = "notes", .maps = "notes=remarks"}, true, "notes"},
        {{.names = "notes", .maps = "archive/notes=remarks"}, false, "notes"},
        {{.names = "not*"}, false, "not"},
        {{.names = "docs-*,x"}, false, "docs"},
        {{.names = "*,x"}, false, "all"},
        {{.names = "a,b"}, false, "a"},
        {{.is_all = true}, false, "all"},
        {{.maps = "a=b"}, false, "all"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct choice choice;
        struct error err = {0};
        char title[64];
        arena_init(&arena, MIB);
        assert_true(choice_read(&choice, &rows[i].wish, &arena, &err));
        assert_int_equal(choice_is_single(&choice), rows[i].is_single);
        choice_title(&choice, title, sizeof title);
        assert_string_equal(title, rows[i].title);
        arena_deinit(&arena);
    }
}

static void a_job_takes_no_more_than_its_limit(void **state)
{
    struct arena arena;
    struct choice choice;
    struct error err = {0};
    char name[32];
    (void)state;
    arena_init(&arena, 4 * MIB);
    assert_true(choice_read(&choice, &(struct choice_wish){.is_all = true}, &arena, &err));
    choice_at(&choice, &own_source, &own_target);
    for (unsigned i = 0; i < LIMIT_JOB_COLLECTIONS; i++) {
        snprintf(name, sizeof name, "name-%u", i);
        assert_true(choice_offer(&choice, &own_source, name, &err));
    }
    assert_true(choice_close(&choice, &err));
    assert_false(choice_offer(&choice, &own_source, "one-more", &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_chosen_and_where_it_goes),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(patterns),
        cmocka_unit_test(names_that_chroma_takes),
        cmocka_unit_test(one_named_in_full_needs_no_list),
        cmocka_unit_test(a_job_takes_no_more_than_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
