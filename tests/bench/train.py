"""Fine-tunes the same encoder on the same rows with Hugging Face's Trainer and with Shotglass, and prints the ratio.

Both run in the same call, one after the other, with the same model folder, rows, batch size and number of threads:

    python3 -m venv venv && venv/bin/pip install torch transformers accelerate datasets
    venv/bin/python tests/bench/train.py --program target/release/shotglass --session SESSION.toml --model FOLDER --steps 20

The session has data, labels and splits (train share 0.8) and a [train] section; FOLDER is the encoder in the hub's form.
Trainer runs as in the notebook: AdamW at 5e-5 falling linearly, float32, no evaluation while steps are timed. Texts are the
raw ones. Each side runs in a process of its own, so that its peak of memory is its own. A step's time is the mean
without the first two; reading and saving are not in it.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN_SHARE = 0.8


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/shotglass")
    parser.add_argument("--session", required=True, help="a session file with a [train] section")
    parser.add_argument("--model", required=True, help="the encoder's folder; config.json is made for MiniLM where it has none")
    parser.add_argument("--data", help="the data file, where it is not the session's")
    parser.add_argument("--text", default="text", help="the text's column")
    parser.add_argument("--label", default="stance", help="the label's column")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--padding", choices=["longest", "max"], default="longest")
    parser.add_argument("--group-by-length", action="store_true", help="batches of rows of like length, on both sides")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--only", choices=["theirs"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data is needed: Trainer reads the rows from it")
    return args


def settings(args):
    """What both commands of the program set: a sample that makes just so many steps of one epoch."""
    sample = round(args.steps * args.batch_size / TRAIN_SHARE)
    values = {"data.sample": sample, "train.model": os.path.abspath(args.model), "train.epochs": 1}
    values |= {"train.batch_size": args.batch_size, "train.max_length": args.max_length, "train.padding": args.padding}
    values |= {"train.group_by_length": str(args.group_by_length).lower()}
    if args.data:
        values["data.path"] = os.path.abspath(args.data)
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def environment(args):
    threads = str(args.threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "CANDLE_NUM_THREADS")
    return os.environ | dict.fromkeys(names, threads) | {"TOKENIZERS_PARALLELISM": "false"}


def child(command, args):
    """Runs a command and gives what it printed, its seconds, and the most memory it held, in MiB."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, env=environment(args), stdout=out)
        # Unlike RUSAGE_CHILDREN this is of the one process, whatever ran before it.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{command[0]} ended with {process.returncode}")
        out.seek(0)
        text = out.read().decode()
    kib = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return text, time.perf_counter() - started, kib / 1024


def summary(seconds):
    """Of the times of steps; the first two warm caches up."""
    later = seconds[2:] or seconds
    return {"steps": len(seconds), "median_s": statistics.median(later), "mean_s": statistics.mean(later), "first_s": seconds[0]}


def model_folder(args, scratch):
    """The model's folder, or a copy with the config.json that all-MiniLM-L6-v2's wheel lacks."""
    folder = Path(args.model).resolve()
    if (folder / "config.json").exists():
        return folder
    copy = Path(scratch) / "model"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).symlink_to(file)
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": 384, "num_hidden_layers": 6,
        "num_attention_heads": 12, "intermediate_size": 1536, "vocab_size": 30522, "max_position_embeddings": 512,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "pad_token_id": 0,
    }  # fmt: skip
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def training_rows(args):
    """Texts and class numbers of the training split, in its order, as the program splits."""
    command = [args.program, "split", args.session, "--format", "json", *settings(args)]
    rows = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["train"]
    csv.field_size_limit(sys.maxsize)
    with open(args.data, encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    labels = sorted({table[row][args.label] for row in rows})
    return [table[row][args.text] for row in rows], [labels.index(table[row][args.label]) for row in rows], labels


def trainer(args):
    """Runs Trainer in this process and prints the seconds of its steps."""
    import torch
    import transformers
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments

    torch.set_num_threads(args.threads)
    transformers.utils.logging.set_verbosity_error()
    texts, numbers, labels = training_rows(args)
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(args, scratch)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        padding = "max_length" if args.padding == "max" else False
        encoded = tokenizer(texts, truncation=True, max_length=args.max_length, padding=padding)
        data = Dataset.from_dict(dict(encoded) | {"labels": numbers})
        transformers.set_seed(args.seed)
        model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(labels), dtype=torch.float32)
        seconds = []

        class Clock(TrainerCallback):
            def on_step_begin(self, *_, **__):
                self.started = time.perf_counter()

            def on_step_end(self, *_, **__):
                seconds.append(time.perf_counter() - self.started)

        # transformers 5 has a strategy where 4 had a flag.
        fields = TrainingArguments.__dataclass_fields__
        grouped = {"train_sampling_strategy": "group_by_length"} if "train_sampling_strategy" in fields else {"group_by_length": True}
        options = TrainingArguments(
            output_dir=os.path.join(scratch, "out"), per_device_train_batch_size=args.batch_size, max_steps=args.steps,
            weight_decay=0.01, eval_strategy="no", save_strategy="no", logging_strategy="no", report_to="none", use_cpu=True,
            disable_tqdm=True, seed=args.seed, **(grouped if args.group_by_length else {}),
        )  # fmt: skip
        Trainer(model=model, args=options, train_dataset=data, processing_class=tokenizer, callbacks=[Clock()]).train()
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps({"seconds": seconds, "rows": len(texts), "versions": versions}))


def theirs(args):
    out, wall, peak = child([sys.executable, *sys.argv, "--only", "theirs"], args)
    result = json.loads(out.strip().splitlines()[-1])
    return summary(result["seconds"]) | {"rows": result["rows"], "wall_s": wall, "peak_mib": peak, "versions": result["versions"]}


def ours(args):
    """The program's side: seconds per step of its training, as its manifest has them, and its peak of memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [args.program, "train", args.session, "--format", "json", "--threads", str(args.threads), "--out", folder]
        out, wall, peak = child([*command, *settings(args), "--set", f"train.seed={args.seed}"], args)
        report = json.loads(out)
        manifest = json.loads(next(Path(folder).glob("**/manifest.json")).read_text(encoding="utf-8"))
        training = manifest["training"]
    result = {"steps": training["steps"], "mean_s": training["step_seconds"]}
    return result | {"wall_s": wall, "peak_mib": peak, "seconds": report["seconds"]}


def main():
    args = arguments()
    if args.only == "theirs":
        return trainer(args)
    first, second = theirs(args), ours(args)
    result = {"threads": args.threads, "padding": args.padding, "group_by_length": args.group_by_length, "theirs": first}
    result |= {"ours": second, "ours_to_theirs": second["mean_s"] / first["mean_s"]}
    result |= {"memory_ours_to_theirs": second["peak_mib"] / first["peak_mib"]}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
