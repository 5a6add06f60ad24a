"""`cdc watch`."""

from cdc.cli import given, options, reading


def watch(
    collection: reading.Collection = None,
    database: reading.Database = None,
    mongo_uri: reading.MongoUri = None,
    source: reading.Source = None,
    table: reading.Table = None,
    data_type: reading.DataType = None,
    match: reading.Match = None,
    where: reading.Where = None,
    no_snapshot: reading.NoSnapshot = None,
    from_: reading.From = None,
    full_amount: reading.FullAmount = None,
    increment_field: reading.IncrementField = None,
    parallel: reading.Parallel = None,
    max_rate: reading.MaxRate = None,
    read_preference: reading.ReadPreference = None,
    snapshot_round_ms: reading.SnapshotRoundMs = None,
    poll_interval: reading.PollInterval = None,
    poll_lag: reading.PollLag = None,
    full_document: options.FullDocument = None,
    before: options.Before = None,
    lookup: options.Lookup = None,
    json: options.Json = None,
    tombstones: options.Tombstones = None,
    topic: options.Topic = None,
    sink: options.Sink = None,
    create_tables: options.CreateTables = None,
    dead_letter_table: options.DeadLetterTable = None,
    bootstrap_servers: options.BootstrapServers = None,
    no_create_topics: options.NoCreateTopics = None,
    dead_letter_topic: options.DeadLetterTopic = None,
    ddl_topic: options.DdlTopic = None,
    guarantee: options.Guarantee = None,
    commit_interval_ms: options.CommitIntervalMs = None,
    config: options.Config = None,
    name: options.Name = None,
    cursor_store: options.CursorStore = None,
    cursor_dir: options.CursorDir = None,
    cursor_collection: options.CursorCollection = None,
    cursor_topic: options.CursorTopic = None,
    standby: options.Standby = None,
    on_history_lost: options.OnHistoryLost = None,
    once: options.Once = None,
    dry_run: options.DryRun = None,
    startup_timeout: options.StartupTimeout = None,
    shutdown_timeout: options.ShutdownTimeout = None,
    stall_timeout: options.StallTimeout = None,
    headroom_warn: options.HeadroomWarn = None,
    metrics_port: options.MetricsPort = None,
    log_format: options.LogFormat = None,
    debug: options.Debug = None,
) -> None:
    """Write every change of a collection, or with --source of tables, to Kafka, or to the tables of --sink.

    It goes on where the last run stopped.

    A first start loads what exists, then goes on with the changes. Every option can also come from the
    environment (CDC_TOPIC, CDC_MONGO__URI, …) or a file: see `cdc config show`.
    """
    settings = given.settings(locals())
    from cdc import app  # noqa: PLC0415 - `cdc --help` stays fast

    app.watch(settings)
