ALTER TABLE companies DROP COLUMN address;
