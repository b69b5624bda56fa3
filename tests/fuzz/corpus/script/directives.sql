-- pgstride: no-transaction
-- pgstride: lock-timeout=2s
CREATE INDEX CONCURRENTLY i ON t(c);