-- pgstride: renamed-from
CREATE TABLE a (b int, c int); -- pgstride: renamed-from x