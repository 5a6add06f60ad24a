"""A document of the data type `information`."""

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def item(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever is to be tried
    """A document with every field, as MongoDB's driver gives it; with `changes`, of which `...` leaves a field out."""
    whole = {
        "_id": ObjectId("665f1f77bcf86cd799439011"),
        "kind": "news",
        "title": "Central bank holds its rate",
        "summary": "As expected.",
        "content": "The bank said on Saturday …",
        "url": "https://news.example/2026/rate?lang=en",
        "source": "Example News",
        "authors": ["A. Writer", "B. Writer"],
        "language": "en",
        "tags": ["rates", "macro"],
        "instruments": [{"symbol": "AAPL", "exchange": "XNAS", "isin": "US0378331005", "name": "Apple"}],
        "sentiment": 0.25,
        "publish_time": MOMENT,
        "crawl_time": MOMENT,
        "update_time": MOMENT,
        "attachments": [
            {
                "name": "statement.pdf",
                "url": "https://news.example/statement.pdf",
                "media_type": "application/pdf",
                "size": 48_213,
                "sha256": "0123456789abcdef" * 4,
            }
        ],
        "extra": {"feed": {"page": 3}},
    }
    return {name: value for name, value in (whole | changes).items() if value is not ...}
