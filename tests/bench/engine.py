"""Runs the same model on the same work in llama.cpp, in transformers and in Shotglass, and prints the ratios.

All run in the same call, one after another, with the same number of threads:

    python3 -m venv venv && venv/bin/pip install llama-cpp-python torch transformers accelerate gguf
    venv/bin/python tests/bench/engine.py --data womens_march_tweets.csv --model SmolLM2-135M-Instruct.Q4_1.gguf

Prefill is one prompt of 400 tokens, decoding one text of 64 tokens. Classification is the notebook's validation split by
sessions/womens-march-zero-shot.toml and womens-march-few-shot.toml: llama.cpp keeps the prefix that all prompts share in its
cache and evaluates each row once; transformers generates as the notebook does (tests/bench/classify.py). Answers of
llama.cpp and Shotglass are compared: both take the label with the more probable first token.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import tempfile
import time

from classify import notebook, prompts_of

SESSIONS = {"zero-shot": "sessions/womens-march-zero-shot.toml", "few-shot": "sessions/womens-march-few-shot.toml"}
LABELS = ["support", "oppose"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the tweets, a CSV with text and stance")
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--shotglass", default="target/release/shotglass")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--transformers-rows", type=int, default=0, help="rows for transformers, which is slow; 0 leaves it out")
    parser.add_argument("--repeat", type=int, default=3)
    return parser.parse_args()


def seconds_of(work, repeat):
    """The median of some repetitions."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def llama(args, prompts):
    from llama_cpp import Llama

    model = Llama(args.model, n_ctx=2048, n_batch=512, n_threads=args.threads, n_threads_batch=args.threads, verbose=False)
    ids = model.tokenize(b" ".join([b"The ferry leaves the old harbour at seven."] * 60))[:400]

    def prefill():
        model.reset()
        model.eval(ids)

    def decode():
        model.reset()
        model.eval(ids[:16])
        for _ in range(64):
            model.eval([model.sample(temp=0.0)])

    prefill()
    found = {"prefill": 400 / seconds_of(prefill, args.repeat), "decode": 64 / seconds_of(decode, args.repeat)}
    for name, texts in prompts.items():
        rows = [model.tokenize(text.encode(), add_bos=False, special=False) for text in texts]
        first = [model.tokenize((" " + label).encode(), add_bos=False)[0] for label in LABELS]
        shared = len(os.path.commonprefix(rows))
        started = time.perf_counter()
        model.reset()
        model.eval(rows[0][:shared])
        answers = []
        for row in rows:
            model.n_tokens = shared
            model._ctx.kv_cache_seq_rm(0, shared, -1)
            own = row[shared:] or row[-1:]
            model.eval(own)
            logits = model._ctx.get_logits_ith(-1)
            answers.append(LABELS[max(range(2), key=lambda label: logits[first[label]])])
        found[name] = (time.perf_counter() - started, answers)
    return found


def shotglass(args, session):
    """Seconds of a split, and by row the predicted label and how far it is ahead of the other, in nats."""
    times = []
    for _ in range(args.repeat):
        with tempfile.TemporaryDirectory() as folder:
            command = [args.shotglass, "run", session, "--threads", str(args.threads), "--out", folder, "--format", "json", "--no-score-cache"]
            command += ["--limit", str(args.rows), "--set", f"data.path={os.path.abspath(args.data)}"]
            command += ["--set", f"model.source={os.path.abspath(args.model)}", "--set", "model.device=cpu"]
            report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
            times.append(report["seconds"])
            run = os.path.join(folder, os.path.basename(report["run"]))
            with open(os.path.join(run, "predictions.csv"), newline="") as file:
                labels = {int(row["row"]): (row["predicted"], float(row["margin"])) for row in csv.DictReader(file)}
    return statistics.median(times), labels


def main():
    args = arguments()
    command = [args.shotglass, "split", SESSIONS["zero-shot"], "--set", f"data.path={os.path.abspath(args.data)}", "--format", "json"]
    rows = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["validation"][: args.rows]
    prompts = {name: prompts_of(args, session, rows) for name, session in SESSIONS.items()}
    theirs = llama(args, prompts)
    command = [args.shotglass, "bench", "-m", args.model, "--device", "cpu", "--threads", str(args.threads), "--format", "json"]
    ours = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    print(f"{args.threads} thread(s), {len(rows)} rows, {ours['kernels']}")
    for name in ["prefill", "decode"]:
        mine = ours[f"{name}_tokens_per_second"]
        print(f"{name:10} llama.cpp {theirs[name]:7.1f} tokens/s   shotglass {mine:7.1f} tokens/s   ratio {mine / theirs[name]:5.2f}")
    print(f"{'product':10} f32 {ours['product_gflops']:.1f} GFLOP/s on one thread; peak memory {ours['peak_memory_bytes'] / 1e6:.0f} MB")
    seconds = {}
    for name, session in SESSIONS.items():
        seconds[name], labels = shotglass(args, session)
        took, answers = theirs[name]
        margins = [labels[row][1] for row, answer in zip(rows, answers) if labels[row][0] != answer]
        print(
            f"{name:10} llama.cpp {took:7.2f} s   shotglass {seconds[name]:7.2f} s   ratio {took / seconds[name]:5.2f}"
            f"   {len(rows) - len(margins)} answers equal, the others within {max(margins, default=0):.3f} nats of a tie"
        )
    print(f"few-shot / zero-shot, shotglass: {seconds['few-shot'] / seconds['zero-shot']:.2f}")
    if args.transformers_rows:
        counts = {name: texts[: args.transformers_rows] for name, texts in prompts.items()}
        for name, each in notebook(args, counts).items():
            whole = each * len(rows)
            print(f"{name:10} transformers {whole:7.1f} s ({args.transformers_rows} rows run)   ratio {whole / seconds[name]:5.2f}")


if __name__ == "__main__":
    main()
