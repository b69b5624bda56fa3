CREATE TABLE t(i int);
ALTER TABLE t ADD c text; -- done
