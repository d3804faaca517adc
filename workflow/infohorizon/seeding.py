"""Seeds of random draws and digests of settings: from what they are of, never from when or where they are made."""

import hashlib
import json
from typing import Any


def seed_of(*parts: object) -> int:
    """A 63-bit seed from what identifies a draw; equal in every process, shard and order."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def digest_of(value: Any) -> str:
    """16 hex digits that tell apart what JSON can hold; the order of a dictionary's keys does not matter."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
