"""Two models on both sides, in float32 and in bfloat16."""

import pytest

from devices.sides import Side, sides_of


@pytest.fixture(
    scope="session",
    params=[(kind, dtype) for kind in ("llava", "qwen2_5_vl") for dtype in ("float32", "bfloat16")],
    ids="-".join,
)
def sides(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side]:
    """The accelerator's side, and the CPU's."""
    kind, dtype = request.param
    return sides_of(kind, dtype, tmp_path_factory.mktemp(kind))


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Side:
    """LLaVA in float32 on the accelerator."""
    return sides_of("llava", "float32", tmp_path_factory.mktemp("llava"))[0]
