"""Holds the answers that Shotglass generates for simulated surveys against those of transformers, and their times.

Both run in the same call, one after the other, with the same model file, rows and number of threads:

    python3 -m venv venv && venv/bin/pip install torch transformers accelerate gguf jinja2 pandas
    venv/bin/python tests/bench/simulate.py --model SmolLM2-135M-Instruct.Q4_1.gguf

Shotglass runs the sessions with decode.method=generate. transformers gets prompts that are made here from the CSV file, the
session's codebook and the order of the parties that Shotglass stored, by apply_chat_template where the session is a chat; they
must be those of `shotglass prompt`, in text and number of tokens. It generates greedily in float32, in left-padded batches.

Where answers differ, the two best logits of transformers at the first token that differs say how close the choice was; under
0.05 apart they are called a near-tie, which the order of additions decides.
"""

import argparse
import csv
import json
import os
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path

import jinja2
import pandas as pd
import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

NEAR_TIE = 0.05


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a GGUF file that both can read")
    parser.add_argument("--shotglass", default="target/release/shotglass")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int, help="only the first rows of each session")
    parser.add_argument("--batch", type=int, default=16, help="rows that transformers takes at a time")
    parser.add_argument("sessions", nargs="*", default=["sessions/simulate.toml", "sessions/simulate-chat.toml"])
    return parser.parse_args()


def shotglass(args, command, session, *options):
    """The JSON that a subcommand prints."""
    line = [args.shotglass, command, session, "--format", "json", "--quiet", "--threads", str(args.threads), *options]
    line += ["--set", f"model.source={os.path.abspath(args.model)}", "--set", "model.device=cpu"]
    return json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)


def run(args, session):
    """The predictions of a run, one a row, and its seconds per row, model loading aside."""
    options = ["--set", "decode.method=generate"] + (["--limit", str(args.limit)] if args.limit else [])
    with tempfile.TemporaryDirectory() as folder:
        report = shotglass(args, "run", session, "--out", folder, *options)
        with (Path(report["run"]) / "predictions.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file)), report["seconds"] / report["rows"]


def load(args):
    torch.set_num_threads(args.threads)
    folder, file = os.path.split(os.path.abspath(args.model))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file, padding_side="left")
    # tokenizer.ggml.pre = smollm, which transformers' conversion of GGUF files leaves out
    digits = pre_tokenizers.Digits(individual_digits=True)
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()
    return tokenizer, model


def prompts(session, tokenizer, predictions):
    """The prompts of the rows, made without Shotglass but for the order of the options."""
    config = tomllib.loads(Path(session).read_text(encoding="utf-8"))
    data, prompt = config["data"], config["prompt"]
    frame = pd.read_csv(Path(session).parent / data["path"], dtype=str, keep_default_na=False)
    template = jinja2.Environment().from_string(prompt["template"])

    def words(column, code):
        if code in data.get("missing", {}).get(column, []):
            return ""
        return data.get("codebook", {}).get(column, {}).get(code, code)

    texts = []
    for prediction in predictions:
        record = frame.iloc[int(prediction["row"])]
        values = {column: words(column, code) for column, code in record.items()}
        text = template.render(values, options=", ".join(prediction["options"].split("|")))
        if prompt.get("chat"):
            messages = [{"role": "system", "content": prompt["system"]}] if "system" in prompt else []
            messages.append({"role": "user", "content": text})
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        texts.append(text)
    return texts, bool(prompt.get("chat")), config.get("decode", {}).get("max_new_tokens", 10)


def check_prompts(args, session, tokenizer, predictions, texts, chat):
    """Counts the rows whose text, number of tokens and options `shotglass prompt` gives too."""
    equal = 0
    for prediction, text in zip(predictions, texts):
        theirs = shotglass(args, "prompt", session, "--row", prediction["row"])
        tokens = len(tokenizer(text, add_special_tokens=not chat)["input_ids"])
        mine = (text, tokens, prediction["options"].split("|"))
        if mine == (theirs["prompt"], theirs["tokens"], theirs["options"]):
            equal += 1
        else:
            print(f"row {prediction['row']}: prompt differs, {tokens} tokens and {theirs['tokens']}\n  {text!r}\n  {theirs['prompt']!r}")
    print(f"prompts     {equal} of {len(texts)} equal")


def generate(args, tokenizer, model, texts, chat, max_new_tokens):
    """The new tokens of each prompt up to the end token, if there is one, and seconds per row."""
    answers = []
    started = time.perf_counter()
    for at in range(0, len(texts), args.batch):
        inputs = tokenizer(texts[at : at + args.batch], return_tensors="pt", padding=True, add_special_tokens=not chat)
        with torch.no_grad():
            out = model.generate(
                **inputs, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=tokenizer.eos_token_id
            )
        for ids in out[:, inputs["input_ids"].shape[1] :].tolist():
            end = ids.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in ids else len(ids)
            answers.append(ids[:end])
    return answers, (time.perf_counter() - started) / len(texts)


def first_difference(tokenizer, ids, text):
    """The place of the first of `ids` after which their text no longer begins `text`."""
    for place, token in enumerate(ids):
        so_far = tokenizer.decode(ids[: place + 1], skip_special_tokens=True)
        # A character may end with the next token.
        if token == tokenizer.eos_token_id or not text.startswith(so_far.rstrip("\ufffd")):
            return place
    return len(ids)


def gap(tokenizer, model, text, ids, chat):
    """How far apart the two best logits are after the prompt and `ids`, in a batch of one, and the two tokens."""
    prompt = tokenizer(text, return_tensors="pt", add_special_tokens=not chat)["input_ids"]
    with torch.no_grad():
        logits = model(torch.cat([prompt, torch.tensor([ids], dtype=torch.long)], dim=1)).logits[0, -1]
    best = logits.topk(2)
    return (best.values[0] - best.values[1]).item(), [tokenizer.decode([token]) for token in best.indices.tolist()]


def compare(args, session, tokenizer, model):
    predictions, ours = run(args, session)
    texts, chat, max_new_tokens = prompts(session, tokenizer, predictions)
    print(f"{session}, {len(texts)} rows, {args.threads} thread(s)")
    check_prompts(args, session, tokenizer, predictions, texts, chat)
    answers, theirs = generate(args, tokenizer, model, texts, chat, max_new_tokens)
    gaps = []
    for prediction, text, ids in zip(predictions, texts, answers):
        answer = tokenizer.decode(ids, skip_special_tokens=True)
        if answer == prediction["answer"]:
            continue
        place = first_difference(tokenizer, ids, prediction["answer"])
        apart, best = gap(tokenizer, model, text, ids[:place], chat)
        gaps.append(apart)
        print(f"row {prediction['row']}: token {place + 1} differs, logits {apart:.4f} apart: {best[0]!r} or {best[1]!r}")
        print(f"  transformers {answer!r}\n  shotglass    {prediction['answer']!r}")
    ties = sum(apart < NEAR_TIE for apart in gaps)
    largest = f", {ties} of the others near-ties, largest gap {max(gaps):.4f}" if gaps else ""
    print(f"answers     {len(texts) - len(gaps)} of {len(texts)} equal{largest}")
    print(f"seconds/row transformers {theirs:.3f}   shotglass {ours:.3f}   ratio {theirs / ours:.2f}\n")


def main():
    args = arguments()
    tokenizer, model = load(args)
    for session in args.sessions:
        compare(args, session, tokenizer, model)


if __name__ == "__main__":
    main()
