COPY t FROM stdin;
1
\.
;
SELECT 1;
COPY t FROM stdin;
2
\.
SELECT 2;
