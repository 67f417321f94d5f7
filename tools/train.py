"""Trains the model of mamba2.py on the tokens of corpus.py, on a CPU.

    python3 tools/train.py --corpus corpus --out run --minutes 180

The learning rate falls along a cosine over the given minutes, or over the given iterations, which
makes a run repeatable. A run that was stopped goes on from the checkpoint in --out.
"""
import argparse
import dataclasses
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mamba2 import Mamba2, Mamba2Config

MODEL_SEED = 1
WINDOW_SEED = 2
WINDOW = 256
BATCH = 8
DROPOUT = 0.1
WEIGHT_DECAY = 0.1
BETAS = (0.9, 0.95)
GRADIENT_NORM = 1.0
WARM_UP_ITERATIONS = 200
FINAL_LEARNING_RATE = 0.05  # as a share of the peak
REPORT_INTERVAL = 250
VALIDATION_BATCHES = 20
LOSS_SMOOTHING = 0.98


def load_tokens(path: Path) -> Tensor:
    return torch.from_numpy(np.fromfile(path, "<u2").astype(np.int64))


class WindowSampler:
    """Batches of windows, each of them WINDOW inputs and one more token as the last target.

    One pass visits every window once, in random order; each pass lays its windows at an offset of
    its own.
    """

    def __init__(self, tokens: Tensor) -> None:
        self._tokens = tokens
        self._generator = torch.Generator().manual_seed(WINDOW_SEED)
        self._starts: list[int] = []

    def next_batch(self) -> Tensor:
        if len(self._starts) < BATCH:
            offset = int(torch.randint(0, WINDOW, (1,), generator=self._generator).item())
            count = (len(self._tokens) - offset - 1) // WINDOW
            order = torch.randperm(count, generator=self._generator)
            self._starts = (order * WINDOW + offset).tolist()
        starts = [self._starts.pop() for _ in range(BATCH)]
        return windows_at(self._tokens, starts)

    def state(self) -> dict:
        return {"generator": self._generator.get_state(), "starts": self._starts}

    def restore(self, state: dict) -> None:
        self._generator.set_state(state["generator"])
        self._starts = list(state["starts"])


def windows_at(tokens: Tensor, starts: list[int]) -> Tensor:
    return torch.stack([tokens[start:start + WINDOW + 1] for start in starts])


def loss_of(model: Mamba2, batch: Tensor, dropout: float = 0.0) -> Tensor:
    logits = model(batch[:, :-1], dropout)
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch[:, 1:].reshape(-1))


@torch.no_grad()
def validation_loss(model: Mamba2, tokens: Tensor) -> float:
    """The mean over the first VALIDATION_BATCHES batches of consecutive windows."""
    model.eval()
    span = BATCH * WINDOW
    starts = range(0, len(tokens) - span - 1, span)[:VALIDATION_BATCHES]
    losses = [loss_of(model, windows_at(tokens, list(range(start, start + span, WINDOW)))).item()
              for start in starts]
    model.train()
    return float(np.mean(losses))


def make_optimizer(model: Mamba2) -> torch.optim.Optimizer:
    """AdamW; only matrices decay: not the convolution, the norms, or the vectors of the SSM."""
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.dim() >= 2 and "conv" not in name
        (matrices if is_matrix else others).append(parameter)
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY},
              {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=BETAS)


def learning_rate(peak: float, iteration: int, progress: float) -> float:
    """Linear warm-up by iterations, times a cosine over the progress of the run, 0 to 1."""
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    share = FINAL_LEARNING_RATE + (1 - FINAL_LEARNING_RATE) * cosine
    return peak * min(1, iteration / WARM_UP_ITERATIONS) * share


class Trainer:
    def __init__(self, config: Mamba2Config, training: Tensor, held_out: Tensor,
                 out: Path) -> None:
        torch.manual_seed(MODEL_SEED)
        self.model = Mamba2(config)
        self.optimizer = make_optimizer(self.model)
        self.sampler = WindowSampler(training)
        self.held_out = held_out
        self.out = out
        self.iteration = 0
        self.tokens_seen = 0
        self.smooth_loss: float | None = None
        self.started = time.time()

    @property
    def seconds(self) -> float:
        return time.time() - self.started

    def run(self, peak_learning_rate: float, minutes: float, iterations: float) -> None:
        """Trains until either limit is reached; an infinite one sets none."""
        while True:
            elapsed = self.seconds / 60
            progress = max(elapsed / minutes, self.iteration / iterations)
            if progress >= 1:
                break
            rate = learning_rate(peak_learning_rate, self.iteration, progress)
            self._step(rate)
            if self.iteration % REPORT_INTERVAL == 0:
                self._report(elapsed, rate)
                self.save("checkpoint.pt")
        self.save("final.pt")
        print("done", self.iteration, self.tokens_seen)

    def _step(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = self.sampler.next_batch()
        loss = loss_of(self.model, batch, DROPOUT)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        if self.smooth_loss is None:
            self.smooth_loss = loss.item()
        else:
            self.smooth_loss = (LOSS_SMOOTHING * self.smooth_loss
                                + (1 - LOSS_SMOOTHING) * loss.item())
        self.iteration += 1
        self.tokens_seen += BATCH * WINDOW

    def _report(self, elapsed: float, rate: float) -> None:
        held_out_loss = validation_loss(self.model, self.held_out)
        print(f"{elapsed:.1f}m it {self.iteration} tok {self.tokens_seen / 1e6:.2f}M "
              f"{self.tokens_seen / self.seconds:.0f} tok/s train {self.smooth_loss:.3f} "
              f"val {held_out_loss:.3f} lr {rate:.1e}", flush=True)

    def save(self, name: str) -> None:
        state = {
            "config": dataclasses.asdict(self.model.config),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "sampler": self.sampler.state(),
            "random": torch.get_rng_state(),
            "iteration": self.iteration,
            "tokens_seen": self.tokens_seen,
            "smooth_loss": self.smooth_loss,
            "seconds": self.seconds,
        }
        partial = self.out / f"{name}.partial"
        torch.save(state, partial)
        os.replace(partial, self.out / name)

    def resume(self, path: Path) -> None:
        state = torch.load(path, map_location="cpu")
        if Mamba2Config(**state["config"]) != self.model.config:
            raise SystemExit(f"{path}: trained with another shape: {state['config']}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.sampler.restore(state["sampler"])
        torch.set_rng_state(state["random"])
        self.iteration = state["iteration"]
        self.tokens_seen = state["tokens_seen"]
        self.smooth_loss = state["smooth_loss"]
        self.started = time.time() - state["seconds"]
        print("resumed", self.iteration)


def parse_arguments() -> argparse.Namespace:
    shape = Mamba2Config()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR",
                        help="folder with train.u16 and val.u16")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="folder for checkpoint.pt and final.pt, made where it is missing")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=math.inf,
                        help="length of the run by the clock")
    length.add_argument("--iterations", type=int, default=math.inf,
                        help="length of the run in batches")
    parser.add_argument("--learning-rate", type=float, default=2e-3, metavar="RATE",
                        help="peak (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=shape.n_layer,
                        help="default: %(default)s")
    parser.add_argument("--d-model", type=int, default=shape.d_model,
                        help="a multiple of 32 (default: %(default)s)")
    parser.add_argument("--vocab-size", type=int, default=shape.vocab_size, metavar="N",
                        help="as given to corpus.py (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    config = Mamba2Config(vocab_size=arguments.vocab_size, d_model=arguments.d_model,
                          n_layer=arguments.layers)
    arguments.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, load_tokens(arguments.corpus / "train.u16"),
                      load_tokens(arguments.corpus / "val.u16"), arguments.out)
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    print(f"params {parameters / 1e6:.2f}M", flush=True)
    checkpoint = arguments.out / "checkpoint.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    trainer.run(arguments.learning_rate, arguments.minutes, arguments.iterations)


if __name__ == "__main__":
    main()
