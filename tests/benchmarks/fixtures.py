"""Tiny data sets in the hub's layout: parquet shards, README with configs, the real column names and types.

Every `write_X(folder, n)` writes `n` images with all their questions and returns the entry under `benchmarks:` of
config.yaml that loads them. Equal arguments give equal bytes.
"""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pictures

SIZES = ((96, 96), (84, 112))  # (width, height), by turns
TEXT, WHOLE, TEXTS = Value("string"), Value("int64"), List(Value("string"))
SIGNS = ("STOP", "EXIT", "TAXI", "OPEN", "7UP")
COLOURS = ("red", "green", "blue", "white", "black")


def picture(seed: int, size: tuple[int, int] | None = None, format: str = "PNG") -> bytes:
    """An encoded image of coloured blocks, different for every seed."""
    width, height = size or SIZES[seed % len(SIZES)]
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    file = BytesIO()
    Pictures.fromarray(blocks).resize((width, height), Pictures.Resampling.NEAREST).save(file, format)
    return file.getvalue()


def write(
    folder: Path,
    rows: list[dict[str, Any]],
    features: dict[str, Any],
    split: str,
    config: str = "default",
    shards: int = 1,
) -> None:
    """Write one split of one config, and name the config in the README's header as the hub does."""
    data = folder / ("data" if config == "default" else config)
    data.mkdir(parents=True, exist_ok=True)
    columns = {column: [row[column] for row in rows] for column in features}
    dataset = Dataset.from_dict(columns, features=Features(features))
    for shard in range(shards):
        part = dataset.shard(shards, shard, contiguous=True)
        part.to_parquet(data / f"{split}-{shard:05}-of-{shards:05}.parquet")
    readme = folder / "README.md"
    known = json.loads(readme.read_text().split("---")[1])["configs"] if readme.exists() else []
    known.append({"config_name": config, "data_files": [{"split": split, "path": f"{data.name}/{split}-*"}]})
    readme.write_text(f"---\n{json.dumps({'configs': known})}\n---\n")


def image(seed: int, format: str = "PNG") -> dict[str, Any]:
    return {"bytes": picture(seed, format=format), "path": None}


def write_mme(folder: Path, n: int = 4) -> dict[str, Any]:
    """A yes and a no question about each image; two shards."""
    features = {"question_id": TEXT, "image": Image(), "question": TEXT, "answer": TEXT, "category": TEXT}
    categories = ("existence", "color", "OCR", "code_reasoning")
    rows = [
        {
            "question_id": f"{categories[i % 4]}/{i:04}.png",
            "image": image(i),
            "question": f"Is there a {thing} in this image? Please answer yes or no.",
            "answer": answer,
            "category": categories[i % 4],
        }
        for i in range(n)
        for thing, answer in (("block", "Yes"), ("dog", "No"))
    ]
    write(folder, rows, features, "test", shards=2)
    return {"source": str(folder), "task": "mme", "split": "test"}


def write_textvqa(folder: Path, n: int = 4) -> dict[str, Any]:
    """One question about each image, and a second about every other one."""
    features = {"image_id": TEXT, "question_id": Value("int32"), "question": TEXT, "question_tokens": TEXTS}
    features |= {"image": Image(), "image_width": Value("int32"), "image_height": Value("int32")}
    features |= {"flickr_original_url": TEXT, "flickr_300k_url": TEXT, "answers": TEXTS, "image_classes": TEXTS}
    features |= {"set_name": TEXT, "ocr_tokens": TEXTS}
    questions = [(i, "what does the sign say?") for i in range(n)] + [(i, "is it open?") for i in range(0, n, 2)]
    rows = [
        {
            "image_id": f"{i:016x}",
            "question_id": 34602 + number,
            "question": text,
            "question_tokens": text.rstrip("?").split(),
            "image": image(100 + i, format="JPEG"),
            "image_width": SIZES[i % 2][0],
            "image_height": SIZES[i % 2][1],
            "flickr_original_url": "",
            "flickr_300k_url": "",
            "answers": [SIGNS[i % 5]] * 6 + ["the " + SIGNS[i % 5].lower()] * 2 + ["unanswerable"] * 2,
            "image_classes": ["Sign"],
            "set_name": "val",
            "ocr_tokens": [SIGNS[i % 5], "No. 5"],
        }
        for number, (i, text) in enumerate(questions)
    ]
    write(folder, rows, features, "validation")
    return {"source": str(folder), "task": "textvqa", "split": "validation"}


def write_scienceqa(folder: Path, n: int = 4) -> dict[str, Any]:
    """One question about each image, every other one with a hint."""
    features = {"image": Image(), "question": TEXT, "choices": TEXTS, "answer": Value("int8"), "hint": TEXT}
    features |= {key: TEXT for key in ("task", "grade", "subject", "topic", "category", "skill", "lecture", "solution")}
    rows = [
        {
            **dict.fromkeys(features, ""),
            "image": image(200 + i),
            "question": "Which colour is the largest block?",
            "choices": list(COLOURS[: 2 + i % 3]),
            "answer": i % 2,
            "hint": "Look at the blocks." if i % 2 else "",
            "subject": "natural science" if i % 2 else "social science",
        }
        for i in range(n)
    ]
    write(folder, rows, features, "test", config="ScienceQA-IMG")
    return {"source": str(folder), "task": "scienceqa", "config": "ScienceQA-IMG", "split": "test"}


def write_pope(folder: Path, n: int = 2) -> dict[str, Any]:
    """Two questions about each image in each of the three categories."""
    features = {"id": TEXT, "question_id": TEXT, "question": TEXT, "answer": TEXT, "image_source": TEXT}
    features |= {"image": Image(), "category": TEXT}
    rows = [
        {
            "id": "",
            "question_id": str(2 * i + number + 1),
            "question": f"Is there a {thing} in the image?",
            "answer": answer,
            "image_source": f"COCO_val2014_{i:012}",
            "image": image(300 + i, format="JPEG"),
            "category": category,
        }
        for category in ("adversarial", "popular", "random")
        for i in range(n)
        for number, (thing, answer) in enumerate((("block", "yes"), ("dog", "no")))
    ]
    for number, row in enumerate(rows):
        row["id"] = str(number)
    write(folder, rows, features, "test")
    return {"source": str(folder), "task": "pope", "split": "test"}


def write_mmbench(folder: Path, n: int = 2) -> dict[str, Any]:
    """One question about each image, in as many rotations as it has options (three, or two)."""
    features = {"index": WHOLE, "question": TEXT, "hint": TEXT, "answer": TEXT, "A": TEXT, "B": TEXT, "C": TEXT}
    features |= {"D": TEXT, "category": TEXT, "image": Image(), "source": TEXT, "L2-category": TEXT}
    features |= {"comment": TEXT, "split": TEXT}
    rows = []
    for i in range(n):
        options = list(COLOURS[: 3 - i % 2])
        for turn in range(len(options)):
            turned = options[turn:] + options[:turn]
            letters = dict(zip("ABCD", turned + ["nan"] * 4, strict=False))
            rows.append(
                {
                    **letters,
                    "index": turn * 1_000_000 + 200 + i,
                    "question": "Which colour is in the corner?",
                    "hint": "Corners count." if i % 2 else "nan",
                    "answer": "ABCD"[turned.index("red")],
                    "category": "attribute_recognition",
                    "image": image(400 + i),
                    "source": "made",
                    "L2-category": "finegrained_perception (instance-level)",
                    "comment": "nan",
                    "split": "dev",
                }
            )
    write(folder, sorted(rows, key=lambda row: row["index"]), features, "dev", config="en")
    return {"source": str(folder), "task": "mmbench", "config": "en", "split": "dev"}


def write_ocrbench(folder: Path, n: int = 3) -> dict[str, Any]:
    features = {"dataset": TEXT, "question": TEXT, "question_type": TEXT, "answer": TEXTS, "image": Image()}
    kinds = (
        ("IIIT5K", "Regular Text Recognition", "what is written in the image?", ["STOP"]),
        ("HME100k", "Handwritten Mathematical Expression Recognition", "Write the formula as LaTeX.", ["x ^ { 2 }"]),
        ("docVQA", "Doc-oriented VQA", "What is the total?", ["$5.00", "5.00"]),
    )
    rows = [
        {"dataset": dataset, "question_type": kind, "question": text, "answer": answers, "image": image(500 + i)}
        for i in range(n)
        for dataset, kind, text, answers in [kinds[i % 3]]
    ]
    write(folder, rows, features, "test")
    return {"source": str(folder), "task": "ocrbench", "split": "test"}


def write_gqa(folder: Path, n: int = 2) -> dict[str, Any]:
    """Two questions about each image; questions and images are two configs."""
    questions = {"id": TEXT, "imageId": TEXT, "question": TEXT, "answer": TEXT, "fullAnswer": TEXT}
    questions |= {"isBalanced": Value("bool")}
    rows = [
        {
            "id": f"20{2 * i + number:07}",
            "imageId": f"n{i}",
            "question": text,
            "answer": answer,
            "fullAnswer": "",
            "isBalanced": True,
        }
        for number, (text, answer) in enumerate((("Is it overcast?", "no"), ("Which side is the block on?", "left")))
        for i in range(n)
    ]
    write(folder, rows, questions, "testdev", config="testdev_balanced_instructions")
    pictures = [{"id": f"n{i}", "image": image(600 + i, format="JPEG")} for i in reversed(range(n))]
    write(folder, pictures, {"id": TEXT, "image": Image()}, "testdev", config="testdev_balanced_images")
    return {
        "source": str(folder),
        "task": "gqa",
        "config": "testdev_balanced_instructions",
        "split": "testdev",
    }


def write_docvqa(folder: Path, n: int = 2) -> dict[str, Any]:
    features = {"questionId": TEXT, "question": TEXT, "question_types": TEXTS, "image": Image(), "docId": WHOLE}
    features |= {"ucsf_document_id": TEXT, "ucsf_document_page_no": TEXT, "answers": TEXTS, "data_split": TEXT}
    rows = [
        {
            "questionId": str(49153 + i),
            "question": "What is the date on the letter?",
            "question_types": ["handwritten"],
            "image": image(700 + i),
            "docId": 14465 + i,
            "ucsf_document_id": f"pybv{i:04}",
            "ucsf_document_page_no": "81",
            "answers": ["June 11, 1990", "11 June 1990"],
            "data_split": "val",
        }
        for i in range(n)
    ]
    write(folder, rows, features, "validation", config="DocVQA")
    return {"source": str(folder), "task": "docvqa", "config": "DocVQA", "split": "validation"}


def write_chartqa(folder: Path, n: int = 2) -> dict[str, Any]:
    features = {"type": TEXT, "question": TEXT, "answer": TEXT, "image": Image()}
    rows = [
        {
            "type": ("human_test", "augmented_test")[i % 2],
            "question": "How many bars are red?",
            "answer": ("3", "12.5%")[i % 2],
            "image": image(800 + i),
        }
        for i in range(n)
    ]
    write(folder, rows, features, "test")
    return {"source": str(folder), "task": "chartqa", "split": "test"}


def write_vqa(folder: Path, n: int = 3) -> dict[str, Any]:
    """A user's own data: questions.jsonl beside an image folder."""
    (folder / "images").mkdir(parents=True)
    with open(folder / "questions.jsonl", "w") as file:
        for i in range(n):
            (folder / "images" / f"{i}.png").write_bytes(picture(900 + i))
            row = {"image": f"images/{i}.png", "question": "What is this?", "answers": ["Blocks", "squares", "Blocks"]}
            file.write(json.dumps(row) + "\n")
    return {"source": str(folder), "task": "vqa"}


WRITERS = {
    "chartqa": write_chartqa,
    "docvqa": write_docvqa,
    "gqa": write_gqa,
    "mmbench": write_mmbench,
    "mme": write_mme,
    "ocrbench": write_ocrbench,
    "pope": write_pope,
    "scienceqa": write_scienceqa,
    "textvqa": write_textvqa,
    "vqa": write_vqa,
}
