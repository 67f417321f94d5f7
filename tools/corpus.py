"""Builds the text of the shipped model: training and held-out tokens, tokenizer, calibration text.

    python3 tools/corpus.py --austen-deb r-cran-janeaustenr_*.deb \\
        --jargon-deb jargon-text_*.deb --shakespeare input.txt --out corpus

The King James Bible comes from the `bible` command. README.md in this folder lists the packages
and every file that is written.
"""
import argparse
import bz2
import gzip
import json
import lzma
import re
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import bpe

SPECIAL_TOKENS = ["<|endoftext|>", "<|padding|>"]
END_OF_TEXT = 0
CHUNK_CHARACTERS = 16384
HELD_OUT_PERIOD = 25
HELD_OUT_PHASE = 12
CALIBRATION_PERIOD = 40
CALIBRATION_PHASE = 5
CALIBRATION_CHARACTERS = 262144
HELD_OUT_EXCERPT = 4096  # characters of each source in heldout.txt

R_STRING_VECTOR = 16
TYPOGRAPHY = {"\r": "", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"',
              "--": "\u2014", "_": ""}


def unpack_deb(package: Path, folder: str) -> Path:
    subprocess.run(["dpkg", "-x", package, folder], check=True)
    return Path(folder)


def unwrap(text: str) -> list[str]:
    """Paragraphs, each on one line, with plain quotes, real dashes and no underscores."""
    for old, new in TYPOGRAPHY.items():
        text = text.replace(old, new)
    paragraphs = (re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", text))
    return [paragraph for paragraph in paragraphs if paragraph]


def decompressor_at(data: bytes, position: int) -> tuple[Any, int]:
    """What unpacks the data there, and where it begins: a tag may come first."""
    tag = data[position:position + 1]
    if tag == b"2":
        return bz2.BZ2Decompressor(), position + 1
    if tag == b"Z":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
        return lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=filters), position + 1
    return zlib.decompressobj(), position


def lazy_load_objects(data: bytes) -> Iterable[bytes]:
    """The serialised objects of an R lazy-load file.

    Each is a 4-byte big-endian length, then zlib data, or a tag and bz2 ('2') or raw xz ('Z').
    """
    position = 0
    while position < len(data):
        size, = struct.unpack_from(">I", data, position)
        decompressor, start = decompressor_at(data, position + 4)
        content = decompressor.decompress(data[start:])
        if len(content) != size:
            raise ValueError(f"R object at byte {position}: {len(content)} bytes, expected {size}")
        position = len(data) - len(decompressor.unused_data)
        yield content


def string_vector(content: bytes) -> list[str] | None:
    """The strings of a serialised (XDR) R character vector; None for an object of another kind."""
    position = 14
    version, = struct.unpack_from(">i", content, 2)
    if version == 3:  # names its native encoding first
        name_length, = struct.unpack_from(">i", content, position)
        position += 4 + name_length
    flags, count = struct.unpack_from(">ii", content, position)
    position += 8
    if flags & 0xff != R_STRING_VECTOR:
        return None
    strings = []
    for _ in range(count):
        _, length = struct.unpack_from(">ii", content, position)
        position += 8
        if length >= 0:  # a missing string has length -1
            strings.append(content[position:position + length].decode())
            position += length
    return strings


def austen(package: Path) -> list[str]:
    """The paragraphs of the six novels, without headings."""
    with tempfile.TemporaryDirectory() as folder:
        data = next(unpack_deb(package, folder).rglob("Rdata.rdb")).read_bytes()
    vectors = (string_vector(content) for content in lazy_load_objects(data))
    novels = ["\n".join(lines) for lines in vectors if lines is not None]
    return [paragraph for paragraph in unwrap("\n\n".join(novels))
            if not re.fullmatch(r"[A-Z \d.IVX]+", paragraph)]


def king_james() -> list[str]:
    """One paragraph per chapter, without verse numbers and the brackets around added words."""
    command = ["bible", "-f", "gen1:1-rev22:21"]
    text = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    chapters: list[str] = []
    verses: list[str] = []
    current = None
    for line in text.splitlines():
        match = re.match(r"(?P<book>\S+?)(?P<chapter>\d+):\d+\s+(?P<verse>.*)", line)
        if not match:
            continue
        chapter = (match["book"], match["chapter"])
        if chapter != current and verses:
            chapters.append(" ".join(verses))
            verses = []
        current = chapter
        verses.append(re.sub(r"[\[\]]", "", match["verse"]).strip())
    return [*chapters, " ".join(verses)]


def shakespeare(path: Path) -> list[str]:
    """Paragraphs as they are: the line breaks of verse matter."""
    text = path.read_text(encoding="utf-8")
    return [paragraph for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]


def jargon(package: Path) -> list[str]:
    """The paragraphs of the Jargon File that are more than headings and drawings."""
    with tempfile.TemporaryDirectory() as folder:
        files = [path for path in unpack_deb(package, folder).rglob("*")
                 if path.is_file() and "jargon" in path.name]
        largest = max(files, key=lambda path: path.stat().st_size)
        data = largest.read_bytes()
        if largest.suffix == ".gz":
            data = gzip.decompress(data)
    return [paragraph for paragraph in unwrap(data.decode(errors="replace"))
            if paragraph.isascii() and len(paragraph) > 80]


def chunks_of(paragraphs: Iterable[str]) -> list[str]:
    """Runs of whole paragraphs, each just over CHUNK_CHARACTERS; the last may be shorter."""
    chunks = []
    current: list[str] = []
    characters = 0
    for paragraph in paragraphs:
        current.append(paragraph)
        characters += len(paragraph)
        if characters > CHUNK_CHARACTERS:
            chunks.append("\n\n".join(current))
            current = []
            characters = 0
    if current:
        chunks.append("\n\n".join(current))
    return chunks


def write_tokens(path: Path, tokenizer: bpe.Tokenizer, documents: Iterable[str]) -> None:
    """Little-endian uint16 ids, every document after an end-of-text."""
    tokens = [token for document in documents
              for token in [END_OF_TEXT, *tokenizer.encode(document)]]
    np.array(tokens, "<u2").tofile(path)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--austen-deb", type=Path, required=True, metavar="DEB",
                        help="Debian package r-cran-janeaustenr")
    parser.add_argument("--jargon-deb", type=Path, required=True, metavar="DEB",
                        help="Debian package jargon-text")
    parser.add_argument("--shakespeare", type=Path, required=True, metavar="TEXT",
                        help="the selection known as tinyshakespeare, a text file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="folder to write to, made where it is missing")
    parser.add_argument("--vocab-size", type=int, default=4096, metavar="N",
                        help="token ids of the tokenizer (default: %(default)s)")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    sources = {
        "austen": austen(arguments.austen_deb),
        "kjv": king_james(),
        "shakespeare": shakespeare(arguments.shakespeare),
        "jargon": jargon(arguments.jargon_deb),
    }
    training: list[str] = []
    held_out: list[str] = []
    excerpts = ""
    for name, paragraphs in sources.items():
        chunks = chunks_of(paragraphs)
        training += [chunk for i, chunk in enumerate(chunks)
                     if i % HELD_OUT_PERIOD != HELD_OUT_PHASE]
        mine = chunks[HELD_OUT_PHASE::HELD_OUT_PERIOD]
        held_out += mine
        text = "\n\n".join(mine)
        (out / f"prose-{name}.txt").write_text(text, encoding="utf-8")
        excerpts += text[:HELD_OUT_EXCERPT] + "\n"
    (out / "heldout.txt").write_text(excerpts, encoding="utf-8")

    vocab, merges = bpe.train(training, arguments.vocab_size, SPECIAL_TOKENS)
    description = bpe.tokenizer_json(vocab, merges, SPECIAL_TOKENS)
    (out / "tokenizer.json").write_text(json.dumps(description, ensure_ascii=False, indent=0),
                                        encoding="utf-8")
    tokenizer = bpe.Tokenizer(vocab, merges)
    write_tokens(out / "train.u16", tokenizer, training)
    write_tokens(out / "val.u16", tokenizer, held_out)
    calibration = "\n\n".join(training[CALIBRATION_PHASE::CALIBRATION_PERIOD])
    (out / "calibration.txt").write_text(calibration[:CALIBRATION_CHARACTERS], encoding="utf-8")


if __name__ == "__main__":
    main()
