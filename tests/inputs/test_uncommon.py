"""Uncommon images, texts and model folders that are sound, and neighbours of them that are not."""

import io
import json

import numpy as np
import pytest
import transformers as hf
from PIL import Image, features
from safetensors.torch import load_file, save_file

from checkpoints import write_llava
from infohorizon import models
from infohorizon.benchmarks.images import decode
from infohorizon.errors import UserError
from infohorizon.models import own_forward
from inputs.conftest import png

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize((40, 30))


def encoded(kind, image=PICTURE, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


FRAMES = {"save_all": True, "append_images": [Image.new("RGB", (40, 30))]}


@pytest.mark.parametrize(
    ("data", "tolerance"),
    [
        (encoded("JPEG", PICTURE.convert("CMYK")), 30),
        (encoded("JPEG", quality=95, progressive=True), 12),
        (encoded("WEBP", lossless=True, **FRAMES), 0),
        (encoded("TIFF", **FRAMES), 0),
        (encoded("MPO", quality=95, **FRAMES), 12),
        (encoded("PNG", icc_profile=b"no profile"), 0),
        (encoded("BMP"), 0),
        pytest.param(
            encoded("AVIF", quality=95) if features.check("avif") else b"",
            16,
            marks=pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF"),
        ),
        pytest.param(
            encoded("JPEG2000") if features.check("jpg_2000") else b"",
            2,
            marks=pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000"),
        ),
    ],
)
def test_formats_of_images(data, tolerance):
    image = decode(data)
    assert image.size == (40, 30) and image.mode == "RGB"
    assert np.abs(np.asarray(image, float) - np.asarray(PICTURE, float)).mean() <= tolerance


def test_an_image_of_one_pixel():
    assert decode(png("red", (1, 1))).getpixel((0, 0)) == (255, 0, 0)


def test_a_damaged_checksum_is_refused():
    data = bytearray(encoded("PNG"))
    data[data.index(b"IDAT") + 10] ^= 0xFF
    with pytest.raises(UserError, match=r"^cannot be decoded \(.*\): replace or remove it$"):
        decode(bytes(data))


@pytest.mark.parametrize("text", ["قطة", "חתול", "猫", "😀🏳️‍🌈", "a\u0000b", "{x} {{ y }}", "100 %s", "e\u0301"])
def test_texts_stay_as_they_are(text, bring):
    row = {"image": "i.png", "question": f"{text}?", "answer": text, "question_id": text, "category": text}
    (found,) = bring(json.dumps(row)).questions.to_pylist()
    assert (found["question"], found["label"], found["question_id"]) == (f"{text}?", text, text)
    assert found["answers"] == [text] and found["category"] == text


def sharded(folder):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, own in parts.items():
        save_file({name: weights[name] for name in own}, folder / file, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, own in parts.items() for name in own}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_weights_in_several_files(tmp_path):
    whole, parts = (models.load(str(write_llava(tmp_path / name, layers=2)), {}) for name in ("whole", "parts"))
    sharded(tmp_path / "parts")
    parts = models.load(str(tmp_path / "parts"), {})
    states = (model.model.state_dict() for model in (whole, parts))
    assert all(bool((a == b).all()) for a, b in zip(*(state.values() for state in states), strict=True))


@pytest.mark.parametrize("settings", [{"tie_word_embeddings": True}, {"vocab_size": 256}], ids=["tied", "padded"])
def test_vocabularies(settings, tmp_path):
    model = models.load(str(write_llava(tmp_path, layers=2, **settings)), {})
    assert own_forward.differences(model).max() < 1e-4


def test_a_tower_without_a_class_token(tmp_path):
    folder = write_llava(tmp_path, layers=2)
    config = hf.AutoConfig.from_pretrained(folder)
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    config.vision_config = hf.SiglipVisionConfig(**tower, image_size=40, patch_size=8)
    config.vision_feature_select_strategy = "full"
    hf.LlavaForConditionalGeneration(config).save_pretrained(folder)
    model = models.load(str(folder), {})
    (encoded_image,) = model.encode([PICTURE])
    assert encoded_image.grid == (5, 5) and model.tokens(PICTURE.size) == 25
    assert own_forward.differences(model).max() < 1e-4


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "awq", "fp8"])
def test_quantised_models_are_refused_by_name(method, tmp_path):
    folder = write_llava(tmp_path, layers=2)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": method}}))
    with pytest.raises(UserError, match=rf"is quantised \({method}\): use the weights that are not"):
        models.load(str(folder), {})


def test_a_folder_with_an_adapter_alone(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "a/b"}))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=r"holds no model: it needs a config\.json"):
        models.load(str(tmp_path), {})
