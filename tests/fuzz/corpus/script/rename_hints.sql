-- pgstride: renamed-from people
CREATE TABLE person (
    id bigint PRIMARY KEY,
    -- pgstride: renamed-from "full name"
    name text,
    born date -- pgstride: renamed-from birthday
);
