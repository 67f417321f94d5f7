"""Byte-level BPE: train a vocabulary, encode with it, describe it as a Hugging Face tokenizer.json.

A library of corpus.py, without a command line of its own.
"""
import collections
import re
from collections.abc import Iterable, Sequence

Merge = tuple[str, str]

# The GPT-2 pattern, with \p{L} and \p{N} written in what Python's re knows.
PIECE = re.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def byte_symbols() -> dict[int, str]:
    """GPT-2's printable character for every byte: itself where printable, else from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = {byte: chr(byte) for byte in printable}
    hidden = (byte for byte in range(256) if byte not in symbols)
    symbols |= {byte: chr(256 + i) for i, byte in enumerate(hidden)}
    return symbols


BYTE_SYMBOLS = byte_symbols()


def symbols_of(piece: str) -> list[str]:
    return [BYTE_SYMBOLS[byte] for byte in piece.encode()]


def merge_symbols(symbols: Sequence[str], pair: Merge) -> list[str]:
    """Joins every occurrence of the pair, from left to right."""
    merged: list[str] = []
    i = 0
    while i < len(symbols):
        if tuple(symbols[i:i + 2]) == pair:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged


def train(texts: Iterable[str], vocab_size: int,
          special: Sequence[str]) -> tuple[list[str], list[Merge]]:
    """Returns the vocabulary in id order (special tokens, bytes, merges) and the merges by rank.

    Ties between equally frequent pairs go to the greatest pair, so the result is the same every
    time. Training stops early when no pair occurs twice.
    """
    piece_counts: collections.Counter[str] = collections.Counter()
    for text in texts:
        piece_counts.update(PIECE.findall(text))
    words = [(symbols_of(piece), count) for piece, count in piece_counts.items()]

    vocab = [*special, *sorted(BYTE_SYMBOLS.values())]
    merges: list[Merge] = []
    pair_counts: collections.Counter[Merge] = collections.Counter()
    words_with: collections.defaultdict[Merge, set[int]] = collections.defaultdict(set)
    for index, (symbols, count) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pair_counts[pair] += count
            words_with[pair].add(index)

    while len(vocab) < vocab_size and pair_counts:
        best, occurrences = max(pair_counts.items(), key=lambda item: (item[1], item[0]))
        if occurrences < 2:
            break
        merges.append(best)
        vocab.append(best[0] + best[1])
        for index in list(words_with[best]):
            symbols, count = words[index]
            for pair in zip(symbols, symbols[1:]):
                pair_counts[pair] -= count
                if pair_counts[pair] <= 0:
                    del pair_counts[pair]
                words_with[pair].discard(index)
            merged = merge_symbols(symbols, best)
            words[index] = (merged, count)
            for pair in zip(merged, merged[1:]):
                pair_counts[pair] += count
                words_with[pair].add(index)
    return vocab, merges


class Tokenizer:
    """Encodes text with a trained vocabulary; special tokens in the text are ordinary text."""

    def __init__(self, vocab: Sequence[str], merges: Sequence[Merge]) -> None:
        self._ids = {token: i for i, token in enumerate(vocab)}
        self._ranks = {merge: rank for rank, merge in enumerate(merges)}
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        return [token for piece in PIECE.findall(text) for token in self._encode_piece(piece)]

    def _encode_piece(self, piece: str) -> list[int]:
        if piece not in self._cache:
            self._cache[piece] = [self._ids[symbol] for symbol in self._merge_all(piece)]
        return self._cache[piece]

    def _merge_all(self, piece: str) -> list[str]:
        symbols = symbols_of(piece)
        while len(symbols) > 1:
            candidates = [(self._ranks[pair], i) for i, pair in enumerate(zip(symbols, symbols[1:]))
                          if pair in self._ranks]
            if not candidates:
                break
            _, first = min(candidates)
            symbols[first:first + 2] = [symbols[first] + symbols[first + 1]]
        return symbols


def tokenizer_json(vocab: Sequence[str], merges: Sequence[Merge], special: Sequence[str]) -> dict:
    """The content of a tokenizer.json that Hugging Face's tokenizers library reads."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
            for i, token in enumerate(special)
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                          "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                    "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: i for i, token in enumerate(vocab)},
            "merges": [f"{left} {right}" for left, right in merges],
        },
    }
