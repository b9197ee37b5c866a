-- Role and database of chroma-ferry, for a fresh or an existing server; run by psql as superuser.
-- CREATEROLE, because `ferry-producer setup` makes the role that may only read the views.
select 'create role ferry login createrole'
 where not exists (select from pg_roles where rolname = 'ferry') \gexec
select 'create database ferry owner ferry'
 where not exists (select from pg_database where datname = 'ferry') \gexec
