-- 0006_fixes.sql
-- What the reconcile loop, or an operator through it, put right or tried to (runtime/reconcile.ts).
--
--   fixes   one row a try, written once: who, why, on which revision it was planned, what came of it
--
-- The fix itself is an event in the journal of its actor, under the id of its row; this says also what was skipped, and why.

create table fixes (
  org text collate "C" not null,
  id text collate "C" not null,
  kind text not null,
  subject text not null,
  fix text not null,
  -- Null: the loop itself.
  by text,
  why text,
  planned_rev int8,
  result text not null,
  outcome text not null,
  at int8 not null default proliferate.now_ms(),
  primary key (org, id)
);
create index fixes_newest on fixes (org, at desc, id desc);
