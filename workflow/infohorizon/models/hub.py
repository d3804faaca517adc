"""Hub models: which commit, and its files in the local cache (HF_HOME, HF_TOKEN and HF_HUB_OFFLINE are respected)."""

from collections.abc import Callable
from pathlib import Path

from infohorizon.errors import FULL, PassingError, UserError, causes

SUFFIXES = (".json", ".safetensors", ".jinja", ".txt", ".model")  # of the files that make a model; no pickles, no code
FILES = [f"*{suffix}" for suffix in SUFFIXES]
ADAPTER = "adapter.safetensors"  # a folder that holds it is no whole model: its language model is fetched and merged


def is_local(source: str) -> bool:
    """Whether a source is a folder; hub ids are owner/name and not written like a path."""
    return source.startswith((".", "/", "~")) or Path(source).exists() or source.count("/") != 1


def is_adapter(source: str) -> bool:
    """Whether a source is a folder with what training added to a language model, and without that."""
    return is_local(source) and (Path(source).expanduser() / ADAPTER).is_file()


def snapshot(source: str, revision: str | None, check: Callable[[str, Path], object]) -> Path:
    """Fetch a model repository's safetensors and configuration; give the cached folder, which the commit names.

    Files that are there stay. Without a network a commit that is in the cache is taken from there.

    Args:
        check: called with the source and its config.json before anything else is fetched.
    Raises:
        UserError: unreachable, gated, unknown repository or revision, no safetensors, disk full.
    """
    from huggingface_hub import snapshot_download

    from infohorizon.transient import patient

    download = patient(snapshot_download)
    try:
        folder = Path(download(source, revision=revision, allow_patterns=["config.json"]))
        check(source, folder / "config.json")
        folder = Path(download(source, revision=folder.name, allow_patterns=FILES))
    except UserError:
        raise
    except Exception as error:  # the client passes on whatever its HTTP library and the file system raise
        raise _explained(error, source, revision) from error
    if not list(folder.glob("*.safetensors")):
        raise UserError(f"{source} has no safetensors weights at this revision; pickled ones (*.bin) are not read.")
    return folder


def cached(source: str, revision: str | None) -> Path | None:
    """The folder of a repository in the local cache; None where it is not there, or not its weights."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(source, revision=revision, allow_patterns=FILES, local_files_only=True))
    except Exception:  # whatever the client says, it is not there
        return None
    return folder if list(folder.glob("*.safetensors")) else None


def _explained(error: BaseException, source: str, revision: str | None) -> UserError:
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    from infohorizon.transient import is_transient

    # by name, since which httpx it is differs between versions of the hub client
    transport = any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
    if any(getattr(link, "errno", None) in FULL for link in causes(error)):
        return PassingError(f"no space left to download {source}: free some, or set HF_HOME; complete files are kept.")
    if isinstance(error, GatedRepoError):
        return UserError(f"{source} is gated: accept its terms on the hub and set HF_TOKEN.")
    if isinstance(error, RevisionNotFoundError):
        return UserError(f"{source} has no revision '{revision}': correct `revision` of the model.")
    if isinstance(error, RepositoryNotFoundError):
        return UserError(f"{source} is not on the hub, or is private: check the name, or set HF_TOKEN.")
    if transport or isinstance(error, (LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError, TimeoutError)):
        return PassingError(
            f"the hub cannot be reached, or the connection broke, and {source} is incomplete in the local cache: run "
            "this rule where there is a network, or give a folder as `source`."
        )
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    kind = PassingError if is_transient(error) else UserError  # a busy or broken server
    return kind(f"{source} could not be downloaded: {reason}.")
