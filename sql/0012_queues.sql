-- 0012_queues.sql
-- What is due, found with fewer looks: an actor is asked once whether it rests, and a command that was chosen is found by its place.
--
-- A command lives for two writes: when it is claimed its page has room for it, and no index hears of it.

alter table commands set (fillfactor = 45);

create or replace function proliferate.claim_commands(rows_max int8, claim_ms int8, versions jsonb, share int8, shares jsonb)
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

create or replace function proliferate.due_timers(ahead_ms int8, rows_max int8, versions jsonb)
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
