"""What a user writes (config.yaml, a schedule) against its JSON schema: the first mistake in one sentence."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from infohorizon.errors import UserError, suggestion

# JSON takes 1.0 for an integer; here it is a fraction that is too large: keeping 1 token is not keeping all of them.
STRICT = Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
)
Validator = extend(Draft202012Validator, type_checker=STRICT)
LITERAL = re.compile(r"[+-]?\d+(\.\d*)?|true|false|null")
BRACES = "In braces after --config, Snakemake reads everything as text: use a file and --configfile."
TRUTH = "After --config, Snakemake reads true and false as text: write True or False."
TYPES = {
    "object": "a dictionary",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


def check(config: Mapping[str, Any], schema: str | Path, name: str = "the configuration") -> None:
    """Check a configuration, or a file called `name`, against a schema file.

    Raises:
        UserError: one sentence that names the key and what it may be.
    """
    validator = Validator(yaml.safe_load(Path(schema).read_text(encoding="utf-8")))
    if (error := best_match(validator.iter_errors(config))) is not None:
        while error.parent is not None:  # the whole of a "oneOf", not one of its branches
            error = error.parent
        raise UserError(sentence(error, name))


def sentence(error: ValidationError, name: str) -> str:
    """What is wrong, where, and what would be right."""
    key = ".".join(map(str, error.absolute_path))
    inside = f"{key}." if key else ""
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{inside}{missing} is missing."
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        other = next(key for key in error.instance if key not in known)
        return f"{inside}{other} is not a key of {name}: {suggestion(other, known)}"
    said = f"{key or name}: {error.instance!r} is not valid; it must be {_wanted(error)}."
    if not isinstance(error.instance, str) or not LITERAL.fullmatch(error.instance):
        return said
    return f"{said} {TRUTH if error.instance in ('true', 'false') and error.validator == 'type' else BRACES}"


def _wanted(error: ValidationError) -> str:
    """What the value must be: the schema's own description, else what its rule asks for."""
    schema, wanted = error.schema, error.validator_value
    if "description" in schema:
        return schema["description"]
    match error.validator:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return " or ".join(TYPES.get(kind, kind) for kind in kinds)
        case "enum":
            return f"one of {', '.join(map(str, wanted))}"
        case "uniqueItems":
            return "a list without duplicates"
        case "minLength":
            return "non-empty text"
        case "minItems":
            return f"a list of at least {wanted}"
        case "maxItems":
            return f"a list of at most {wanted}"
        case "minimum":
            return f"at least {wanted}"
        case "maximum":
            return f"at most {wanted}"
        case "exclusiveMinimum":
            return f"above {wanted}"
        case "exclusiveMaximum":
            return f"below {wanted}"
        case _:
            return error.message
