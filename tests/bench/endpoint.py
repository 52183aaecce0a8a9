"""Classifies the same tweets with a model file here and with a server that has the same file, and compares the answers.

llama-cpp-python's server is started on loopback, with the log-probabilities of all tokens (`--logits_all True`):

    python3 -m venv venv && venv/bin/pip install 'llama-cpp-python[server]'
    venv/bin/python tests/bench/endpoint.py --data womens_march_tweets.csv --model SmolLM2-135M-Instruct.Q4_1.gguf

Printed are how many labels agree, how far the labels' log-probabilities lie apart, and the times. The server computes
what a quantised file says in 8-bit products, Shotglass in f32, so that not all bits agree.
"""

import argparse
import csv
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SESSION = "sessions/womens-march-zero-shot.toml"
NAME = "endpoint-bench"
KEY = "not-a-real-key"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the tweets, a CSV with text and stance")
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--shotglass", default="target/release/shotglass")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--n-batch", type=int, default=512, help="1 where llama.cpp crashes: its AMX products do in some machines")
    parser.add_argument("--method", default="score", choices=["score", "generate"])
    return parser.parse_args()


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def start_server(args, port, log):
    command = [sys.executable, "-m", "llama_cpp.server", "--model", args.model, "--model_alias", NAME]
    command += ["--logits_all", "True", "--n_ctx", "2048", "--host", "127.0.0.1", "--port", str(port), "--api_key", KEY]
    command += ["--n_batch", str(args.n_batch)]
    server = subprocess.Popen(command, stdout=log, stderr=log)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models", headers={"Authorization": f"Bearer {KEY}"})
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=2):
                return server
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    server.kill()
    raise SystemExit("the server did not start")


def run(args, folder, settings):
    """The seconds of a run, what it said, and its rows."""
    command = [args.shotglass, "run", SESSION, "--limit", str(args.rows), "--out", folder, "--format", "json", "--no-score-cache"]
    settings = [f"data.path={os.path.abspath(args.data)}", f"decode.method={args.method}", *settings]
    # The server's own default is 1.1, which would change what greedy decoding picks.
    settings += ["decode.repetition_penalty=1"]
    for setting in settings:
        command += ["--set", setting]
    environment = {**os.environ, "SHOTGLASS_API_KEY": KEY}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    report = json.loads(done.stdout)
    (found,) = (path for path in pathlib.Path(folder).iterdir() if path.is_dir())
    with open(found / "predictions.csv", newline="", encoding="utf-8") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    text = "".join(path.read_text(encoding="utf-8") for path in found.iterdir() if path.is_file())
    assert KEY not in text + done.stdout + done.stderr, "the key is in what was written"
    return report, done.stderr, rows


def main():
    args = arguments()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "server.log"), "w") as log:
        server = start_server(args, port, log)
        try:
            settings = [f"model.source=http://127.0.0.1:{port}/v1", f"model.name={NAME}"]
            settings += [f"model.concurrency={args.concurrency}"]
            theirs, said, remote = run(args, os.path.join(folder, "remote"), settings)
        finally:
            server.terminate()
            server.wait()
        ours, _, local = run(args, os.path.join(folder, "local"), [f"model.source={os.path.abspath(args.model)}"])
    assert remote.keys() == local.keys(), "rows are missing"
    same = sum(remote[row]["predicted"] == local[row]["predicted"] for row in local)
    print("".join(line + "\n" for line in said.splitlines() if " at http" in line), end="")
    print(f"{same} of {len(local)} labels agree")
    columns = [name for name in next(iter(local.values())) if name.startswith("logprob:")]
    if args.method == "score":
        pairs = [(remote[row][name], local[row][name]) for row in local for name in columns]
        apart = sorted(abs(float(a) - float(b)) for a, b in pairs if a and b)
        print(f"{len(pairs) - len(apart)} of {len(pairs)} log-probabilities are not told by the server")
        if apart:
            print(f"apart: median {apart[len(apart) // 2]:.4f}, most {apart[-1]:.4f}")
    print(f"macro-F1 {theirs['macro_f1']:.3f} by the server, {ours['macro_f1']:.3f} here")
    print(f"{theirs['seconds']:.1f} s by the server, {ours['seconds']:.1f} s here")


if __name__ == "__main__":
    main()
