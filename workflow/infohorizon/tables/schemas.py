"""Every Arrow table of the project: what a row is, its columns and their meanings."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa


def large(kind: pa.DataType) -> pa.DataType:
    """A type whose lists have offsets of 64 bits: of a few hundred large images the features of all are 2³¹ values."""
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return pa.large_list(large(kind.value_type)) if listed else kind


@dataclass(frozen=True)
class Column:
    """A column: its Arrow type (the first of several admitted ones) and what a value means."""

    type: pa.DataType
    meaning: str
    also: tuple[pa.DataType, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        path: where it is under the results folder.
        row: what a row is.
        columns: in order.
        key: the columns that identify a row, the item (question or image) first; for tables filled cell by cell.
        group: the column whose values have settings and code of their own; None where all rows share them.
    """

    path: str
    row: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    group: str | None = None

    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(name, column.type) for name, column in self.columns.items()])


_question = Column(pa.string(), "question of the benchmark table")
_image = Column(pa.string(), "image of the benchmark's images table")
_score = Column(pa.float64(), "score of the answer in [0, 1], by the benchmark's rule")
_answer = Column(
    pa.string(), "greedy answer, special tokens removed; under `stop: settled` it ends where its score is settled"
)
_label_probability = Column(pa.float64(), "softmax probability of the label's first token as the first answer token")
_layer = Column(pa.int32(), "0-based decoder layer at whose input visual tokens leave")
_repeat = Column(pa.int32(), "0-based repeat of a strategy that draws at random; 0 for all others")
_model = Column(pa.string(), "model name in config.yaml")
_benchmark = Column(pa.string(), "benchmark name in config.yaml")

TABLES: dict[str, Table] = {
    "benchmark": Table(
        "benchmarks/{benchmark}.arrow",
        "a question",
        {
            "question_id": Column(pa.string(), "stable, unique id"),
            "image_id": _image,
            "question": Column(pa.string(), "as the data set words it; the protocol makes the user turn of it"),
            "hint": Column(pa.string(), "text that the prompt may put before the question; empty where there is none"),
            "options": Column(pa.list_(pa.string()), "choices without their letters; empty where there are none"),
            "ocr_tokens": Column(pa.list_(pa.string()), "the data set's OCR output, which a protocol may quote"),
            "label": Column(pa.string(), "ground-truth answer whose probability is measured"),
            "answers": Column(pa.list_(pa.string()), "references the score is computed against"),
            "category": Column(pa.string(), "the benchmark's own grouping"),
        },
    ),
    "images": Table(
        "benchmarks/{benchmark}.images.arrow",
        "an image",
        {
            "image_id": Column(pa.string(), "stable, unique id"),
            "image": Column(pa.large_binary(), "encoded bytes as the data set has them"),
            "width": Column(pa.int32(), "pixels"),
            "height": Column(pa.int32(), "pixels"),
        },
    ),
    "vision": Table(
        "vision/{model}/{benchmark}/part-{shard}.arrow",
        "an image",
        {
            "image_id": _image,
            "grid_height": Column(pa.int32(), "rows of the visual token grid"),
            "grid_width": Column(pa.int32(), "columns of the visual token grid"),
            "frame": Column(
                pa.list_(pa.float32()),
                "left, top, right, bottom edge of the grid in pixels of the upright image; beyond the image: padding",
            ),
            "feature_width": Column(pa.int32(), "values per visual token in `features`"),
            "features": Column(
                pa.large_list(pa.float32()),
                "what the projector takes (LLaVA, InternVL) or the mergers give (Qwen), tokens × feature_width, "
                "row-major; float16 unless the model runs in float32",
                (pa.large_list(pa.float16()),),
            ),
            "saliency": Column(
                pa.list_(pa.float32()),
                "attention each visual token receives in the vision tower: in LLaVA's second-last layer and InternVL's "
                "last one from the class token, or from all patches where there is none; in Qwen's last block where "
                "all patches see each other from all of them",
            ),
            "early_saliency": Column(pa.list_(pa.float32()), "the same of a layer a quarter of the way up"),
            "received": Column(
                pa.list_(pa.float32()),
                "attention each visual token receives from all tokens in the layer of `saliency`",
            ),
            "middle_received": Column(pa.list_(pa.float32()), "the same of a layer in the middle"),
            "key_width": Column(pa.int32(), "values per visual token in `keys`"),
            "keys": Column(
                pa.large_list(pa.float32()),
                "vision tower's keys, mean over heads, tokens × key_width, row-major",
                (pa.large_list(pa.float16()),),
            ),
        },
        key=("image_id",),
    ),
    "answers": Table(
        "answers/{model}/{benchmark}/part-{shard}.arrow",
        "a question under one condition",
        {
            "question_id": _question,
            "condition": Column(pa.string(), "full: unpruned; blind: no visual token from layer 0 on"),
            "answer": _answer,
            "score": _score,
            "label_probability": _label_probability,
            "other_spelling": Column(
                pa.bool_(),
                "whether the answer is the label, but for case, and yet begins with another token than the one whose "
                "probability is measured",
            ),
            "answer_probability": Column(
                pa.float64(), "as label_probability, for all tokens of the label, teacher-forced"
            ),
            "divergence": Column(pa.float64(), "KL(first-token distribution ‖ that of full), nats; 0 for full"),
        },
        key=("question_id", "condition"),
    ),
    "downsample": Table(
        "downsample/{model}/{benchmark}/part-{shard}.arrow",
        "a question with its image at lower resolution, nothing pruned",
        {
            "question_id": _question,
            "keep": Column(
                pa.float64(), "configured keep: pixels of so many visual tokens, or of this fraction of the image's"
            ),
            "tokens": Column(
                pa.int32(),
                "visual tokens of the smaller image (Qwen: about the wanted number; LLaVA, InternVL: all of them, "
                "since their number is fixed)",
            ),
            "width": Column(
                pa.int32(), "pixels to which the image was resized (LLaVA, InternVL: before it is enlarged)"
            ),
            "height": Column(pa.int32(), "the same"),
            "answer": _answer,
            "score": _score,
            "label_probability": _label_probability,
        },
        key=("question_id", "keep"),
    ),
    "information": Table(
        "information/{model}/{benchmark}/part-{shard}.arrow",
        "a window of visual tokens at a layer, for one question",
        {
            "question_id": _question,
            "layer": _layer,
            "window": Column(pa.int32(), "0-based window in reading order of the window grid (all, or those drawn)"),
            "probability": Column(
                pa.float64(), "p(w, l): label's first token, only this window kept from the layer on (or all but it)"
            ),
            "text_probability": Column(pa.float64(), "p_text(l): the same with no visual token kept"),
            "information": Column(
                pa.float64(), "probability − text_probability; leave-one-out: that of the whole image − probability"
            ),
            "answer_probability": Column(pa.float64(), "as probability, for all tokens of the label (teacher-forced)"),
            "text_answer_probability": Column(pa.float64(), "as text_probability, for all tokens of the label"),
            "answer_information": Column(pa.float64(), "as information, for all tokens of the label"),
            "text_divergence": Column(
                pa.float64(), "KL(first-token distribution without visual tokens from the layer on ‖ unpruned), nats"
            ),
        },
        key=("question_id", "layer", "window"),
    ),
    "removals": Table(
        "removals/{model}/{benchmark}/part-{shard}.arrow",
        "a question of which all visual information is taken away in one way from a layer on",
        {
            "question_id": _question,
            "removal": Column(
                pa.string(),
                "delete: visual tokens leave; zero: their states are 0 at the layer; mean: they are the image's mean "
                "state at every layer from here on; text: they stay, and the text before the last token leaves",
            ),
            "layer": Column(pa.int32(), "0-based decoder layer from whose input on it is taken away"),
            "probability": Column(
                pa.float64(), "softmax probability of the label's first token as the first answer token"
            ),
            "answer_probability": Column(pa.float64(), "that of all tokens of the label (teacher-forced)"),
            "full_probability": Column(pa.float64(), "probability of the unpruned run of the same question"),
            "full_answer_probability": Column(pa.float64(), "answer_probability of the unpruned run"),
            "divergence": Column(pa.float64(), "KL(first-token distribution after the removal ‖ unpruned), nats"),
            "answer": _answer,
            "score": _score,
        },
        key=("question_id", "removal", "layer"),
    ),
    "states": Table(
        "states/{model}/{benchmark}/part-{shard}.arrow",
        "the visual states of a question entering a layer, unpruned",
        {
            "question_id": _question,
            "layer": Column(pa.int32(), "0-based decoder layer that the states enter"),
            "entropy": Column(
                pa.float64(), "matrix entropy of the visual states, 0 to 1: of their centred covariance, trace 1"
            ),
            "query_entropy": Column(
                pa.float64(), "EntropyPrune's score, from the queries of the layer before, mean over tokens; null at 0"
            ),
        },
        key=("question_id", "layer"),
    ),
    "sweep": Table(
        "sweep/{model}/{benchmark}/part-{shard}.arrow",
        "a question answered with one (strategy, layer, keep, repeat)",
        {
            "question_id": _question,
            "strategy": Column(pa.string(), "strategy name"),
            "layer": _layer,
            "keep": Column(pa.float64(), "configured keep: a count, or a fraction below 1; 0 for drop-all"),
            "repeat": _repeat,
            "kept": Column(pa.large_list(pa.int32()), "indices that stayed, in reading order; null where switched off"),
            "tokens": Column(pa.int32(), "visual tokens really kept"),
            "answer": _answer,
            "score": _score,
            "label_probability": _label_probability,
        },
        key=("question_id", "strategy", "layer", "keep", "repeat"),
        group="strategy",
    ),
    "schedules": Table(
        "schedules/{model}/{benchmark}/part-{shard}.arrow",
        "a question answered under a schedule",
        {
            "question_id": _question,
            "schedule": Column(pa.string(), "schedule name"),
            "repeat": _repeat,
            "mean_tokens": Column(pa.float64(), "mean visual tokens over all decoder layers, as really kept"),
            "kept": Column(
                large(pa.list_(pa.list_(pa.int32()))),
                "per stage, indices that stayed, in reading order; null where switched off",
            ),
            "answer": _answer,
            "score": _score,
            "label_probability": _label_probability,
        },
        key=("question_id", "schedule", "repeat"),
        group="schedule",
    ),
    "metrics": Table(
        "metrics.arrow",
        "a benchmark's metric of one run, for one category",
        {
            "model": _model,
            "benchmark": Column(
                pa.string(), "benchmark name in config.yaml; null: all of the model's (relative score)"
            ),
            "metric": Column(pa.string(), "name of the metric, as in docs/scoring.md, or relative score"),
            "unit": Column(pa.string(), "unit of value, full, differences and their intervals"),
            "own": Column(pa.bool_(), "whether this is the benchmark's own metric; others stand beside it"),
            "category": Column(pa.string(), "the benchmark's grouping, or a group of groups; empty for the whole"),
            "condition": Column(pa.string(), "full, blind, downsample, strategy or schedule"),
            "name": Column(pa.string(), "strategy or schedule; else empty"),
            "layer": Column(
                pa.int32(),
                "layer (strategies; null: mean over the layers that all strategies of this keep share); else null",
            ),
            "keep": Column(pa.float64(), "configured keep (strategies, downsample); else null"),
            "tokens": Column(
                pa.float64(),
                "mean visual tokens: really kept (strategies), over all layers (schedules), of the image at lower "
                "resolution (downsample); null for full, blind and relative scores",
            ),
            "value": Column(pa.float64(), "the metric, mean over repeats"),
            "low": Column(pa.float64(), "lower end of the bootstrap interval over images; null for a single image"),
            "high": Column(pa.float64(), "upper end"),
            "full": Column(pa.float64(), "the metric of the unpruned model on the same questions"),
            "difference": Column(pa.float64(), "value − full, paired"),
            "difference_low": Column(pa.float64(), "lower end of its interval"),
            "difference_high": Column(pa.float64(), "upper end of its interval"),
            "relative": Column(pa.float64(), "100 · value / full, percent; null where full is 0"),
            "relative_low": Column(pa.float64(), "lower end of its interval"),
            "relative_high": Column(pa.float64(), "upper end of its interval"),
            "baseline": Column(
                pa.string(),
                "strategies: random at the same layer and keep; schedules: the schedule named in config.yaml",
            ),
            "baseline_difference": Column(pa.float64(), "value − the baseline's, paired; null without a baseline"),
            "baseline_difference_low": Column(pa.float64(), "lower end of its interval"),
            "baseline_difference_high": Column(pa.float64(), "upper end of its interval"),
            "questions": Column(
                pa.int32(), "questions of the category (of all, where it is empty) that the run answers"
            ),
            "images": Column(pa.int32(), "their images"),
            "protocol": Column(pa.string(), "name and fingerprint of the protocol the answers were given under"),
        },
    ),
    "losses": Table(
        "losses.arrow",
        "an image, when every visual token is dropped at a layer",
        {
            "model": _model,
            "benchmark": _benchmark,
            "layer": _layer,
            "image_id": _image,
            "loss": Column(
                pa.float64(),
                "its part in the loss of the benchmark's own metric, as a share of the full model's: the difference of "
                "jackknife pseudo-values; the mean over images is the loss",
            ),
        },
    ),
    "horizon": Table(
        "horizon.arrow",
        "a horizon estimate",
        {
            "model": _model,
            "benchmark": _benchmark,
            "depth": Column(pa.int32(), "decoder layers of the model"),
            "criterion": Column(
                pa.string(),
                "information, answer-information, label-free, label-free-ratio, label-free-trimmed, redundancy, "
                "metric, no-advantage or random-parity",
            ),
            "category": Column(pa.string(), "the benchmark's grouping of its questions; empty for all questions"),
            "removal": Column(
                pa.string(),
                "how visual information was taken away, as in the removals table; empty: as the study is configured "
                "(information.removal; redundancy drops the tokens)",
            ),
            "strategy": Column(pa.string(), "no-advantage, random-parity: strategy compared with random; else empty"),
            "keep": Column(
                pa.float64(), "no-advantage, random-parity: configured keep, null for all at once; else null"
            ),
            "factor": Column(pa.float64(), "threshold as a multiple of the configured one: ½, 1 or 2"),
            "threshold": Column(
                pa.float64(), "largest value allowed for the criterion's statistic; units in docs/method.md"
            ),
            "layer": Column(
                pa.int32(),
                "the estimate: first measured layer of the horizon; depth if never reached; null: not measurable",
            ),
            "low": Column(pa.int32(), "lower end of its confidence set"),
            "high": Column(
                pa.int32(), "upper end: from here on the statistic is shown to be within the threshold; depth: nowhere"
            ),
            "p_beyond": Column(
                pa.float64(), "p of 'within the threshold at the last measured layer'; small: never reached"
            ),
            "worth": Column(
                pa.float64(),
                "what the whole image is worth: mean of p_full − p_blind, or (label-free-ratio) of the divergence of "
                "blind from full; null for criteria without a reference",
            ),
            "worth_low": Column(pa.float64(), "its one-sided lower bound; too small: not measurable"),
            "questions": Column(pa.int32(), "questions behind the estimate"),
            "images": Column(pa.int32(), "their images"),
        },
    ),
    "comparison": Table(
        "comparison.arrow",
        "a paired comparison of scores",
        {
            "model": _model,
            "benchmark": _benchmark,
            "kind": Column(pa.string(), "strategy, schedule, or selected: the best strategy and layer at a keep"),
            "name": Column(
                pa.string(),
                "its name; selected: judged in sample or cross-validated over images, and what was chosen most often",
            ),
            "baseline": Column(
                pa.string(),
                "strategies: random at the same layer and keep (drop-all: full); schedules: full, or the schedule of "
                "about equal mean tokens named in config.yaml",
            ),
            "layer": Column(pa.int32(), "layer (strategies); null for schedules"),
            "keep": Column(pa.float64(), "configured keep (strategies); null for schedules"),
            "tokens": Column(pa.float64(), "mean visual tokens really kept; over all layers for schedules"),
            "baseline_tokens": Column(pa.float64(), "the same of the baseline; null for full"),
            "equal_tokens": Column(pa.bool_(), "whether both are equal within 2.5 %; null for full"),
            "score": Column(pa.float64(), "mean score"),
            "baseline_score": Column(pa.float64(), "mean score of the baseline"),
            "difference": Column(pa.float64(), "mean paired difference, score − baseline_score"),
            "low": Column(pa.float64(), "lower end of its interval; leaves out 0 exactly where p_value is small"),
            "high": Column(pa.float64(), "upper end of its interval"),
            "p_value": Column(pa.float64(), "two-sided p of 'no difference', by flipping the signs of images"),
            "p_holm": Column(
                pa.float64(),
                "p_value adjusted by Holm over the layers of one (strategy, keep), or over the schedules compared with "
                "full, or with each other",
            ),
            "questions": Column(pa.int32(), "questions behind the comparison"),
            "images": Column(pa.int32(), "their images"),
        },
    ),
    "recommendation": Table(
        "recommend/{model}/recommendation.arrow",
        "a schedule in a role, for one budget, on one benchmark of one split",
        {
            "model": _model,
            "unit": Column(pa.string(), "what the budget limits: tokens, flops or kv, as in config.yaml"),
            "budget": Column(pa.float64(), "largest share of the unpruned run's cost"),
            "split": Column(pa.string(), "search: the questions it was chosen on; held-out: others, for the verdict"),
            "benchmark": Column(
                pa.string(), "benchmark name in config.yaml; empty: the mean over all, equally weighted"
            ),
            "role": Column(
                pa.string(),
                "winner: smallest loss on the search split; single, configured: the same of those with one stage, and "
                "of the configured ones; random: one stage at layer 0; downsample: the image at lower resolution, "
                "nothing pruned; candidate: all others that were tried",
            ),
            "schedule": Column(
                pa.string(), "its name in the schedules tables under recommend/; downsample KEEP for a smaller image"
            ),
            "stages": Column(
                pa.string(),
                "JSON: [layer, strategy, keep], …; keep is a fraction of the tokens, or 0; [] for downsample",
            ),
            "questions": Column(pa.int32(), "questions behind the loss"),
            "images": Column(pa.int32(), "their images"),
            "mean_tokens": Column(pa.float64(), "mean visual tokens over all layers, as really kept"),
            "token_share": Column(pa.float64(), "the same as a share of the image's tokens"),
            "cost": Column(
                pa.float64(), "share of the unpruned run's cost in closed form, if strategies keep what is asked"
            ),
            "predicted": Column(pa.float64(), "loss by the search; null where the sweep says nothing about a stage"),
            "loss": Column(
                pa.float64(), "mean unpruned score − score, or share of answers that differ (recommend.loss)"
            ),
            "low": Column(pa.float64(), "lower end of its interval"),
            "high": Column(pa.float64(), "upper end"),
            "difference": Column(pa.float64(), "mean paired difference, loss − the winner's loss; null for the winner"),
            "difference_low": Column(pa.float64(), "lower end of its interval"),
            "difference_high": Column(pa.float64(), "upper end"),
        },
    ),
    "findings": Table(
        "findings.arrow",
        "a claim of the paper as a whole, or one of its cases, decided",
        {
            "claim": Column(
                pa.string(),
                "random-suffices, information-vanishes, reading-deeper, stronger-deeper, random-improves or "
                "one-pass-predicts",
            ),
            "criterion": Column(pa.string(), "criterion of the horizon table; scores for random-improves"),
            "factor": Column(pa.float64(), "threshold as a multiple of the configured one: ½, 1 or 2"),
            "model": Column(pa.string(), "model of the case; null: the claim as a whole"),
            "benchmark": Column(pa.string(), "its benchmark"),
            "subject": Column(
                pa.string(), "strategy, schedule, the other model or benchmark of a pair, or entropy collapse"
            ),
            "title": Column(pa.string(), "what is judged, in words"),
            "decision": Column(pa.string(), "holds, does not hold, undecided or not measurable"),
            "evidence": Column(pa.string(), "what it rests on, in words"),
            "p_refuted": Column(pa.float64(), "p of the test that would refute it; null: there is none"),
            "p_refuted_holm": Column(pa.float64(), "adjusted by Holm over the cases of the claim"),
        },
    ),
}
