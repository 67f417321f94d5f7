"""Writes tests/data/tokenizers/: small tokenizer.json files of several kinds, and for each the ids
and the decoded text that the Hugging Face tokenizers library (0.23) gives for varied texts.

    pip install tokenizers
    python tests/data/make_tokenizer_fixture.py [--texts N] [--out DIRECTORY] [--seed N]

The vocabularies are trained on the text in this file alone, so that they are small.
"""

import argparse
import json
import pathlib
import random
import unicodedata

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"

CORPUS = [
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, "
    "must be in want of a wife. They'll say it's 1813 and I'VE read 12345 books in 1999; you're "
    "late, aren't you? He said: \"don't\"...\n\nThe the the there then this that these those.",
    "def f(x):\n    return x + 1\n\tif x == 10: # comment\r\n        print('x =', x)",
    "Größe naïve café façade Ünïcode élève 你好，世界 こんにちは Привет мир שלום مرحبا 한국어",
] * 4

ALPHABET = (list("abcdefghijklmnopqrstuvwxyzABCDEST") + list("0123456789") + [" "] * 12 +
            list("\n\r\t.,;:!?'\"-_()[]{}<>/\\@#$%^&*+=~`|") +
            ["'s", "'LL", "'ve", "'T", "  ", "   ", "\r\n", "\n\n", " the", "The", "tion", "ing", "123"] +
            list("éüßñçøåæŒıſKǺ̈½²٣७Ⅷ①〇") +
            list("你好世界。，中文日本語こんにちはカタカナ한국어мирПриветשלוםمرحباไทย") +
            list("😀🦙👩‍🔬🇩🇪️✨") + list("\u00a0\u2003\u3000\u200b\u0085\u2028\u180e\ufeff\u00ad\u0000\u007f") +
            list("▁ĠĊ�\ue000") + ["<s>", "</s>", "<unk>", "<|end|>", "<tool>", "<0x0A>", "▁", "▁▁"])


def make_text(rng):
    kind = rng.random()
    if kind < 0.1:
        return " " * rng.randrange(6) + rng.choice(CORPUS)[rng.randrange(40):][:rng.randrange(60)]
    if kind < 0.15:
        # Characters that Unicode 14 knows: later ones are of other classes in other libraries.
        return "".join(c for c in (chr(rng.randrange(0x30000)) for _ in range(rng.randrange(20)))
                       if unicodedata.category(c) not in ("Cn", "Cs"))
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(24)))


def byte_level(pre, size=400, prefix=False, normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    steps = [pre_tokenizers.Split(Regex(pattern), "isolated") if isinstance(pattern, str) else pattern
             for pattern in pre]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        steps + [pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=not steps)])
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<s>", "</s>"], show_progress=False))
    tokenizer.add_special_tokens([AddedToken("<|end|>", special=True)])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=True, rstrip=True)])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B:1",
                                      special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])])
    return tokenizer


def sentencepiece(normalizer, pre, decoder, byte_fallback=True, fuse_unk=True, drop=()):
    """Trained with the pre-tokenizer, then given the bytes and the normalizer."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False))
    model = json.loads(trained.to_str())["model"]
    order = sorted(model["vocab"], key=model["vocab"].get)
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else []
    order = order[:3] + [b for b in bytes_ if b not in drop] + order[3:]
    tokenizer = Tokenizer(models.BPE(
        vocab={token: i for i, token in enumerate(order)}, merges=[tuple(m) for m in model["merges"]],
        unk_token="<unk>", fuse_unk=fuse_unk, byte_fallback=byte_fallback))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=True), AddedToken("<|end|>", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def kinds():
    space = "▁"
    llama_normalizer = normalizers.Sequence([normalizers.Prepend(space), normalizers.Replace(" ", space)])
    llama_decoder = decoders.Sequence([decoders.Replace(space, " "), decoders.ByteFallback(),
                                       decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    gemma_decoder = decoders.Sequence([decoders.Replace(space, " "), decoders.ByteFallback(), decoders.Fuse()])
    metaspace = lambda scheme, split: pre_tokenizers.Metaspace(space, scheme, split)
    digits = pre_tokenizers.Digits
    split = pre_tokenizers.Split
    result = {
        "llama3": byte_level([LLAMA3], ignore_merges=True),
        "gpt2_spelled_out": byte_level([GPT2]),
        "gpt2": byte_level([], prefix=True, normalizer=normalizers.NFC()),
        "qwen2": byte_level([QWEN2], normalizer=normalizers.NFC()),
        "gpt4o": byte_level([GPT4O]),
        "deepseek": byte_level(DEEPSEEK),
        "bloom": byte_level([BLOOM]),
        "digits": byte_level([digits(individual_digits=True), GPT2], prefix=True),
        "digit_runs": byte_level([digits(individual_digits=False)]),
        "llama2": sentencepiece(llama_normalizer, None, llama_decoder),
        "metaspace_first": sentencepiece(None, metaspace("first", False), llama_decoder),
        "metaspace_always": sentencepiece(None, metaspace("always", True),
                                          decoders.Metaspace(space, "always", True), byte_fallback=False),
        "metaspace_never": sentencepiece(None, metaspace("never", True),
                                         decoders.Metaspace(space, "never", True), byte_fallback=False,
                                         fuse_unk=False),
        "gemma": sentencepiece(normalizers.Replace(" ", space), split(" ", "merged_with_previous"),
                               gemma_decoder),
        "some_bytes": sentencepiece(llama_normalizer, None, llama_decoder, drop=("<0xE4>", "<0x9F>")),
        "replace_regex": sentencepiece(
            normalizers.Sequence([normalizers.Replace(Regex(r"[\r\n]+\s*"), "\n"), llama_normalizer]),
            None, llama_decoder),
    }
    for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        for invert in [False, True]:
            result[f"split_{behavior}{'_inverted' * invert}"] = byte_level(
                [split(Regex(r"\s|[aeiou]|\d+"), behavior, invert),
                 split("t", "merged_with_next")], size=258)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent / "tokenizers")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for index, (name, tokenizer) in enumerate(kinds().items()):
        rng = random.Random(args.seed * 1000 + index)
        texts = ["", " ", "a", " a  b ", "it's 12345 I'LL\n\n  x"] + [make_text(rng) for _ in range(args.texts)]
        cases = []
        for text in texts:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            cases.append({"text": text, "ids": ids, "prompt": tokenizer.encode(text).ids,
                          "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
        file = {"tokenizer": json.loads(tokenizer.to_str()), "cases": cases}
        (args.out / f"{name}.json").write_text(json.dumps(file, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
