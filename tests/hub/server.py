"""A local hub: as much of the Hugging Face hub's HTTP API as its clients need to fetch the files of a repository.

Clients read `HF_ENDPOINT` when they are imported: ask this hub from a process of its own.
"""

import hashlib
import json
import os
import re
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

ABOUT = re.compile(r"/api/(?P<kind>model|dataset)s/(?P<name>[^/]+/[^/]+)(/revision/(?P<revision>[^/]+))?")
TREE = re.compile(r"/api/(?P<kind>model|dataset)s/(?P<name>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)(/(?P<path>.+))?")
FILE = re.compile(r"(/(?P<kind>dataset)s)?/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")


@dataclass
class Repository:
    """Commits, the oldest first, and the folders with their files; `main` is the last. `token`: who may have them."""

    commits: dict[str, Path]
    token: str | None = None


class Request(NamedTuple):
    """What a client asked for, and how it was answered."""

    method: str
    path: str
    range: str | None
    status: int


class Refused(Exception):
    """An answer without a body: the status, and the hub's word for the reason (`X-Error-Code`)."""


class Hub(ThreadingHTTPServer):
    """Serves model repositories and data sets by their ids.

    Attributes:
        requests: what it was asked for.
        busy: how many of the next requests it answers with 503.
    """

    def __init__(self, models: Mapping[str, Repository], datasets: Mapping[str, Repository]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = {"model": models, "dataset": datasets}
        self.requests: list[Request] = []
        self.cuts: dict[str, tuple[int, bool]] = {}
        self.busy = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def cut(self, file: str, after: int, reset: bool = False) -> None:
        """Close the connection once, after that many bytes of a file; `reset`: as a failing network does."""
        self.cuts[file] = (after, reset)

    def fetched(self, file: str = "") -> list[Request]:
        """Requests for the content of files whose path ends with `file`."""
        return [r for r in self.requests if r.method == "GET" and "/resolve/" in r.path and r.path.endswith(file)]


@contextmanager
def serve(models: Mapping[str, Repository], datasets: Mapping[str, Repository]) -> Iterator[Hub]:
    with Hub(models, datasets) as hub:
        thread = Thread(target=hub.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        url = urlsplit(self.path).path
        try:
            if self.server.busy:
                self.server.busy -= 1
                raise Refused(503, "Busy")
            for pattern, respond in ((ABOUT, self.about), (TREE, self.tree), (FILE, self.file)):
                if asked := pattern.fullmatch(url):
                    return respond(**asked.groupdict())
            raise Refused(404, "NotFound")
        except Refused as error:
            status, reason = error.args
            self.answer(status, b"", {"X-Error-Code": reason})

    do_HEAD = do_GET

    def about(self, kind: str, name: str, revision: str | None) -> None:
        """A repository at a revision. Gated ones are described, and their files listed, to everybody as on the hub."""
        commit, folder = self.find(self.repository(kind, name), revision)
        files = [{"rfilename": str(path.relative_to(folder))} for path in sorted(folder.rglob("*")) if path.is_file()]
        self.answer_json({"id": name, "sha": commit, "siblings": files})

    def tree(self, kind: str, name: str, revision: str, path: str | None) -> None:
        """What a folder of a repository holds; with `recursive`, also what the folders in it hold."""
        _, folder = self.find(self.repository(kind, name), revision)
        here = folder / unquote(path or "")
        if not here.is_dir():
            raise Refused(404, "EntryNotFound")
        entries = here.rglob("*") if "recursive=true" in urlsplit(self.path).query else here.iterdir()
        self.answer_json([entry(path, str(path.relative_to(folder))) for path in sorted(entries)])

    def file(self, kind: str | None, name: str, revision: str, path: str) -> None:
        """A file, or the range of it that is asked for."""
        repository = self.repository(kind or "model", name)
        bearer = self.headers["Authorization"]
        if repository.token and bearer != f"Bearer {repository.token}":
            raise Refused(403 if bearer else 401, "GatedRepo")
        commit, folder = self.find(repository, revision)
        if not (folder / unquote(path)).is_file():
            raise Refused(404, "EntryNotFound")
        content = (folder / unquote(path)).read_bytes()
        headers = {"ETag": f'"{blob_id(content)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        status = 200
        if part := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or ""):
            start, stop = int(part[1]), int(part[2] or len(content) - 1) + 1
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
            status, content = 206, content[start:stop]
        self.answer(status, content, headers, path)

    def repository(self, kind: str, name: str) -> Repository:
        if name not in self.server.repositories[kind]:
            raise Refused(404, "RepoNotFound")
        return self.server.repositories[kind][name]

    def find(self, repository: Repository, revision: str | None) -> tuple[str, Path]:
        commit = [*repository.commits][-1] if revision in (None, "main") else unquote(revision)
        if commit not in repository.commits:
            raise Refused(404, "RevisionNotFound")
        return commit, repository.commits[commit]

    def answer_json(self, content: Any) -> None:
        self.answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def answer(self, status: int, body: bytes, headers: Mapping[str, str], file: str = "") -> None:
        self.server.requests.append(Request(self.command, self.path, self.headers["Range"], status))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        after, reset = self.server.cuts.pop(file, (len(body), False))
        self.wfile.write(body[:after])
        if after < len(body):
            self.close_connection = True
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(self.connection.detach())  # not `close`: it waits for the handler's own streams

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr: `requests` tells."""


def entry(path: Path, name: str) -> dict[str, Any]:
    """A file or folder in a listing; nobody asks for the git ids of folders."""
    if path.is_dir():
        return {"type": "directory", "path": name, "oid": ""}
    content = path.read_bytes()
    return {"type": "file", "path": name, "size": len(content), "oid": blob_id(content)}


def blob_id(content: bytes) -> str:
    """Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
