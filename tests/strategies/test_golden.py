"""Kept sets equal those that the authors' own selection functions returned for the same inputs."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from array_view import ArrayView, sections
from safetensors import safe_open
from torch.nn.functional import normalize

from infohorizon.engine.reading import turned
from infohorizon.strategies import create
from infohorizon.strategies.apet import residuals, spread
from infohorizon.strategies.base import Selection
from infohorizon.strategies.entropyprune import query_entropy

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


def select(name: str, shown: ArrayView, keep: int, **options) -> Selection:
    return create("golden", {"golden": {"strategy": name, **options}}).select(shown, keep)


def assert_kept(name: str, shown: ArrayView, case: dict, tensors: dict[str, torch.Tensor], **options) -> None:
    kept = select(name, shown, case["keep"], **options).kept
    assert kept.tolist() == sorted(tensors["kept"].tolist()), f"{name}, case {case['case']}"


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
        assert_kept("vispruner", shown, case, tensors, important=case["important_ratio"])
        assert_kept("vispruner", shown, case, tensors)


def test_golden_pyramiddrop():
    for case, tensors in cases("pyramiddrop"):
        assert_kept("pyramiddrop", view(case, ahead=last_row(tensors["attention_last_row"], case)), case, tensors)


def test_golden_vscan_decoder():
    """Without rotary embedding, as on Qwen; on LLaVA the rule is that of pyramiddrop."""
    for case, tensors in cases("vscan_decoder"):
        row = last_row(tensors["attention_last_row"], case)
        if case["variant"] == "llava":
            assert_kept("pyramiddrop", view(case, ahead=row), case, tensors)
        else:
            assert_kept("vscan-decoder", view(case, ahead_plain=row), case, tensors)


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
            shown = ArrayView(
                count,
                case["text_count"],
                start,
                layer=len(transitions),
                ahead=tensors[f"stage{stage}.attention_text_rows"].narrow(2, start, count),
                transitions=dict(enumerate(transitions)),
            )
            strategy = create("golden", every_layer)
            torch.testing.assert_close(strategy.score(shown, keep), tensors[f"stage{stage}.score"])
            kept = strategy.select(shown, keep).kept
            assert kept.tolist() == tensors[f"stage{stage}.kept"].tolist()
            transitions, count = [values[kept] for values in transitions], len(kept)


def row_without_rotary(stage: str, tensors: dict[str, torch.Tensor], case: dict) -> torch.Tensor:
    """Softmax row of the last token over the whole sequence, from a layer's input and weights, (heads, sequence)."""
    hidden, heads, width = tensors[f"{stage}.hidden"], case["heads"], case["head_width"]
    normed = hidden * (hidden.square().mean(dim=1, keepdim=True) + case["rms_eps"]).rsqrt()
    normed = normed * tensors[f"{stage}.input_norm_weight"]
    query = (tensors[f"{stage}.q_weight"] @ normed[-1]).view(heads, 1, width)
    key = (normed @ tensors[f"{stage}.k_weight"].T).unflatten(1, (case["key_value_heads"], width)).transpose(0, 1)
    key = key.repeat_interleave(heads // case["key_value_heads"], dim=0)
    return (query @ key.transpose(1, 2) / width**0.5).softmax(dim=-1)[:, 0]


def test_golden_feather():
    for case, tensors in cases("feather"):
        start, present = case["visual_start"], torch.arange(case["visual_count"])
        left = 1 - case["reduction_ratio"]
        for stage, keep in (("stage0", int(len(present) * left)), ("stage1", case["kept_per_stage"][1])):
            row = row_without_rotary(stage, tensors, case)
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


def test_golden_cdpruner_openvino():
    for case, tensors in cases("cdpruner_openvino"):
        shown = view(
            case, embeddings={"visual": tensors["visual"]}, prompt_embeddings=tensors["instruction_embeddings"]
        )
        options = {"weight": case["relevance_weight"], "split": case["split_threshold"] > 0}
        assert_kept("cdpruner", shown, case, tensors, **options)


def test_golden_cdpruner_contrib():
    options = {"relevance": "each-embedding", "kernel": "exponential", "similarity": "features", "split": False}
    for case, tensors in cases("cdpruner_contrib"):
        shown = view(
            case,
            embeddings={"visual": tensors["projected"]},
            prompt_embeddings=tensors["text_embeddings"],
            features=tensors["vision_features"],
        )
        assert_kept("cdpruner", shown, case, tensors, weight=case["theta"], **options)


def test_golden_cdpruner():
    """The original's rule, on embeddings in CLIP's space, which no view has."""
    original = create("golden", {"golden": {"strategy": "cdpruner", "relevance": "each-embedding", "weight": 1}})
    for case, tensors in cases("cdpruner"):
        relevance = original.relevance_of(tensors["image_embeds"], tensors["text_embeds"])
        scaled = (relevance - relevance.min() + 1e-6) / (relevance.max() - relevance.min())
        torch.testing.assert_close(scaled, tensors["relevance"])
        order = original.order(normalize(tensors["projected"], dim=1), relevance, case["keep"])
        assert order.tolist() == tensors["order"].tolist()


def test_golden_scope():
    for case, tensors in cases("scope"):
        shown = view(case, saliency=tensors["cls_attention"].mean(dim=0), features=tensors["features"])
        options = {
            "alpha": case["alpha"],
            "combine": {"multi": "multiply", "add": "add"}[case["combined"]],
            "heads": len(tensors["cls_attention"]),
        }
        order = create("golden", {"golden": {"strategy": "scope", **options}}).order(shown, case["keep"])
        assert order.tolist() == tensors["order"].tolist()
        assert_kept("scope", shown, case, tensors, **options)


def test_golden_hiprune():
    """Where the authors' Qwen port chooses a token twice, fewer stay than asked for; here others take their place."""
    for case, tensors in cases("hiprune"):
        received = {"received": tensors["deep_attention"], "middle_received": tensors["object_attention"]}
        shown, asked = view(case, grid=tuple(case["grid"]), **received), case["asked"]
        strategy = create("golden", {"golden": {"strategy": "hiprune", "alpha": case["alpha"]}})
        group = strategy.group(shown, asked).nonzero().flatten()
        assert group.tolist() == tensors["anchors_and_buffers"].tolist()
        kept = strategy.select(shown, asked).kept.tolist()
        assert len(kept) == asked and set(tensors["kept"].tolist()) <= set(kept)
        added = asked - len(tensors["kept"])
        assert added == 0 or case["variant"] == "qwen"


def test_golden_vscan():
    """Where the authors' windows of LLaVA lose tokens by rounding, here the most salient ones take their place."""
    for case, tensors in cases("vscan"):
        local = {"llava": "equal", "qwen": "ranked"}[case["variant"]]
        shown = view(
            case,
            grid=tuple(case["grid"]),
            early_saliency=tensors["local_attention"],
            saliency=tensors["global_attention"],
            hidden={"visual": tensors["features"]},
        )
        asked = case.get("asked", case["keep"])
        strategy = create("golden", {"golden": {"strategy": "vscan", "local": local}})
        spread = strategy.spread(shown, asked // 2).sort().values
        assert spread.tolist() == tensors["local_kept"].tolist()
        kept, states = strategy.select(shown, asked)
        assert len(kept) == asked and set(tensors["kept"].tolist()) <= set(kept.tolist())
        if asked == case["keep"]:
            torch.testing.assert_close(states, tensors["tokens"])


def test_golden_apet():
    """The authors' first draw is that of an unseeded generator; the recorded seed repeats it."""
    for case, tensors in cases("apet"):
        features = tensors["features"]
        shown = view(case, layer=0, features=features, projector=torch.eye(features.shape[1]))
        shown.generator = lambda keep, seed=case["torch_seed"]: torch.Generator().manual_seed(seed)
        basis = spread(features, case["first_basis"], case["basis"])
        assert basis.tolist() == tensors["basis_indices"].tolist()
        errors = residuals(features, features[basis]).float()
        torch.testing.assert_close(errors, tensors["errors"], rtol=1e-4, atol=1e-4)
        kept, states = select("apet", shown, case["keep"], basis=case["basis"])
        assert kept.tolist() == tensors["kept"].tolist()
        torch.testing.assert_close(states, tensors["tokens"].float(), rtol=2e-3, atol=2e-3)  # merged in half precision


def test_golden_visionzip():
    """Of the patches: the CLS token, which the authors' code passes on as well, is no visual token here."""
    for case, tensors in cases("visionzip"):
        states = tensors["hidden"][1:]
        shown = view(
            case,
            layer=0,
            saliency=tensors["cls_attention"].mean(dim=0),
            vision_keys=tensors["metric"][1:],
            features=states,
            projector=torch.eye(states.shape[1]),
            hidden={"visual": states},
        )
        share = case["contextual"] / case["kept_count"]
        kept, merged = select("visionzip", shown, case["kept_count"], contextual=share)
        assert kept.tolist() == tensors["kept"].tolist()
        dominant, target = (torch.isin(kept, tensors[name]) for name in ("dominant_kept", "target_kept"))
        _, first, last = tensors["tokens"].split([1, int(dominant.sum()), int(target.sum())])
        torch.testing.assert_close(merged[dominant], first)
        torch.testing.assert_close(merged[target], last)


def test_golden_holov():
    """Where a quota exceeds its stretch the authors pad with zeros, and here other tokens take their place."""
    for case, tensors in cases("holov"):
        if case["visual_count"] < 2 * case["chunks"]:
            continue  # the authors give stretches of one token a thousandth of their weight
        kept = select("holov", view(case, saliency=tensors["saliency"]), case["keep"], chunks=case["chunks"]).kept
        assert len(kept) == case["keep"] and set(tensors["kept"].tolist()) <= set(kept.tolist())
        assert len(tensors["kept"]) == case["keep"] - case["padded"]
