-- commit.sql
-- Writes a batch of transitions, one per actor, and answers with a verdict on each. $1 is a JSON array of rows as
-- adapters/postgres/commit.ts makes them; a key that a transition claims or gives back stands in no other of the same batch.
-- Of several steps folded into one transition the last is the row itself, those before it and what they settle are in `more`.
--
--   a.repeated   the revision at which a message was journaled before (J3). No racer slips by: whatever journals a message
--                raises the revision, and the compare-and-set of the other fails.
--   a.held       the first claim that another actor holds, or the first budget or room that has no place: that transition is rejected
--   won          transitions whose compare-and-set on revision and epoch held (J2); all that follows is done for them alone (J1)
--   send_again   what the rows that we see cannot explain: another commit came between, so nothing of this one is kept
--
-- The plan is made once, often on empty tables, so the statement leaves the planner no choice: a table is probed by its key, in a
-- subselect or with an array, and a set is asked with `in` where that cannot become a join.
with
clock as materialized (select proliferate.now_ms() as at),
batch as (
  select (x->0)::int4 as n, x->>1 as org, x->>2 as kind, x->>3 as id, x->>4 as home, (x->5)::int8 as base, (x->6)::int8 as rev,
    (x->7)::int8 as epoch, (x->8)::int8 as next_epoch, (x->9)::int4 as version, x->>10 as message, x->11 as event, x->12 as taken,
    x->13 as effects, x->14 as notices, x->>15 as by, x->>16 as cause, x->>17 as status, x->18 as snapshot,
    (x->19)::boolean as resident, x->>20 as completes, x->>21 as claim, x->22 as timers, (x->>23)::int8 as noticed, x->24 as more
  from jsonb_array_elements($1::text::jsonb) as x
),
a as materialized (
  select batch.*, clock.at,
    coalesce((
      select j.rev from journal j
      where j.kind || '/' || j.id || '/' || j.message_id = batch.kind || '/' || batch.id || '/' || batch.message
        and j.org = batch.org
    ), case when more ? 'earlier' then (
      select s.rev from jsonb_array_elements(more->'earlier') as x cross join lateral (
        select j.rev from journal j
        where j.kind || '/' || j.id || '/' || j.message_id = batch.kind || '/' || batch.id || '/' || (x->>1)
          and j.org = batch.org offset 0
      ) as s
      limit 1
    ) end) as repeated,
    case when more is not null then coalesce((
      select jsonb_build_object('name', x->>0, 'key', x->>1, 'holder', h.holder)
      from jsonb_array_elements(more->'claims') as x cross join lateral (
        select c.kind || '/' || c.id as holder from claims c
        where c.org = batch.org and c.name = x->>0 and c.key = x->>1 and (c.kind, c.id) <> (batch.kind, batch.id) offset 0
      ) as h
      limit 1
    ), proliferate.refused_record(batch.org, batch.kind || '/' || batch.id, clock.at, more->'records')) end as held
  from clock, batch
),
updated as (
  update actors t
  set rev = a.rev, epoch = a.next_epoch, machine_version = a.version, status = a.status, snapshot = a.snapshot,
    resident = a.resident, updated_at = a.at, noticed_rev = a.rev,
    noticed = coalesce(a.noticed, case when t.noticed_rev = t.rev then t.noticed end)
  from a
  where t.id = a.id and t.kind = a.kind and t.org = a.org and t.rev = a.base and t.epoch = a.epoch
    and a.base > 0 and a.repeated is null and a.held is null
  returning a.*
),
created as (
  insert into actors (org, kind, id, home, rev, epoch, machine_version, status, snapshot, resident, updated_at, noticed, noticed_rev)
  select org, kind, id, home, rev, next_epoch, version, status, snapshot, resident, at, coalesce(noticed, 0), rev
  from a where base = 0 and repeated is null and held is null
  on conflict do nothing
  returning kind, id
),
won as materialized (
  select * from updated
  union all
  select * from a where base = 0 and coalesce((kind, id) in (select kind, id from created), false)
),
journaled as (
  insert into journal (org, kind, id, rev, machine_version, message_id, event, taken, effects, notices, by, cause, at)
  select org, kind, id, rev, version, message, event, taken, effects, notices, by, cause, at from won
  union all
  select w.org, w.kind, w.id, (x->0)::int8, w.version, x->>1, x->2, x->3, x->4, x->5, x->>6, x->>7, w.at
  from won w, jsonb_array_elements(w.more->'earlier') as x where w.more ? 'earlier'
),
reported as materialized (
  select org, completes as key, claim from a where completes is not null and (repeated is not null or n in (select n from won))
  union all
  select w.org, x->>0, x->>1 from won w, jsonb_array_elements(w.more->'completes') as x where w.more ? 'completes'
),
settled as (
  delete from commands c
  where c.key = any (array(select key from reported))
    and c.claimed_until > 0 and (c.org, c.key, c.attempt::text) in (select org, key, claim from reported)
),
asked as (
  insert into commands (key, org, kind, id, rev, idx, name, params, due, attempt, claimed_until)
  select w.kind || ':' || w.id || ':' || (x->>0) || ':' || (x->>1), w.org, w.kind, w.id, (x->0)::int8, (x->1)::int4, x->>2, x->3, w.at,
    case when w.more ? 'claimMs' then 1 else 0 end, coalesce(w.at + (w.more->'claimMs')::int8, 0)
  from won w, jsonb_array_elements(w.more->'commands') as x where w.more is not null
),
deadlines as materialized (
  select w.org, w.kind, w.id, (x->3)::int8 as rev, x->>0 as timer, w.at + (x->>1)::int8 as due, x->2 as event
  from won w, jsonb_array_elements(w.timers) as x
),
cancelled as (
  delete from timers t using deadlines d where d.due is null and t.id = d.id and t.kind = d.kind and t.timer = d.timer
),
armed as (
  insert into timers (org, kind, id, timer, rev, due, event)
  select org, kind, id, timer, rev, due, event from deadlines where due is not null
  on conflict (id, kind, timer) do update set rev = excluded.rev, due = excluded.due, event = excluded.event
),
claimed as (
  insert into claims (org, name, key, kind, id, at)
  select w.org, x->>0, x->>1, w.kind, w.id, w.at from won w, jsonb_array_elements(w.more->'claims') as x where w.more is not null
  on conflict (org, name, key) do update set at = excluded.at where (claims.kind, claims.id) = (excluded.kind, excluded.id)
  returning org, name, key
),
released as (
  delete from claims where ctid = any (array(
    select c.ctid from won w, jsonb_array_elements(w.more->'releases') as x, lateral (
      select ctid from claims c where c.org = w.org and c.name = x->>0 and c.key = x->>1 and c.kind = w.kind and c.id = w.id offset 0
    ) as c
    where w.more is not null
  ))
),
-- In one order by all, whoever the actors are; what is taken of a budget before what is made sure of: nobody who holds it shared wants it alone.
placed as materialized (
  select proliferate.apply_records((
    select jsonb_agg(jsonb_build_array(w.org, w.kind || '/' || w.id, w.at, r.record) order by w.org, r.record->>1, r.record->>0 = 'ensure', w.id, r.place)
    from won w, jsonb_array_elements(w.more->'records') with ordinality as r (record, place)
    where w.more ? 'records'
  )) as is_whole
),
projected as (
  insert into projections
    (org, kind, id, home, title, status, owner, configuration_id, archived, words, rev, created_at, updated_at)
  select org, kind, id, home, more->'project'->>0, more->'project'->>1, more->'project'->>2, more->'project'->>3,
    (more->'project'->4)::boolean, more->'project'->>5, (more->'project'->6)::int8, at, at
  from won where more ? 'project'
  on conflict (org, kind, id) do update set title = excluded.title, status = excluded.status, owner = excluded.owner,
    configuration_id = excluded.configuration_id, archived = excluded.archived, words = excluded.words, rev = excluded.rev, updated_at = excluded.updated_at
),
verdicts as materialized (select a.*, a.n in (select n from won) as won from a)
select v.n, v.at::float8, v.won, v.repeated::float8, v.held,
  case when t.org = v.org then t.rev end::float8 as rev, case when t.org = v.org then t.epoch end::float8 as epoch,
  case
    -- A claim that was free when we looked was taken by another before we wrote it.
    when v.won and v.more is not null and exists (
      select from jsonb_array_elements(v.more->'claims') as x
      where not exists (select from claimed c where c.org = v.org and c.name = x->>0 and c.key = x->>1)
    ) then proliferate.send_again()
    when not (select is_whole from placed) then proliferate.send_again()
    -- We lost, yet the row as we see it is the one that we expected.
    when not v.won and v.repeated is null and v.held is null
      and case when v.base = 0 then t.id is null else t.org = v.org and t.rev = v.base and t.epoch = v.epoch end
      then proliferate.send_again()
  end
from verdicts v left join lateral (
  select * from actors t where not v.won and t.id = v.id and t.kind = v.kind offset 0
) as t on true
