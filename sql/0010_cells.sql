-- 0010_cells.sql
-- Several databases by organisation (adapters/postgres/cells.ts): a home, which knows who there is, and cells, each with whole
-- organisations. Every one of them has all tables; `organisations.cell` says at home where one lives.
--
--   cell   one row once cells are in use: which of them this database is, and of which installation. A URL that leads to another
--          database than before is found out by it, before anything is written

create table cell (
  only_one boolean primary key default true check (only_one),
  name text collate "C" not null,
  -- Made up by the home.
  installation text collate "C" not null
);
