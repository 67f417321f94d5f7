"""Writes a trained model as a Hugging Face Mamba2ForCausalLM folder, with golden logits.

    python3 tools/export.py --checkpoint run/final.pt --tokens corpus/val.u16 --out MODEL

writes config.json, model.safetensors (float16) and golden.json, and prints the held-out
perplexity. The golden file can be made anew from released weights and its own sequences:

    python3 tools/export.py --from-safetensors models/mamba2-prose-7m/model.safetensors \\
        --sequences models/mamba2-prose-7m/golden.json --out MODEL
"""
import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import safetensors_file
from mamba2 import Mamba2, Mamba2Config

GOLDEN_RANGES = ((0, 64), (5000, 5064), (50000, 50192))
PERPLEXITY_WINDOW = 512
END_OF_TEXT = 0
PADDING = 1


def hugging_face_config(config: Mamba2Config) -> dict:
    return {
        "architectures": ["Mamba2ForCausalLM"],
        "model_type": "mamba2",
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "num_hidden_layers": config.n_layer,
        "state_size": config.d_state,
        "num_heads": config.n_heads,
        "head_dim": config.headdim,
        "n_groups": 1,
        "expand": config.expand,
        "conv_kernel": config.d_conv,
        "chunk_size": 256,
        "use_bias": False,
        "use_conv_bias": True,
        "hidden_act": "silu",
        "layer_norm_epsilon": config.norm_eps,
        "rms_norm": True,
        "residual_in_fp32": True,
        "tie_word_embeddings": True,
        "time_step_limit": [0.0, math.inf],
        "bos_token_id": END_OF_TEXT,
        "eos_token_id": END_OF_TEXT,
        "pad_token_id": PADDING,
        "torch_dtype": "float16",
    }


def config_from_hugging_face(path: Path) -> Mamba2Config:
    fields = json.loads(path.read_text(encoding="utf-8"))
    config = Mamba2Config(
        vocab_size=fields["vocab_size"], d_model=fields["hidden_size"],
        n_layer=fields["num_hidden_layers"], d_state=fields["state_size"],
        headdim=fields["head_dim"], d_conv=fields["conv_kernel"], expand=fields["expand"],
        norm_eps=fields["layer_norm_epsilon"])
    expected = hugging_face_config(config)
    for name in ("num_heads", "n_groups", "use_bias", "use_conv_bias", "tie_word_embeddings"):
        if fields[name] != expected[name]:
            raise SystemExit(f"{path}: {name} is {fields[name]}, expected {expected[name]}")
    return config


def load_checkpoint(path: Path) -> tuple[Mamba2Config, dict[str, Tensor]]:
    state = torch.load(path, map_location="cpu")
    print("iterations", state["iteration"], "tokens", state["tokens_seen"])
    return Mamba2Config(**state["config"]), state["model"]


def load_safetensors(path: Path) -> tuple[Mamba2Config, dict[str, Tensor]]:
    return config_from_hugging_face(path.with_name("config.json")), safetensors_file.read(path)


def load_tokens(path: Path) -> np.ndarray:
    tokens = np.fromfile(path, "<u2").astype(np.int64)
    needed = max(end for _, end in GOLDEN_RANGES)
    if len(tokens) < needed:
        raise SystemExit(f"{path}: {len(tokens)} tokens, at least {needed} are needed")
    return tokens


def negative_log_likelihood(logits: Tensor, targets: Tensor) -> float:
    """The mean per token, in nats."""
    return F.cross_entropy(logits, targets).item()


@torch.no_grad()
def golden(model: Mamba2, sequences: list[list[int]]) -> dict:
    """For each sequence the logits after its last token, and the mean nll of all but the first."""
    last_logits, nll = [], []
    for sequence in sequences:
        tokens = torch.tensor(sequence)
        logits = model(tokens[None])[0]
        last_logits.append(logits[-1].tolist())
        nll.append(negative_log_likelihood(logits[:-1], tokens[1:]))
    return {"sequences": sequences, "last_logits": last_logits, "nll": nll}


@torch.no_grad()
def held_out_nll(model: Mamba2, tokens: np.ndarray) -> tuple[float, int]:
    """The mean nll over whole windows, each from an empty state, and the number of targets."""
    total, count = 0.0, 0
    for start in range(0, len(tokens) - PERPLEXITY_WINDOW - 1, PERPLEXITY_WINDOW):
        window = torch.from_numpy(tokens[start:start + PERPLEXITY_WINDOW + 1])
        logits = model(window[None, :-1])[0]
        total += negative_log_likelihood(logits, window[1:]) * PERPLEXITY_WINDOW
        count += PERPLEXITY_WINDOW
    return total / count, count


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--checkpoint", type=Path, metavar="FILE",
                         help="checkpoint of train.py")
    weights.add_argument("--from-safetensors", type=Path, metavar="FILE",
                         help="weights that were exported before, with config.json beside them")
    texts = parser.add_mutually_exclusive_group(required=True)
    texts.add_argument("--tokens", type=Path, metavar="FILE",
                       help="val.u16 of corpus.py: golden sequences and held-out perplexity")
    texts.add_argument("--sequences", type=Path, metavar="FILE",
                       help="a golden.json whose sequences to take; no perplexity")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="folder to write to, made where it is missing")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.checkpoint:
        config, weights = load_checkpoint(arguments.checkpoint)
    else:
        config, weights = load_safetensors(arguments.from_safetensors)
    half = {name: tensor.half() for name, tensor in weights.items()}
    model = Mamba2(config)
    # The golden logits belong to the weights as stored.
    model.load_state_dict({name: tensor.float() for name, tensor in half.items()})
    model.eval()

    if arguments.tokens:
        tokens = load_tokens(arguments.tokens)
        sequences = [tokens[begin:end].tolist() for begin, end in GOLDEN_RANGES]
    else:
        sequences = json.loads(arguments.sequences.read_text(encoding="utf-8"))["sequences"]

    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    safetensors_file.write(out / "model.safetensors", half)
    (out / "config.json").write_text(json.dumps(hugging_face_config(config), indent=1),
                                     encoding="utf-8")
    (out / "golden.json").write_text(json.dumps(golden(model, sequences)), encoding="utf-8")
    if arguments.tokens:
        nll, count = held_out_nll(model, tokens)
        print("held-out nll", nll, "perplexity", math.exp(nll), "over", count)


if __name__ == "__main__":
    main()
