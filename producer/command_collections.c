/* ferry-producer collections: what a server holds, as a table or as JSON. Reads only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/exit_code.h"
#include "base/limits.h"
#include "format/json_write.h"
#include "producer/catalogue.h"
#include "producer/options.h"

struct printer {
    struct runtime rt;
    bool is_json;
    size_t printed;
    struct error doubt; /* the first collection that could not be told of in full */
};

struct entry {
    const struct side *side;
    const char *name;
    bool has_count, has_facts;
    uint64_t count;
    struct catalogue_facts facts;
};

static void write_member(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    json_write_string(out, span_from_str(text));
    buf_append_byte(out, ',');
}

static bool print_json(struct printer *printer, const struct entry *entry, struct error *err)
{
    const struct chroma_collection *collection = &entry->side->collection;
    struct buf out;
    buf_init(&out, LIMIT_CONTROL_DOCUMENT);
    buf_append_str(&out, printer->printed > 0 ? ",\n {" : "{");
    write_member(&out, "side", entry->side->chroma.role);
    write_member(&out, "tenant", entry->side->chroma.tenant);
    write_member(&out, "database", entry->side->chroma.database);
    write_member(&out, "name", entry->name);
    write_member(&out, "uuid", collection->uuid.text);
    if (entry->has_count) {
        buf_printf(&out, "\"records\":%" PRIu64 ",", entry->count);
    } else {
        buf_append_str(&out, "\"records\":null,");
    }
    if (collection->dimension > 0) {
        buf_printf(&out, "\"dimension\":%u,", collection->dimension);
    } else {
        buf_append_str(&out, "\"dimension\":null,");
    }
    write_member(&out, "space", space_name(collection->space));
    buf_printf(&out, "\"space_is_certain\":%s,", collection->is_space_doubtful ? "false" : "true");
    if (entry->facts.embedding_function[0] != '\0') {
        write_member(&out, "embedding_function", entry->facts.embedding_function);
    } else {
        buf_append_str(&out, "\"embedding_function\":null,");
    }
    buf_printf(&out, "\"metadata_keys\":%zu,\"metadata_bytes\":%zu}", entry->facts.metadata_keys,
               entry->facts.metadata_bytes);
    bool ok = buf_check(&out, "the list", err);
    if (ok) {
        fwrite(out.ptr, out.len, 1, stdout);
    }
    buf_deinit(&out);
    return ok;
}

static void print_row(const struct entry *entry)
{
    const struct chroma_collection *collection = &entry->side->collection;
    char records[24] = "?";
    char dimension[16] = "-";
    struct buf name;
    buf_init(&name, 4 * KIB);
    buf_append_text(&name, span_from_str(entry->name), sizeof collection->name);
    if (entry->has_count) {
        snprintf(records, sizeof records, "%" PRIu64, entry->count);
    }
    if (collection->dimension > 0) {
        snprintf(dimension, sizeof dimension, "%u", collection->dimension);
    }
    printf("%-40s %12s %9s  %s%-*s %10zu  %s\n", buf_cstr(&name), records, dimension,
           space_name(collection->space), (int)(7 - strlen(space_name(collection->space))),
           collection->is_space_doubtful ? "?" : "", entry->facts.metadata_bytes,
           entry->facts.embedding_function[0] != '\0' ? entry->facts.embedding_function : "-");
    buf_deinit(&name);
}

/* One that is deleted while we look is left out. One that cannot be counted is still listed, and the run is no success. */
static bool print_one(struct printer *printer, struct side *side, const char *name,
                      struct error *err)
{
    struct entry entry = {.side = side, .name = name};
    struct error why = {0};
    bool found = false;
    if (!side_find_collection(side, &printer->rt, name, &found, err)) {
        return false;
    }
    if (!found) {
        return true;
    }
    entry.has_count = side_count(side, &printer->rt, &entry.count, &why);
    entry.has_facts = catalogue_facts(&side->collection, &entry.facts, &why);
    if (why.kind == ERROR_CANCELLED) {
        *err = why;
        return false;
    }
    if (why.kind != ERROR_NONE && printer->doubt.kind == ERROR_NONE) {
        printer->doubt = why;
        error_wrap(&printer->doubt, "collection \"%.100s\"", name);
    }
    if (!printer->is_json) {
        print_row(&entry);
    } else if (!print_json(printer, &entry, err)) {
        return false;
    }
    printer->printed++;
    return true;
}

/* 1.x answers an empty list for a database that is not there: that is no list of its collections. */
static bool list(struct catalogue *catalogue, struct side *side, struct runtime *rt,
                 struct error *err)
{
    if (!catalogue_read(catalogue, side, rt, err)) {
        return false;
    }
    return catalogue->count > 0 || side_look_place(side, rt, true, err) ||
           error_wrap(err, "tenant \"%.100s\", database \"%.100s\"", side->chroma.tenant,
                      side->chroma.database);
}

static bool print_side(struct printer *printer, const char *role, struct error *err)
{
    struct side side;
    struct catalogue catalogue = {0};
    bool ok =
        side_open(&side, &printer->rt, role, NULL, NULL, NULL, err) &&
        side_identify(&side, &printer->rt, err) && side_find_limits(&side, &printer->rt, err) &&
        side_find_place(&side, &printer->rt, err) && list(&catalogue, &side, &printer->rt, err);
    if (ok && !printer->is_json) {
        printf("%s %s, %s/%s: %zu collection%s\n", role, side.chroma.address.base,
               side.chroma.tenant, side.chroma.database, catalogue.count,
               catalogue.count == 1 ? "" : "s");
        if (catalogue.count > 0) {
            printf("%-40s %12s %9s  %-7s %10s  %s\n", "NAME", "RECORDS", "DIMENSION", "SPACE",
                   "METADATA", "EMBEDDING FUNCTION");
        }
    }
    for (size_t i = 0; ok && i < catalogue.count; i++) {
        ok = print_one(printer, &side, catalogue.names[i], err);
    }
    catalogue_deinit(&catalogue);
    side_close(&side);
    return ok;
}

/* A side is listed when it is set, unless only the other one was asked for on the command line. */
static bool is_wanted(const struct option_set *options, const char *role, const char *other)
{
    return option_text(options, role) != NULL &&
           (option_origin(options, role) == OPTION_COMMAND_LINE ||
            option_text(options, other) == NULL ||
            option_origin(options, other) != OPTION_COMMAND_LINE);
}

static bool print_all(struct printer *printer, const struct option_set *options, struct error *err)
{
    bool has_source = is_wanted(options, "source", "target");
    bool has_target = is_wanted(options, "target", "source");
    if (!has_source && !has_target) {
        return error_set(err, ERROR_USAGE,
                         "missing --source URL or --target URL (or FERRY_SOURCE, FERRY_TARGET)");
    }
    if (!runtime_open_without_ledger(&printer->rt, options, "producer", err)) {
        return false;
    }
    fputs(printer->is_json ? "[" : "", stdout);
    bool ok = (!has_source || print_side(printer, "source", err)) &&
              (!has_target || print_side(printer, "target", err));
    fputs(printer->is_json ? "]\n" : "", stdout);
    return ok;
}

/* Only where the command line says so: variables are there for migrate. */
static bool chooses(const struct option_set *options)
{
    static const char *const names[] = {"collection", "all",           "exclude",
                                        "map",        "target-prefix", "target-collection"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (option_origin(options, names[i]) == OPTION_COMMAND_LINE) {
            return true;
        }
    }
    return false;
}

int command_collections(const struct option_set *options)
{
    if (chooses(options)) {
        return command_mapping(options);
    }
    struct printer printer = {.is_json = option_flag(options, "json")};
    struct error err = {0};
    printer.rt.stop.fd = -1;
    bool ok = print_all(&printer, options, &err);
    runtime_close(&printer.rt);
    if (ok && printer.doubt.kind != ERROR_NONE) {
        err = printer.doubt;
        ok = false;
    }
    if (!ok) {
        fprintf(stderr, "ferry-producer collections: %s\n",
                err.kind == ERROR_CANCELLED ? "interrupted; the list is not complete"
                                            : err.message);
        return (int)exit_code_for(&err);
    }
    return EXIT_DONE;
}
