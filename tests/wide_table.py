"""Writes a survey as wide as the European Social Survey, and measures how long and with how much memory it is read.

    python3 tests/wide_table.py wide.csv                                          # 40000 rows, 558 columns
    python3 tests/wide_table.py wide.csv --shotglass target/release/shotglass     # and `shotglass split` on it

All draws come from one seed, and the rows are written a block at a time, so memory does not grow with them. Columns that the
simulation sessions use have the survey's names and shares; the others are filler of the kinds that it has: integers, decimals
as pandas writes integers with gaps, long decimals, short texts, texts with commas in quotes, empty cells. Rows stand country by
country. Nothing but the standard library is needed; where pandas is installed, its `read_csv` reads the same file, in a process
of its own, and the ratio is printed.
"""

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time

COLUMNS = 558
BLOCK = 500

# Interviews of a round by country, roughly.
COUNTRIES = {
    "AT": 2354, "BE": 1594, "BG": 2239, "CH": 1384, "CY": 685, "DE": 2420, "EE": 1296, "ES": 1844, "FI": 1563, "FR": 1771,
    "GB": 1684, "GR": 2757, "HR": 1563, "HU": 2118, "IE": 2017, "IL": 906, "IS": 842, "IT": 2865, "LT": 1365, "LV": 1240,
    "ME": 1609, "NL": 1695, "NO": 1337, "PL": 1442, "PT": 1373, "RS": 1563, "SE": 1230, "SI": 1248, "SK": 1442, "UA": 1500,
}
STATES = {
    "DE1": 11.3, "DE2": 13.4, "DE3": 3.8, "DE4": 2.6, "DE5": 0.7, "DE6": 1.9, "DE7": 6.4, "DE8": 1.6, "DE9": 8.1, "DEA": 18.1,
    "DEB": 4.2, "DEC": 1.0, "DED": 4.1, "DEE": 2.2, "DEF": 3.0, "DEG": 2.1,
}
PARTIES = {
    "1": ("CDU/CSU", 60), "2": ("SPD", 47), "3": ("The Left", 18), "4": ("The Greens", 40), "5": ("FDP", 19), "6": ("AFD", 6),
    "7": ("Free Voters", 1), "8": ("dieBasis", 1), "9": ("Die PARTEI", 3), "55": ("Other", 3), "66": ("Not applicable", 62),
    "77": ("Refusal", 18), "88": ("Don't know", 23), "99": ("No answer", 1),
}


def scale(likely, silent=(1, 3, 0.3)):
    """Answers from 0 to 10 with these shares, and the three codes for none."""
    return [*map(str, range(11)), "77", "88", "99"], [*likely, *silent]


def bell(middle, width):
    return [100 * 2.718281828 ** (-(((at - middle) / width) ** 2) / 2) for at in range(11)]


# Column to its cells and their shares.
KNOWN = {
    "agea": ([*map(str, range(15, 91)), "999"], [*[1.0 + min(age - 15, 90 - age) / 40 for age in range(15, 91)], 0.7]),
    "gndr": (["1", "2"], [47, 53]),
    "eduyrs": ([*map(str, range(0, 26)), "77", "88"], [*[0.4 + 8 / (1 + abs(years - 13)) for years in range(26)], 0.2, 0.8]),
    "lrscale": scale(bell(5.1, 2.2), (20, 70, 4)),
    "polintr": (["1", "2", "3", "4", "7", "8"], [11, 35, 33, 20, 0.1, 0.3]),
    "hinctnta": ([*map(str, range(1, 11)), "77", "88", "99"], [8, 9, 9, 9, 9, 9, 8, 8, 6, 6, 10, 8, 0.3]),
    "rlgdgr": scale([20, 6, 7, 8, 6, 16, 8, 10, 10, 4, 5]),
    "trstprl": scale(bell(4.5, 2.6)),
    "stfdem": scale(bell(5.2, 2.5)),
    "euftf": scale(bell(5.2, 2.6), (5, 30, 2)),
    "imwbcnt": scale(bell(5.1, 2.3)),
    "gincdif": (["1", "2", "3", "4", "5", "7", "8"], [30, 42, 14, 10, 2, 0.3, 1.5]),
    "domicil": (["1", "2", "3", "4", "5", "7"], [20, 12, 31, 31, 6, 0.1]),
    "anweight": ([f"{0.05 + at * at / 40000:.16f}" for at in range(400)], None),
}
WORDS = "yes no partly agree refuse other house family work school doctor never often weekly daily region vote paid".split()


def filler(draw):
    """Cells and shares of a column of no meaning."""
    kind = draw.choices(["scale", "few", "gaps", "long", "text", "quoted"], [34, 26, 27, 6, 6, 1])[0]
    if kind == "scale":
        return scale(bell(draw.uniform(2, 8), draw.uniform(1.5, 3)))
    if kind == "few":
        codes = draw.randint(2, 8)
        return [*map(str, range(1, codes + 1)), "66", "77", "88"], [*[draw.uniform(5, 60) for _ in range(codes)], 20, 1, 2]
    if kind == "gaps":
        codes = draw.randint(2, 14)
        empty = draw.choice([30, 300, 3000])
        return ["", *[f"{code}.0" for code in range(1, codes + 1)], "77.0", "88.0"], [empty, *[10.0] * codes, 1, 2]
    if kind == "long":
        return [repr(draw.random() * 3) for _ in range(300)], None
    if kind == "text":
        texts = [" ".join(draw.choices(WORDS, k=draw.randint(1, 3))) for _ in range(60)]
        return ["", *texts], [80, *[1] * 60]
    texts = ['"' + ", ".join(draw.choices(WORDS, k=draw.randint(2, 6))) + '"' for _ in range(60)]
    return ["", '"a ""quoted"" word, and a comma"', *texts], [80, 4, *[1] * 60]


def write(path, rows, seed):
    """Writes the table; the number of rows of Germany."""
    draw = random.Random(seed)
    first = ["name", "essround", "edition", "proddate", "idno", "cntry"]
    others = [*KNOWN, "region", "prtvgde1"]
    cells = {f"x{at:03}": filler(draw) for at in range(COLUMNS - len(first) - len(others))}
    others += cells
    cells.update(KNOWN)
    draw.shuffle(others)
    names = first + others
    total = sum(COUNTRIES.values())

    done = through = german = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(",".join(names) + "\n")
        for cntry, interviews in COUNTRIES.items():
            through += interviews
            until = rows * through // total
            regions = {cntry + at: 1 for at in "123456789"} if cntry != "DE" else STATES
            cells["region"] = (list(regions), list(regions.values()))
            if cntry == "DE":
                cells["prtvgde1"] = ([f"{code}.0" for code in PARTIES], [count for _, count in PARTIES.values()])
                german = until - done
            else:
                cells["prtvgde1"] = ([""], None)
            while done < until:
                size = min(BLOCK, until - done)
                cells.update({name: ([value], None) for name, value in {
                    "name": "ESS11e00", "essround": "11", "edition": "0.0", "proddate": "01.01.2024", "cntry": cntry,
                }.items()})
                columns = [
                    map(str, range(10001 + done, 10001 + done + size)) if name == "idno"
                    else draw.choices(cells[name][0], cells[name][1], k=size)
                    for name in names
                ]
                file.writelines(",".join(row) + "\n" for row in zip(*columns))
                done += size
    return german


def measured(command):
    """What a child wrote to stdout, its seconds, and its peak memory in MB."""
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=out)
        # Of this child alone: RUSAGE_CHILDREN would give the greatest of all so far.
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"exit code {child.returncode}: {' '.join(command)}")
        out.seek(0)
        # Kilobytes on Linux, bytes on macOS.
        unit = 1e6 if sys.platform == "darwin" else 1e3
        return out.read().decode(), seconds, usage.ru_maxrss / unit


SESSION = """version = 1
title = "A wide survey"

[model]
source = "HuggingFaceTB/SmolLM2-135M-Instruct"

[data]
path = {path}
text = "region"
filter = {{ cntry = "DE" }}
label = "prtvgde1"
labels = {{ {labels} }}
seed = 42
splits = {{ train = 0.4, validation = 0.4, test = 0.2 }}

[prompt]
template = "{{{{ region }}}}"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="the CSV to write")
    parser.add_argument("--rows", type=int, default=40000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--keep", action="store_true", help="measure the file that is there, do not write it")
    parser.add_argument("--shotglass", help="the program to measure")
    parser.add_argument("--repeat", type=int, default=3, help="readings each; the fastest counts")
    args = parser.parse_args()

    german = None
    if not args.keep:
        started = time.perf_counter()
        german = write(args.path, args.rows, args.seed)
        seconds = time.perf_counter() - started
        print(f"{args.path}: {args.rows} rows, {german} of Germany, {COLUMNS} columns, "
              f"{os.path.getsize(args.path) / 1e6:.0f} MB, written in {seconds:.1f} s")
    if not args.shotglass:
        return

    with tempfile.TemporaryDirectory() as folder:
        session = os.path.join(folder, "wide.toml")
        labels = ", ".join(f"{json.dumps(code)} = {json.dumps(word)}" for code, (word, _) in PARTIES.items())
        with open(session, "w", encoding="utf-8") as file:
            file.write(SESSION.format(path=json.dumps(os.path.abspath(args.path)), labels=labels))
        command = [args.shotglass, "split", session, "--format", "json", "-q"]
        ours = [measured(command) for _ in range(args.repeat)]
    rows = sum(len(split) for split in json.loads(ours[0][0]).values() if isinstance(split, list))
    if german is not None and rows != german:
        sys.exit(f"shotglass split: {rows} rows in the splits, {german} of Germany in the file")
    seconds, memory = min(run[1] for run in ours), max(run[2] for run in ours)
    print(f"shotglass split     {seconds:6.2f} s  {memory:6.0f} MB  {rows} rows in the splits")

    if importlib.util.find_spec("pandas") is None:
        print("pandas is not installed, so there is nothing to compare with")
        return
    # The import is left out of its seconds; its memory is that of the whole process.
    code = ("import sys, time, pandas\nstarted = time.perf_counter()\n"
            "table = pandas.read_csv(sys.argv[1])\nprint(time.perf_counter() - started)")
    theirs = [measured([sys.executable, "-W", "ignore", "-c", code, args.path]) for _ in range(args.repeat)]
    their_seconds, their_memory = min(float(run[0]) for run in theirs), max(run[2] for run in theirs)
    print(f"pandas.read_csv     {their_seconds:6.2f} s  {their_memory:6.0f} MB")
    print(f"pandas / shotglass  {their_seconds / seconds:6.2f} x  {their_memory / memory:5.2f} x")


if __name__ == "__main__":
    main()
