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

create table organisations (
  id text collate "C" primary key,
  name text not null,
  created_at int8 not null default proliferate.now_ms()
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
