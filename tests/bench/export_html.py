"""Opens pages of `shotglass export --format html` in headless Chromium and checks that nothing is fetched or complained of.

    python3 tests/bench/export_html.py --shotglass target/release/shotglass [RUN …]

Without further arguments the page is that of a run which the script makes itself, offline, with the smallest fixture model
from a data file, labels and a session that hold markup, quotes and control characters; it is checked as well that these are
shown as text. Each RUN is a run's folder, whose page is opened too. Two pages written by hand, one that asks for a picture and
one that logs an error, show that this would be noticed.

Needs Chromium and Python alone; says so and ends with 0 where there is no Chromium. `--screenshots DIR` keeps pictures of each page,
light and dark, wide and narrow.
"""

import argparse
import html.parser
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SMOKE = os.path.join(HERE, "..", "fixtures", "smoke")
EVIL = "</title></style><script>document.title='run'</script><img src=\"https://example.org/x.png\" onerror='x'> \"q\" & --> {{ 7*7 }}"
CONTROLS = "\u202eevil\x1b[31m"
CONTROLS_SEEN = "\\u{202e}evil\\u{1b}[31m"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shotglass", default="target/release/shotglass")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"))
    parser.add_argument("--screenshots", metavar="DIR")
    parser.add_argument("runs", nargs="*", metavar="RUN")
    return parser.parse_args()


class Browser:
    """Headless Chromium with a profile of its own and nothing of its own to fetch."""

    def __init__(self, program, folder):
        self.folder = folder
        self.log = os.path.join(folder, "net.json")
        self.command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--hide-scrollbars",
            "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}/profile",
        ]

    def run(self, page, *more):
        done = subprocess.run([*self.command, *more, "file://" + page], capture_output=True, timeout=120)
        if done.returncode != 0:
            sys.exit(f"Chromium failed on {page}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done

    def open(self, page):
        """The document as the browser has it, the addresses asked for, and what the console says."""
        done = self.run(page, f"--log-net-log={self.log}", "--virtual-time-budget=3000", "--dump-dom")
        with open(self.log, encoding="utf-8") as file:
            log = json.load(file)
        # What the browser asks for by itself has no page as its initiator.
        names = {number: name for name, number in log["constants"]["logEventTypes"].items()}
        asked = {
            event["params"]["url"]
            for event in log["events"]
            if names[event["type"]] == "URL_REQUEST_START_JOB"
            and "url" in event.get("params", {})
            and event["params"].get("initiator") != "not an origin"
        }
        console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
        return done.stdout.decode(), sorted(url for url in asked if url != "file://" + page), console

    def picture(self, page, target, width, height, dark):
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else ["--blink-settings=preferredColorScheme=1"]
        self.run(page, *scheme, f"--window-size={width},{height}", f"--screenshot={target}")


class Seen(html.parser.HTMLParser):
    """The names of the elements and the text of a document."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text.append(data)


def hostile(shotglass, folder):
    """A run whose data, labels, title and template are hostile."""
    rows = [f'"{(EVIL + CONTROLS).replace(chr(34), chr(34) * 2)} row {row}\r\nsecond line",{row % 2}' for row in range(40)]
    with open(os.path.join(folder, "rows.csv"), "w", encoding="utf-8", newline="") as file:
        file.write("text,stance\n" + "\n".join(rows) + "\n")
    quoted = json.dumps
    session = f"""version = 1
title = {quoted(EVIL)}
[model]
source = {quoted(os.path.abspath(SMOKE))}
[data]
path = "rows.csv"
label = "stance"
labels = {{ "1" = {quoted("yes" + EVIL)}, "0" = "no" }}
splits = {{ train = 0.5, validation = 0.4, test = 0.1 }}
[prompt]
template = {quoted("<script>alert(1)</script> {{ demos }} Text: <{{ text }}> Answer:")}
demo = "{{{{ text }}}}: {{{{ label }}}}"
shots = 1
[decode]
truncate = "left"
"""
    path = os.path.join(folder, "session.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(session)
    command = [shotglass, "run", path, "--format", "json", "--out", os.path.join(folder, "runs")]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.decode())
    return json.loads(done.stdout)["run"]


def main():
    args = arguments()
    if not args.chromium:
        print("skipped: there is no Chromium here")
        return
    failed = []

    def check(what, right, detail=""):
        print(f"{'ok  ' if right else 'FAIL'}  {what}{'' if right else f': {detail}'}")
        if not right:
            failed.append(what)

    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(args.chromium, folder)
        page = os.path.join(folder, "control.html")
        with open(page, "w", encoding="utf-8") as file:
            file.write("<img src='https://example.org/x.png'><script>console.error('seen')</script>")
        _, asked, console = browser.open(page)
        check("a request would be noticed", any("example.org" in url for url in asked), asked)
        check("an error would be noticed", any("seen" in line for line in console), console)

        for run in [hostile(args.shotglass, folder), *args.runs]:
            name = os.path.basename(os.path.normpath(run))
            page = os.path.join(folder, f"{name}.html")
            with open(page, "wb") as file:
                file.write(subprocess.run([args.shotglass, "export", run, "--format", "html"], stdout=subprocess.PIPE, check=True).stdout)
            document, asked, console = browser.open(page)
            seen = Seen()
            seen.feed(document)
            text = "".join(seen.text)
            check(f"{name}: {os.path.getsize(page)} bytes, nothing is asked for", not asked, asked)
            check(f"{name}: nothing on the console", not console, console)
            check(f"{name}: no script and no picture", not seen.tags & {"script", "img", "iframe", "object"}, seen.tags)
            if run.startswith(folder):
                check("a hostile title is text", EVIL in text.split("Report of a run")[0], text[:400])
                check("hostile texts are text", f"{EVIL}{CONTROLS_SEEN} row" in text, text[:400])
                check("a hostile label is text", "yes" + EVIL in text, text[:400])
                check("a hostile template is text", "<script>alert(1)</script> {{ demos }}" in text, text[:400])
                check("no control character is left", not any(c in text for c in CONTROLS[:1] + "\x1b"))
            if args.screenshots:
                os.makedirs(args.screenshots, exist_ok=True)
                for kind, width, dark in [("light", 1200, False), ("dark", 1200, True), ("narrow", 500, False)]:
                    browser.picture(page, os.path.join(os.path.abspath(args.screenshots), f"{name}-{kind}.png"), width, 4000, dark)
    if failed:
        sys.exit(f"{len(failed)} failed")


if __name__ == "__main__":
    main()
