-- 0001_journal.sql
-- What actors remember, what they asked of the world, and what their watchers see. Every row carries its organisation.
--
--   actors        one row per actor: the state it is in, who may write it (epoch), how far it is (rev)
--   journal       one row per committed event; revisions of an actor have no gaps (J2), a message stands there once (J3)
--   commands      work asked for by a commit and not settled yet: a settled one is deleted, a dead one stays with its error
--   timers        deadlines that are armed; fired or cancelled ones are gone
--   claims        keys that one actor holds alone, such as a sandbox
--   projections   the row that lists show of an actor, written in its commits; the view `sessions` is the one of sessions
--   feed_heads    how far the feed of a home is, and its oldest event still stored
--   feed_chunks   events of a feed in the batches they came in: 256 tokens are one row
--   archives      what was taken out of journal, feed_chunks and commands, and into which file (adapters/postgres/retention.ts)
--
-- sql/commit.sql is the one statement that writes the first six. Times are milliseconds since 1970 and come from one clock,
-- `proliferate.now_ms()`. Keys compare by byte (collate "C"): faster, and the same order on every server.
-- Settled commands are deleted and not marked: the journal says what was asked (`effects`) and what came of it (`cause`), and
-- the table stays as small as the work that is open. A claim is an update in place, for no index holds what it changes.

-- The journal is one table: its rows lie, and leave, in the order of ids, which is that of time, so that pages of table and
-- indexes are emptied whole. Partitions by the time of an actor's birth would be dropped for nothing, but every commit pays for
-- finding the right one: a tenth for a lone event, more for a batch; by the time of a row, uniqueness would need all of them asked.

create schema proliferate;

-- Empty but in tests, which set the time here for all connections at once. Reading an empty table costs nothing.
create table proliferate.fake_now (now_ms int8 primary key);

-- plpgsql keeps its plan; an SQL function with a subselect is not inlined and is planned again by every statement.
create function proliferate.now_ms() returns int8 language plpgsql volatile as $$
begin
  return coalesce((select now_ms from proliferate.fake_now), floor(extract(epoch from clock_timestamp()) * 1000)::int8);
end $$;

-- Gives the statement up with the code that says: send it again.
create function proliferate.send_again() returns boolean language plpgsql volatile as $$
begin
  raise exception 'another commit came between' using errcode = 'serialization_failure';
end $$;

create table actors (
  org text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  home text collate "C" not null,
  rev int8 not null,
  epoch int8 not null,
  machine_version int4 not null,
  status text not null,
  snapshot jsonb not null,
  resident boolean not null,
  -- {reason, event, atMs}: set, the actor takes no part until an operator releases it.
  quarantine jsonb,
  updated_at int8 not null,
  -- Lowest revision whose row is still in the journal.
  kept_from int8 not null default 1,
  -- How far its notices go (runtime/notices.ts numbers them): where the feed has as many, its journal need not be read when it comes to
  -- memory. Known as of `noticed_rev`: a program that does not keep it leaves that behind, and then it is not known.
  noticed int8,
  noticed_rev int8,
  primary key (id, kind)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
create index actors_resident on actors (id, kind) where resident;
create index actors_quarantined on actors (id, kind) where quarantine is not null;

create table journal (
  org text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  rev int8 not null,
  machine_version int4 not null,
  message_id text collate "C" not null,
  event jsonb not null,
  -- Transitions taken, commands asked for by name, and notices, each a JSON array.
  taken jsonb not null,
  effects jsonb not null,
  notices jsonb not null,
  by text,
  cause text,
  at int8 not null,
  primary key (id, kind, rev)
);
-- One expression, so that no plan can prefer the primary key and read all of an actor's rows to find a message.
create unique index journal_message on journal ((kind || '/' || id || '/' || message_id));

create table commands (
  key text collate "C" primary key,
  org text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  rev int8 not null,
  idx int4 not null,
  name text not null,
  params jsonb not null,
  due int8 not null,
  -- Also the token of the claim: whoever claims next has another number.
  attempt int4 not null default 0,
  claimed_until int8 not null default 0,
  dead_at int8,
  error text
  -- It lives for two writes: when it is claimed its page has room for it, and no index hears of it.
) with (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index commands_due on commands (org, due, rev, idx) where dead_at is null;
create index commands_dead on commands (org, dead_at) where dead_at is not null;

create table timers (
  org text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  timer text collate "C" not null,
  -- Revision that armed it.
  rev int8 not null,
  due int8 not null,
  event jsonb not null,
  primary key (id, kind, timer)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index timers_due on timers (org, due);

-- What is due, organisation by organisation, oldest first, and of all of them in turns: what one has piled up makes nobody wait. Both
-- walk an index in its order, from one organisation to the next, and stop when they have enough, whatever the planner believes of
-- the tables: it plans them once, often before there is a row, and would rather sort all that is due.
--
-- `shares`: how many an organisation may have, {org: number}; one that is not named, `share`.
create function proliferate.claim_commands(rows_max int8, claim_ms int8, versions jsonb, share int8, shares jsonb)
returns table (key text, org text, kind text, id text, rev int8, idx int4, name text, params jsonb, due int8, attempt int4)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  now_ms int8 := proliferate.now_ms();
begin
  return query
    with recursive orgs as (
      (select d.org from commands d where d.dead_at is null order by d.org limit 1)
      union all
      select (select d.org from commands d where d.dead_at is null and d.org > o.org order by d.org limit 1)
      from orgs o where o.org is not null
    ),
    chosen as materialized (
      select mine.place from orgs o cross join lateral (
        select oldest.*, row_number() over () as turn from (
          select d.ctid as place, d.due from commands d
          where d.org = o.org and d.dead_at is null and d.due <= now_ms and d.claimed_until <= now_ms
            and (
              select a.quarantine is null and coalesce(a.machine_version <= (versions->>a.kind)::int4, true)
              from actors a where a.id = d.id and a.kind = d.kind
            ) is not false
          order by d.due, d.rev, d.idx limit least(rows_max, coalesce((shares->>o.org)::int8, share))
        ) oldest
      ) mine
      where o.org is not null order by mine.turn, mine.due limit rows_max
    )
    update commands c set attempt = c.attempt + 1, claimed_until = now_ms + claim_ms
    where c.ctid = any (array(
      -- One that another has changed since is in another place, and left to the next claim. Not `dead_at is null`: the index of what
      -- is due would then do as well, and be read whole.
      select d.ctid from commands d
      where d.ctid = any (array(select chosen.place from chosen)) and coalesce(d.dead_at, 0) = 0 and d.claimed_until <= now_ms
      for update of d skip locked
    ))
    returning c.key, c.org, c.kind, c.id, c.rev, c.idx, c.name, c.params, c.due, c.attempt;
end $$;

create function proliferate.due_timers(ahead_ms int8, rows_max int8, versions jsonb)
returns table (org text, kind text, id text, timer text, rev int8, due int8, event jsonb)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  horizon int8 := proliferate.now_ms() + ahead_ms;
begin
  return query
    with recursive orgs as (
      (select t.org from timers t order by t.org limit 1)
      union all
      select (select t.org from timers t where t.org > o.org order by t.org limit 1) from orgs o where o.org is not null
    )
    select mine.org, mine.kind, mine.id, mine.timer, mine.rev, mine.due, mine.event from orgs o cross join lateral (
      select soonest.*, row_number() over () as turn from (
        select t.* from timers t
        where t.org = o.org and t.due <= horizon
          and (
            select a.quarantine is null and coalesce(a.machine_version <= (versions->>a.kind)::int4, true)
            from actors a where a.id = t.id and a.kind = t.kind
          ) is not false
        order by t.due limit rows_max
      ) soonest
    ) mine
    where o.org is not null order by mine.turn, mine.due limit rows_max;
end $$;

create table claims (
  org text collate "C" not null,
  name text collate "C" not null,
  key text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  at int8 not null,
  primary key (org, name, key)
);

create table projections (
  org text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  home text collate "C" not null,
  title text not null,
  status text not null,
  owner text,
  configuration_id text,
  -- Revision that wrote it.
  rev int8 not null,
  created_at int8 not null,
  updated_at int8 not null,
  primary key (org, kind, id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

create view sessions as
  select org, id, title, status, owner, configuration_id, rev, created_at, updated_at from projections where kind = 'session';

create table feed_heads (
  org text collate "C" not null,
  home text collate "C" not null,
  epoch int8 not null,
  seq int8 not null,
  first int8 not null,
  -- Highest number stored, by source.
  sources jsonb not null,
  primary key (org, home)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

create table feed_chunks (
  org text collate "C" not null,
  home text collate "C" not null,
  first_seq int8 not null,
  last_seq int8 not null,
  -- An array of events, the first of them numbered first_seq.
  rows jsonb not null,
  primary key (org, home, last_seq)
);

create table archives (
  id text collate "C" primary key,
  what text not null,
  -- While it is taken out: whose rows, and how far they reach.
  cuts jsonb not null,
  file text,
  rows int8,
  bytes int8,
  sha256 text,
  begun_at int8 not null default proliferate.now_ms(),
  dropped_at int8
);
create index archives_begun on archives (begun_at) where dropped_at is null;
