"""Entry of an evaluator process: reads tasks from stdin, writes results to stdout."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from backend.jobs.process import die_with_parent
from backend.search.executor import Handler
from codegen.errors import PunchcardError

NICENESS = 10


def serve(make_handlers: Callable[[Mapping[str, Any]], Mapping[str, Handler]]) -> None:
    """Answer each line of stdin with one line on stdout until stdin ends.

    Args:
        make_handlers: called once with the setup object; returns the function of each task kind.
            Its error is the answer to every task.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print goes to the log
    handlers: Mapping[str, Handler] | None = None
    setup: Mapping[str, Any] = {}
    for line in sys.stdin:
        message = json.loads(line)
        if "setup" in message:
            setup = message["setup"]
            continue
        answer: dict[str, Any] = {"id": message["id"]}
        try:
            if handlers is None:
                handlers = make_handlers(setup)
            answer["result"] = handlers[message["kind"]](message["payload"])
        except PunchcardError as error:
            answer["error"] = str(error)
        except Exception as error:  # the trial fails with its reason, the search goes on
            traceback.print_exc()
            answer["error"] = f"{type(error).__name__}: {error}"
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Run the evaluator that needs torch."""
    die_with_parent(int(sys.argv[1]))
    os.nice(NICENESS)
    from backend.search.evaluator import make_handlers

    serve(make_handlers)


if __name__ == "__main__":
    main()
