"""Hub models: which commit, and its files in the local cache (HF_HOME, HF_TOKEN and HF_HUB_OFFLINE are respected)."""

import errno

from infohorizon.errors import UserError

FILES = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]


def download(source: str, revision: str | None) -> str:
    """Fetch a model repository's safetensors and configuration, resuming what is there; give the commit.

    Raises:
        UserError: unreachable, gated, unknown repository or revision, no safetensors, disk full.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        folder = snapshot_download(source, revision=revision, allow_patterns=FILES)
    except GatedRepoError as error:
        raise UserError(f"{source} is gated: accept its terms on the hub and set HF_TOKEN.") from error
    except RevisionNotFoundError as error:
        raise UserError(f"{source} has no revision '{revision}': mend `revision` of the model.") from error
    except RepositoryNotFoundError as error:
        raise UserError(f"{source} is not on the hub, or is private: check the name, or set HF_TOKEN.") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError, TimeoutError) as error:
        raise UserError(
            f"the hub cannot be reached and {source} is not in the local cache: run this rule where there is a network, "
            "or give a folder as `source`."
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UserError(
                f"no space left while downloading {source}: free some, or set HF_HOME; it resumes."
            ) from error
        raise UserError(f"{source} could not be downloaded: {error}") from error
    return folder.rstrip("/").rsplit("/", 1)[-1]
