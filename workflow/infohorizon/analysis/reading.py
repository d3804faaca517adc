"""The large tables of a study, read part by part; question ids are numbers, which take an eighth of the memory."""

from collections.abc import Callable, Iterable, Sequence

import polars as pl

from infohorizon import tables

# The columns that are read of the large tables.
INFORMATION = (
    *("question_id", "layer", "information", "answer_information"),
    *("text_probability", "text_answer_probability", "text_divergence"),
)
REMOVALS = (
    *("question_id", "removal", "layer", "probability", "answer_probability"),
    *("full_probability", "full_answer_probability", "divergence", "score"),
)
SWEEP = ("question_id", "strategy", "layer", "keep", "repeat", "tokens", "score")
SCHEDULES = ("question_id", "schedule", "repeat", "mean_tokens", "score")


def type_of_ids(questions: pl.DataFrame) -> pl.Enum:
    """The type of question ids that are numbers; they are sorted as texts are.

    Args:
        questions: the benchmark table.
    """
    return pl.Enum(questions["question_id"].unique().sort())


def numbered(frame: pl.DataFrame, ids: pl.Enum) -> pl.DataFrame:
    """A table with its question ids as numbers; without the rows of other questions."""
    found = frame.with_columns(pl.col("question_id").cast(ids, strict=False))
    return found.drop_nulls("question_id") if found["question_id"].null_count() else found


def parts(paths: Iterable[str], name: str, columns: Sequence[str], ids: pl.Enum) -> Iterable[pl.DataFrame]:
    """The parts of table `name`, one at a time, with these columns and numbered ids."""
    return (numbered(tables.read(path, name, columns), ids) for path in paths)


def by_name(
    frames: Iterable[pl.DataFrame], column: str, reduce: Callable[[pl.DataFrame], pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """Rows by strategy or schedule, those of each part reduced before the next one is read."""
    found: dict[str, list[pl.DataFrame]] = {}
    for frame in frames:
        for (name,), rows in frame.partition_by(column, as_dict=True, maintain_order=True).items():
            found.setdefault(str(name), []).append(reduce(rows))
    return {name: pl.concat(own) for name, own in found.items()}


def over_windows(information: pl.DataFrame) -> pl.DataFrame:
    """Information table → per question and layer, over its windows; a part at a time may be reduced.

    Returns:
        question_id, layer; information, answer_information: the largest absolute value; mean_information: the mean
        absolute value; spread: the standard deviation of information; text_probability, text_answer_probability,
        text_divergence: those of all windows.
    """
    return information.group_by("question_id", "layer").agg(
        pl.col("information", "answer_information").abs().nan_max(),
        pl.col("text_probability", "text_answer_probability", "text_divergence").nan_max(),
        mean_information=pl.col("information").abs().mean(),
        spread=pl.col("information").std(ddof=0),
    )


def per_question(frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Mean over repeats: question_id, keys, score, tokens (visual tokens kept, or the schedule's mean).

    A frame without `repeat` is one already.
    """
    if "repeat" not in frame.columns:
        return frame
    if "mean_tokens" in frame.columns:
        frame = frame.rename({"mean_tokens": "tokens"})
    by = ["question_id", *keys]
    if (frame["repeat"] == 0).all():
        return frame.select(*by, pl.col("score", "tokens").cast(pl.Float64))
    return frame.sort(*by, "repeat").group_by(by, maintain_order=True).agg(pl.col("score", "tokens").mean())
