"""The database's own guard against overlapping allocations, as SQL for the migrations.

Live allocations of one resource never overlap, so only the first one that ends after the wanted start can collide: the
trigger seeks that one row instead of walking all later ones. Alembic's batch mode drops triggers silently: a migration
that rebuilds `allocation` on SQLite must run `SQLITE` again (a test looks for them).
"""

SLOT_TAKEN = "slot_taken"
"""What the refused statement says on SQLite."""

_CHECK = f"""
BEGIN
    SELECT RAISE(ABORT, '{SLOT_TAKEN}') WHERE (
        SELECT starts_at FROM allocation
        WHERE resource_id = NEW.resource_id AND live AND ends_at > NEW.starts_at AND id IS NOT NEW.id
        ORDER BY ends_at LIMIT 1
    ) < NEW.ends_at;
END
"""

SQLITE = (
    "CREATE TRIGGER allocation_overlap_insert BEFORE INSERT ON allocation WHEN NEW.live" + _CHECK,
    "CREATE TRIGGER allocation_overlap_update BEFORE UPDATE OF resource_id, starts_at, ends_at, live ON allocation"
    " WHEN NEW.live" + _CHECK,
)

POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS btree_gist",
    "ALTER TABLE allocation ADD CONSTRAINT allocation_overlap"
    " EXCLUDE USING gist (resource_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (live)",
)
