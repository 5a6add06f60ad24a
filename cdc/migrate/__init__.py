"""Migrations: tasks that copy the documents of a collection into tables, and prove that all of them are there."""

from cdc.migrate.task import Task

__all__ = ["Task"]
