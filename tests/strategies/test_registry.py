"""Names, settings, and a user's own file."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from array_view import SELECTORS, random_view

from infohorizon.errors import UserError
from infohorizon.strategies import REGISTRY, create, entry, first_layer, names

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.mark.parametrize("name", SELECTORS)
def test_registry_agrees_with_the_class(name):
    strategy = create(name)
    module = type(strategy).__module__.rpartition(".")[2]
    assert name == type(strategy).name == module.replace("_", "-")
    facts = REGISTRY[name]
    assert facts.location == f"{module}:{type(strategy).__name__}"
    assert facts[1:] == (
        strategy.first_layer,
        strategy.random,
        strategy.keeps_none,
        strategy.merges,
        strategy.repeats,
        strategy.reads,
    )
    assert strategy.paper and strategy.needs and type(strategy).__doc__


def test_every_module_is_registered():
    folder = Path(sys.modules["infohorizon.strategies"].__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "base", "registry", "schedule"}
    assert modules == {facts.location.split(":")[0] for facts in REGISTRY.values()}


def test_import_does_not_load_torch():
    code = (
        "import sys; from infohorizon import strategies; strategies.entry('dart');"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_example_of_contributing(tmp_path):
    (example,) = re.findall(r'```python title="longest_state.py"\n(.*?)```', CONTRIBUTING.read_text(), re.DOTALL)
    file = tmp_path / "longest_state.py"
    file.write_text(example)
    assert len([line for line in example.splitlines() if line.strip()]) <= 10

    settings = {"mine": str(file)}
    view = random_view(63)
    longest = view.hidden().norm(dim=1).topk(20).indices
    assert create("mine", settings).select(view, 20).kept.tolist() == sorted(longest.tolist())
    assert create("mine", settings).name == "mine"
    assert names(settings)[-1] == "mine"
    assert entry("mine", settings)[1:] == (0, False, False, False, None, "nothing")


def test_a_strategy_of_ones_own_reads_another_layer(tmp_path):
    """What the view of that layer shows, where the class says that it reads one."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from infohorizon.strategies.base import ScoreStrategy\n"
        "class Mine(ScoreStrategy):\n"
        "    name, first_layer, reads = 'mine', 1, 'layer'\n"
        "    def score(self, view, keep):\n"
        "        return view.keys()[0].norm(dim=1)\n"
    )
    settings = {"moved": {"strategy": str(file), "read": 0.5}}
    view, other = random_view(20), random_view(20, seed=1)
    view.tensors["at"] = {4: other}  # where it would act on what layer 3 of 6 computes
    expected = other.keys()[0].norm(dim=1).topk(5).indices
    assert create("moved", settings).choose(view, 5).kept.tolist() == sorted(expected.tolist())
    assert first_layer("moved", settings, 6) == 3 and entry("moved", settings).reads == "layer"


def test_options():
    settings = {"faithful": {"strategy": "divprune", "faithful": True}, "alias": "fastv"}
    strategy = create("faithful", settings)
    assert strategy.faithful and strategy.name == "faithful"
    assert type(strategy).name == "divprune"
    assert entry("alias", settings) == REGISTRY["fastv"]


STRATEGY = "from infohorizon.strategies.base import ScoreStrategy, Strategy\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1", "exactly one strategy class; it defines none"),
        (STRATEGY, "exactly one strategy class; it defines none"),
        (STRATEGY + "class A(Strategy): pass\nclass B(Strategy): pass", "it defines A, B"),
        (STRATEGY + "class A(ScoreStrategy): pass", "A lacks the method score"),
        ("def", "cannot be imported: SyntaxError"),
        ("import no_such_module", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit"),
    ],
)
def test_bad_file(tmp_path, code, message):
    file = tmp_path / "mine.py"
    file.write_text(code)
    with pytest.raises(UserError, match=re.escape(message)) as error:
        create("mine", {"mine": str(file)})
    assert "mine.py" in str(error.value)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("fastvlm", {}, "There is no strategy 'fastvlm': did you mean 'fast"),
        ("quux", {}, "There is no strategy 'quux': known are random,"),
        ("mine", {"mine": "nowhere.py"}, "nowhere.py does not exist"),
        ("mine", {"mine": "nothing"}, "mine: 'nothing' is neither the path"),
        ("mine", {"mine": {"faithful": True}}, "mine: 'None' is neither the path"),
        ("mine", {"mine": {"strategy": "dart", "pivot": 3}}, "mine: DART has no option pivot"),
        ("mine", {"mine": {"strategy": "vispruner", "important": 2}}, "mine: important is 2"),
        ("random", {"random": "dart"}, "'random' is the name of a built-in strategy"),
    ],
)
def test_bad_settings(name, settings, message):
    with pytest.raises(UserError, match=re.escape(message)):
        create(name, settings)
