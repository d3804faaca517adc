"""Kept sets equal those that the authors' own selection functions returned for the same inputs: before the decoder."""

import torch
from golden import assert_kept, cases, select, view
from torch.nn.functional import normalize

from infohorizon.strategies import create
from infohorizon.strategies.apet import residuals, spread
from infohorizon.strategies.base import top
from infohorizon.strategies.holov import quotas


def test_golden_fastervlm():
    for case, tensors in cases("fastervlm"):
        assert_kept("fastervlm", view(case, saliency=tensors["cls_attention"].mean(dim=0)), case, tensors)


def test_golden_vispruner():
    for case, tensors in cases("vispruner"):
        shown = view(case, saliency=tensors["cls_attention"].mean(dim=0), features=tensors["features"])
        assert_kept("vispruner", shown, case, tensors, important=case["important_ratio"])
        assert_kept("vispruner", shown, case, tensors)


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
    """Where a quota exceeds its stretch the authors pad with zeros, and here other tokens take their place.

    By the authors' own scores of the stretches, quotas and tokens are theirs. Here scores are those up to a factor,
    but for stretches of one token, to which the authors give a thousandth of their weight.
    """
    for case, tensors in cases("holov"):
        keep, number, saliency = case["keep"], case["chunks"], tensors["saliency"]
        unbounded = torch.full((number,), keep)
        quota = quotas(tensors["chunk_scores"].double(), unbounded, keep)
        assert quota.tolist() == tensors["quota"].tolist()
        chunks = saliency.tensor_split(number)
        starts = [0, *torch.tensor([len(chunk) for chunk in chunks]).cumsum(dim=0).tolist()]
        theirs = [s + top(chunk, n) for s, chunk, n in zip(starts, chunks, quota.tolist(), strict=False)]
        assert torch.cat(theirs).tolist() == tensors["kept"].tolist()
        assert len(tensors["kept"]) == keep - case["padded"]

        kept = select("holov", view(case, saliency=saliency), keep, chunks=number).kept.tolist()
        assert len(kept) == keep
        if case["visual_count"] >= 2 * number:
            assert set(tensors["kept"].tolist()) <= set(kept)
