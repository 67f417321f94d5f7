#!/usr/bin/env python3
"""Draws the figures of the documentation that are no measurements.

    docs/pictures/draw.py [FOLDER]

Writes core.svg, the block diagram of rtl/core/lm_core.sv with the bits on its arrows, and
memory-map.svg, the regions of docs/memory-map.md, into FOLDER, by default the folder of this script.
Needs Python 3, nothing else.
"""
import pathlib
import sys

STYLE = """  <style>
    .page { fill: #ffffff }
    .box { fill: #eef3fa; stroke: #35567f; stroke-width: 1.5 }
    .memory { fill: #f6f1e4; stroke: #8a6d2f; stroke-width: 1.5 }
    .part { fill: none; stroke: #9aa7b8; stroke-width: 1 }
    .arrow { fill: none; stroke: #35567f; stroke-width: 1.5; marker-end: url(#head) }
    text { font-family: Helvetica, Arial, sans-serif; font-size: 12px; fill: #1b2733 }
    .name { font-weight: bold; font-size: 12px; text-anchor: middle }
    .line { text-anchor: middle; font-size: 10.5px }
    .bits { font-size: 11px; fill: #5b3b00 }
  </style>
  <defs>
    <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
      <path d="M0 0 L8 4 L0 8 z" fill="#35567f"/>
    </marker>
  </defs>
"""


class Figure:
    def __init__(self, width, height, title):
        self.head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                     f'width="{width}" height="{height}" role="img">\n  <title>{title}</title>\n')
        self.parts = [f'  <rect class="page" width="{width}" height="{height}"/>']

    def box(self, x, y, width, height, name, lines=(), kind="box"):
        self.parts.append(f'  <rect class="{kind}" x="{x}" y="{y}" width="{width}" '
                          f'height="{height}" rx="4"/>')
        middle = x + width / 2
        top = y + height / 2 - 7 * len(lines) + 4
        self.parts.append(f'  <text class="name" x="{middle:g}" y="{top:g}">{name}</text>')
        for i, line in enumerate(lines):
            self.parts.append(f'  <text class="line" x="{middle:g}" y="{top + 15 * (i + 1):g}">'
                              f'{line}</text>')

    def arrow(self, points, label="", at=None, anchor="middle"):
        path = " L".join(f"{x} {y}" for x, y in points)
        self.parts.append(f'  <path class="arrow" d="M{path}"/>')
        if label:
            x, y = at
            self.parts.append(f'  <text class="bits" x="{x}" y="{y}" text-anchor="{anchor}">'
                              f'{label}</text>')

    def text(self, x, y, text, kind="line"):
        self.parts.append(f'  <text class="{kind}" x="{x}" y="{y}">{text}</text>')

    def write(self, path):
        path.write_text(self.head + STYLE + "\n".join(self.parts) + "\n</svg>\n")


def core():
    f = Figure(1000, 470, "The core: its parts and the bits that pass between them")
    # The ports to the memory, on top and at the bottom.
    f.box(10, 15, 170, 34, "parameters, embedding", kind="memory")
    f.box(390, 15, 150, 34, "weights", kind="memory")
    f.box(640, 15, 110, 34, "conv state", kind="memory")
    f.box(765, 15, 110, 34, "SSM state", kind="memory")
    f.box(640, 420, 110, 34, "logits", kind="memory")

    f.box(20, 105, 150, 56, "param_reader", ["takes records apart"])
    f.box(20, 215, 150, 56, "token_sequencer", ["starts the products"])
    f.box(20, 325, 150, 56, "counters", ["of cycles"])
    f.box(210, 215, 130, 76, "residual_path", ["embedding, sum,", "squares"])
    f.box(390, 135, 150, 186, "projection", ["quantizer", "matrix unit", "1 / rms times sums",
                                             "round to bfp8", "or to fixed point"])
    f.box(640, 135, 235, 100, "mixer", ["conv, SiLU, decay", "SSM unit, head by head"])
    f.box(640, 280, 235, 80, "gated_path", ["round, gate, gain, squares", "Hadamard transform"])
    f.box(390, 405, 150, 50, "logit_unit", ["arg-max"])

    f.arrow([(95, 49), (95, 105)], "128", (101, 80), "start")
    f.arrow([(465, 49), (465, 135)], "4 ROWS COLUMNS", (471, 90), "start")
    f.arrow([(680, 49), (680, 135)], "64", (674, 90), "end")
    f.arrow([(710, 135), (710, 49)], "64", (716, 90), "start")
    f.arrow([(805, 49), (805, 135)], "16 LANES", (799, 90), "end")
    f.arrow([(835, 135), (835, 49)], "16 LANES", (841, 90), "start")
    f.arrow([(95, 161), (95, 215)], "header", (101, 192), "start")
    f.arrow([(170, 150), (275, 150), (275, 215)], "embedding 128", (269, 180), "end")
    f.arrow([(170, 132), (360, 132), (360, 150), (390, 150)], "clips, exponents", (290, 126))
    f.arrow([(170, 115), (600, 115), (600, 150), (640, 150)], "head, conv, gain records 128",
            (300, 108))
    f.arrow([(95, 271), (95, 325)], "runs", (101, 302), "start")
    f.arrow([(340, 235), (390, 235)], "26", (365, 229))
    f.arrow([(340, 258), (390, 258)], "\u03a3x\u00b2 64", (365, 272))
    f.arrow([(430, 321), (430, 350), (275, 350), (275, 291)], "updates 26", (320, 344))
    f.arrow([(540, 165), (640, 165)], "bfp8 8 + 8", (590, 179))
    f.arrow([(540, 205), (640, 205)], "dt 18", (590, 199))
    f.arrow([(720, 235), (720, 280)], "y 32", (714, 262), "end")
    f.arrow([(790, 235), (790, 280)], "z 8 + 8", (796, 262), "start")
    f.arrow([(640, 300), (540, 300)], "40 OUT_LANES", (590, 294))
    f.arrow([(640, 316), (540, 316)], "\u03a3v\u00b2 64", (590, 330))
    f.arrow([(465, 321), (465, 405)], "logits 32", (471, 372), "start")
    f.arrow([(540, 437), (640, 437)], "2 \u00d7 32", (590, 431))
    f.arrow([(170, 243), (200, 243), (200, 395), (360, 395), (360, 310), (390, 310)],
            "control", (230, 389))
    f.text(10, 440, "Arrows have their bits; LANES are those of the SSM unit.", "bits")
    f.text(10, 456, "Records of gains go on to gated_path.", "bits")
    return f


def memory_map():
    f = Figure(900, 300, "The regions of the memory that the core reads and writes")
    columns = [
        ("weights, channel c", ["scale word, then", "the words of its groups;", "tile by tile, then",
                                  "layer by layer, then", "the LM head"], "read once"),
        ("parameters", ["4 records of header,", "signs of H_m,", "then for each layer:",
                        "scalars, heads,", "conv taps, gains"], "read once"),
        ("embedding", ["a row for each token:", "for each group a scale", "and 128 codes"],
         "one row"),
        ("conv state", ["per layer and channel:", "the last 3 inputs,", "8-bit codes, exponents"],
         "read, written"),
        ("SSM state, channel c", ["per layer, head, row:", "128 codes of 16 bits",
                                    "and an exponent"], "read, written"),
        ("logits", ["vocab_size numbers", "of 32 bits"], "written"),
    ]
    width = 142
    for i, (name, lines, use) in enumerate(columns):
        x = 10 + i * 148
        f.box(x, 55, width, 150, name, lines, kind="memory")
        f.text(x + width / 2, 225, use)
    f.text(450, 30, "Regions begin at multiples of 4096 bytes; the registers hold their addresses.")
    f.text(450, 270, "All but the embedding row are streams in the order of use, without a jump.")
    return f


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    core().write(folder / "core.svg")
    memory_map().write(folder / "memory-map.svg")


main()
