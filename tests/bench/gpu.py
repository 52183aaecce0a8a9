"""Checks and times Shotglass on a GPU beside the notebook's code in transformers, all in one call.

    cargo build --release --features cuda
    python3 -m venv venv && venv/bin/pip install torch transformers accelerate
    venv/bin/python tests/bench/gpu.py --shotglass target/release/shotglass

No network: the model has Qwen2.5-1.5B's configuration and random weights, saved by transformers in bf16, with a tokenizer
trained on the invented tweets. transformers generates 10 tokens a row in left-padded batches of 16, greedily, as the notebook
does, in the notebook's float32 and in bf16, after one batch to warm up. Shotglass scores the labels of the same rows
zero-shot and with 6 examples, and generates 10 tokens; its times are its reports', reading the model aside. Then the
log-probabilities of labels are held against transformers' in float32, beside what transformers' own bf16 differs by.

With --train an encoder of DeBERTa-v3-small's size is fine-tuned for a few steps on GPU and CPU, without dropout: the losses
must be the same.
"""

import argparse
import csv
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LABELS = ["support", "oppose"]
QWEN = {
    "vocab_size": 151936, "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12,
    "num_key_value_heads": 2, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
}  # fmt: skip
SESSIONS = {"zero-shot": "zero-shot", "few-shot": "few-shot", "generate": "zero-shot-generate"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shotglass", default="target/release/shotglass")
    parser.add_argument("--folder", help="where model and data are made, and found again; a temporary one by default")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--words", type=int, default=54, help="words of a tweet: with the template's end some 60 tokens")
    parser.add_argument("--repeat", type=int, default=3, help="runs of Shotglass; the median counts")
    parser.add_argument("--compare", type=int, default=32, help="rows whose log-probabilities are compared")
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--skip-float32", action="store_true", help="leave out transformers in float32")
    return parser.parse_args()


def say(*words):
    print(*words, flush=True)


def make_data(folder, rows, words):
    """Rows of random words, of which 40% are the validation split."""
    path = folder / "tweets.csv"
    draw = random.Random(7)
    syllables = ["ha", "ro", "mi", "ten", "sol", "ver", "ka", "lu", "pe", "dor", "na", "fi"]
    lexicon = sorted({"".join(draw.choices(syllables, k=draw.choice([1, 2, 2, 3]))) for _ in range(900)})
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "stance"])
        for row in range(rows * 5 // 2):
            # Of somewhat different lengths, as real ones are.
            count = words + draw.randint(-6, 6)
            writer.writerow([" ".join(draw.choices(lexicon, k=count)), row % 2])
    return path


def make_tokenizer(folder, data):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=6000,
        special_tokens=["<|endoftext|>", "[CLS]", "[SEP]", "[PAD]"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    instruction = "Does the author of the following text support or oppose the Harbour March? Answer with: support or oppose.\n"
    with open(data) as file:
        texts = file.read().splitlines()
    tokenizer.train_from_iterator(texts + [instruction, "Text: <\nAnswer: support oppose\n"] * 50, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>", pad_token="<|endoftext|>").save_pretrained(
        folder / "qwen"
    )
    pair = [("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=pair)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]").save_pretrained(
        folder / "deberta"
    )


def make_models(folder):
    import torch
    from transformers import AutoModelForCausalLM, DebertaV2Config, DebertaV2Model, Qwen2Config

    torch.manual_seed(1)
    config = Qwen2Config(**QWEN, eos_token_id=0, bos_token_id=None, pad_token_id=0)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        # Biases are born as zeros, which would hide a lost one.
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.data.normal_(0, 0.1)
    # It would end texts by chance, and times would depend on that.
    model.generation_config.eos_token_id = None
    model.save_pretrained(folder / "qwen")
    del model
    config = DebertaV2Config(
        vocab_size=6000, hidden_size=768, num_hidden_layers=6, num_attention_heads=12, intermediate_size=3072,
        relative_attention=True, position_buckets=256, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"],
        max_relative_positions=-1, position_biased_input=False, type_vocab_size=0, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, pad_token_id=3, layer_norm_eps=1e-7,
    )  # fmt: skip
    DebertaV2Model(config).save_pretrained(folder / "deberta")


def prompts_of(args, data, rows):
    """The prompts of some rows by session: the program's own for the first, the others with their text in its place."""
    with open(data, newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    prompts = {}
    for name in ("zero-shot", "few-shot"):
        command = [args.shotglass, "prompt", SESSIONS[name], "--set", f"data.path={data}", "--row"]
        show = lambda row: subprocess.run([*command, str(row)], check=True, stdout=subprocess.PIPE).stdout.decode()
        first, last = show(rows[0]), show(rows[-1])
        at = first.rindex(texts[rows[0]])
        before, after = first[:at], first[at + len(texts[rows[0]]) :]
        prompts[name] = [before + texts[row] + after for row in rows]
        assert prompts[name][-1] == last, "the prompts differ in more than their texts"
    return prompts


def theirs(args, folder, prompts, dtype):
    """Seconds of the notebook's generate_batch for all rows, and log-probabilities of the labels' tokens of the first rows."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "qwen", padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder / "qwen", dtype=dtype).to("cuda").eval()
    seconds, logprobs = {}, {}
    for name, texts in prompts.items():
        def generate(batch):
            inputs = tokenizer(batch, return_tensors="pt", padding=True, truncation=True).to("cuda")
            with torch.no_grad():
                return model.generate(**inputs, max_new_tokens=10, do_sample=False, pad_token_id=0).cpu()

        generate(texts[:16])
        started = time.perf_counter()
        for at in range(0, len(texts), 16):
            generate(texts[at : at + 16])
        seconds[name] = time.perf_counter() - started
        found = []
        for text in texts[: args.compare]:
            context = tokenizer(text)["input_ids"]
            for label in LABELS:
                whole = context + tokenizer(" " + label, add_special_tokens=False)["input_ids"]
                with torch.no_grad():
                    logits = model(torch.tensor([whole], device="cuda")).logits[0].float().log_softmax(-1)
                found.append(sum(logits[at - 1, whole[at]].item() for at in range(len(context), len(whole))))
        logprobs[name] = found
    del model
    torch.cuda.empty_cache()
    return seconds, logprobs


def ours(args, folder, data, dtype="auto", repeat=None):
    """Seconds by session, and log-probabilities of the first rows' labels."""
    seconds, logprobs = {}, {}
    for name, session in SESSIONS.items():
        times = []
        for _ in range(repeat or args.repeat):
            with tempfile.TemporaryDirectory() as out:
                command = [args.shotglass, "run", session, "--out", out, "--format", "json", "--set", f"data.path={data}"]
                command += ["--set", f"model.source={folder / 'qwen'}", "--set", "model.device=cuda", "--set", f"model.dtype={dtype}"]
                command += ["--set", "decode.stop=[]"] if name == "generate" else []
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                if done.returncode != 0:
                    sys.exit(f"{' '.join(command)}: {done.stderr.decode()}")
                report = json.loads(done.stdout)
                times.append(report["seconds"])
                run = Path(out) / os.path.basename(report["run"])
                if name != "generate":
                    with open(run / "predictions.csv", newline="") as file:
                        table = {int(row["row"]): row for row in csv.DictReader(file)}
                    logprobs[name] = {row: [float(table[row][f"logprob:{label}"]) for label in LABELS] for row in table}
        seconds[name] = statistics.median(times)
        say(f"  shotglass {dtype} {name}: " + " ".join(f"{time:.3f}" for time in times))
    return seconds, logprobs


def errors(found, wanted):
    differences = [abs(a - b) for a, b in zip(found, wanted)]
    return f"mean {statistics.mean(differences):.4f}, most {max(differences):.4f}"


def train(args, folder, data):
    """Losses of the same steps on GPU and CPU, and the speed of Trainer."""
    losses = {}
    for device, precision in [("cuda", "f32"), ("cuda", "bf16"), ("cpu", "f32")]:
        steps = 15
        with tempfile.TemporaryDirectory() as out:
            command = [args.shotglass, "train", "fine-tune", "--out", out, "--format", "json", "--set", f"data.path={data}"]
            for key, value in {
                "train.model": folder / "deberta", "train.epochs": 1, "train.batch_size": 32, "train.precision": precision,
                "model.device": device, "data.sample": round(steps * 32 / 0.4), "train.logging_steps": 1,
            }.items():  # fmt: skip
                command += ["--set", f"{key}={value}"]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if done.returncode != 0:
                say(f"  train {device} {precision} failed: {done.stderr.decode()[-600:]}")
                continue
            manifest = json.loads(next(Path(out).glob("**/manifest.json")).read_text())["training"]
            with open(next(Path(out).glob("**/metrics.csv")), newline="") as file:
                losses[device, precision] = [float(row["loss"]) for row in csv.DictReader(file) if row["kind"] == "train"][:3]
            each = manifest["step_seconds"]
            say(f"  train {device} {precision}: {each * 1000:.1f} ms a step of 32, {32 / each:.1f} rows/s, first losses {losses[device, precision]}")
    return losses


def main():
    args = arguments()
    args.shotglass = os.path.abspath(args.shotglass)
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.folder or scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        data = make_data(folder, args.rows, args.words)
        if not (folder / "deberta" / "config.json").exists():
            make_tokenizer(folder, data)
            make_models(folder)
        say(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, transformers {transformers.__version__}")
        command = [args.shotglass, "split", "zero-shot", "--set", f"data.path={data}", "--format", "json"]
        rows = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["validation"]
        prompts = prompts_of(args, data, rows)
        mine, my_logprobs = ours(args, folder, data)
        notebook, exact = ({}, None) if args.skip_float32 else theirs(args, folder, prompts, torch.float32)
        bf16, rounded = theirs(args, folder, prompts, torch.bfloat16)
        say(f"{len(rows)} rows, seconds; notebook's code in float32 and in bf16, Shotglass in bf16")
        for name, of in {"zero-shot": "zero-shot", "few-shot": "few-shot", "generate": "zero-shot"}.items():
            f32 = f"float32 {notebook[of]:6.2f} (ratio {notebook[of] / mine[name]:5.1f})   " if notebook else ""
            say(f"  {name:10} transformers {f32}bf16 {bf16[of]:6.2f} (ratio {bf16[of] / mine[name]:5.1f})   shotglass {mine[name]:6.3f}")
        say(f"  few-shot / zero-shot, shotglass: {mine['few-shot'] / mine['zero-shot']:.2f}")
        for name in ("zero-shot", "few-shot"):
            first = [value for row in rows[: args.compare] for value in my_logprobs[name][row]]
            say(f"  {name}: log-probabilities of labels against transformers in bf16: shotglass {errors(first, rounded[name])}")
            if exact:
                say(f"    against its float32: shotglass {errors(first, exact[name])}; its bf16 {errors(rounded[name], exact[name])}")
        if args.train:
            train(args, folder, data)


if __name__ == "__main__":
    sys.exit(main())
