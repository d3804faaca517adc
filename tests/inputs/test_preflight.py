"""What a folder and the questions tell before any weight is read: every fault at once, a sentence each."""

import json
import re
import shutil

import pytest
import transformers as hf

from checkpoints import image_in_prompt, write_llava, write_qwen
from infohorizon import models
from infohorizon.errors import UserError
from infohorizon.models.preflight import model_faults, question_faults, skeleton
from infohorizon.study.preflight import Data, check_model

TOKENS = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}


@pytest.fixture
def folder(case, tmp_path):
    return shutil.copytree(case.folder, tmp_path / "copy")


def edit(folder, change, name="config.json"):
    config = json.loads((folder / name).read_text())
    change(config)
    (folder / name).write_text(json.dumps(config))


def test_a_sound_folder_has_no_faults(folder):
    assert model_faults("it", folder, {}) == []


def test_a_prompt_that_ends_with_its_image_is_refused(folder):
    (fault,) = model_faults("it", folder, {"prompt": "USER: {question} {image}"})
    assert "its prompt ends with the image (…" in fault and fault.endswith("): put the question after it")


def template(text):
    def write(folder):
        (folder / "chat_template.jinja").write_text(text)

    return write


def without_template(folder):
    (folder / "chat_template.jinja").unlink()


def templates_by_name(folder):
    without_template(folder)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool.jinja").write_text("x")


def unregistered(folder):
    """The image token loses its entry among the added tokens: it is split into characters."""

    def change(config):
        config["added_tokens"] = [token for token in config["added_tokens"] if "image" not in token["content"]]

    edit(folder, change, "tokenizer.json")
    listed = ("additional_special_tokens", "extra_special_tokens", "added_tokens_decoder")
    edit(folder, lambda config: [config.pop(key, None) for key in listed], "tokenizer_config.json")
    (folder / "special_tokens_map.json").unlink(missing_ok=True)  # transformers 4.57


@pytest.mark.parametrize(
    ("damage", "sentences"),
    [
        (
            lambda f: edit(f, lambda c: c.update(model_type="llava_next")),
            ["is of type 'llava_next', which cannot be studied here: its images are a whole and several tiles"],
        ),
        (lambda f: edit(f, lambda c: c.update(model_type="smolvlm")), ["is of type 'smolvlm'; known are"]),
        (lambda f: edit(f, lambda c: c.update(mm_vision_tower="openai/clip")), ["in the layout of LLaVA's own code"]),
        (lambda f: edit(f, lambda c: c.update(model_type="internvl_chat")), ["in the layout of InternVL's own code"]),
        (
            lambda f: edit(f, lambda c: c.update(quantization_config={"quant_method": "awq"})),
            [r"is quantised \(awq\): use the weights that are not"],
        ),
        (lambda f: (f / "model.safetensors").unlink(), ["has no safetensors weights"]),
        (without_template, ["the model has no chat template: set `prompt`"]),
        (templates_by_name, ["the model's chat templates|has no chat template"]),
        (
            template("{{ messages[0]['content'] + ' ' }}"),
            [r"chat template takes no image and text \(.*\): set"],
        ),
        (template("{{ messages[0]['content'] }}"), ["holds .*, the `image_token_id` of config.json, 0 times: correct"]),
        (unregistered, [r"its tokenizer splits .*image.* into several tokens|does not know the image token"]),
        (lambda f: edit(f, lambda c: c.update(image_token_id=10_000)), ["has the id 10000, but its embedding has", ""]),
        (lambda f: (f / "preprocessor_config.json").unlink(), ["its image processor could not be loaded"]),
        (
            lambda f: ((f / "model.safetensors").unlink(), without_template(f)),
            ["has no safetensors weights", "has no chat template"],
        ),
    ],
)
def test_faults_of_a_folder(damage, sentences, folder):
    damage(folder)
    faults = model_faults("it", folder, {})
    assert len(faults) == len(sentences)
    for fault, sentence in zip(faults, sentences, strict=True):
        assert fault.startswith("model it") and "\n" not in fault
        assert re.search(sentence, fault), fault
    with pytest.raises(UserError):
        models.load(str(folder), {})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"decoder": hf.Gemma2Config, "head_dim": 8, **TOKENS}, "its decoder Gemma2Model cannot be run layer by layer"),
        (
            {"decoder": hf.Gemma3TextConfig, "head_dim": 8, **TOKENS},
            "its decoder Gemma3TextModel cannot be run layer",
        ),
        ({"decoder": hf.CohereConfig, **TOKENS}, "its decoder CohereModel cannot be run layer by layer"),
        ({"decoder": hf.Olmo2Config, **TOKENS}, "its decoder Olmo2Model cannot be run layer by layer"),
    ],
)
def test_decoders_that_cannot_be_run(settings, sentence, tmp_path):
    (fault,) = model_faults("it", write_llava(tmp_path, **settings), {})
    assert sentence in fault


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"vision_feature_select_strategy": "full"}, "keeps its tower's class token, which has no place on the grid"),
        ({"vision_feature_layer": -9}, "`vision_feature_layer` is -9, but its tower has 3 layers"),
        (
            {"vision_config": {"num_hidden_layers": 1}, "vision_feature_layer": -1},
            "its vision tower has a single",
        ),
    ],
)
def test_settings_of_llavas_tower(change, sentence, tmp_path):
    def apply(config):
        config["vision_config"] |= change.get("vision_config", {})
        config.update({key: value for key, value in change.items() if key != "vision_config"})

    edit(write_llava(tmp_path), apply)
    (fault,) = model_faults("it", tmp_path, {})
    assert sentence in fault


def test_a_class_token_on_the_grid_is_refused_when_the_model_is_loaded(tmp_path):
    edit(write_llava(tmp_path), lambda config: config.update(vision_feature_select_strategy="full"))
    with pytest.raises(UserError, match="class token, which has no place on the grid: set it to default"):
        models.load(str(tmp_path), {})


def test_a_template_in_the_processors_configuration(folder, case):
    without_template(folder)
    (folder / "processor_config.json").write_text(
        json.dumps({"chat_template": f"P {image_in_prompt(case.model)} {{{{ messages[0]['content'][1]['text'] }}}}"})
    )
    assert model_faults("it", folder, {}) == []
    assert models.load(str(folder), {}).text("hi") == f"P {image_in_prompt(case.model)} hi"


def test_questions_and_images_are_named_all_at_once(tmp_path):
    model = skeleton("it", write_qwen(tmp_path), {})
    rows = [
        {"question_id": "good", "question": "what?", "label": "x"},
        {"question_id": "bad", "question": f"what is {model.image_token}?", "label": "x"},
        {"question_id": "worse", "question": model.image_token * 2, "label": "x"},
    ]
    faults = list(question_faults(model, rows, {"wide": (300, 1), "square": (20, 20), "tall": (1, 201)}))
    assert len(faults) == 4
    assert faults[0].startswith("question bad: the prompt must hold exactly one <|image_pad|>, found 2 in")
    assert faults[1].startswith("question worse: ") and "found 3" in faults[1]
    assert faults[2].startswith("image wide (300 × 1 pixels): one side is more than 200 times the other")
    assert faults[3].startswith("image tall (1 × 201 pixels)")


def test_questions_are_checked_as_the_protocol_asks_them(folder):
    """A hint becomes part of the user turn: the image token in it is found, although the question itself is sound."""
    config = {
        "models": {"m": {"source": str(folder)}},
        "benchmarks": {"b": {"source": "here", "task": "scienceqa"}},
    }
    row = {
        "question_id": "1",
        "question": "why?",
        "label": "A",
        "options": ["x", "y"],
        "ocr_tokens": [],
        "category": "",
    }
    token = models.load(str(folder), {}).image_token
    sound, hinted = ({**row, "hint": hint} for hint in ("see below", f"see {token}"))
    assert check_model("m", folder, config, {"b": Data([sound], {})}) == []
    (fault,) = check_model("m", folder, config, {"b": Data([hinted], {})})
    assert fault.startswith("m on b: question 1: ") and token in fault
