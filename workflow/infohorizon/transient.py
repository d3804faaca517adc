"""Calls of the hub, made again where the fault may pass: a lost connection, a busy or broken server."""

import logging
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tenacity import RetryCallState, retry, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from infohorizon.errors import FULL, causes

log = logging.getLogger("infohorizon")
P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS, WAIT = 5, wait_exponential_jitter(initial=1, max=30)  # about 20 seconds in all
PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP statuses that may pass; 401, 403 and 404 do not
# By name, since which HTTP library it is differs between versions of the hub client.
CONNECTION = {"TransportError", "RequestException", "LocalEntryNotFoundError"}


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed a little later."""
    chain = causes(error)
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    if any(getattr(link, "errno", None) in FULL for link in chain):
        return False
    statuses = [getattr(getattr(link, "response", None), "status_code", None) for link in chain]
    if known := [status for status in statuses if status]:
        return all(status in PASSING for status in known)
    names = {kind.__name__ for link in chain for kind in type(link).__mro__}
    return bool(names & CONNECTION) or any(isinstance(link, ConnectionError | TimeoutError) for link in chain)


def patient(call: Callable[P, T]) -> Callable[P, T]:
    """The call, made up to ATTEMPTS times where it fails with an error that may pass; the last error is raised."""
    return retry(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(ATTEMPTS),
        wait=WAIT,
        before_sleep=_said,
        reraise=True,
    )(call)


def _said(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("the hub did not answer (%s): attempt %d of %d follows", error, state.attempt_number + 1, ATTEMPTS)
