"""A Llama in a GGUF file as transformers has it: configuration, weights in float32, tokenizer.

GGUF is llama.cpp's format; `gguf` is its own reader. transformers also reads such files, but only with accelerate.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, PreTokenizer, Sequence, Split
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from infohorizon.errors import UserError

SPECIAL = 3  # gguf's type of a control token
# llama.cpp's names of a layer's tensors → transformers'.
LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP = {"token_embd": "embed_tokens", "output_norm": "norm"}


@dataclass(frozen=True)
class LanguageModel:
    """Attributes:
    config: of a LlamaForCausalLM whose head is its embedding.
    weights: of its decoder (LlamaModel), named as there, float32.
    tokens, merges: the vocabulary in the order of its ids, and the merges of its byte-level BPE.
    special: the control tokens.
    """

    config: LlamaConfig
    weights: dict[str, Tensor]
    tokens: list[str]
    merges: list[tuple[str, str]]
    special: list[str]


def read(file: Path) -> LanguageModel:
    """Open a GGUF file of a Llama.

    Raises:
        UserError: a damaged file, or a model of another layout.
    """
    try:
        reader = GGUFReader(file)
        fields = {name: field.contents() for name, field in reader.fields.items()}
    except (ValueError, IndexError, OSError) as error:
        raise UserError(
            f"{file} is not a GGUF file, or is damaged ({error}): delete it, and it is downloaded again."
        ) from error
    if (kind := fields.get("general.architecture")) != "llama" or fields.get("tokenizer.ggml.model") != "gpt2":
        raise UserError(f"{file} holds a model of the layout {kind!r}: a Llama with a byte-level BPE is needed.")
    config = configuration(fields)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights = {}
    for tensor in reader.tensors:
        *place, part, _ = tensor.name.split(".")
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        if part in heads:
            values = halves(values, heads[part])
        weights[f"layers.{place[1]}.{LAYER[part]}.weight" if place else f"{TOP[part]}.weight"] = values
    kinds = zip(fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"], strict=True)
    return LanguageModel(
        config,
        weights,
        fields["tokenizer.ggml.tokens"],
        [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]],
        [token for token, kind in kinds if kind == SPECIAL],
    )


def configuration(fields: dict[str, Any]) -> LlamaConfig:
    """transformers' configuration from GGUF's metadata."""
    return LlamaConfig(
        vocab_size=len(fields["tokenizer.ggml.tokens"]),
        hidden_size=fields["llama.embedding_length"],
        intermediate_size=fields["llama.feed_forward_length"],
        num_hidden_layers=fields["llama.block_count"],
        num_attention_heads=fields["llama.attention.head_count"],
        num_key_value_heads=fields["llama.attention.head_count_kv"],
        rms_norm_eps=round(fields["llama.attention.layer_norm_rms_epsilon"], 9),  # stored in single precision
        rope_parameters={"rope_type": "default", "rope_theta": fields["llama.rope.freq_base"]},
        max_position_embeddings=fields["llama.context_length"],
        bos_token_id=fields["tokenizer.ggml.bos_token_id"],
        eos_token_id=fields["tokenizer.ggml.eos_token_id"],
        pad_token_id=fields["tokenizer.ggml.unknown_token_id"],
        tie_word_embeddings=True,
    )


def halves(weight: Tensor, heads: int) -> Tensor:
    """Rows of a query or key projection in transformers' order.

    llama.cpp turns neighbours, transformers turns row i of a head with row i + d/2: rows 0 2 4 … 1 3 5 … of each head.
    """
    return weight.view(heads, -1, 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def causal_model(read: LanguageModel) -> LlamaForCausalLM:
    """The language model alone, float32."""
    model = LlamaForCausalLM(read.config)
    model.model.load_state_dict(read.weights)
    model.tie_weights()
    return model.eval()


def new_tokenizer(read: LanguageModel, renamed: dict[str, str], isolated: str | None = None) -> Tokenizer:
    """The model's byte-level BPE.

    Args:
        renamed: special tokens → what they are called here.
        isolated: a regular expression; each match is a word of its own, whatever stands beside it.
    """
    tokens = [renamed.get(token, token) for token in read.tokens]
    tokenizer = Tokenizer(BPE({token: i for i, token in enumerate(tokens)}, read.merges))
    first: PreTokenizer = Split(Regex(isolated), behavior="isolated") if isolated else Digits(individual_digits=True)
    tokenizer.pre_tokenizer = Sequence([first, ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens([AddedToken(renamed.get(token, token), normalized=False) for token in read.special])
    return tokenizer
