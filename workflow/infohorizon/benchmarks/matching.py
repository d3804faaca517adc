"""Answer matching that several benchmarks share. Pure functions: no state from one call to the next."""

import math
import re
import string
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

# EvalAI answer processing (VQA, TextVQA), https://visualqa.org/evaluation.html
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {word: str(number) for number, word in enumerate(_NUMBERS)} | {"none": "0"}
_ARTICLES = {"a", "an", "the"}
_CONTRACTIONS = """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
    he's how'd how'll how's i'd've i'm i've isn't it'd it'd've it'll ma'am might've mightn't mightn't've must've mustn't
    needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd somebody'd've
    somebody'll somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll that's
    there'd there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't
    what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're
    why's won't would've wouldn't wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're you've
"""
# Spellings whose apostrophe is put back: those that lack exactly one.
_RESTORED = {
    word[:i] + word[i + 1 :]: word for word in _CONTRACTIONS.split() for i, sign in enumerate(word) if sign == "'"
}
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'


def normalise(text: str) -> str:
    """An answer as EvalAI compares it: lower case, no articles, digits for number words, punctuation by its rule.

    A sign is deleted where it stands beside a space anywhere in the answer, and becomes a space otherwise; a full
    stop stays only before a digit.
    """
    text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's")
    text = text.replace("\n", " ").replace("\t", " ").strip()
    words = [_DIGITS.get(word, word) for word in _words(text) if word not in _ARTICLES]
    return " ".join(_RESTORED.get(word, word) for word in words)


def _words(text: str) -> list[str]:
    """The words of a text without punctuation, by the rule of `normalise`."""
    spaced, number = text, re.search(r"\d,\d", text) is not None  # as in 1,000: then every sign is deleted
    for sign in _PUNCTUATION:
        beside_space = f"{sign} " in text or f" {sign}" in text
        spaced = spaced.replace(sign, "" if beside_space or number else " ")
    return re.sub(r"\.(?!\d)", "", spaced).split()


def yes_or_no(text: str) -> str:
    """ "yes" or "no" where one of them, and not the other, is among the words; else "other" (VLMEvalKit)."""
    said = {"yes", "no"} & set(_words(text.lower()))
    return said.pop() if len(said) == 1 else "other"


def form(text: str) -> str:
    """The normal form of an answer, or what it is in lower case where nothing is left of it ("A", "the", "?")."""
    return normalise(text) or text.strip().lower()


def soft_accuracy(answer: str, answers: Sequence[str]) -> float:
    """VQA accuracy: mean over the annotators of min(1, how many of the OTHERS gave this answer / 3)."""
    answer, references = form(answer), [form(reference) for reference in answers]
    if not answer:
        return 0.0
    count = references.count(answer)
    thirds = sum(min(3, count - (reference == answer)) for reference in references)
    return thirds / (3 * len(references))


def best_answer(answers: Sequence[str]) -> str:
    """TextVQA's label by the authors' rule: the normal form of the highest soft accuracy.

    More votes never score lower, so it is the most frequent normal form; the first given of equals, where the authors'
    choice is left to chance. Where that form is empty ("the", "?"), it is the most frequent answer as written. Blank
    answers do not count.
    """
    known = given(answers)
    form, _ = Counter(map(normalise, known)).most_common(1)[0]
    return form or Counter(known).most_common(1)[0][0]


def consensus(answers: Sequence[str]) -> str:
    """The answer that most annotators give, compared by their normal forms, spelled as first given.

    Answers of which nothing is left after normalisation ("the", "?") are taken only where there is no other. Blank
    answers do not count.
    """
    known = given(answers)
    votes = Counter(map(normalise, known))
    return max(known, key=lambda answer: (bool(normalise(answer)), votes[normalise(answer)]))


def given(answers: Sequence[str]) -> list[str]:
    """The answers that are not blank; every question has one (columns.py)."""
    return [answer for answer in answers if answer.strip()]


def exact(answer: str, answers: Sequence[str]) -> float:
    """1 if the answer equals a reference after EvalAI processing."""
    return float(form(answer) in map(form, answers) and bool(form(answer)))


def anls(answer: str, answers: Sequence[str], threshold: float = 0.5) -> float:
    """Average normalised Levenshtein similarity, best over the references; 0 below the threshold (DocVQA).

    As in the official script, distances are of texts whose white space is squeezed, lengths of the texts as they are.
    A blank answer scores 0, even where a reference is blank.
    """

    def similarity(reference: str) -> float:
        distance = _distance(*(" ".join(text.lower().split()) for text in (answer, reference)))
        return 1 - distance / max(len(answer), len(reference), 1)

    best = max(map(similarity, answers))
    return best if best >= threshold and answer.strip() else 0.0


def relaxed(answer: str, answers: Sequence[str], tolerance: Fraction = Fraction(1, 20)) -> float:
    """ChartQA: numbers may be `tolerance` off relative to the reference, all else must be equal but for case.

    A blank answer scores 0, even where a reference is blank.
    """
    answer = answer.strip()
    return float(any(_relaxed_match(answer, reference.strip(), tolerance) for reference in answers) and bool(answer))


def contains(answer: str, answers: Sequence[str], formula: bool = False) -> float:
    """OCRBench: 1 if the answer contains a reference, ignoring case; `formula`: ignoring spaces, not case."""

    def plain(text: str) -> str:
        text = text.strip().replace("\n", " ")
        return text.replace(" ", "") if formula else text.lower()

    return float(any(plain(reference) in plain(answer) for reference in answers if reference.strip()))


def equal_words(answer: str, answers: Sequence[str]) -> float:
    """GQA: equality in lower case without punctuation; a space before a full stop stays (as in lmms-eval)."""

    def plain(text: str) -> str:
        return text.lower().strip().translate(str.maketrans("", "", string.punctuation)) or text.strip()

    return float(plain(answer) in map(plain, answers) and bool(answer.strip()))


def _relaxed_match(answer: str, reference: str, tolerance: Fraction) -> bool:
    value, target = _number(answer), _number(reference)
    if value is not None and target:  # no relative error of 0: "0" must be matched as text
        return abs(value - target) <= tolerance * abs(target)
    return answer.lower() == reference.lower()


def _number(text: str) -> Fraction | None:
    """The number that a text writes, exactly: in floats their rounding decides whether 0.95 is 5 % off 1."""
    digits = text.removesuffix("%")
    try:
        rounded = float(digits)
    except ValueError:
        return None
    if not math.isfinite(rounded):
        return None
    # What rounds to 0 is 0: 1e-999999999 would be a fraction of a billion digits.
    return Fraction(Decimal(digits) if rounded else 0) / (100 if text.endswith("%") else 1)


def _distance(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (left != right))
    return row[-1]
