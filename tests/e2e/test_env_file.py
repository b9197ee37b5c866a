"""The .env file as people have it: read as python-dotenv reads it, which Chroma's own clients and servers use; what is no such
file is refused with its line, and nothing in it is shown."""

import json
import random
import string

import pytest

from ferry import USAGE

dotenv = pytest.importorskip("dotenv")

# Values that are shown by doctor; of each file only these are asked for.
NAMES = ["CHROMA_TENANT", "CHROMA_DATABASE", "chroma_cloud_tenant_id", "chroma_cloud_database", "FERRY_SOURCE_TENANT",
         "FERRY_SOURCE_DATABASE", "FERRY_TARGET_TENANT", "FERRY_TARGET_DATABASE"]
FIXED = [
    b"CHROMA_TENANT=plain\nexport CHROMA_DATABASE='two words'\n",
    b"\xef\xbb\xbfCHROMA_TENANT=\"behind a mark\"\r\nCHROMA_DATABASE=crlf\r\n",
    b"# all of it\n\n  CHROMA_TENANT = spaced out  # and why\n\texport\tCHROMA_DATABASE=\"a\\tb \\\"q\\\" \\\\ \"# no\n".replace(b"\"# no", b"\" # no"),
    "CHROMA_TENANT=it's \"so\" #\nCHROMA_DATABASE='ключ \U0001F3B2'".encode(),
    b"CHROMA_TENANT=first\nCHROMA_TENANT=last\nCHROMA_DATABASE=a#b\nFERRY_SOURCE_TENANT='#'",
]


@pytest.fixture
def ferry(module_ferry):
    """One world for all of them: nothing is ever written into it but this file."""
    yield module_ferry
    (module_ferry.folder / ".env").unlink(missing_ok=True)


def shown(ferry, content):
    """{name: value} as the program has read them."""
    (ferry.folder / ".env").write_bytes(content)
    process = ferry.producer("doctor", "--json", env={"FERRY_SOURCE": None, "FERRY_TARGET": None})
    assert process.out, (process.err, content)
    return {row["name"]: row["value"] for row in json.loads(process.out)["settings"] if row["from"].startswith(".env")}


def by_dotenv(folder, content):
    """What the library makes of it. It takes a byte order mark for the beginning of a name, which is nobody's wish."""
    path = folder / "for.dotenv"
    path.write_bytes(content[3:] if content.startswith(b"\xef\xbb\xbf") else content)
    return {name: value for name, value in dotenv.dotenv_values(path).items() if value}


def some_value(dice):
    """Anything that stands on one line, in one of the three ways to write it."""
    text = "".join(dice.choice(string.ascii_letters + " \t\\#='\"$-é\u2603") for _ in range(dice.randrange(1, 12))).strip(" \t#=\"'")
    if not text:
        text = "x"
    way = dice.randrange(3)
    if way == 0:
        return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")
    if way == 1:
        return "\"%s\"" % text.replace("\\", "\\\\").replace("\"", "\\\"")
    return text


def test_a_file_is_read_as_dotenv_reads_it(ferry):
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    made = []
    for _ in range(4):
        lines = ["%s%s%s=%s%s" % (dice.choice(["", "export ", "  "]), name, dice.choice(["", " "]), dice.choice(["", " "]) ,
                                  some_value(dice)) for name in NAMES]
        made.append((dice.choice(["\n", "\r\n"]).join(lines)).encode())
    for content in FIXED + made:
        ours, theirs = shown(ferry, content), by_dotenv(ferry.folder, content)
        compared = 0
        for name, value in theirs.items():
            if name.startswith("FERRY_"):  # an option's
                name = name[6:].lower().replace("_", "-")
            assert name in ours, (name, ours, content)
            assert ours[name] == value.replace("\t", "\\x09"), (name, content)
            compared += 1
        assert compared >= 2, content


@pytest.mark.parametrize("content, line, said", [
    (b"CHROMA_HOST=h\n\x7fELF\x02\x01\x01\0\0hunter2\n", 2, "a control character"),
    (b"A=1\nB=2\nCHROMA_API_KEY=hunter2\0\n", 3, "a NUL byte"),
    (b"CHROMA_API_KEY=hunter2\xff\xfe\n", 1, "no UTF-8"),
    (b"\n\nCHROMA_API_KEY='hunter2\n", 3, "the quote is not closed"),
    (b"CHROMA_API_KEY=hunter2\rCHROMA_TENANT=t\n", 1, "a control character"),
    (b"hunter2\n", 1, "expected KEY=value"),
    (b"A=1\nCHROMA_API_KEY=${hunter2}\n", 2, "is not expanded"),
], ids=["binary", "nul", "latin", "quote", "cr", "words", "reference"])
def test_what_is_no_such_file_is_refused_with_its_line(ferry, content, line, said):
    (ferry.folder / ".env").write_bytes(content)
    for program, arguments in (("ferry-producer", ["collections", "--source", "http://127.0.0.1:9"]), ("ferry-consumer", [])):
        process = ferry.start(program, *arguments)
        assert process.wait(30) == USAGE
        assert ".env, line %d: " % line in process.err and said in process.err, process.err
        assert "hunter2" not in process.err + process.out


@pytest.mark.parametrize("name, value", [
    ("FERRY_SOURCE_TOKEN", "hunter2\r\nX-Other: 1"), ("FERRY_TARGET_TOKEN", "hunter2\n"), ("FERRY_SOURCE_TENANT", "hunter2\nx"),
    ("FERRY_TARGET_DATABASE", "hunter2\rx"), ("FERRY_COLLECTION", "hunter2\nx"), ("FERRY_SOURCE", "http://127.0.0.1:9/\r\nhunter2"),
    ("CHROMA_API_KEY", "hunter2\nx"), ("CHROMA_AUTH_TOKEN", "hunter2\rx"), ("CHROMA_HOST", "127.0.0.1\r\nhunter2"),
    ("CHROMA_TENANT", "hunter2\n"),
])
def test_a_line_break_in_a_setting_is_refused_by_name(ferry, name, value):
    env = {name: value, "FERRY_SOURCE": "http://127.0.0.1:9", "FERRY_TARGET": "http://127.0.0.1:9"}
    env.update({name: value} if not name.startswith("CHROMA_") else
               {"FERRY_TARGET": None, "CHROMA_PORT": "9", "CHROMA_HOST": "127.0.0.1", name: value})
    process = ferry.producer("verify", "--collection", "x", *(["--collection", value] if name == "FERRY_COLLECTION" else []), env=env)
    assert process.status == USAGE, (process.status, process.err)
    assert "a line break or another control character" in process.err, process.err
    assert "X-Other" not in process.err
