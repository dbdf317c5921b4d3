/* registry_schema.c: all tables and views of the registry, for every driver.
 *
 * A change here needs a new ALMI_SCHEMA_VERSION and a migration. Digests are 64 hexadecimal
 * digits, instants microseconds since 1970 UTC, dates YYYY-MM-DD, JSON canonical text. Rows are
 * listed by `added`, the order of insertion, because clocks of two machines may disagree. */
#include "store/registry_internal.h"

const char *const almi_schema_insert_only[] = {
    "models",          "snapshots",  "feature_versions", "training_runs", "releases",
    "release_members", "batch_runs", "ledger",           NULL};

const char almi_schema_tables[] =
    "CREATE TABLE models("
    "  name TEXT PRIMARY KEY NOT NULL,"
    "  created BIGINT NOT NULL);"

    "CREATE TABLE snapshots("
    "  added INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  manifest TEXT NOT NULL,"
    "  sources TEXT NOT NULL,"
    "  window_start BIGINT NOT NULL,"
    "  window_end BIGINT NOT NULL,"
    "  created BIGINT NOT NULL);"

    "CREATE TABLE feature_versions("
    "  id TEXT PRIMARY KEY NOT NULL,"
    "  definition TEXT NOT NULL,"
    "  created BIGINT NOT NULL);"

    "CREATE TABLE training_runs("
    "  id TEXT NOT NULL,"
    "  inputs TEXT NOT NULL,"
    "  bundle TEXT NOT NULL,"
    "  report TEXT NOT NULL,"
    "  experimental INTEGER NOT NULL,"
    "  who TEXT NOT NULL,"
    "  created BIGINT NOT NULL,"
    "  PRIMARY KEY(id, experimental));"

    "CREATE TABLE releases("
    "  added INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  model TEXT NOT NULL REFERENCES models(name),"
    "  version BIGINT NOT NULL,"
    "  hash TEXT NOT NULL,"
    "  training_run TEXT,"
    "  imported INTEGER NOT NULL,"
    "  experimental INTEGER NOT NULL,"
    "  who TEXT NOT NULL,"
    "  created BIGINT NOT NULL,"
    "  UNIQUE(model, version),"
    "  UNIQUE(hash, experimental),"
    "  FOREIGN KEY(training_run, experimental) REFERENCES training_runs(id, experimental));"

    "CREATE TABLE release_members("
    "  release TEXT NOT NULL REFERENCES releases(name),"
    "  role TEXT NOT NULL,"
    "  bundle TEXT NOT NULL,"
    "  PRIMARY KEY(release, role));"

    "CREATE TABLE ledger("
    "  seq INTEGER PRIMARY KEY,"
    "  action TEXT NOT NULL,"
    "  subject TEXT NOT NULL REFERENCES releases(name),"
    "  object TEXT NOT NULL,"
    "  alias TEXT NOT NULL,"
    "  detail TEXT NOT NULL,"
    "  who TEXT NOT NULL,"
    "  at BIGINT NOT NULL,"
    "  why TEXT NOT NULL,"
    "  previous TEXT NOT NULL,"
    "  hash TEXT NOT NULL);"
    "CREATE INDEX ledger_by_subject ON ledger(subject, action, seq);"
    "CREATE INDEX ledger_by_alias ON ledger(alias, seq);"

    "CREATE TABLE batch_runs("
    "  added INTEGER PRIMARY KEY,"
    "  run_id TEXT NOT NULL UNIQUE,"
    "  run_key TEXT NOT NULL UNIQUE,"
    "  schedule TEXT NOT NULL,"
    "  prediction_date TEXT NOT NULL,"
    "  release TEXT NOT NULL REFERENCES releases(name),"
    "  snapshot TEXT NOT NULL REFERENCES snapshots(id),"
    "  manifest TEXT NOT NULL,"
    "  predictions_version BIGINT NOT NULL,"
    "  supersedes TEXT UNIQUE REFERENCES batch_runs(run_id)," /* a run is replaced once */
    "  reason TEXT NOT NULL,"
    "  who TEXT NOT NULL,"
    "  created BIGINT NOT NULL,"
    "  entry BIGINT NOT NULL UNIQUE REFERENCES ledger(seq));"
    "CREATE INDEX batch_runs_by_date ON batch_runs(schedule, prediction_date, release);"

    "CREATE VIEW comparisons AS SELECT seq, subject AS release, detail, who, at, why"
    "  FROM ledger WHERE action = 'compare';"
    "CREATE VIEW approvals AS SELECT seq, subject AS release, who, at, why"
    "  FROM ledger WHERE action = 'approve';"
    "CREATE VIEW aliases AS SELECT alias, subject AS release, seq FROM ledger AS last"
    "  WHERE action IN ('promote', 'rollback') AND NOT EXISTS (SELECT 1 FROM ledger AS later"
    "    WHERE later.alias = last.alias AND later.action IN ('promote', 'rollback')"
    "      AND later.seq > last.seq);"
    "CREATE VIEW current_runs AS SELECT * FROM batch_runs AS run"
    "  WHERE NOT EXISTS (SELECT 1 FROM batch_runs AS later"
    "    WHERE later.supersedes = run.run_id);";
