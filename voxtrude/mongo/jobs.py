"""Print history: one document a job, written when it starts and when it ends."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pymongo import UpdateOne

from voxtrude.mongo.bulk import Rejection, write
from voxtrude.mongo.client import Database, Document, translated
from voxtrude.mongo.schema import JOBS
from voxtrude.printer import Job, JobId, Origin, PastJob, PrinterId, PrintFile


class JobRecord(BaseModel):
    """A job of the history, as it is read; without ``ended_at`` it is open."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    id: JobId
    """What the print is known by."""
    printer: PrinterId
    """Which printer it was."""
    file: PrintFile
    """The file that was printed."""
    started_at: datetime | None = None
    """When it began."""
    ended_at: datetime | None = None
    """When it ended."""
    outcome: Literal["done", "cancelled", "failed", "interrupted"] | None = None
    """How it ended."""
    duration: timedelta | None = None
    """How long it took, without pauses."""
    progress: float | None = None
    """How far it came, in percent."""
    error: str | None = None
    """Why it failed, in OctoPrint's words."""
    origin: Origin
    """Whether we heard it end, or concluded that it did."""


class Jobs:
    """The collection of jobs."""

    def __init__(self, database: Database) -> None:
        self._collection = database[JOBS]

    async def save(self, jobs: Iterable[tuple[PrinterId, Job | PastJob]]) -> list[Rejection]:
        """Write jobs durably; the same job again changes nothing but its fields.

        Raises:
            LinkError: The database is away.
        """
        return await write(
            self._collection,
            [
                UpdateOne({"_id": job.id}, {"$set": _fields(printer, job)}, upsert=True)
                for printer, job in jobs
            ],
        )

    async def of(self, printer: PrinterId, limit: int = 50, skip: int = 0) -> list[JobRecord]:
        """Return a printer's jobs, newest first, without the first ``skip``."""
        with translated():
            return [
                JobRecord.model_validate({**document, "id": document["_id"]})
                async for document in self._collection.find({"printer": printer})
                .sort([("written_at", -1), ("_id", -1)])
                .skip(skip)
                .limit(limit)
            ]

    async def page(
        self,
        printers: Iterable[PrinterId],
        limit: int,
        before: tuple[datetime, JobId] | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[tuple[datetime, JobRecord]]:
        """Return these printers' jobs, newest first, each with the moment that it stands at.

        That is its end, or of an open job when we first knew of it. ``before`` is where the last
        page ended; ``since`` is included, ``until`` is not.

        Raises:
            LinkError: The database is away.
        """
        bounds = {key: at for key, at in (("$gte", since), ("$lt", until)) if at}
        query: list[Document] = [{"printer": {"$in": list(printers)}}]
        if bounds:
            query.append({"written_at": bounds})
        if before:
            at, job = before
            query.append(
                {"$or": [{"written_at": {"$lt": at}}, {"written_at": at, "_id": {"$lt": job}}]}
            )
        with translated():
            return [
                (
                    document["written_at"],
                    JobRecord.model_validate({**document, "id": document["_id"]}),
                )
                async for document in self._collection.find({"$and": query})
                .sort([("written_at", -1), ("_id", -1)])
                .limit(limit)
            ]

    async def count(self) -> int:
        """Return how many jobs are kept."""
        with translated():
            return int(await self._collection.count_documents({}))


def _fields(printer: PrinterId, job: Job | PastJob) -> Document:
    fields: dict[str, Any] = {
        "printer": printer,
        "file": asdict(job.file),
        "started_at": job.started_at,
        "origin": job.origin.value,
    }
    if isinstance(job, Job):
        return {**fields, "written_at": job.opened_at}
    return {
        **fields,
        "outcome": job.outcome.value,
        "ended_at": job.ended_at,
        "written_at": job.ended_at,
        "duration": job.duration,
        "progress": job.progress,
        "error": job.error,
    }
