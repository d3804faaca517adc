"""Llama's and Qwen2's own tokenizers, built from the parts that tests/data/golden/vocabularies records."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping
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


LONGEST = 16  # characters of a Llama piece
DIGEST = 6  # bytes


def llama_pieces(texts: Iterable[str]) -> dict[str, int]:
    """Llama's pieces that occur in the texts, with their ids: BPE forms no others from them."""
    content = gzip.decompress((FOLDER / "llama-digests.bin.gz").read_bytes())
    known = {content[DIGEST * index : DIGEST * (index + 1)]: index for index in range(len(content) // DIGEST)}
    found = {}
    parts = {f"▁{part}".replace(" ", "▁") for text in texts for part in text.split("<image>")}
    for text in parts:
        for start in range(len(text)):
            for stop in range(start + 1, min(start + LONGEST, len(text)) + 1):
                index = known.get(hashlib.sha256(text[start:stop].encode()).digest()[:DIGEST])
                if index is not None:
                    found[text[start:stop]] = index
    return found


def llama(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """LLaVA-1.5's, right on these texts and on parts of them: Llama's, with <image> 32000 and <pad> 32001."""
    found = llama_pieces(texts)
    found |= {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    by_id = {index: piece for piece, index in found.items()}
    ids = {by_id.get(index, f"<absent {index}>"): index for index in range(32000)}
    ordered = [by_id[index] for index in sorted(by_id)]
    # two spaces, the first piece of all, have the lowest score
    ranked = sorted((piece for piece in ordered if found[piece] >= 259 and len(piece) > 1), key=lambda p: p == "▁▁")
    merges = []
    for piece in ranked:
        splits = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [split for split in splits if split[0] in found and split[1] in found]
        merges += sorted(known, key=lambda split: (ids[split[0]], ids[split[1]]))
    raw = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    raw.add_special_tokens([AddedToken(token, normalized=False) for token in ("<unk>", "<s>", "</s>")])
    raw.add_special_tokens([AddedToken(token, normalized=False) for token in ("<image>", "<pad>")])
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def qwen2(special: Mapping[str, int] | None = None) -> PreTrainedTokenizerFast:
    """Qwen2.5-VL's; the ids between its special tokens hold place.

    Args:
        special: tokens that another family adds, with their ids.
    """
    merges = [tuple(merge.split(" ")) for merge in json.loads(gzip.decompress((FOLDER / "qwen2.json.gz").read_bytes()))]
    single = [chr(b) for b in [*range(33, 127), *range(161, 173), *range(174, 256)]] + [chr(256 + n) for n in range(68)]
    ids = {token: index for index, token in enumerate([*single, *("".join(merge) for merge in merges)])}
    raw = Tokenizer(models.BPE(ids, merges))
    raw.normalizer = normalizers.NFC()
    words = pre_tokenizers.Split(Regex(QWEN_WORDS), "isolated")
    raw.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(False, use_regex=False)])
    names = {index: name for name, index in {**QWEN_SPECIAL, **(special or {})}.items()}
    last = max(names)
    raw.add_special_tokens(
        [AddedToken(names.get(index, f"<|{index}|>"), normalized=False) for index in range(len(ids), last + 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|im_end|>")
