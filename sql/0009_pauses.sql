-- 0009_pauses.sql
-- What an organisation wants left alone for a while by what puts right by itself (runtime/reconcile.ts, runtime/pauses.ts).
--
--   pauses   one row a kind of trouble, or `all` of them; over at `until`, and then as good as not there

create table pauses (
  org text collate "C" not null,
  kind text collate "C" not null,
  by text,
  why text not null,
  at int8 not null default proliferate.now_ms(),
  until int8 not null,
  primary key (org, kind)
);
