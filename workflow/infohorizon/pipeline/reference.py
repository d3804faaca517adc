"""The configuration reference: each setting of config.yaml with its value there, what it can be, and its comment."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ENTRIES = {"models": "a model", "benchmarks": "a benchmark", "schedules": "a schedule"}
"""Sections that are catalogues: name → settings of one entry."""


class Setting(NamedTuple):
    """A key of config.yaml, its value as it is written there, and the comment above it."""

    key: str
    value: str
    comment: str


def configuration(root: Path) -> str:
    """The reference, a heading for each key of the first level, in the order of config.yaml."""
    text = (root / "config.yaml").read_text(encoding="utf-8")
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    return "\n\n".join("\n\n".join(_section(schema, *section)) for section in _sections(text))


def _sections(text: str) -> Iterator[tuple[Setting, str]]:
    """Each key of the first level, and its indented lines; what is above the first blank line is about the file."""
    body = text.split("\n\n", 1)[1]
    found = re.finditer(r"((?:^#.*\n)*)^(\w+):(.*)\n((?:^(?: .*)?\n)*?)(?=^[#\w]|\Z)", body, re.M)
    for comment, key, value, lines in (match.groups() for match in found):
        yield Setting(key, value.strip(), _prose(comment)), lines.rstrip("\n")


def _section(schema: Mapping[str, Any], head: Setting, lines: str) -> Iterator[str]:
    """Markdown blocks of one section: a lone setting, a catalogue, or a table of its settings."""
    rule = schema["properties"][head.key]
    yield f"## `{head.key}`"
    if head.comment:
        yield head.comment
    if not lines:
        yield f"In config.yaml: `{head.value}`. Allowed: {allowed(rule, schema)}."
    elif "properties" in rule:
        rows = [
            f"| `{key}` | `{value}` | {_cell(allowed(rule['properties'][key], schema))} | {_cell(comment)} |"
            for key, value, comment in _settings(lines)
        ]
        yield "\n".join(["| setting | in config.yaml | allowed | meaning |", "|---|---|---|---|", *rows])
    else:
        if head.key in ENTRIES:
            yield f"Settings of {ENTRIES[head.key]}:"
            settings = rule["additionalProperties"]["properties"].items()
            rows = [
                f"| `{key}` | {_cell(allowed(own, schema))} | {_default(own)} | {own.get('title', '')} |"
                for key, own in settings
            ]
            yield "\n".join(["| setting | allowed | default | meaning |", "|---|---|---|---|", *rows])
        yield f"In config.yaml:\n\n```yaml\n{head.key}:\n{lines}\n```"


def _settings(lines: str) -> Iterator[Setting]:
    """The keys of a section with their comments."""
    for comment, key, value in re.findall(r"((?:^  #.*\n)*)^  ([\w-]+): *(.*)$", lines, re.M):
        yield Setting(key, value, _prose(comment))


def _prose(comment: str) -> str:
    return " ".join(line.strip().removeprefix("#").strip() for line in comment.splitlines())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(rule: Mapping[str, Any]) -> str:
    if "default" not in rule:
        return "–"
    value = {None: "null", True: "true", False: "false"}.get(rule["default"], rule["default"]) if _plain(rule) else "{}"
    return f"`{value}`"


def _plain(rule: Mapping[str, Any]) -> bool:
    return not isinstance(rule["default"], dict | list)


def allowed(rule: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a value may be, in words: the rule's own description, its choices, or its type and range."""
    if "$ref" in rule:
        name = rule["$ref"].removeprefix("#/$defs/")
        return "a name" if name == "name" else allowed(schema["$defs"][name], schema)
    if "description" in rule:
        return str(rule["description"])
    if "enum" in rule:
        return ", ".join(f"`{choice}`" for choice in rule["enum"])
    if "const" in rule:
        return f"`{rule['const']}`"
    if "oneOf" in rule:
        return " or ".join(allowed(choice, schema) for choice in rule["oneOf"])
    if "items" in rule:
        entry = allowed(rule["items"], schema)
        return "a list of names" if entry == "a name" else f"a list; each entry: {entry}"
    if "type" not in rule:
        return "any value"
    kinds = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
    return " or ".join(_kind(kind, rule) for kind in kinds)


def _kind(kind: str, rule: Mapping[str, Any]) -> str:
    """A JSON type with its bounds."""
    words = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}
    words |= {"null": "null", "array": "a list", "object": "a dictionary"}
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    limits = [f"{word} {rule[name]}" for name, word in bounds.items() if name in rule and kind in ("integer", "number")]
    return " ".join([words[kind], *limits])
