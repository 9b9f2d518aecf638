-- The schema that the migrations lead to, on PostgreSQL 18. Written by `npm run schema`; do not edit.

create schema proliferate;

CREATE OR REPLACE FUNCTION proliferate.apply_records(rows jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 STRICT
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION proliferate.claim_commands(rows_max bigint, claim_ms bigint, versions jsonb, share bigint, shares jsonb)
 RETURNS TABLE(key text, org text, kind text, id text, rev bigint, idx integer, name text, params jsonb, due bigint, attempt integer)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION proliferate.due_timers(ahead_ms bigint, rows_max bigint, versions jsonb)
 RETURNS TABLE(org text, kind text, id text, timer text, rev bigint, due bigint, event jsonb)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION proliferate.keep_open_calls()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if new.status in ('pending', 'outcomeUnknown') then
    insert into open_calls (org, id, home, status) values (new.org, new.id, new.home, new.status)
    on conflict (org, id) do update set status = excluded.status;
  else
    delete from open_calls where org = new.org and id = new.id;
  end if;
  if new.status = 'pending' then
    insert into slack_notices (org, approval_id, channel, due_at)
    select c.org, new.id, c.settings ->> 'approvals', proliferate.now_ms() from connections c
    where c.org = new.org and c.integration = 'slack' and c.status <> 'revoked' and c.settings ? 'approvals'
    on conflict (org, approval_id) do nothing;
  elsif old.status = 'pending' then
    -- One that is being shown is looked at again by whoever shows it.
    update slack_notices set due_at = proliferate.now_ms(), tries = 0
    where org = new.org and approval_id = new.id and ts is not null;
  end if;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION proliferate.now_ms()
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
begin
  return coalesce((select now_ms from proliferate.fake_now), floor(extract(epoch from clock_timestamp()) * 1000)::int8);
end $function$;

CREATE OR REPLACE FUNCTION proliferate.refused_budget(of_org text, budget text, at bigint, is_spending boolean)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION proliferate.refused_record(of_org text, actor text, at bigint, records jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STRICT
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION proliferate.revoke_budget(of_org text, budget text, by text)
 RETURNS SETOF text
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION proliferate.send_again()
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'another commit came between' using errcode = 'serialization_failure';
end $function$;

create table actors (
  org text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  home text collate "C" not null,
  rev bigint not null,
  epoch bigint not null,
  machine_version integer not null,
  status text not null,
  snapshot jsonb not null,
  resident boolean not null,
  quarantine jsonb,
  updated_at bigint not null,
  kept_from bigint not null default 1,
  noticed bigint,
  noticed_rev bigint,
  constraint actors_pkey PRIMARY KEY (id, kind)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0.05);

create table archives (
  id text collate "C" not null,
  what text not null,
  cuts jsonb not null,
  file text,
  rows bigint,
  bytes bigint,
  sha256 text,
  begun_at bigint not null default proliferate.now_ms(),
  dropped_at bigint,
  constraint archives_pkey PRIMARY KEY (id)
);

create table budgets (
  org text collate "C" not null,
  id text collate "C" not null,
  uses_max bigint,
  used bigint not null default 0,
  expires_at bigint not null,
  revoked_at bigint,
  revoked_by text,
  revision integer not null default 1,
  about jsonb not null,
  created_at bigint not null,
  constraint budgets_pkey PRIMARY KEY (org, id),
  constraint budgets_check CHECK (((used >= 0) AND ((uses_max IS NULL) OR (used <= uses_max))))
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0.05);

create table cell (
  only_one boolean not null default true,
  name text collate "C" not null,
  installation text collate "C" not null,
  constraint cell_pkey PRIMARY KEY (only_one),
  constraint cell_only_one_check CHECK (only_one)
);

create table claims (
  org text collate "C" not null,
  name text collate "C" not null,
  key text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  at bigint not null,
  constraint claims_pkey PRIMARY KEY (org, name, key)
);

create table cluster_nodes (
  address text collate "C" not null,
  number integer not null,
  runner text not null,
  name text not null,
  sandbox_host text,
  healthy boolean not null,
  has_left boolean not null,
  renewals integer not null,
  until double precision not null,
  constraint cluster_nodes_pkey PRIMARY KEY (address),
  constraint cluster_nodes_number_key UNIQUE (number)
);

create table cluster_shards (
  shard text collate "C" not null,
  address text collate "C" not null,
  constraint cluster_shards_pkey PRIMARY KEY (shard)
);

create table commands (
  key text collate "C" not null,
  org text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  rev bigint not null,
  idx integer not null,
  name text not null,
  params jsonb not null,
  due bigint not null,
  attempt integer not null default 0,
  claimed_until bigint not null default 0,
  dead_at bigint,
  error text,
  constraint commands_pkey PRIMARY KEY (key)
) with (fillfactor=45, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_cost_delay=0);

create table configuration_repositories (
  org text collate "C" not null,
  configuration_id text collate "C" not null,
  idx integer not null,
  repository_id text collate "C" not null,
  path text not null,
  constraint configuration_repositories_pkey PRIMARY KEY (org, configuration_id, idx)
);

create table configurations (
  org text collate "C" not null,
  id text collate "C" not null,
  name text not null,
  agent text not null,
  permissions text not null,
  created_at bigint not null default proliferate.now_ms(),
  constraint configurations_pkey PRIMARY KEY (org, id),
  constraint configurations_name UNIQUE (org, name)
);

create table connections (
  org text collate "C" not null,
  id text collate "C" not null,
  integration text collate "C" not null,
  kind text not null,
  account text,
  scopes jsonb not null,
  status text not null,
  reason text,
  settings jsonb not null,
  sealed bytea,
  expires_at bigint,
  refreshing_until bigint,
  created_by text,
  created_at bigint not null default proliferate.now_ms(),
  checked_at bigint,
  constraint connections_pkey PRIMARY KEY (org, id)
);

create table connectors (
  org text collate "C" not null,
  id text collate "C" not null,
  slug text collate "C" not null,
  name text not null,
  url text not null,
  auth jsonb not null,
  risk_policy jsonb not null,
  pins jsonb not null,
  enabled boolean not null,
  revision bigint not null default 1,
  created_by text,
  created_at bigint not null default proliferate.now_ms(),
  constraint connectors_pkey PRIMARY KEY (org, id),
  constraint connectors_slug UNIQUE (org, slug)
);

create unlogged table coordination_buckets (
  key text collate "C" not null,
  full_at double precision not null,
  constraint coordination_buckets_pkey PRIMARY KEY (key)
);

create unlogged table coordination_entries (
  room text collate "C" not null,
  who text collate "C" not null,
  says text not null,
  until double precision not null,
  constraint coordination_entries_pkey PRIMARY KEY (room, who)
);

create table dispatches (
  org text collate "C" not null,
  key text collate "C" not null,
  at bigint not null default proliferate.now_ms(),
  constraint dispatches_pkey PRIMARY KEY (org, key)
);

create table feed_chunks (
  org text collate "C" not null,
  home text collate "C" not null,
  first_seq bigint not null,
  last_seq bigint not null,
  rows jsonb not null,
  constraint feed_chunks_pkey PRIMARY KEY (org, home, last_seq)
);

create table feed_heads (
  org text collate "C" not null,
  home text collate "C" not null,
  epoch bigint not null,
  seq bigint not null,
  first bigint not null,
  sources jsonb not null,
  constraint feed_heads_pkey PRIMARY KEY (org, home)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0.05);

create table fixes (
  org text collate "C" not null,
  id text collate "C" not null,
  kind text not null,
  subject text not null,
  fix text not null,
  by text,
  why text,
  planned_rev bigint,
  result text not null,
  outcome text not null,
  at bigint not null default proliferate.now_ms(),
  constraint fixes_pkey PRIMARY KEY (org, id)
);

create table grant_requests (
  org text collate "C" not null,
  id text collate "C" not null,
  session_id text collate "C" not null,
  draft jsonb not null,
  reason text not null,
  status text not null,
  by text,
  answer text,
  created_at bigint not null default proliferate.now_ms(),
  expires_at bigint not null,
  constraint grant_requests_pkey PRIMARY KEY (org, id)
);

create table journal (
  org text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  rev bigint not null,
  machine_version integer not null,
  message_id text collate "C" not null,
  event jsonb not null,
  taken jsonb not null,
  effects jsonb not null,
  notices jsonb not null,
  by text,
  cause text,
  at bigint not null,
  constraint journal_pkey PRIMARY KEY (id, kind, rev)
);

create table model_calls (
  org text collate "C" not null,
  session_id text collate "C" not null,
  key text collate "C" not null,
  model text not null,
  dialect text not null,
  input bigint not null,
  output bigint not null,
  cached bigint not null,
  estimated boolean not null,
  status integer not null,
  ms bigint not null,
  at bigint not null default proliferate.now_ms(),
  constraint model_calls_pkey PRIMARY KEY (org, session_id, key)
);

create table nonces (
  org text collate "C" not null,
  purpose text not null,
  nonce text collate "C" not null,
  expires_at bigint not null,
  kept bytea,
  constraint nonces_pkey PRIMARY KEY (org, purpose, nonce)
);

create table open_calls (
  org text collate "C" not null,
  id text collate "C" not null,
  home text collate "C" not null,
  status text not null,
  constraint open_calls_pkey PRIMARY KEY (org, id)
);

create table organisations (
  id text collate "C" not null,
  name text not null,
  created_at bigint not null default proliferate.now_ms(),
  cell text collate "C" not null default 'home'::text,
  constraint organisations_pkey PRIMARY KEY (id)
);

create table pauses (
  org text collate "C" not null,
  kind text collate "C" not null,
  by text,
  why text not null,
  at bigint not null default proliferate.now_ms(),
  until bigint not null,
  constraint pauses_pkey PRIMARY KEY (org, kind)
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
  rev bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  archived boolean not null default false,
  words text not null default ''::text,
  constraint projections_pkey PRIMARY KEY (org, kind, id)
) with (fillfactor=70, autovacuum_vacuum_scale_factor=0.05);

create table proliferate.fake_now (
  now_ms bigint not null,
  constraint fake_now_pkey PRIMARY KEY (now_ms)
);

create table proliferate_migrations (
  number integer not null,
  file text not null,
  checksum text not null,
  applied_at timestamp with time zone not null default now(),
  constraint proliferate_migrations_pkey PRIMARY KEY (number)
);

create table repositories (
  org text collate "C" not null,
  id text collate "C" not null,
  name text not null,
  source text not null,
  location text not null,
  default_branch text not null,
  created_at bigint not null default proliferate.now_ms(),
  constraint repositories_pkey PRIMARY KEY (org, id),
  constraint repositories_name UNIQUE (org, name)
);

create table reservations (
  org text collate "C" not null,
  key text collate "C" not null,
  hash text collate "C" not null,
  id text collate "C" not null,
  expires_at bigint not null,
  constraint reservations_pkey PRIMARY KEY (org, key)
);

create table rooms (
  org text collate "C" not null,
  room text collate "C" not null,
  occupants text[] collate "C" not null,
  constraint rooms_pkey PRIMARY KEY (org, room)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0.05);

create table rule_books (
  org text collate "C" not null,
  revision bigint not null,
  constraint rule_books_pkey PRIMARY KEY (org)
);

create table rules (
  org text collate "C" not null,
  id text collate "C" not null,
  integration text collate "C" not null,
  action text collate "C" not null,
  mode text not null,
  automation text collate "C" not null,
  pins text not null,
  revision bigint not null,
  created_by text,
  created_at bigint not null default proliferate.now_ms(),
  constraint rules_pkey PRIMARY KEY (org, id),
  constraint rules_subject UNIQUE (org, integration, action, automation, pins)
);

create table sealed_arguments (
  org text collate "C" not null,
  id text collate "C" not null,
  sealed bytea not null,
  created_at bigint not null default proliferate.now_ms(),
  constraint sealed_arguments_pkey PRIMARY KEY (org, id)
);

create table slack_notices (
  org text collate "C" not null,
  approval_id text collate "C" not null,
  channel text not null,
  ts text,
  due_at bigint,
  tries integer not null default 0,
  created_at bigint not null default proliferate.now_ms(),
  constraint slack_notices_pkey PRIMARY KEY (org, approval_id)
);

create table slack_people (
  team text collate "C" not null,
  slack_user text collate "C" not null,
  org text collate "C" not null,
  user_id text collate "C" not null,
  created_at bigint not null default proliferate.now_ms(),
  constraint slack_people_pkey PRIMARY KEY (team, slack_user, org)
);

create table timers (
  org text collate "C" not null,
  kind text collate "C" not null,
  id text collate "C" not null,
  timer text collate "C" not null,
  rev bigint not null,
  due bigint not null,
  event jsonb not null,
  constraint timers_pkey PRIMARY KEY (id, kind, timer)
) with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_cost_delay=0);

create table tokens (
  org text collate "C" not null,
  id text collate "C" not null,
  user_id text collate "C" not null,
  name text not null,
  prefix text not null,
  hash text collate "C" not null,
  created_at bigint not null default proliferate.now_ms(),
  expires_at bigint,
  constraint tokens_pkey PRIMARY KEY (org, id),
  constraint tokens_hash UNIQUE (hash)
);

create table users (
  org text collate "C" not null,
  id text collate "C" not null,
  name text not null,
  email text not null,
  role text not null,
  created_at bigint not null default proliferate.now_ms(),
  constraint users_pkey PRIMARY KEY (org, id),
  constraint users_email UNIQUE (org, email)
);

alter table cluster_shards add constraint cluster_shards_address_fkey FOREIGN KEY (address) REFERENCES cluster_nodes(address);
alter table configuration_repositories add constraint configuration_repositories_org_configuration_id_fkey FOREIGN KEY (org, configuration_id) REFERENCES configurations(org, id) ON DELETE CASCADE;
alter table configuration_repositories add constraint configuration_repositories_repository FOREIGN KEY (org, repository_id) REFERENCES repositories(org, id);
alter table configurations add constraint configurations_org_fkey FOREIGN KEY (org) REFERENCES organisations(id);
alter table connections add constraint connections_org_fkey FOREIGN KEY (org) REFERENCES organisations(id);
alter table connectors add constraint connectors_org_fkey FOREIGN KEY (org) REFERENCES organisations(id);
alter table grant_requests add constraint grant_requests_org_fkey FOREIGN KEY (org) REFERENCES organisations(id);
alter table repositories add constraint repositories_org_fkey FOREIGN KEY (org) REFERENCES organisations(id);
alter table reservations add constraint reservations_org_fkey FOREIGN KEY (org) REFERENCES organisations(id);
alter table rule_books add constraint rule_books_org_fkey FOREIGN KEY (org) REFERENCES organisations(id);
alter table rules add constraint rules_org_fkey FOREIGN KEY (org) REFERENCES organisations(id);
alter table slack_people add constraint slack_people_org_user_id_fkey FOREIGN KEY (org, user_id) REFERENCES users(org, id) ON DELETE CASCADE;
alter table tokens add constraint tokens_user FOREIGN KEY (org, user_id) REFERENCES users(org, id) ON DELETE CASCADE;
alter table users add constraint users_org_fkey FOREIGN KEY (org) REFERENCES organisations(id);

CREATE INDEX actors_quarantined ON public.actors USING btree (id, kind) WHERE (quarantine IS NOT NULL);
CREATE INDEX actors_resident ON public.actors USING btree (id, kind) WHERE resident;
CREATE INDEX archives_begun ON public.archives USING btree (begun_at) WHERE (dropped_at IS NULL);
CREATE INDEX budgets_live ON public.budgets USING btree (org, ((about ->> 'integration'::text)), ((about ->> 'action'::text)), expires_at) WHERE (revoked_at IS NULL);
CREATE INDEX budgets_parent ON public.budgets USING btree (org, ((about ->> 'parentId'::text))) WHERE ((about ->> 'parentId'::text) IS NOT NULL);
CREATE INDEX cluster_shards_address ON public.cluster_shards USING btree (address);
CREATE INDEX commands_dead ON public.commands USING btree (org, dead_at) WHERE (dead_at IS NOT NULL);
CREATE INDEX commands_due ON public.commands USING btree (org, due, rev, idx) WHERE (dead_at IS NULL);
CREATE UNIQUE INDEX connections_live ON public.connections USING btree (org, integration) WHERE (status <> 'revoked'::text);
CREATE INDEX fixes_newest ON public.fixes USING btree (org, at DESC, id DESC);
CREATE INDEX grant_requests_of_session ON public.grant_requests USING btree (org, session_id, id);
CREATE INDEX grant_requests_open ON public.grant_requests USING btree (org, id) WHERE (status = 'open'::text);
CREATE UNIQUE INDEX journal_message ON public.journal USING btree ((((((kind || '/'::text) || id) || '/'::text) || message_id)));
CREATE INDEX nonces_expiry ON public.nonces USING btree (expires_at);
CREATE INDEX projections_home ON public.projections USING btree (org, home, kind, id);
CREATE INDEX projections_listed ON public.projections USING btree (org, kind, id) WHERE (NOT archived);
CREATE INDEX projections_owner ON public.projections USING btree (org, kind, owner, id);
CREATE INDEX projections_words ON public.projections USING gin (array_to_tsvector(string_to_array(words, ' '::text)));
CREATE INDEX reservations_expiry ON public.reservations USING btree (expires_at);
CREATE INDEX sealed_arguments_age ON public.sealed_arguments USING btree (created_at);
CREATE INDEX slack_notices_age ON public.slack_notices USING btree (created_at);
CREATE INDEX slack_notices_due ON public.slack_notices USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX timers_due ON public.timers USING btree (org, due);
CREATE INDEX tokens_of_user ON public.tokens USING btree (org, user_id);

create view grants as
 SELECT org,
    id,
    (about -> 'scope'::text) ->> 'type'::text AS scope_type,
    (about -> 'scope'::text) ->> 'id'::text AS scope_id,
    about ->> 'integration'::text AS integration,
    about ->> 'action'::text AS action,
    about -> 'constraints'::text AS constraints,
    uses_max,
    used,
    expires_at,
    about ->> 'createdBy'::text AS created_by,
    about ->> 'requestId'::text AS request_id,
    about ->> 'parentId'::text AS parent_id,
    revoked_at,
    revoked_by,
    revision,
    created_at
   FROM budgets;

create view sessions as
 SELECT org,
    id,
    title,
    status,
    owner,
    configuration_id,
    rev,
    created_at,
    updated_at,
    archived,
    words
   FROM projections
  WHERE kind = 'session'::text;

CREATE TRIGGER projections_open AFTER UPDATE ON projections FOR EACH ROW WHEN (new.kind = 'approval'::text AND ((new.status = ANY (ARRAY['pending'::text, 'outcomeUnknown'::text])) OR (old.status = ANY (ARRAY['pending'::text, 'outcomeUnknown'::text])))) EXECUTE FUNCTION proliferate.keep_open_calls();
