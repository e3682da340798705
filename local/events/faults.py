"""Faults on request: how events reach a trigger when at-least-once and unordered are taken seriously."""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field


class UnknownTriggerError(ValueError):
    """No trigger of that name; the message has those that exist."""


class Fault(BaseModel):
    """What happens to the events of one trigger, of those documents whose path begins with `document`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trigger: str
    document: str = ""
    repeat: int = Field(default=1, ge=1, le=100)
    """Deliver each event so many times, under its one id."""
    delay_ms: int = Field(default=0, ge=0, le=600_000)
    reorder: int = Field(default=0, ge=0, le=1000)
    """Hold so many events, then deliver them in reverse (0: off). Draining and clearing release what is held."""
    fail_first: int = Field(default=0, ge=0, le=100)
    """The first so many attempts at each event fail before they reach the function."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.trigger, self.document)


class FaultTable:
    """The faults in force: one a trigger and prefix; the longest prefix that matches a document decides."""

    def __init__(self) -> None:
        self._faults: dict[tuple[str, str], Fault] = {}

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def set(self, fault: Fault) -> None:
        """Add the fault, or replace the one of the same trigger and prefix."""
        self._faults[fault.key] = fault

    def clear(self, trigger: str | None = None) -> None:
        """Remove every fault, or those of one trigger."""
        self._faults = {key: fault for key, fault in self._faults.items() if trigger not in (None, key[0])}

    def find(self, trigger: str, document: str) -> Fault | None:
        matching = (
            fault for fault in self._faults.values() if fault.trigger == trigger and document.startswith(fault.document)
        )
        return max(matching, key=lambda fault: len(fault.document), default=None)
