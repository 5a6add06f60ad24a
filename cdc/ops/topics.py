"""The topics that the settings name."""

from cdc.config import Settings
from cdc.sink.topics import Topics


def topics(settings: Settings) -> Topics:
    return Topics(
        settings.kafka,
        settings.topic_for,
        ahead=_ahead(settings),
        ddl=settings.ddl_topic,
        dead_letter=settings.dead_letter_topic,
        tombstones=settings.tombstones,
        create=settings.create_topics,
    )


def _ahead(settings: Settings) -> list[str]:
    """The topics of records whose names are known before the first one."""
    database = settings.database
    if settings.topic is not None and "{coll}" not in settings.topic:
        return [settings.topic_for(database, "")]
    return sorted({settings.topic_for(database, collection) for collection in settings.names})
