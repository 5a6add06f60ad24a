"""SQL databases, by SQLAlchemy and the drivers PyMySQL and psycopg."""

from importlib.util import find_spec

from cdc.errors import ConfigInvalid

if absent := [name for name in ("sqlalchemy", "pymysql", "psycopg") if find_spec(name) is None]:
    raise ConfigInvalid(f"SQL databases need {', '.join(absent)}", hint="pip install 'cdc[sql]'")
