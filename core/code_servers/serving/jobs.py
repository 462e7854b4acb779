"""What a code server has done by the process that has loaded the code."""

from __future__ import annotations

import msgspec

from core.records.origin import LoadableTargetOrigin

PROGRAM = "core.code_servers.serving.home"
"""The module whose `main` is that process."""


NOT_LOADED = "its code, which could not be loaded"
"""What was asked for, in messages, where the code raises when it is imported."""


class CodeSetup(msgspec.Struct, frozen=True):
    """To that process, first.

    Attributes:
        target: where the code is.
    """

    target: LoadableTargetOrigin


class EvaluationJob(msgspec.Struct, frozen=True):
    """A question.

    Attributes:
        method: by which it was asked.
        question: the question, as JSON.
    """

    method: str
    question: bytes


class RunJob(msgspec.Struct, frozen=True):
    """A run.

    Attributes:
        run_id: the run.
        instance_ref: the instance that it is stored in, as JSON.
        claim: the claim on it that is taken over, as JSON.
    """

    run_id: str
    instance_ref: bytes
    claim: bytes
