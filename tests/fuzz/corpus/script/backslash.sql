\restrict abc
SET a = 1;
\unrestrict abc
\d t
