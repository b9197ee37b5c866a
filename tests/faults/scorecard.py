#!/usr/bin/env python3
"""Runs the lines of the scorecard and prints it. Services and builds are there already: use tests/faults/scorecard.

    scorecard.py [--ci] [LINE…]        all lines, or these; --ci: in the sizes of continuous integration
    scorecard.py --table FILE          only the table, of figures that were written before

Exit status 1 when a line fails, or has no figure, or when all of them in full size took longer than 90 minutes.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[1]
OUT = REPO / ".ferry" / "test-out"
JOBS = str(os.cpu_count() or 1)

LINES = {
    1: "end-to-end equality", 2: "crash points", 3: "random kill -9", 4: "SIGSTOP past the lease", 5: "broker killed",
    6: "idempotent producer FATAL", 7: "broker loses its tail", 8: "PostgreSQL restarted", 9: "PostgreSQL's disk full",
    10: "answers lost", 11: "429, 503, 413", 12: "poison records", 13: "duplicates, disorder", 14: "overlapping jobs",
    15: "rebalance storm", 16: "simulator", 17: "planted bugs", 18: "fuzz", 19: "sanitizers, leaks", 20: "soak",
    21: "hostile topic", 22: "secrets",
}
ELSEWHERE = (12, 16, 17, 18, 19, 21)  # lines that other suites show
MINUTES = 90  # all lines, in full size
SIMULATOR_SECONDS = 120
CI_SOAK_SECONDS = "60"  # what --ci soaks; continuous integration itself leaves line 20 out


class Card:
    """Figures, from the scenarios (FERRY_SCORES) and from here."""

    def __init__(self, path):
        self.path, self.seconds, self.failures, self.told = path, {}, {}, 0

    def score(self, line, figure, target, passed):
        with open(self.path, "a") as file:
            file.write(json.dumps({"line": line, "figure": figure, "target": target, "passed": passed}) + "\n")

    def entries(self):
        return [json.loads(text) for text in self.path.read_text().splitlines()] if self.path.exists() else []

    def tell(self):
        """Says the figures that are new."""
        entries = self.entries()
        for entry in entries[self.told:]:
            print("%s  line %d: %s" % (time.strftime("%H:%M"), entry["line"], entry["figure"]), flush=True)
        self.told = len(entries)

    def fail(self, line, why):
        self.failures.setdefault(line, []).append(why)

    def spent(self, line, seconds):
        self.seconds[line] = self.seconds.get(line, 0) + seconds

    def rows(self, lines):
        scores = {}
        for entry in self.entries():
            scores.setdefault(entry["line"], []).append(entry)
        for line in sorted(lines or set(scores) | set(self.failures)):
            own, why = scores.get(line, []), self.failures.get(line, [])
            figures = list(dict.fromkeys(entry["figure"] for entry in own)) + why
            targets = list(dict.fromkeys(entry["target"] for entry in own))
            passed = bool(own) and not why and all(entry["passed"] for entry in own)
            yield line, "; ".join(figures) or "no figure", "; ".join(targets), passed


def table(card, lines):
    failed = 0
    for line, figure, target, passed in card.rows(lines):
        seconds = "%4.0f s" % card.seconds[line] if line in card.seconds else ""
        print("%2d  %-26s %-6s %6s  %s  (target: %s)" % (line, LINES.get(line, ""), "pass" if passed else "FAILED", seconds, figure, target))
        failed += not passed
    return failed


def run(card, name, command, seconds, **env):
    """Its output goes to a file; returns (status, output)."""
    log, end = OUT / ("scorecard-%s.log" % name), time.monotonic() + seconds
    with open(log, "wb") as file, subprocess.Popen(command, cwd=REPO, env=dict(os.environ, **env), stdin=subprocess.DEVNULL,
                                                   stdout=file, stderr=subprocess.STDOUT) as process:
        while process.poll() is None and time.monotonic() < end:
            card.tell()
            time.sleep(1)
        late = process.poll() is None
        if late:
            process.kill()
    return 124 if late else process.returncode, log.read_text(errors="replace")


# --- lines of other suites -------------------------------------------------------------------------------------------

def tests(card, line, command, **env):
    """Tests that write the line's figure themselves, beside others that have to pass too."""
    status, said = run(card, "line-%d" % line, command, 2400, FERRY_SCORES=str(card.path), **env)
    if status != 0:
        card.fail(line, (re.findall(r"^=+ (.*) =+$", said, re.M) or ["pytest ended with %d" % status])[-1])


def poison(card, ci):
    marks = "not alone" + (" and not slow" if ci else "")
    tests(card, 12, pytest("e2e", "-n", JOBS, "--dist", "loadfile", "-k", "test_refusals or test_limits", "-m", marks))


def simulator(card, ci):
    count = 20000 if ci else 100000
    begin = time.monotonic()
    status, said = run(card, "simulator", ["build/dev/tests/unit.simulator"], 900, FERRY_SIM_SCHEDULES=str(count), FERRY_SIM_WORKERS=JOBS)
    seconds = time.monotonic() - begin
    broken = len(re.findall(r"^\[  FAILED  \]", said, re.M))
    card.score(16, "%d schedules in %.0f s, %s" % (count, seconds, "no invariant broken, each ended" if status == 0 else
                                                   "%d tests failed, status %d" % (broken, status)),
               "0 broken, each ends, <= %d s" % SIMULATOR_SECONDS, status == 0 and seconds <= SIMULATOR_SECONDS)


def mutants(card, ci):
    status, said = run(card, "mutants", ["tests/mutants/run"], 3000)
    caught, escaped = (len(re.findall("^%s " % word, said, re.M)) for word in ("ok", "(?:FAILED|skipped)"))
    card.score(17, "%d of %d planted bugs caught" % (caught, caught + escaped), "all, at least 12",
               status == 0 and escaped == 0 and caught >= 12)


def fuzz(card, ci):
    seconds = 10 if ci else 60
    status, said = run(card, "fuzz", ["tests/fuzz/run", str(seconds)], 3600)
    good, bad = (len(re.findall("^%s " % word, said, re.M)) for word in ("ok", "FAILED"))
    runs = sum(int(number) for number in re.findall(r"^ok .*?(\d+) (?:runs|execs|inputs)", said, re.M))
    card.score(18, "%d targets, %d s each, %d crashed%s" % (good + bad, seconds, bad, ", %d inputs" % runs if runs else ""),
               "0 crashes", status == 0 and good >= 6)


def sanitizers(card, ci):
    status, said = run(card, "sanitizers", ["ctest", "--test-dir", "build/asan", "-L", "^unit$", "-j", JOBS, "--output-on-failure"], 1200)
    reports = len(re.findall(r"ERROR: (?:Address|Leak)Sanitizer|runtime error:", said))
    found = re.search(r"(\d+)% tests passed, (\d+) tests failed out of (\d+)", said)
    programs = int(found.group(3)) if found else 0
    path = "%s:%s" % (REPO / "build" / "asan", os.environ["PATH"])
    options = {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1"}
    name = "test_migrate" if ci else "test_migrate or test_kill or test_refusals or test_repair"
    e2e_status, e2e = run(card, "sanitizers-e2e", pytest("e2e", "-k", name, "-m", "not slow and not alone"), 2400, PATH=path, **options)
    reports += len(re.findall(r"ERROR: (?:Address|Leak)Sanitizer|runtime error:", e2e))
    tests = re.search(r"(\d+) passed", e2e)
    card.score(19, "%d unit programs and %s e2e tests under ASan, UBSan and LSan, %d reports" % (
        programs, tests.group(1) if tests else "no", reports), "0 reports", status == 0 and e2e_status == 0 and reports == 0)


def hostile(card, ci):
    tests(card, 21, pytest("e2e", "-k", "test_hostile"), FERRY_HOSTILE_MESSAGES="1000" if ci else "10000")


# --- scenarios -------------------------------------------------------------------------------------------------------

def pytest(folder, *arguments):
    return [sys.executable, "-B", "-m", "pytest", "-q", "--tb=short", "--rootdir", "tests/" + folder, "-c", "tests/e2e/pytest.ini",
            *(["tests/" + folder] if folder == "e2e" else []), *arguments]


def scenarios(card, lines, ci):
    files = {line: sorted(str(path.relative_to(REPO)) for path in HERE.glob("test_%02d_*.py" % line)) for line in lines}
    for line in [line for line in lines if not files[line]]:
        card.fail(line, "no scenario")
    chosen = sum(files.values(), [])
    for alone in (False, True) if chosen else ():
        xml_file = OUT / "scorecard.xml"
        if xml_file.exists():
            xml_file.unlink()
        marks = ["-m", "alone"] if alone else ["-m", "not alone", "-n", JOBS, "--dist", "loadfile"]
        status, said = run(card, "alone" if alone else "scenarios", pytest("faults", "--junitxml", str(xml_file), *marks, *chosen), 5400,
                           FERRY_SCORES=str(card.path), FERRY_FAULTS="ci" if ci else "full")
        if status not in (0, 5):
            print(said[-20000:])
        cases = xml.etree.ElementTree.parse(xml_file).iter("testcase") if xml_file.exists() else ()
        for case in cases:
            number = re.search(r"test_(\d\d)_", case.get("classname") or case.get("name"))
            if number:
                card.spent(int(number.group(1)), float(case.get("time")))
                if case.find("failure") is not None or case.find("error") is not None:
                    card.fail(int(number.group(1)), "%s failed" % case.get("name"))
        if not xml_file.exists():
            for line in lines:
                card.fail(line, "pytest ended with %d" % status)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lines", nargs="*", type=int, metavar="LINE")
    parser.add_argument("--ci", action="store_true")
    parser.add_argument("--table", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    unknown = [line for line in options.lines if line not in LINES]
    if unknown:
        parser.error("there is no line %d" % unknown[0])
    if options.table:
        return 1 if table(Card(options.table), options.lines) else 0
    if options.ci:
        os.environ.setdefault("FERRY_SOAK_SECONDS", CI_SOAK_SECONDS)
    begin, lines = time.monotonic(), options.lines or sorted(LINES)
    OUT.mkdir(parents=True, exist_ok=True)
    card = Card(OUT / "scorecard.jsonl")
    if card.path.exists():
        card.path.unlink()
    for line, show in zip(ELSEWHERE, (poison, simulator, mutants, fuzz, sanitizers, hostile)):
        if line in lines:
            start = time.monotonic()
            show(card, options.ci)
            card.spent(line, time.monotonic() - start)
            card.tell()
    scenarios(card, [line for line in lines if line not in ELSEWHERE], options.ci)
    card.tell()
    failed = table(card, lines)
    minutes = (time.monotonic() - begin) / 60
    is_late = not options.lines and not options.ci and minutes > MINUTES
    print("%d of %d lines pass, %.0f minutes%s" % (len(lines) - failed, len(lines), minutes, ": more than %d" % MINUTES if is_late else ""))
    return 1 if failed or is_late else 0


if __name__ == "__main__":
    sys.exit(main())
