"""Which faults of the hub may pass, and how often a call is made."""

import errno
from itertools import pairwise
from types import SimpleNamespace

import pytest
from huggingface_hub import errors

from infohorizon import transient
from infohorizon.transient import is_transient, patient


def answered(status):
    return SimpleNamespace(headers={}, request=None, status_code=status)


def chained(*chain):
    for outer, inner in pairwise(chain):
        outer.__cause__ = inner
    return chain[0]


Timeout = type("ReadTimeout", (type("TransportError", (Exception,), {}),), {})


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (Timeout("slow"), True),
        (ConnectionResetError("reset"), True),
        (TimeoutError("slow"), True),
        (errors.LocalEntryNotFoundError("not in the cache"), True),
        (chained(RuntimeError("outer"), ValueError("middle"), Timeout("slow")), True),
        *((errors.HfHubHTTPError("no", response=answered(status)), True) for status in (429, 500, 503, 504)),
        *((errors.HfHubHTTPError("no", response=answered(status)), False) for status in (400, 401, 403, 404)),
        (errors.RepositoryNotFoundError("no", response=answered(404)), False),
        (chained(errors.LocalEntryNotFoundError("gone"), errors.GatedRepoError("no", response=answered(403))), False),
        (chained(ConnectionError("broken"), OSError(errno.ENOSPC, "full")), False),
        (ValueError("of the caller"), False),
        (FileNotFoundError("a.json"), False),
    ],
)
def test_what_may_pass(error, passes, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert is_transient(error) is passes
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not is_transient(error)


class Call:
    def __init__(self, *outcomes):
        self.outcomes, self.made = list(outcomes), 0

    def __call__(self, value):
        self.made += 1
        if outcome := self.outcomes.pop(0):
            raise outcome
        return value


def test_a_call_is_made_until_it_succeeds(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    call = Call(Timeout("1"), ConnectionError("2"), None)
    assert patient(call)(7) == 7 and call.made == 3


def test_a_call_ends_with_its_last_error(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    call = Call(*map(Timeout, "123456789"))
    with pytest.raises(Timeout, match=str(transient.ATTEMPTS)):
        patient(call)(7)
    assert call.made == transient.ATTEMPTS


def test_a_fault_of_the_caller_is_raised_at_once():
    call = Call(ValueError("wrong"), None)
    with pytest.raises(ValueError, match="wrong"):
        patient(call)(7)
    assert call.made == 1
