"""LoRA, its folder, the projector's start, and a training that was cut off."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_adapter import ADAPTER
from transformers import CLIPVisionModel

from infohorizon import models
from infohorizon.errors import UserError
from infohorizon.mini.pretrained import alignment, folder
from infohorizon.mini.pretrained.language_model import LanguageModel
from infohorizon.mini.pretrained.llava import new_llava
from infohorizon.mini.pretrained.lora import LowRank
from infohorizon.mini.pretrained.training import continue_from, new_adapter_training
from infohorizon.mini.pretrained.wheel import SMOLLM2
from infohorizon.mini.training import decoder
from infohorizon.mini.training.decoder import Training, train_model
from infohorizon.mini.training.model import tower_features
from infohorizon.mini.training.packing import answer_logits, pack


def moved(training: Training) -> Training:
    """With every trained parameter moved, as training would."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in training.model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn_like(parameter)
    return training


@torch.no_grad()
def logits(training: Training, model) -> torch.Tensor:
    pixels, questions = decoder.training_batch(training, 3)
    return answer_logits(model, pack(questions, training.turn, 64), tower_features(model, pixels)).float()


def test_before_the_first_step_the_decoder_is_the_language_model(
    training: Training, tower: CLIPVisionModel, read: LanguageModel
) -> None:
    plain = new_llava(read, tower.config)
    ids = torch.tensor([[1, 40, 41, 17]])
    with torch.no_grad():
        adapted = training.model.float()(input_ids=ids).logits
        torch.testing.assert_close(adapted, plain(input_ids=ids).logits, atol=0.05, rtol=0.05)  # once in bfloat16


def test_only_lora_and_the_projector_are_trained_and_every_linear_layer_has_it(training: Training) -> None:
    linear = [m for m in training.model.model.language_model.modules() if isinstance(m, LowRank)]
    assert len(linear) == 2 * 7
    trained = {name for name, p in training.model.named_parameters() if p.requires_grad}
    assert {name.rsplit(".", 1)[-1] for name in trained if "projector" not in name} == {"down", "up"}
    assert len(trained) == 2 * len(linear) + 4
    assert all(p.dtype == torch.float32 for p in training.model.parameters() if p.requires_grad)


def test_a_control_of_random_weights_is_trained_whole_and_assembles_to_what_was_trained(
    tower: CLIPVisionModel, read: LanguageModel, tmp_path: Path
) -> None:
    recipe = replace(ADAPTER, weights="random", dtype="float32")
    training = moved(new_adapter_training(recipe, tower, read))
    decoder_parameters = dict(training.model.model.language_model.named_parameters())
    assert not any(isinstance(module, LowRank) for module in training.model.modules())
    assert all(parameter.requires_grad for parameter in decoder_parameters.values())
    fresh = new_adapter_training(recipe, tower, read).model.model.language_model
    for name, weight in fresh.named_parameters():
        assert "norm" in name or not torch.equal(weight, read.weights[name]), name
    folder.save(training.model, SMOLLM2, tmp_path)
    assembled = folder.assemble(tmp_path, read, SMOLLM2)
    said, expected = logits(training, assembled.model), logits(training, training.model)
    assert (said - expected).abs().max() < 0.05 * expected.std()  # stored in float16


def test_products_in_bfloat16_touch_neither_the_projectors_start_nor_the_tower(
    tower: CLIPVisionModel, read: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whitened in bfloat16, the projector's weights were hundreds of times too large."""
    monkeypatch.setattr(alignment, "BATCHES", 2)
    monkeypatch.setattr(alignment, "IMAGES", 4)
    recipe = replace(ADAPTER, weights="random", dtype="float32")
    plain, mixed = (new_adapter_training(recipe, tower, read) for _ in range(2))
    pixels, _ = decoder.training_batch(plain, 0)
    torch.manual_seed(0)
    plain.begin(recipe.rounds[0])
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        mixed.begin(recipe.rounds[0])
        seen = tower_features(mixed.model, pixels)
    torch.testing.assert_close(seen, tower_features(plain.model, pixels))
    for (name, one), other in zip(
        plain.model.model.multi_modal_projector.named_parameters(),
        mixed.model.model.multi_modal_projector.parameters(),
        strict=True,
    ):
        torch.testing.assert_close(other, one, msg=name)


def test_the_tower_of_a_folder_is_the_one_that_was_saved(
    training: Training, tower: CLIPVisionModel, tmp_path: Path
) -> None:
    folder.save(training.model, SMOLLM2, tmp_path)
    for name, weight in folder.shipped_tower(tmp_path).state_dict().items():
        torch.testing.assert_close(weight, tower.state_dict()[name], rtol=0, atol=0)


def test_a_saved_adapter_assembles_to_what_was_trained(
    training: Training, tower: CLIPVisionModel, read: LanguageModel, tmp_path: Path
) -> None:
    trained = moved(training)
    folder.save(trained.model, SMOLLM2, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"config.json", "adapter.safetensors"}
    assembled = folder.assemble(tmp_path, read, SMOLLM2)
    for name, weight in tower.state_dict().items():
        torch.testing.assert_close(assembled.model.model.vision_tower.state_dict()[name], weight, rtol=0, atol=0)
    for layer, lora in zip(
        assembled.model.model.language_model.layers, trained.model.model.language_model.layers, strict=True
    ):
        down, up = lora.mlp.down_proj.down, lora.mlp.down_proj.up
        name = f"layers.{lora.self_attn.layer_idx}.mlp.down_proj.weight"
        expected = read.weights[name] + up.half().float() @ down.half().float()
        torch.testing.assert_close(layer.mlp.down_proj.weight, expected)
    said, expected = logits(trained, assembled.model), logits(trained, trained.model)
    assert (said - expected).abs().max() < 0.15 * expected.std()  # the one in float32, the other in bfloat16
    assert (said - logits(trained, new_llava(read, tower.config))).abs().max() > expected.std()


def test_an_assembled_model_is_one_that_a_study_loads(training: Training, read: LanguageModel, tmp_path: Path) -> None:
    folder.save(moved(training).model, SMOLLM2, tmp_path / "adapter")
    with pytest.raises(UserError, match=r"holds an adapter, not its language model: `snakemake --until merge_adapter`"):
        models.load(str(tmp_path / "adapter"))
    model, processor = folder.assemble(tmp_path / "adapter", read, SMOLLM2)
    model.save_pretrained(tmp_path / "whole")
    processor.save_pretrained(tmp_path / "whole")
    loaded = models.load(str(tmp_path / "whole"), {"dtype": "float32"})  # compares the engine with its own forward
    assert loaded.depth == 2
    assert loaded.label_ids("A7K", "read the word at the top") == processor.tokenizer.encode("A7K")


def test_an_adapter_of_another_language_model_or_a_damaged_one_is_refused(
    training: Training, read: LanguageModel, tmp_path: Path
) -> None:
    folder.save(training.model, SMOLLM2._replace(member_sha256="0" * 64), tmp_path)
    with pytest.raises(UserError, match=r"belongs to a language model other than SmolLM2-135M-Instruct.Q4_1.gguf"):
        folder.assemble(tmp_path, read, SMOLLM2)
    save_file(load_file(tmp_path / "adapter.safetensors"), tmp_path / "adapter.safetensors")
    with pytest.raises(UserError, match="belongs to a language model other"):
        folder.assemble(tmp_path, read, SMOLLM2)
    (tmp_path / "adapter.safetensors").write_bytes(b"cut off")
    with pytest.raises(UserError, match=r"adapter.safetensors is damaged"):
        folder.assemble(tmp_path, read, SMOLLM2)


def test_two_of_three_steps_of_the_third_round_show_digits(training: Training) -> None:
    first = ADAPTER.steps + ADAPTER.finish_steps
    assert [r.first for r in ADAPTER.rounds] == [0, ADAPTER.steps, first] and ADAPTER.all_steps == first + 3
    for step in range(ADAPTER.all_steps):
        _, questions = decoder.training_batch(training, step)
        families = {question.family for asked in questions for question in asked}
        assert (families == {"digit"}) == (step in (first, first + 1)) and (families == {"digit"}) == (
            "digit" in families
        )


def test_a_validation_shows_digits_where_they_are_trained(training: Training, tower, read: LanguageModel) -> None:
    assert "digit" in decoder.validate(training)
    without = new_adapter_training(replace(ADAPTER, digit_steps=0), tower, read)
    assert "digit" not in decoder.validate(without)


def test_the_projector_learns_the_words_of_its_patches(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "BATCHES", 4)
    monkeypatch.setattr(alignment, "IMAGES", 4)
    features, target = alignment.described_patches(training.model, training.turn, 5, 0)
    assert features.shape == (4 * 64, 16) and target.shape == (4 * 64, 64)

    def error(steps: int) -> float:
        alignment.align_projector(training.model, training.turn, steps, 5)
        with torch.no_grad():
            miss = training.model.model.multi_modal_projector(features) - target
        return (miss.pow(2).mean() / target.pow(2).mean()).item()

    before, after = error(0), error(150)
    assert after < 0.5 * before


def test_the_projector_learns_digits_and_leaves_the_rest(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "BATCHES", 4)
    monkeypatch.setattr(alignment, "IMAGES", 4)
    model, turn = training.model, training.turn
    projector = model.model.multi_modal_projector
    alignment.align_projector(model, turn, 50, 5)
    features, digits = alignment.digit_patches(model, 5, 0)
    assert features.shape == (4 * 64, 16) and (digits > 0).sum() == 4 * 3 * 16 and digits.max() <= 10
    others = alignment.described_patches(model, turn, 5, 0)[0]
    telling = 3 * torch.eye(16)[digits]  # features that show the digit, since this tower is untrained
    monkeypatch.setattr(alignment, "digit_patches", lambda *_: (telling, digits))
    with torch.no_grad():
        before = projector(telling), projector(others)
    alignment.align_digits(model, turn, 300, 5)
    embedding = model.get_input_embeddings().weight.detach().float()
    words = torch.stack([embedding[turn.ids(str(digit))].mean(0) for digit in range(10)])
    target = alignment.DIGIT * (words - words.mean(0))[digits[digits > 0] - 1]
    with torch.no_grad():
        moved, still = projector(telling) - before[0], projector(others) - before[1]
    assert (moved[digits > 0] - target).pow(2).mean() < 0.2 * target.pow(2).mean()
    assert max(still.pow(2).mean(), moved[digits == 0].pow(2).mean()) < 0.01 * target.pow(2).mean()


def test_a_decoder_whose_weights_are_trained_is_not_trained_by_the_start(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are met more than once: the words' embeddings are targets, and no part of what is trained."""
    monkeypatch.setattr(alignment, "BATCHES", 2)
    monkeypatch.setattr(alignment, "IMAGES", 2)
    training.model.model.language_model.requires_grad_(True)
    alignment.align_projector(training.model, training.turn, 5, 5)
    assert all(parameter.grad is None for parameter in training.model.model.language_model.parameters())


def test_word_vectors_are_the_language_models_own(training: Training, read: LanguageModel) -> None:
    embedding = read.weights["embed_tokens.weight"]
    vectors = alignment.word_vectors(embedding, training.turn)
    assert not vectors["kind"][0].any() and not vectors["character"][0].any()
    tokens = [read.tokens.index(token) for token in ["Ġ", "r", "e", "d"]]
    torch.testing.assert_close(vectors["color"][1], embedding[tokens].mean(0))
    torch.testing.assert_close(vectors["character"][1], embedding[read.tokens.index("A")])
    assert vectors["row"].shape == vectors["column"].shape == (8, 64)


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings look at few images, and are validated after every step."""
    monkeypatch.setattr(decoder, "CHECK_EVERY", 1)
    monkeypatch.setattr(decoder, "VALIDATION_IMAGES", 2)
    monkeypatch.setattr(decoder, "VALIDATION_BATCH", 2)
    monkeypatch.setattr(alignment, "BATCHES", 2)
    monkeypatch.setattr(alignment, "IMAGES", 4)


@pytest.mark.usefixtures("few_images")
def test_a_training_that_continues_an_adapter_has_its_last_round_alone(
    training: Training, tower: CLIPVisionModel, read: LanguageModel, tmp_path: Path
) -> None:
    shipped = moved(training)
    folder.save(shipped.model, SMOLLM2, tmp_path / "shipped")
    recipe = replace(ADAPTER, align_steps=0, digit_rate=0.0)  # a training that moves nothing but by weight decay
    following = new_adapter_training(recipe, tower, read)
    continue_from(tmp_path / "shipped", following, tmp_path / "target")
    before = (tmp_path / "target.checkpoint").read_bytes()
    history = train_model(following, tmp_path / "target.checkpoint", lambda record: None)
    assert [r["step"] for r in history] == [7, 8, 9]
    for (name, one), other in zip(following.model.named_parameters(), shipped.model.parameters(), strict=True):
        torch.testing.assert_close(one.float(), other.float(), atol=2e-3, rtol=2e-3, msg=name)  # float16 between
    continue_from(tmp_path / "shipped", following, tmp_path / "target")
    assert (tmp_path / "target.checkpoint").read_bytes() != before  # its own progress stays
    changed = new_adapter_training(replace(recipe, digit_rate=1e-4), tower, read)
    continue_from(tmp_path / "shipped", changed, tmp_path / "target")  # a checkpoint of another recipe is none
    history = train_model(changed, tmp_path / "target.checkpoint", lambda record: None)
    assert [r["step"] for r in history] == [7, 8, 9]


class Cut(Exception):
    pass


@pytest.mark.usefixtures("few_images")
def test_a_training_cut_off_and_resumed_is_the_unbroken_one(
    tower: CLIPVisionModel, read: LanguageModel, tmp_path: Path
) -> None:
    steps = [3, 6, 8]

    def cut(record: dict) -> None:
        if record["step"] in steps:
            steps.remove(record["step"])
            raise Cut

    def train(name: str, log) -> tuple:
        training = new_adapter_training(ADAPTER, tower, read)
        history = train_model(training, tmp_path / name, log)
        return {n: p.clone() for n, p in training.model.state_dict().items()}, history

    whole, history = train("whole", lambda record: None)
    for _ in range(3):  # within each of the rounds
        with pytest.raises(Cut):
            train("cut", cut)
    resumed, resumed_history = train("cut", lambda record: None)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert [r["step"] for r in history] == [r["step"] for r in resumed_history] == [*range(1, 10)]
    start = new_adapter_training(ADAPTER, tower, read).model.state_dict()
    changed = {name for name in whole if not torch.equal(start[name], whole[name])}
    assert changed == {n for n in whole if n.endswith((".up", ".down")) or "projector" in n}
    assert decoder.load_checkpoint(tmp_path / "whole", replace(ADAPTER, rate=1)) is None
