"""The privacy page tells everything that is stored."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from pydantic import BaseModel, Field

from services.skill.portal import catalog
from services.skill.portal.descriptions import NoWordsError, rows
from voxtrude.mongo import schema
from voxtrude.retention import Retention


def test_every_collection_has_its_chapter() -> None:
    told = [chapter.collection for chapter in catalog.CHAPTERS]
    assert sorted(told) == sorted(schema.lifetimes(Retention()))


@pytest.mark.parametrize("chapter", catalog.CHAPTERS, ids=lambda one: one.collection)
def test_every_field_has_words(chapter: catalog.Chapter) -> None:
    assert all(row.words for row in chapter.rows())
    assert "_id" in chapter.stored_names()


@pytest.mark.parametrize("chapter", catalog.CHAPTERS, ids=lambda one: one.collection)
def test_every_field_that_the_database_asks_for_is_told(chapter: catalog.Chapter) -> None:
    assert schema.demanded(Retention()).get(chapter.collection, set()) <= chapter.stored_names()


def test_the_times_are_those_of_the_settings() -> None:
    retention = Retention(printers=timedelta(days=3), jobs=timedelta(hours=36))
    told = {one.collection: catalog.ends(one, retention) for one in catalog.CHAPTERS}
    assert told[schema.PRINTERS].startswith("3 days after")
    assert told[schema.STATES].startswith("3 days after")
    assert told[schema.JOBS].startswith("36 hours after")
    assert not any("{" in one for one in told.values())


def test_a_field_without_words_is_an_error() -> None:
    class Silent(BaseModel):
        told: str = Field(description="this one is told")
        secret: str

    with pytest.raises(NoWordsError, match=r"Silent\.secret"):
        rows(Silent)

    @dataclass
    class Quiet:
        """This one speaks of itself only."""

        told: str
        """This one is told."""
        secret: str

    with pytest.raises(NoWordsError, match=r"Quiet\.secret"):
        rows(Quiet)


def test_the_parts_of_a_field_are_named() -> None:
    states = {row.name: row for row in catalog.rows_of(schema.STATES)}
    assert "value.name" in states["selected"].parts
    assert "actual" in states["temperatures"].parts
    assert "file.path" in states["job"].parts
    registration = {row.name: row for row in catalog.rows_of(schema.PRINTERS)}
    assert "serial_number" in registration["identification"].parts
