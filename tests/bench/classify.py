"""Classifies the same tweets with transformers, in the notebook's way, and with Shotglass, and prints the ratio.

Both run in the same call, one after the other, with the same model file, rows, prompts and number of threads:

    python3 -m venv venv && venv/bin/pip install torch transformers accelerate gguf
    venv/bin/python tests/bench/classify.py --data womens_march_tweets.csv --model SmolLM2-135M-Instruct.Q4_1.gguf

transformers generates 10 tokens a row in left-padded batches of 16, greedily, in float32, as the notebook does. Shotglass
runs sessions/womens-march-zero-shot.toml and womens-march-few-shot.toml (label scoring).
"""

import argparse
import json
import os
import subprocess
import tempfile
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the tweets, a CSV with text and stance")
    parser.add_argument("--model", required=True, help="a GGUF file that both can read")
    parser.add_argument("--shotglass", default="target/release/shotglass")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, default=500, help="rows for transformers; times are per row")
    parser.add_argument("--few-shot-rows", type=int, default=96, help="rows for transformers' few-shot part, which is slow")
    parser.add_argument("--repeat", type=int, default=3, help="runs of Shotglass; the median counts")
    return parser.parse_args()


def notebook(args, prompts):
    """Seconds per row of the notebook's generate_batch, model loading aside."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(args.threads)
    folder, file = os.path.split(os.path.abspath(args.model))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file, padding_side="left")
    # tokenizer.ggml.pre = smollm, which transformers' conversion of GGUF files leaves out
    digits = pre_tokenizers.Digits(individual_digits=True)
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()
    seconds = {}
    for name, texts in prompts.items():
        started = time.perf_counter()
        for at in range(0, len(texts), 16):
            inputs = tokenizer(texts[at : at + 16], return_tensors="pt", padding=True, truncation=True)
            with torch.no_grad():
                model.generate(**inputs, max_new_tokens=10, do_sample=False, pad_token_id=tokenizer.eos_token_id)
        seconds[name] = (time.perf_counter() - started) / len(texts)
    return seconds


def shotglass(args, session):
    """Seconds per row of a whole split, model loading aside, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        command = [args.shotglass, "run", session, "--threads", str(args.threads), "--out", folder, "--format", "json", "--no-score-cache"]
        command += ["--set", f"data.path={os.path.abspath(args.data)}", "--set", f"model.source={os.path.abspath(args.model)}"]
        command += ["--set", "model.device=cpu"]
        reports = [json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) for _ in range(args.repeat)]
    reports.sort(key=lambda report: report["seconds"])
    report = reports[len(reports) // 2]
    return report["seconds"] / report["rows"], report


def prompts_of(args, session, rows):
    texts = []
    for row in rows:
        command = [args.shotglass, "prompt", session, "--row", str(row), "--set", f"data.path={os.path.abspath(args.data)}"]
        texts.append(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode())
    return texts


def main():
    args = arguments()
    sessions = {"zero-shot": "sessions/womens-march-zero-shot.toml", "few-shot": "sessions/womens-march-few-shot.toml"}
    command = [args.shotglass, "split", sessions["zero-shot"], "--set", f"data.path={os.path.abspath(args.data)}"]
    rows = json.loads(subprocess.run(command + ["--format", "json"], check=True, stdout=subprocess.PIPE).stdout)["validation"]
    counts = {"zero-shot": args.rows, "few-shot": args.few_shot_rows}
    prompts = {name: prompts_of(args, session, rows[: counts[name]]) for name, session in sessions.items()}
    theirs = notebook(args, prompts)
    ours = {name: shotglass(args, session) for name, session in sessions.items()}
    print(f"{args.threads} thread(s), 500 rows each way, seconds")
    for name in sessions:
        mine, report = ours[name]
        print(
            f"{name:10} transformers {theirs[name] * 500:7.1f} ({counts[name]} rows run)   shotglass {mine * 500:6.1f}"
            f"   ratio {theirs[name] / mine:5.2f}   macro-F1 {report['macro_f1']:.3f}"
        )
    print(f"few-shot / zero-shot, shotglass: {ours['few-shot'][0] / ours['zero-shot'][0]:.2f}")


if __name__ == "__main__":
    main()
