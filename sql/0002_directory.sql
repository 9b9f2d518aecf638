-- 0002_directory.sql
-- The records that are not alive: who there is and what they have. Ids are made by the application; every key starts with the
-- organisation, so that no reference can cross from one to another. Times as in 0001.
--
--   organisations
--   users                        an email is one person of an organisation
--   tokens                       by the hash of what only their holder has; gone with their user
--   repositories                 where code comes from, without credentials
--   configurations               what a session starts with
--   configuration_repositories   in the order given
--   reservations                 ids promised to requests with an idempotency key, for 24 h
--   budgets                      uses that actors take one by one in their commits, until they expire or are revoked; `about` is what
--                                the lender keeps with one. Those that people lend are read through the view `grants`
--   rooms                        who is in a room that holds a bounded number of actors at once
--
-- Budgets and rooms change by conditions on the row alone, so that of any number of commits at once as many pass as there is room
-- for: `refused_record` looks, and `apply_records` takes, and answers false where another commit was faster since (commit.sql).

create table organisations (
  id text collate "C" primary key,
  name text not null,
  created_at int8 not null default proliferate.now_ms(),
  -- Which database it lives in for good (0010); at home and in its cell it has a row of the same id.
  cell text collate "C" not null default 'home'
);

create table users (
  org text collate "C" not null references organisations (id),
  id text collate "C" not null,
  name text not null,
  email text not null,
  role text not null,
  created_at int8 not null default proliferate.now_ms(),
  primary key (org, id),
  constraint users_email unique (org, email)
);

create table tokens (
  org text collate "C" not null,
  id text collate "C" not null,
  user_id text collate "C" not null,
  name text not null,
  prefix text not null,
  hash text collate "C" not null,
  created_at int8 not null default proliferate.now_ms(),
  expires_at int8,
  primary key (org, id),
  constraint tokens_hash unique (hash),
  constraint tokens_user foreign key (org, user_id) references users (org, id) on delete cascade
);
create index tokens_of_user on tokens (org, user_id);

create table repositories (
  org text collate "C" not null references organisations (id),
  id text collate "C" not null,
  name text not null,
  source text not null,
  location text not null,
  default_branch text not null,
  created_at int8 not null default proliferate.now_ms(),
  primary key (org, id),
  constraint repositories_name unique (org, name)
);

create table configurations (
  org text collate "C" not null references organisations (id),
  id text collate "C" not null,
  name text not null,
  agent text not null,
  permissions text not null,
  created_at int8 not null default proliferate.now_ms(),
  primary key (org, id),
  constraint configurations_name unique (org, name)
);

create table configuration_repositories (
  org text collate "C" not null,
  configuration_id text collate "C" not null,
  idx int4 not null,
  repository_id text collate "C" not null,
  path text not null,
  primary key (org, configuration_id, idx),
  foreign key (org, configuration_id) references configurations (org, id) on delete cascade,
  constraint configuration_repositories_repository foreign key (org, repository_id) references repositories (org, id)
);

create table reservations (
  org text collate "C" not null references organisations (id),
  key text collate "C" not null,
  hash text collate "C" not null,
  id text collate "C" not null,
  expires_at int8 not null,
  primary key (org, key)
);
create index reservations_expiry on reservations (expires_at);

create table budgets (
  org text collate "C" not null,
  id text collate "C" not null,
  -- Null: without a limit.
  uses_max int8,
  used int8 not null default 0,
  expires_at int8 not null,
  revoked_at int8,
  revoked_by text,
  -- Counts what was changed of it but its uses.
  revision int4 not null default 1,
  about jsonb not null,
  created_at int8 not null,
  primary key (org, id),
  check (used >= 0 and (uses_max is null or used <= uses_max))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
create index budgets_live on budgets (org, (about->>'integration'), (about->>'action'), expires_at) where revoked_at is null;
create index budgets_parent on budgets (org, (about->>'parentId')) where about->>'parentId' is not null;

create view grants as
  select org, id, about->'scope'->>'type' as scope_type, about->'scope'->>'id' as scope_id, about->>'integration' as integration,
    about->>'action' as action, about->'constraints' as constraints, uses_max, used, expires_at, about->>'createdBy' as created_by,
    about->>'requestId' as request_id, about->>'parentId' as parent_id, revoked_at, revoked_by, revision, created_at
  from budgets;

create table rooms (
  org text collate "C" not null,
  room text collate "C" not null,
  occupants text[] collate "C" not null,
  primary key (org, room)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Null where a budget may be used.
create function proliferate.refused_budget(of_org text, budget text, at int8, is_spending boolean) returns text
language plpgsql volatile as $$
declare
  b record;
begin
  select * into b from budgets where org = of_org and id = budget;
  return case
    when b.id is null then 'absent'
    when b.revoked_at is not null then 'revoked'
    when b.expires_at <= at then 'expired'
    when is_spending and b.used >= b.uses_max then 'spent'
  end;
end $$;

-- The first record whose condition does not hold, as {name, key, holder}.
create function proliferate.refused_record(of_org text, actor text, at int8, records jsonb) returns jsonb
language plpgsql volatile strict as $$
declare
  r jsonb;
  lent text[] := '{}';
  why text;
begin
  for r in select * from jsonb_array_elements(records) loop
    why := case r->>0
      when 'lend' then (select 'taken' from budgets where org = of_org and id = r->>1)
      when 'reserve' then case when not r->>1 = any (lent) then proliferate.refused_budget(of_org, r->>1, at, true) end
      when 'ensure' then case when not r->>1 = any (lent) then proliferate.refused_budget(of_org, r->>1, at, false) end
      when 'occupy' then (
        select 'full' from rooms
        where org = of_org and room = r->>1 and not actor = any (occupants) and cardinality(occupants) >= (r->>2)::int8
      )
    end;
    if why is not null then
      return jsonb_build_object(
        'name', case r->>0 when 'occupy' then 'room' else 'budget' end, 'key', r->>1, 'holder', why
      );
    end if;
    if r->>0 = 'lend' then
      lent := lent || (r->>1);
    end if;
  end loop;
  return null;
end $$;

-- Each row is [org, actor, time, record]. True: all of them are written. False: another commit came between, and nothing of this
-- one may stand. Null: there are none.
create function proliferate.apply_records(rows jsonb) returns boolean
language plpgsql volatile strict as $$
declare
  x jsonb;
  r jsonb;
  of_org text;
  actor text;
  at int8;
  is_written boolean;
begin
  for x in select * from jsonb_array_elements(rows) loop
    of_org := x->>0;
    actor := x->>1;
    at := (x->>2)::int8;
    r := x->3;
    case r->>0
      when 'lend' then
        insert into budgets (org, id, uses_max, expires_at, about, created_at)
        values (of_org, r->>1, (r->>2)::int8, at + (r->>3)::int8, r->4, at)
        on conflict (org, id) do nothing;
        is_written := found;
      when 'reserve' then
        update budgets set used = used + 1
        where org = of_org and id = r->>1 and revoked_at is null and expires_at > at and (uses_max is null or used < uses_max);
        is_written := found;
      when 'refund' then
        update budgets set used = used - 1 where org = of_org and id = r->>1 and used > 0;
        is_written := true;
      when 'ensure' then
        -- Whoever is revoking it at this moment is waited for, or waits for this commit.
        perform from budgets where org = of_org and id = r->>1 and revoked_at is null and expires_at > at for share;
        is_written := found;
      when 'occupy' then
        insert into rooms as held (org, room, occupants) values (of_org, r->>1, array[actor])
        on conflict (org, room) do update set occupants = array_append(array_remove(held.occupants, actor), actor)
          where actor = any (held.occupants) or cardinality(held.occupants) < (r->>2)::int8;
        is_written := found;
      when 'vacate' then
        update rooms set occupants = array_remove(occupants, actor) where org = of_org and room = r->>1;
        delete from rooms where org = of_org and room = r->>1 and cardinality(occupants) = 0;
        is_written := true;
    end case;
    if not is_written then
      return false;
    end if;
  end loop;
  return true;
end $$;

-- Ends a budget and all that were narrowed from it, and answers with those it ended.
create function proliferate.revoke_budget(of_org text, budget text, by text) returns setof text
language plpgsql volatile as $$
begin
  return query
    with recursive line as (
      select b.id from budgets b where b.org = of_org and b.id = budget
      union
      select b.id from budgets b join line on b.about->>'parentId' = line.id where b.org = of_org
    )
    update budgets b set revoked_at = proliferate.now_ms(), revoked_by = by, revision = b.revision + 1
    where b.org = of_org and b.id in (select l.id from line l) and b.revoked_at is null
    returning b.id;
end $$;
