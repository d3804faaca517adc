"""Kept sets equal those that the authors' own selection functions returned for the same inputs."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from array_view import ArrayView, sections
from safetensors import safe_open

from infohorizon.measure.states import query_entropy
from infohorizon.strategies import create

GOLDEN_DIR = Path(os.environ.get("GOLDEN_DIR") or Path(__file__).parents[1] / "data" / "golden")


def cases(name: str) -> Iterator[tuple[dict, dict[str, torch.Tensor]]]:
    """Description and tensors of every case in a golden file."""
    with safe_open(GOLDEN_DIR / f"{name}.safetensors", "pt") as file:
        described = json.loads(file.metadata()["cases"])
        assert described
        for case in described:
            prefix = f"case{case['case']}."
            names = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118 (no dict)
            yield case, {key.removeprefix(prefix): file.get_tensor(key) for key in names}


def view(case: dict, **tensors) -> ArrayView:
    return ArrayView(case["visual_count"], case["text_count"], case["visual_start"], **tensors)


def assert_kept(name: str, shown: ArrayView, case: dict, tensors: dict[str, torch.Tensor]) -> None:
    kept = create(name).select(shown, case["keep"]).kept
    assert kept.tolist() == sorted(tensors["kept"].tolist()), f"{name}, case {case['case']}"


def test_golden_fastv():
    for case, tensors in cases("fastv"):
        row = tensors["attention_last_row"]
        # Only the last prompt token's row is recorded: any other would show as NaN.
        attention = torch.full((len(row), case["text_count"], case["visual_count"]), torch.nan)
        attention[:, -1] = row[:, case["visual_start"] :][:, : case["visual_count"]]
        assert_kept("fastv", view(case, attention=attention), case, tensors)


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
    for case, tensors in cases("divprune"):
        shown = view(case, hidden={"visual": tensors["hidden"]})
        assert create("divprune").order(shown, case["keep"]).tolist() == tensors["order"].tolist()
        assert_kept("divprune", shown, case, tensors)


def test_golden_fastervlm():
    for case, tensors in cases("fastervlm"):
        assert_kept("fastervlm", view(case, saliency=tensors["cls_attention"].mean(dim=0)), case, tensors)


def test_golden_vispruner():
    for case, tensors in cases("vispruner"):
        shown = view(case, saliency=tensors["cls_attention"].mean(dim=0), features=tensors["features"])
        settings = {"golden": {"strategy": "vispruner", "important": case["important_ratio"]}}
        kept = create("golden", settings).select(shown, case["keep"]).kept
        assert kept.tolist() == sorted(tensors["kept"].tolist())
        assert_kept("vispruner", shown, case, tensors)


def test_golden_entropyprune():
    """The score of every token, not only the kept set that follows from it."""
    for case, tensors in cases("entropyprune"):
        queries = sections(tensors["queries"], case["visual_start"], case["visual_count"], dim=1)["visual"]
        scores = query_entropy(queries)
        torch.testing.assert_close(scores, tensors["entropy"], rtol=1e-9, atol=1e-9)
        assert scores.topk(case["keep"]).indices.tolist() == tensors["order"].tolist()
