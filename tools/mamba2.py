"""The Mamba-2 language model in PyTorch: parameters, initialisation and the chunked forward pass.

A library of train.py and export.py. Parameter names are those of Hugging Face's
Mamba2ForCausalLM; shapes in comments use b: batch, l: length, c: chunks, q: chunk length,
h: heads, p: headdim, n: d_state. The number of groups is one.
"""
import dataclasses
import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHUNK = 64
INIT_STD = 0.02
DT_MIN, DT_MAX = 0.001, 0.1
A_MIN, A_MAX = 1, 16


@dataclasses.dataclass(frozen=True)
class Mamba2Config:
    vocab_size: int = 4096
    d_model: int = 384
    n_layer: int = 6
    d_state: int = 128
    headdim: int = 64
    d_conv: int = 4
    expand: int = 2
    norm_eps: float = 1e-5

    @property
    def d_inner(self) -> int:
        return self.expand * self.d_model

    @property
    def n_heads(self) -> int:
        return self.d_inner // self.headdim

    @property
    def conv_channels(self) -> int:
        """x, B and C pass through the convolution together."""
        return self.d_inner + 2 * self.d_state


@functools.lru_cache
def future_mask(size: int) -> Tensor:
    """-inf where the column lies after the row, else 0."""
    return torch.full((size, size), -math.inf).triu(1)


def state_space_dual(x: Tensor, log_decay: Tensor, B: Tensor, C: Tensor, chunk: int) -> Tensor:
    """y_t = C_t h_t with h_t = exp(log_decay_t) h_(t-1) + x_t B_t, as matrix products over chunks.

    x (b,l,h,p) is already multiplied by dt, log_decay (b,l,h) is dt * A, B and C are (b,l,n). The
    length is a multiple of the chunk. Returns (b,l,h,p).
    """
    batch, length, heads, headdim = x.shape
    if length % chunk:
        raise ValueError(f"length {length} is not a multiple of {chunk}")
    chunks = length // chunk
    x = x.view(batch, chunks, chunk, heads, headdim).permute(0, 1, 3, 2, 4)  # b,c,h,q,p
    log_decay = log_decay.view(batch, chunks, chunk, heads).permute(0, 1, 3, 2)  # b,c,h,q
    B = B.view(batch, chunks, chunk, -1)  # b,c,q,n
    C = C.view(batch, chunks, chunk, -1)

    decayed = log_decay.cumsum(-1)
    within = torch.exp(decayed[..., :, None] - decayed[..., None, :] + future_mask(chunk))
    y = (within * (C @ B.transpose(-1, -2)).unsqueeze(2)) @ x

    to_end = torch.exp(decayed[..., -1:] - decayed).unsqueeze(-1)
    added = (x * to_end).transpose(-1, -2) @ B.unsqueeze(2)  # b,c,h,p,n
    chunk_decay = torch.exp(decayed[..., -1])
    state = torch.zeros_like(added[:, 0])
    states = []
    for i in range(chunks):
        states.append(state)
        state = state * chunk_decay[:, i, :, None, None] + added[:, i]
    entering = torch.stack(states, 1)
    from_before = (C.unsqueeze(2) @ entering.transpose(-1, -2)) * torch.exp(decayed).unsqueeze(-1)
    y = y + from_before
    return y.permute(0, 1, 3, 2, 4).reshape(batch, length, heads, headdim)


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Mixer(nn.Module):
    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        self.config = config
        # The order of the draws below fixes which weights a seed gives.
        self.in_proj = nn.Linear(
            config.d_model, config.d_inner + config.conv_channels + config.n_heads, bias=False)
        self.conv1d = nn.Conv1d(config.conv_channels, config.conv_channels, config.d_conv,
                                groups=config.conv_channels, padding=config.d_conv - 1)
        log_min, log_max = math.log(DT_MIN), math.log(DT_MAX)
        dt = torch.exp(torch.rand(config.n_heads) * (log_max - log_min) + log_min)
        # The inverse of softplus, so that training starts at dt.
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))
        self.A_log = nn.Parameter(torch.log(torch.empty(config.n_heads).uniform_(A_MIN, A_MAX)))
        self.D = nn.Parameter(torch.ones(config.n_heads))
        self.norm = RMSNorm(config.d_inner, config.norm_eps)
        self.out_proj = nn.Linear(config.d_inner, config.d_model, bias=False)
        nn.init.normal_(self.in_proj.weight, std=INIT_STD)
        nn.init.normal_(self.out_proj.weight, std=INIT_STD / math.sqrt(config.n_layer))

    def forward(self, u: Tensor) -> Tensor:
        config = self.config
        batch, length, _ = u.shape
        z, xbc, dt = torch.split(
            self.in_proj(u), [config.d_inner, config.conv_channels, config.n_heads], -1)
        xbc = F.silu(self._causal_conv(xbc))
        x, B, C = torch.split(xbc, [config.d_inner, config.d_state, config.d_state], -1)
        dt = F.softplus(dt + self.dt_bias)
        x = x.view(batch, length, config.n_heads, config.headdim)
        y = state_space_dual(x * dt.unsqueeze(-1), -torch.exp(self.A_log) * dt, B, C, CHUNK)
        y = y + x * self.D[:, None]
        return self.out_proj(self.norm(y.reshape(batch, length, config.d_inner) * F.silu(z)))

    def _causal_conv(self, x: Tensor) -> Tensor:
        """Shifted multiply-adds: on a CPU much faster than a depthwise nn.Conv1d."""
        length = x.shape[1]
        weight = self.conv1d.weight
        padded = F.pad(x, (0, 0, self.config.d_conv - 1, 0))
        taps = (padded[:, k:k + length] * weight[:, 0, k] for k in range(self.config.d_conv))
        return sum(taps) + self.conv1d.bias


class Layer(nn.Module):
    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        self.mixer = Mixer(config)

    def forward(self, x: Tensor, dropout: float) -> Tensor:
        return x + F.dropout(self.mixer(self.norm(x)), dropout, self.training)


class Backbone(nn.Module):
    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(config.vocab_size, config.d_model)
        nn.init.normal_(self.embeddings.weight, std=INIT_STD)
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.n_layer)])
        self.norm_f = RMSNorm(config.d_model, config.norm_eps)

    def forward(self, tokens: Tensor, dropout: float) -> Tensor:
        x = self.embeddings(tokens)
        for layer in self.layers:
            x = layer(x, dropout)
        return self.norm_f(x)


class Mamba2(nn.Module):
    """Tokens (b,l), l a multiple of CHUNK, to logits (b,l,vocab_size); the head is tied."""

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)

    def forward(self, tokens: Tensor, dropout: float = 0.0) -> Tensor:
        return F.linear(self.backbone(tokens, dropout), self.backbone.embeddings.weight)
