COPY t (i, c) FROM stdin;
1	a;b
2	\N
\.
SELECT 1;
