"""The .env file as people have it: read as python-dotenv reads it, which Chroma's own clients and servers use; what is no such
file is refused with its line, and nothing in it is shown."""

import importlib.metadata
import json
import os
import random
import re
import string
import subprocess

import pytest

from ferry import USAGE
from test_hostile import SANITIZED, SANITIZERS

dotenv = pytest.importorskip("dotenv")
import dotenv.main  # noqa: E402
import dotenv.parser  # noqa: E402

# Older ones let an escaped backslash escape the quote behind it, and take a byte order mark for the beginning of a name.
VERSION = tuple(int(part) for part in re.findall(r"\d+", importlib.metadata.version("python-dotenv"))[:3])

# Values that are shown by doctor; of each file only these are asked for.
NAMES = ["CHROMA_TENANT", "CHROMA_DATABASE", "chroma_cloud_tenant_id", "chroma_cloud_database", "FERRY_SOURCE_TENANT",
         "FERRY_SOURCE_DATABASE", "FERRY_TARGET_TENANT", "FERRY_TARGET_DATABASE"]
FIXED = [
    b"CHROMA_TENANT=plain\nexport CHROMA_DATABASE='two words'\n",
    b"\xef\xbb\xbfCHROMA_TENANT=\"behind a mark\"\r\nCHROMA_DATABASE=crlf\r\n",
    b"# all of it\n\n  CHROMA_TENANT = spaced out  # and why\n\texport\tCHROMA_DATABASE=\"a\\tb \\\"q\\\" \\\\ \"# no\n".replace(b"\"# no", b"\" # no"),
    "CHROMA_TENANT=it's \"so\" #\nCHROMA_DATABASE='ключ \U0001F3B2'".encode(),
    b"CHROMA_TENANT=first\nCHROMA_TENANT=last\nCHROMA_DATABASE=a#b\nFERRY_SOURCE_TENANT='#'",
    # An application's, with ours among its own.
    b"PRIVATE_KEY=\"-----BEGIN PRIVATE KEY-----\r\nMIIC=\r\n-----END PRIVATE KEY-----\"\r\nDEBUG\r\nlog.level=info\r\n\r\nx-y='z'#\r\nEVERY=where\r\n"
    b"CHROMA_TENANT=${EVERY}-${NOBODY:-else}\r\nBASE=${CHROMA_TENANT}\r\nwords without an equals sign\r\nCHROMA_DATABASE=\"${BASE}\"\r\n",
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
    """What the library makes of it, as load_dotenv() has it: the process environment comes first."""
    path = folder / "for.dotenv"
    path.write_bytes(content[3:] if VERSION < (1, 2, 4) and content.startswith(b"\xef\xbb\xbf") else content)
    return dotenv.main.DotEnv(path, override=False, encoding="utf-8").dict()


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
    for _ in range(2):
        lines = ["%s%s%s=%s%s" % (dice.choice(["", "export ", "  "]), name, dice.choice(["", " "]), dice.choice(["", " "]) ,
                                  some_value(dice)) for name in NAMES]
        made.append((dice.choice(["\n", "\r\n"]).join(lines)).encode())
    for content in FIXED + made:
        ours, theirs = shown(ferry, content), by_dotenv(ferry.folder, content)
        compared = 0
        for name, value in theirs.items():
            if name not in NAMES or not value:
                continue
            if name.startswith("FERRY_"):  # an option's
                name = name[6:].lower().replace("_", "-")
            assert name in ours, (name, ours, content)
            assert ours[name] == value.replace("\t", "\\x09"), (name, content)
            compared += 1
        assert compared >= 2, content


OURS = re.compile(r"(?<![A-Za-z0-9_])(FERRY_|CHROMA_|chroma_)[A-Za-z0-9_]")
SURROUNDINGS = {"SET": "by ${A} the process", "EMPTY": "", "B-1": "both"}
AWKWARD = ["A", "B-1", "c.d", "SET", "EMPTY", "\"Q\"", "'two words'", "'n\nl'", "\u00e4\u2603", "export", "9", "F"]
PIECES = ["=", "=", "=", "'", "\"", "\\", "\\n", "\\t", "\\a\\b\\f\\r\\v", "\\\\", "\\'", "\\\"", "\\x", "#", " #", " ", " ", "\t", "\n", "\n", "\r\n", "\r", "export ", "${", "}", ":-", ":",
          "$", "-", "x", "yz", "\u00a0", "\u2028", "\u3000", "\u0085", "\u200b", "\ufeff", "\u00e9", "\U0001F3B2", "FERRY_X", "CHROMA_", "MY_FERRY_X"]


def noise(dice, most):
    return "".join(dice.choice(PIECES + AWKWARD) for _ in range(dice.randrange(most)))


def awkward_value(dice):
    """Mostly something that can be read."""
    def text(least, without):
        made = "".join(dice.choice([noise(dice, 3), "${%s}" % dice.choice(AWKWARD), "${%s:-%s}" % (dice.choice(AWKWARD), noise(dice, 3)), "word"])
                       for _ in range(dice.randrange(least, 5)))
        return "".join(c for c in made if c not in without)
    way = dice.randrange(5)
    if way == 0:
        return "'%s'" % text(0, "'").replace("\\", "\\\\")
    if way == 1:
        return "\"%s\"" % text(0, "\"").replace("\\", dice.choice(["\\\\", "\\n", "\\a\\v", "\\z"]))
    return text(0, "" if way == 2 else "\r\n'\"")


def awkward_file(dice):
    if dice.randrange(4) == 0:
        return (dice.choice(["", "\ufeff"]) + noise(dice, 60)).encode()
    lines = []
    for _ in range(dice.randrange(1, 9)):
        blank = lambda: dice.choice(["", "", "", " ", "\t", "\u00a0"])  # noqa: E731
        name = dice.choice(AWKWARD)
        lines.append(dice.choice([
            "%s%s%s%s=%s%s%s%s" % (blank(), dice.choice(["", "", "export "]), name, blank(), blank(), awkward_value(dice), blank(),
                                   dice.choice(["", "", "#", " # why"])),
            "%s=%s" % (name, awkward_value(dice)), name, noise(dice, 9), "# " + noise(dice, 5), ""]))
    return (dice.choice(["", "", "\ufeff"]) + dice.choice(["\n", "\r\n", "\r"]).join(lines) + dice.choice(["", "\n"])).encode()


def statements(path):
    """The library's, each with the line where it begins (of its own it counts blank lines before it) and with what it says."""
    with open(path, encoding="utf-8") as stream:
        for statement in dotenv.parser.parse_stream(stream):
            said = statement.original.string.lstrip()
            before = statement.original.string[:len(statement.original.string) - len(said)]
            yield statement, statement.original.line + before.count("\n"), said


def read_by_us(paths):
    """Of each file ({name: value or None}, {name: line}, why it was refused or None)."""
    program = SANITIZED / "tests" / "env_values"
    assert program.exists(), "build the preset asan"
    process = subprocess.run([program, *paths], env=dict(SURROUNDINGS, **SANITIZERS), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240)
    assert process.returncode == 0 and not process.stderr, process.stderr.decode()
    values, lines, refusal = {}, {}, None
    words = iter(process.stdout.decode().split("\0"))
    for word in words:
        if word[:1] == "=":
            values[word[1:]], lines[word[1:]] = next(words), int(next(words))
        elif word[:1] == "-":
            values[word[1:]] = None
        elif word[:1] == "!":
            refusal = word[1:]
        elif word == ".":
            yield values, lines, refusal
            values, lines, refusal = {}, {}, None


@pytest.mark.skipif(VERSION < (1, 2, 4), reason="an older python-dotenv reads backslashes otherwise")
def test_every_variable_is_what_dotenv_makes_of_it(tmp_path, monkeypatch):
    seed = int(os.environ.get("FERRY_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print("seed", seed)
    dice = random.Random(seed)
    contents = FIXED + [awkward_file(dice) for _ in range(int(os.environ.get("FERRY_ENV_FILES", 600)))]
    paths = [tmp_path / ("%d.env" % i) for i in range(len(contents))]
    for path, content in zip(paths, contents):
        path.write_bytes(content)
    for name in AWKWARD:
        monkeypatch.delenv(name, raising=False)
    for name, value in SURROUNDINGS.items():
        monkeypatch.setenv(name, value)
    compared = refused = 0
    for path, content, (values, lines, refusal) in zip(paths, contents, read_by_us(paths)):
        read = list(statements(path))
        unread = {line: said for statement, line, said in read if statement.error}
        if refusal is None:
            assert values == dotenv.main.DotEnv(path, override=False, encoding="utf-8").dict(), (seed, content)
            assert lines == {statement.key: line for statement, line, _ in read if statement.key in lines}, (seed, content)
            assert not any(OURS.search(said) for said in unread.values()), (seed, content)
            compared += len(values)
        else: # only for what the library could not read either
            line, problem = re.fullmatch(r".*, line (\d+): (.*)", refusal).groups()
            assert int(line) in unread, (seed, refusal, content)
            assert problem == "the quote is not closed" or OURS.search(unread[int(line)]), (seed, refusal, content)
            refused += 1
    print("compared", compared, "refused", refused, "of", len(contents))
    assert compared > len(contents) and refused < len(contents) // 2


@pytest.mark.parametrize("content, line, said", [
    (b"CHROMA_HOST=h\n\x7fELF\x02\x01\x01\0\0hunter2\n", 2, "a control character"),
    (b"A=1\nB=2\nCHROMA_API_KEY=hunter2\0\n", 3, "a NUL byte"),
    (b"CHROMA_API_KEY=hunter2\xff\xfe\n", 1, "no UTF-8"),
    (b"\n\nCHROMA_API_KEY='hunter2\n", 3, "the quote is not closed"),
    (b"A='1\n2'\r\nCHROMA_API_KEY hunter2\n", 3, "expected KEY=value"),
    (b"A='1\rFERRY_TARGET_TOKEN='hunter2'\n", 1, "there is text behind the closing quote"),
], ids=["binary", "nul", "latin", "quote", "words", "swallowed"])
def test_what_is_no_such_file_is_refused_with_its_line(ferry, content, line, said):
    (ferry.folder / ".env").write_bytes(content)
    for program, arguments in (("ferry-producer", ["collections", "--source", "http://127.0.0.1:9"]), ("ferry-consumer", [])):
        process = ferry.start(program, *arguments)
        assert process.wait(30) == USAGE
        assert ".env, line %d: " % line in process.err and said in process.err, process.err
        assert "hunter2" not in process.err + process.out


LINES = "a line break"


@pytest.mark.parametrize("name, value", [
    ("FERRY_SOURCE_TOKEN", "hunter2\r\nX-Other: 1"), ("FERRY_TARGET_TOKEN", "hunter2\n"), ("FERRY_SOURCE_TENANT", "hunter2\nx"),
    ("FERRY_TARGET_DATABASE", "hunter2\rx"), ("FERRY_COLLECTION", "hunter2\nx"), ("FERRY_SOURCE", "http://127.0.0.1:9/\r\nhunter2"),
    ("CHROMA_API_KEY", "hunter2\nx"), ("CHROMA_AUTH_TOKEN", "hunter2\rx"), ("CHROMA_HOST", "127.0.0.1\r\nhunter2"),
    ("CHROMA_TENANT", "hunter2\n"), ("PGHOST", "127.0.0.1\nhunter2"), ("https_proxy", "http://127.0.0.1:9\r\nhunter2"),
])
def test_a_line_break_in_a_setting_is_refused_by_name(ferry, name, value):
    env = {"FERRY_SOURCE": "http://127.0.0.1:9", "FERRY_TARGET": "http://127.0.0.1:9", name: value}
    if name.startswith("CHROMA_"):
        env = {"FERRY_SOURCE": "http://127.0.0.1:9", "FERRY_TARGET": None, "CHROMA_PORT": "9", "CHROMA_HOST": "127.0.0.1", name: value}
    process = ferry.producer("verify", "--collection", "x", *(["--collection", value] if name == "FERRY_COLLECTION" else []), env=env)
    assert process.status == USAGE, (process.status, process.err)
    said = "--collection" if name == "FERRY_COLLECTION" else name
    assert LINES in process.err and said in process.err[:process.err.index(LINES)], process.err
    assert "X-Other" not in process.err and "hunter2" not in process.err


@pytest.mark.parametrize("name", ["FERRY_SOURCE_TOKEN", "FERRY_TARGET_DATABASE", "CHROMA_API_KEY", "PGHOST"])
def test_a_setting_over_several_lines_of_the_file_is_refused_by_name(ferry, name):
    (ferry.folder / ".env").write_text("A='1\n2'\n%s=\"hunter2\nX-Other: 1\"\n" % name)
    process = ferry.producer("verify", "--collection", "x", env={
        "FERRY_SOURCE": "http://127.0.0.1:9", "FERRY_TARGET": None if name.startswith("CHROMA_") else "http://127.0.0.1:9",
        "CHROMA_HOST": "127.0.0.1", "CHROMA_PORT": "9", name: None})
    assert process.status == USAGE, (process.status, process.err)
    assert LINES in process.err and name in process.err[:process.err.index(LINES)], process.err
    assert "X-Other" not in process.err and "hunter2" not in process.err
