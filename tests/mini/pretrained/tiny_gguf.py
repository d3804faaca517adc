"""A tiny Llama as llama.cpp stores it, and what its numbers mean, read without the project's code."""

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quantize
from tokenizers.pre_tokenizers import ByteLevel

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<jupyter_start>"]
MERGES = ["a b", "ab c", "Ġ t"]
LAYERS, WIDTH, HEADS, KV_HEADS, FFN = 2, 64, 4, 2, 96
Q4, Q8, F32 = GGMLQuantizationType.Q4_1, GGMLQuantizationType.Q8_0, GGMLQuantizationType.F32


def write(file: Path, architecture: str = "llama") -> None:
    """A GGUF file with random weights, quantised as that of SmolLM2 is."""
    rng = np.random.default_rng(3)
    writer = GGUFWriter(str(file), architecture)
    tokens = [*SPECIAL, *sorted(ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in MERGES)]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_block_count(LAYERS)
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)

    def add(name: str, shape: tuple[int, ...], kind: GGMLQuantizationType) -> None:
        values = rng.standard_normal(shape, dtype=np.float32) / (shape[-1] ** 0.5 if len(shape) > 1 else 5)
        values = values if len(shape) > 1 else values + 1
        writer.add_tensor(f"{name}.weight", values if kind == F32 else quantize(values, kind), raw_dtype=kind)

    key = WIDTH * KV_HEADS // HEADS
    add("token_embd", (len(tokens), WIDTH), Q8)
    for i in range(LAYERS):
        add(f"blk.{i}.attn_norm", (WIDTH,), F32)
        add(f"blk.{i}.ffn_norm", (WIDTH,), F32)
        for part, rows in (("attn_q", WIDTH), ("attn_k", key), ("attn_v", key), ("attn_output", WIDTH)):
            add(f"blk.{i}.{part}", (rows, WIDTH), Q4)
        for part, shape in (("ffn_gate", (FFN, WIDTH)), ("ffn_up", (FFN, WIDTH)), ("ffn_down", (WIDTH, FFN))):
            add(f"blk.{i}.{part}", shape, Q4)
    add("output_norm", (WIDTH,), F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def dequantised(data: np.ndarray, kind: GGMLQuantizationType) -> np.ndarray:
    """Float64 values from ggml's blocks of 32: Q8_0 is d · q; Q4_1 is d · q + m, low nibbles first."""
    if kind == F32:
        return data.astype(np.float64)
    rows = data.shape[0]
    if kind == Q8:
        blocks = data.reshape(rows, -1, 34)
        scale = blocks[..., :2].copy().view(np.float16).astype(np.float64)
        return (scale * blocks[..., 2:].copy().view(np.int8)).reshape(rows, -1)
    blocks = data.reshape(rows, -1, 20)
    scale, least = (blocks[..., i : i + 2].copy().view(np.float16).astype(np.float64) for i in (0, 2))
    nibbles = blocks[..., 4:]
    return (scale * np.concatenate([nibbles & 15, nibbles >> 4], axis=-1) + least).reshape(rows, -1)


def naive_logits(file: Path, ids: list[int]) -> np.ndarray:
    """Logits (length, vocabulary) in float64, the way llama.cpp lays a Llama out: rope turns neighbours."""
    reader = GGUFReader(file)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    weights = {t.name.removesuffix(".weight"): dequantised(t.data, t.tensor_type) for t in reader.tensors}
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    size = fields["llama.embedding_length"] // heads
    angles = np.outer(np.arange(len(ids)), fields["llama.rope.freq_base"] ** (-np.arange(0, size, 2) / size))
    turn = np.exp(1j * angles)[:, None, :]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        epsilon = fields["llama.attention.layer_norm_rms_epsilon"]
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * weights[name]

    def turned(x: np.ndarray, count: int) -> np.ndarray:
        pairs = x.reshape(len(ids), count, size // 2, 2)
        rotated = (pairs[..., 0] + 1j * pairs[..., 1]) * turn
        return np.stack([rotated.real, rotated.imag], -1).reshape(len(ids), count, size)

    x = weights["token_embd"][ids]
    for i in range(fields["llama.block_count"]):
        w = {name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith(f"blk.{i}.")}
        h = norm(x, f"blk.{i}.attn_norm")
        q, k = turned(h @ w["attn_q"].T, heads), turned(h @ w["attn_k"].T, kv_heads)
        v = (h @ w["attn_v"].T).reshape(len(ids), kv_heads, size)
        out = np.zeros((len(ids), heads, size))
        for head in range(heads):
            group = head * kv_heads // heads
            scores = q[:, head] @ k[:, group].T / np.sqrt(size)
            scores[np.triu_indices(len(ids), 1)] = -np.inf
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            out[:, head] = shares / shares.sum(-1, keepdims=True) @ v[:, group]
        x = x + out.reshape(len(ids), -1) @ w["attn_output"].T
        h = norm(x, f"blk.{i}.ffn_norm")
        gate = h @ w["ffn_gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ w["ffn_up"].T)) @ w["ffn_down"].T
    return norm(x, "output_norm") @ weights["token_embd"].T
