"""Checks that transformers reads a fine-tuned model as Shotglass does: the same classes, the same log-probabilities.

    python3 -m venv venv && venv/bin/pip install torch transformers sentencepiece tiktoken protobuf
    venv/bin/python tests/transformers_load.py RUN/best RUN/predictions.csv DATA.csv --text text
    venv/bin/python tests/transformers_load.py MODEL_DIR TEXTS.json

The first form takes texts from the data file by the row numbers of the predictions; the second reads
{"texts": […], "logprobs": [[…], …]} with the classes in the model's order. The exit status is 1 where a log-probability
differs by more than the tolerance or the classes are others.
"""

import argparse
import csv
import json
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

PREFIX = "logprob:"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a folder in the hub's form")
    parser.add_argument("expected", help="predictions.csv of a run, or a JSON file of texts and log-probabilities")
    parser.add_argument("data", nargs="?", help="the data file of the run, CSV")
    parser.add_argument("--text", default="text", help="the column that was classified")
    parser.add_argument("--max-length", type=int, default=128, help="train.max_length of the session")
    parser.add_argument("--limit", type=int, help="so many rows at most")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    args = parser.parse_args()
    if not args.expected.endswith(".json") and args.data is None:
        parser.error("predictions need the data file")
    return args


def from_json(path):
    with open(path, encoding="utf-8") as file:
        expected = json.load(file)
    return expected["texts"], expected["logprobs"], expected.get("labels")


def from_run(args):
    """Texts, log-probabilities and labels in the order of the columns; rows that were not classified are left out."""
    csv.field_size_limit(sys.maxsize)
    with open(args.data, encoding="utf-8-sig", newline="") as file:
        rows = [row[args.text] for row in csv.DictReader(file)]
    with open(args.expected, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        labels = [name.removeprefix(PREFIX) for name in reader.fieldnames if name.startswith(PREFIX)]
        records = [record for record in reader if labels and record[PREFIX + labels[0]]]
    if not records:
        sys.exit(f"{args.expected} has no log-probabilities")
    logprobs = [[float(record[PREFIX + label]) for label in labels] for record in records]
    return [rows[int(record["row"])] for record in records], logprobs, labels


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    texts, logprobs, labels = from_json(args.expected) if args.expected.endswith(".json") else from_run(args)
    texts, logprobs = texts[: args.limit], logprobs[: args.limit]
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForSequenceClassification.from_pretrained(args.model, dtype=torch.float32).eval()
    names = [model.config.id2label[i] for i in range(model.config.num_labels)]
    labels = labels or names
    if sorted(names) != sorted(labels) or model.config.label2id != {name: i for i, name in enumerate(names)}:
        sys.exit(f"the classes are {names} ({model.config.label2id}), not {labels}")
    order = [names.index(label) for label in labels]

    worst, where, other = 0.0, None, 0
    for start in range(0, len(texts), args.batch_size):
        batch = texts[start : start + args.batch_size]
        inputs = tokenizer(batch, truncation=True, max_length=args.max_length, padding=True, return_tensors="pt")
        with torch.no_grad():
            theirs = model(**inputs).logits.double().log_softmax(-1)[:, order]
        ours = torch.tensor(logprobs[start : start + args.batch_size], dtype=torch.float64)
        difference = (theirs - ours).abs().amax(-1)
        other += int((theirs.argmax(-1) != ours.argmax(-1)).sum())
        # NaN is no small difference either.
        if not bool(difference.max() <= worst):
            worst, where = float(difference.max()), start + int(difference.nan_to_num(nan=torch.inf).argmax())
    result = {"texts": len(texts), "labels": labels, "largest_difference": worst, "at": where, "other_answers": other}
    print(json.dumps(result))
    if not worst <= args.tolerance:
        sys.exit(f"text {where} differs by {worst:.2e}, more than {args.tolerance:.0e}")


if __name__ == "__main__":
    main()
