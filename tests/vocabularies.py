"""Llama's and Qwen2's own tokenizers, made from their vocabularies (tests/data/golden/vocabularies)."""

import gzip
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

FOLDER = Path(__file__).parent / "data/golden/vocabularies"
QWEN_SPECIAL = {
    "<|endoftext|>": 151643,
    "<|im_start|>": 151644,
    "<|im_end|>": 151645,
    "<|vision_start|>": 151652,
    "<|vision_end|>": 151653,
    "<|image_pad|>": 151655,
}
# Qwen2's pre-tokenizer, as in its tokenizer.json
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def read(name: str) -> list[str]:
    return json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))


def llama() -> PreTrainedTokenizerFast:
    """LLaVA-1.5's: Llama's, with <image> 32000 and <pad> 32001."""
    pieces = read("llama")
    ids = {piece: index for index, piece in enumerate(pieces)}
    ranked = [piece for piece in pieces[260:] if len(piece) > 1] + [pieces[259]]  # two spaces have the lowest score
    merges = []
    for piece in ranked:
        splits = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [split for split in splits if split[0] in ids and split[1] in ids]
        merges += sorted(known, key=lambda split: (ids[split[0]], ids[split[1]]))
    raw = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    raw.add_special_tokens([AddedToken(token, normalized=False) for token in ("<unk>", "<s>", "</s>")])
    raw.add_special_tokens([AddedToken(token, normalized=False) for token in ("<image>", "<pad>")])
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def qwen2() -> PreTrainedTokenizerFast:
    """Qwen2.5-VL's; the ids between its special tokens hold place."""
    merges = [tuple(merge.split(" ")) for merge in read("qwen2")]
    single = [chr(b) for b in [*range(33, 127), *range(161, 173), *range(174, 256)]] + [chr(256 + n) for n in range(68)]
    ids = {token: index for index, token in enumerate([*single, *("".join(merge) for merge in merges)])}
    raw = Tokenizer(models.BPE(ids, merges))
    raw.normalizer = normalizers.NFC()
    words = pre_tokenizers.Split(Regex(QWEN_WORDS), "isolated")
    raw.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(False, use_regex=False)])
    names = {index: name for name, index in QWEN_SPECIAL.items()}
    last = max(names)
    raw.add_special_tokens(
        [AddedToken(names.get(index, f"<|{index}|>"), normalized=False) for index in range(len(ids), last + 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|im_end|>")
