"""Kept sets equal those that the authors' own selection functions returned for the same inputs: in the decoder.

Where the authors' inputs were recorded further back, attention is the engine's, from states and weights.
"""

import test_golden_before as before
import torch
from array_view import ArrayView, sections
from golden import GOLDEN_DIR, assert_kept, attention, cases, view

from infohorizon.engine.reading import turned
from infohorizon.strategies import create
from infohorizon.strategies.entropyprune import query_entropy


def test_every_golden_file_has_a_test():
    tests = {*globals(), *vars(before)}
    assert {f"test_golden_{file.stem}" for file in GOLDEN_DIR.glob("*.safetensors")} <= tests


def last_row(row: torch.Tensor, case: dict) -> torch.Tensor:
    """Attention as a view shows it; only the last prompt token's row is recorded: any other would show as NaN."""
    attention = torch.full((len(row), case["text_count"], case["visual_count"]), torch.nan)
    attention[:, -1] = row.narrow(1, case["visual_start"], case["visual_count"])
    return attention


def test_golden_fastv():
    for case, tensors in cases("fastv"):
        assert_kept("fastv", view(case, attention=last_row(tensors["attention_last_row"], case)), case, tensors)


def test_golden_sparsevlm():
    for case, tensors in cases("sparsevlm"):
        start, count = case["visual_start"], case["visual_count"]
        shown = view(
            case,
            embeddings=sections(tensors["input_embeddings"], start, count),
            attention=tensors["attention_text_rows"].narrow(2, start, count),
        )
        assert create("sparsevlm").raters(shown).tolist() == tensors["raters"].tolist()
        assert_kept("sparsevlm", shown, case, tensors)


def test_golden_dart():
    for case, tensors in cases("dart"):
        start, count = case["visual_start"], case["visual_count"]
        shown = view(
            case,
            keys=sections(tensors["keys"], start, count, dim=1),
            normed_hidden=sections(tensors["normed_hidden"], start, count),
        )
        assert_kept("dart", shown, case, tensors)


def test_golden_divprune():
    divprune = create("divprune")
    for case, tensors in cases("divprune"):
        shown = view(case, hidden={"visual": tensors["hidden"]})
        assert divprune.orders(divprune.distances(shown)[None], case["keep"])[0].tolist() == tensors["order"].tolist()
        assert_kept("divprune", shown, case, tensors)


def test_golden_pyramiddrop():
    for case, tensors in cases("pyramiddrop"):
        row = attention(case, tensors, 1)[:, 0]
        torch.testing.assert_close(row, tensors["attention_last_row"])
        assert_kept("pyramiddrop", view(case, ahead=last_row(row, case)), case, tensors)


def test_golden_vscan_decoder():
    """Without rotary embedding, as on Qwen; on LLaVA the rule is that of pyramiddrop."""
    for case, tensors in cases("vscan_decoder"):
        llava = case["variant"] == "llava"
        row = attention(case, tensors, 1, rotary=llava)[:, 0]
        torch.testing.assert_close(row, tensors["attention_last_row"])
        shown = {"ahead" if llava else "ahead_plain": last_row(row, case)}
        assert_kept("pyramiddrop" if llava else "vscan-decoder", view(case, **shown), case, tensors)


def test_golden_v2drop():
    for case, tensors in cases("v2drop"):
        start, count = case["visual_start"], case["visual_count"]
        shown = view(
            case,
            hidden=sections(tensors["hidden"], start, count),
            hidden_before=sections(tensors["hidden_before"], start, count),
        )
        torch.testing.assert_close(create("v2drop").score(shown, case["keep"]), tensors["variation"])
        assert_kept("v2drop", shown, case, tensors)


def test_golden_transprune():
    """Transitions of earlier stages are those of the sequence that was there, gathered to the tokens left."""
    every_layer = {"golden": {"strategy": "transprune", "since": 0}}
    for case, tensors in cases("transprune"):
        transitions: list[torch.Tensor] = []
        start, count = case["visual_start"], case["visual_count"]
        for stage, (layers, keep) in enumerate(zip(case["layers_per_stage"], case["kept_per_stage"], strict=True)):
            for layer in range(layers):
                parts = {
                    name: tensors[f"stage{stage}.layer{layer}.{name}"]
                    for name in ("attention_in", "attention_out", "ffn_in", "ffn_out")
                }
                whole = turned(parts["attention_in"], parts["attention_out"]) + turned(
                    parts["ffn_in"], parts["ffn_out"]
                )
                transitions.append(whole.narrow(0, start, count))
            rows = attention(case, tensors, case["text_count"], f"stage{stage}.")
            torch.testing.assert_close(rows, tensors[f"stage{stage}.attention_text_rows"])
            shown = ArrayView(
                count,
                case["text_count"],
                start,
                layer=len(transitions),
                ahead=rows.narrow(2, start, count),
                transitions=dict(enumerate(transitions)),
            )
            strategy = create("golden", every_layer)
            torch.testing.assert_close(strategy.score(shown, keep), tensors[f"stage{stage}.score"])
            kept = strategy.select(shown, keep).kept
            assert kept.tolist() == tensors[f"stage{stage}.kept"].tolist()
            transitions, count = [values[kept] for values in transitions], len(kept)


def test_golden_feather():
    for case, tensors in cases("feather"):
        start, present = case["visual_start"], torch.arange(case["visual_count"])
        left = 1 - case["reduction_ratio"]
        for stage, keep in (("stage0", int(len(present) * left)), ("stage1", case["kept_per_stage"][1])):
            row = attention(case, tensors, 1, f"{stage}.", rotary=False)[:, 0]
            here = {**case, "visual_count": len(present)}
            shown = ArrayView(
                len(present), case["text_count"], start, attention_plain=last_row(row, here), grid=case["grid"]
            )
            shown.present = present
            stride = case["stride"] if stage == "stage0" else 0
            strategy = create("golden", {"golden": {"strategy": "feather", "stride": stride}})
            torch.testing.assert_close(strategy.score(shown, keep), tensors[f"{stage}.attention"])
            present = present[strategy.select(shown, keep).kept]
            assert present.tolist() == tensors[f"{stage}.kept"].tolist()
        assert present.tolist() == tensors["kept"].tolist()


def test_golden_entropyprune():
    """The score of every token, not only the kept set that follows from it."""
    for case, tensors in cases("entropyprune"):
        queries = sections(tensors["queries"], case["visual_start"], case["visual_count"], dim=1)["visual"]
        assert_kept("entropyprune", view(case, queries=queries), case, tensors)
        scores = query_entropy(queries)
        torch.testing.assert_close(scores, tensors["entropy"], rtol=1e-9, atol=1e-9)
        assert scores.topk(case["keep"]).indices.tolist() == tensors["order"].tolist()
