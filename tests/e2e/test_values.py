"""Every kind of value that a Chroma can hold, one record each: it arrives as the source server returns it."""

import json

import pytest

from ferry import DONE, last_line

# As JSON text, so that nothing on the way to the source has an opinion about it.
METADATA = {
    "int64 at its limits": '{"max":9223372036854775807,"min":-9223372036854775808,"zero":0,"minus one":-1}',
    "beyond 2^53": '{"a":9007199254740993,"b":-9007199254740993,"c":9007199254740991}',
    "beyond int64": '{"a":9223372036854775808,"b":18446744073709551615}',
    "1 and 1.0": '{"int":1,"float":1.0,"exponent":1e0,"minus":-1.0}',
    "tiny and huge": '{"a":1e-40,"b":1e300,"c":5e-324,"d":1.7976931348623157e308,"e":-1e-300}',
    "floats of 17 digits": '{"a":0.1,"b":1732198765.1234567,"c":2.2250738585072014e-308,"d":0.30000000000000004}',
    "minus zero": '{"a":-0.0,"b":0.0}',
    "booleans": '{"yes":true,"no":false}',
    "strings": '{"empty":"","nul":"a\\u0000b","four bytes":"\\ud83c\\udfb2","space":" ","escapes":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f",'
               '"looks like":"1.0","null":"null"}',
    "arrays": '{"ints":[1,9007199254740993,-1],"floats":[1.0,0.5],"mixed":[1,2.5],"strings":["","\\ud83c\\udfb2","a\\u0000"],'
              '"bools":[true,false],"empty":[]}',
    "keys like ours": '{"id":"x","embedding":"y","op":"delete","document":1,"uri":true,"metadata":0.5,"ids":1,"ferry_batch":7}',
    "strange keys": '{" ":1,"a b":2,"\\u00e9":3,"a.b":4,"\\"":5,"a$#":6}',
    "none": "null",
    "empty": "{}",
}
DOCUMENTS = {
    "document null": "null", "document empty": '""', "document nul": '"a\\u0000b"', "document four bytes": '"\\ud83c\\udfb2 \\u96e8"',
    "document escapes": '"line\\nline\\ttab \\"quoted\\" \\\\ \\/ \\u2028"', "document of spaces": '"  "', "document long": '"%s"' % ("x" * 100_000),
}
URIS = {"uri": '"s3://bucket/a%20b?c=d#e"', "uri empty": '""', "uri unicode": '"file:///\\u96e8.txt"'}
IDS = ["with space", " leading", "trailing ", "a/b/../c", 'say "x"', "back\\slash", "line\nline", "tab\there", "'; DROP TABLE x; --", "%41",
       "a?b=c&d#e", "\u96e8\U0001f3b2", "e\u0301", "\u00e9", "é" * 64, "x" * 128, "0", "null", "true", "-1", "id", "embedding", "op", "[]", "a\u0000b",
       "\u007f", "\ufeffbom", "A", "a"]
FIELDS = ["embeddings", "documents", "metadatas", "uris"]
VECTORS = {
    "ordinary": [0.1, -2.5e-7, 1.0], "limits": [3.4028235e38, -3.4028235e38, 1.1754944e-38], "subnormal": [1e-45, -1e-45, 5.877e-39],
    "zero": [0.0, 0.0, 0.0], "minus zero": [-0.0, 0.0, 1.0], "seven digits": [7.038531e-26, 16777217.0, 0.3333333],
}


def rows():
    """(id, embedding, document, uri, metadata), all but the id as JSON text."""
    usual = "[1.0,2.0,3.0]"
    for name, text in METADATA.items():
        yield name, usual, '"d"', "null", text
    for name, text in DOCUMENTS.items():
        yield name, usual, text, "null", '{"k":1}'
    for name, text in URIS.items():
        yield name, usual, "null", text, "null"
    for name, vector in VECTORS.items():
        yield "vector " + name, json.dumps(vector), "null", "null", "null"
    for name in IDS:
        yield name, usual, json.dumps("document of " + name), "null", json.dumps({"id": name})


def put(server, collection, all_rows):
    body = '{"ids":[%s],"embeddings":[%s],"documents":[%s],"uris":[%s],"metadatas":[%s]}' % tuple(
        ",".join(json.dumps(row[0]) if column == 0 else row[column] for row in all_rows) for column in range(5))
    path = "%s/%s/upsert" % (server.base, collection["id"])
    server.connection.request("POST", path, body.encode(), {"Content-Type": "application/json"})
    answer = server.connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()


def exactly(value):
    """JSON text in which 1 is not 1.0, keys are sorted, and null, {} and nothing are one."""
    return json.dumps(value or None if isinstance(value, dict) else value, sort_keys=True)


def read(server, name):
    page = server.records(server.collection(name), "get", {"include": FIELDS})
    return {identity: {field: exactly(page[field][i]) for field in FIELDS} for i, identity in enumerate(page["ids"])}


@pytest.mark.parametrize("space", ["l2", "ip"])
def test_every_value_arrives_as_the_source_returns_it(ferry, space):
    collection = ferry.source.create(ferry.name, space)
    everything = list(rows())
    assert len({row[0] for row in everything}) == len(everything)
    put(ferry.source, collection, everything)
    ferry.setup()
    ferry.consumers()
    done = ferry.migrate(batch_records=17)
    assert done.status == DONE, done.err
    assert last_line(done.out).startswith("%d of %d records verified" % (len(everything), len(everything))), done.out
    source, target = read(ferry.source, ferry.name), read(ferry.target, ferry.name)
    assert source.keys() == target.keys() == {row[0] for row in everything}
    for name in source:
        assert source[name] == target[name], name
    # And the source holds what was meant, so that the comparison above says something.
    held = source["int64 at its limits"]["metadatas"]
    assert "9223372036854775807" in held and "-9223372036854775808" in held
    assert '"a": 9007199254740993' in source["beyond 2^53"]["metadatas"]
    assert json.loads(source["1 and 1.0"]["metadatas"]) == {"int": 1, "float": 1.0, "exponent": 1.0, "minus": -1.0}
    assert '"int": 1,' in source["1 and 1.0"]["metadatas"] and '"float": 1.0' in source["1 and 1.0"]["metadatas"]
    assert '"a": 1e-40' in source["tiny and huge"]["metadatas"] and "1e+300" in source["tiny and huge"]["metadatas"]
    assert r'"nul": "a\u0000b"' in source["strings"]["metadatas"] and '"empty": ""' in source["strings"]["metadatas"]
    assert '"yes": true' in source["booleans"]["metadatas"]
    assert '"ints": [1, 9007199254740993, -1]' in source["arrays"]["metadatas"]
    assert (source["document null"]["documents"], source["document empty"]["documents"]) == ("null", '""')
    assert r"\u0000" in source["document nul"]["documents"]
    assert source["uri"]["uris"] == '"s3://bucket/a%20b?c=d#e"' and source["uri empty"]["uris"] == '""'
    assert source["none"]["metadatas"] == source["empty"]["metadatas"] == "null"
    ferry.assert_equal()
