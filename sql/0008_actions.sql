-- 0008_actions.sql
-- What agents may do at services, with which credentials, and what was sent. The calls themselves are actors of kind `approval`.
--
--   rule_books         how often an organisation's rules have changed: what a decision by policy is recorded with
--   rules              the mode of an exact action, perhaps for some arguments or one automation alone
--   connections        an organisation's credential for a service, sealed; of one that was revoked only the rest is kept
--   connectors         MCP servers whose tools are actions
--   sealed_arguments   of a call until it has settled; what executes is what was sealed, by its hash
--   dispatches         written before anything is sent: of all runs of one command, the one that wrote the row may send it
--   grant_requests     what agents asked to be lent
--   open_calls         calls that wait for a person, kept by the commits that change them: an inbox among millions of settled ones
--   nonces             good once, for a while, such as the state of an installation
--   slack_people       which user of ours a user of Slack is
--   slack_notices      pending calls to be shown in a channel, put there by the commit that made them pending; then where they were
--                      shown, so that their answer can be shown there too
--
-- Keys and times as in 0002.

create table rule_books (
  org text collate "C" not null primary key references organisations (id),
  revision int8 not null
);

create table rules (
  org text collate "C" not null references organisations (id),
  id text collate "C" not null,
  integration text collate "C" not null,
  action text collate "C" not null,
  mode text not null,
  -- The automation that it is for; empty: all of the organisation.
  automation text collate "C" not null,
  -- Constraints on arguments, as canonical JSON.
  pins text not null,
  -- Revision of the book that wrote it.
  revision int8 not null,
  created_by text,
  created_at int8 not null default proliferate.now_ms(),
  primary key (org, id),
  constraint rules_subject unique (org, integration, action, automation, pins)
);

create table connections (
  org text collate "C" not null references organisations (id),
  id text collate "C" not null,
  integration text collate "C" not null,
  kind text not null,
  account text,
  scopes jsonb not null,
  status text not null,
  reason text,
  settings jsonb not null,
  -- Null once it is revoked.
  sealed bytea,
  expires_at int8,
  -- Until then one server alone refreshes it.
  refreshing_until int8,
  created_by text,
  created_at int8 not null default proliferate.now_ms(),
  checked_at int8,
  primary key (org, id)
);
create unique index connections_live on connections (org, integration) where status <> 'revoked';

create table connectors (
  org text collate "C" not null references organisations (id),
  id text collate "C" not null,
  -- The name of its integration.
  slug text collate "C" not null,
  name text not null,
  url text not null,
  auth jsonb not null,
  risk_policy jsonb not null,
  -- The schema of each tool that an administrator accepted, by its hash.
  pins jsonb not null,
  enabled boolean not null,
  revision int8 not null default 1,
  created_by text,
  created_at int8 not null default proliferate.now_ms(),
  primary key (org, id),
  constraint connectors_slug unique (org, slug)
);

create table sealed_arguments (
  org text collate "C" not null,
  id text collate "C" not null,
  sealed bytea not null,
  created_at int8 not null default proliferate.now_ms(),
  primary key (org, id)
);
create index sealed_arguments_age on sealed_arguments (created_at);

create table dispatches (
  org text collate "C" not null,
  key text collate "C" not null,
  at int8 not null default proliferate.now_ms(),
  primary key (org, key)
);

create table grant_requests (
  org text collate "C" not null references organisations (id),
  id text collate "C" not null,
  session_id text collate "C" not null,
  draft jsonb not null,
  reason text not null,
  -- open, granted or denied; an open one whose time is over has expired.
  status text not null,
  by text,
  answer text,
  created_at int8 not null default proliferate.now_ms(),
  expires_at int8 not null,
  primary key (org, id)
);
create index grant_requests_of_session on grant_requests (org, session_id, id);
create index grant_requests_open on grant_requests (org, id) where status = 'open';

create table open_calls (
  org text collate "C" not null,
  id text collate "C" not null,
  home text collate "C" not null,
  status text not null,
  primary key (org, id)
);

-- A column of projections would do, with an index; but then no change of any actor's state could be made in place.
create function proliferate.keep_open_calls() returns trigger language plpgsql as $$
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
end $$;
create trigger projections_open after update on projections for each row
  when (new.kind = 'approval' and (new.status in ('pending', 'outcomeUnknown') or old.status in ('pending', 'outcomeUnknown')))
  execute function proliferate.keep_open_calls();

create table nonces (
  org text collate "C" not null,
  purpose text not null,
  nonce text collate "C" not null,
  expires_at int8 not null,
  -- What it brings back to whoever takes it, sealed: how a person's way through their browser goes on, and what came of it so far.
  kept bytea,
  primary key (org, purpose, nonce)
);
create index nonces_expiry on nonces (expires_at);

create table slack_people (
  team text collate "C" not null,
  slack_user text collate "C" not null,
  org text collate "C" not null,
  user_id text collate "C" not null,
  created_at int8 not null default proliferate.now_ms(),
  primary key (team, slack_user, org),
  foreign key (org, user_id) references users (org, id) on delete cascade
);

create table slack_notices (
  org text collate "C" not null,
  approval_id text collate "C" not null,
  channel text not null,
  -- Of the message; null: not known to be shown yet.
  ts text,
  -- When to look at it; null: it shows how the call stands. Moved on by whoever claims it.
  due_at int8,
  tries int4 not null default 0,
  created_at int8 not null default proliferate.now_ms(),
  primary key (org, approval_id)
);
create index slack_notices_due on slack_notices (due_at) where due_at is not null;
create index slack_notices_age on slack_notices (created_at);

-- The calls of one session, in their order.
create index projections_home on projections (org, home, kind, id);
