"""`make contract`: what the frontends call, against the OpenAPI and AsyncAPI documents that are served.

rest.tsv and socket.tsv list every operation and event that the products' frontends use: a row that is not served fails.
"""

import csv
import json
import re
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENTS = HERE.parent.parent / "functions" / "konnect" / "http"
METHODS = {"get", "put", "post", "patch", "delete"}


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def operation(row: dict[str, str]) -> str:
    """Parameter names do not matter: /a/{id} is /a/{expertId}."""
    return f"{row['method']} {re.sub(r'{[^}]*}', '{}', row['path'])}"


def events(row: dict[str, str]) -> list[str]:
    """One for each direction."""
    directions = ["client", "server"] if row["direction"] == "both" else [row["direction"]]
    return [f"{direction} {row['namespace']} {row['event']}" for direction in directions]


def served() -> set[str]:
    """Every operation and event of the served documents."""
    openapi = json.loads((DOCUMENTS / "openapi.json").read_text())
    operations = {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}"
        for path, methods in openapi["paths"].items()
        for method in methods
        if method in METHODS
    }
    asyncapi = json.loads((DOCUMENTS / "asyncapi.json").read_text())
    messages = asyncapi["components"]["messages"]
    known = {
        f"{key.removeprefix(f'{channel_id}_')[:6]} {channel['address']} {messages[key]['name']}"
        for channel_id, channel in asyncapi["channels"].items()
        for key in channel["messages"]
    }
    return operations | known


def problems() -> tuple[list[str], Counter[str], Counter[str]]:
    """What is wrong, and by product how many rows there are and how many are served."""
    wanted = [(row["system"], operation(row)) for row in rows("rest.tsv")]
    wanted += [(row["system"], one) for row in rows("socket.tsv") for one in events(row)]
    now = served()
    total: Counter[str] = Counter()
    done: Counter[str] = Counter()
    found: list[str] = []
    for system, row in dict.fromkeys(wanted):
        total[system] += 1
        if row in now:
            done[system] += 1
        else:
            found.append(f"not served: {system} {row}")
    return found, total, done


def main() -> int:
    found, total, done = problems()
    for system in total:
        print(f"{system:16} {done[system]:3} of {total[system]:3} served")
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
