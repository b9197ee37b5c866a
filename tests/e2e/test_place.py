"""Tenant and database of the target: looked for before anything is written, and made where that was asked for."""

from ferry import DONE, USAGE
from server import Refused
from test_bad_input import refused, untouched


def place(ferry, name):
    return {"target_tenant": name + "-tenant", "target_database": name + "-base"}


def ask(ferry, path):
    """The object at a place of the target server, or None."""
    try:
        return ferry.target.ask("GET", "/api/v2/tenants/" + path)
    except Refused as refusal:
        assert refusal.status == 404, refusal
        return None


def test_what_is_not_there_is_named_with_the_flag_that_makes_it(ferry):
    ferry.fill(5)
    ferry.setup()
    where = place(ferry, ferry.name)
    for flags, said in (([], "--create-tenant"), (["--create-database"], "--create-tenant"),
                        (["--create-tenant"], "--create-database")):
        process = ferry.producer(*ferry.migrate_arguments(**where), *flags)
        refused(process, USAGE, "target", "does not exist", said)
    untouched(ferry)
    assert ask(ferry, where["target_tenant"]) is None
    process = ferry.migrate(target_database=where["target_database"])
    refused(process, USAGE, "target", "database \"%s\" does not exist" % where["target_database"], "--create-database")


def test_tenant_and_database_are_made_when_asked_for_and_only_then(ferry):
    ferry.fill(30)
    ferry.setup()
    ferry.consumers()
    where = place(ferry, ferry.name)
    flags = ["--create-tenant", "--create-database"]
    rehearsed = ferry.producer(*ferry.migrate_arguments(**where), *flags, "--dry-run")
    assert rehearsed.status == DONE, rehearsed.err
    assert ask(ferry, where["target_tenant"]) is None, "a dry run has made something"
    process = ferry.producer(*ferry.migrate_arguments(**where), *flags)
    assert process.status == DONE, process.err
    assert "is made (--create-tenant)" in process.err and "is made (--create-database)" in process.err
    inside = ask(ferry, "%(target_tenant)s/databases/%(target_database)s/collections" % where)
    assert [collection["name"] for collection in inside] == [ferry.name]
    again = ferry.producer(*ferry.migrate_arguments(**where), *flags)
    assert again.status == DONE and "is made" not in again.err, again.err
    compared = ferry.producer("verify", "--collection", ferry.name, "--target-tenant", where["target_tenant"],
                              "--target-database", where["target_database"])
    assert compared.status == DONE, compared.err
