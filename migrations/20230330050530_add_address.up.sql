ALTER TABLE companies ADD COLUMN address text;
