-- 0007_cluster.sql
-- The servers that share this database, and which shards of the homes each holds (runtime/nodes.ts, adapters/postgres/nodes.ts).
--
--   cluster_nodes    one row for each that ever was there; `until` is its lease, `renewals` counts what it asked to renew it
--   cluster_shards   who holds a shard; free where its holder's lease has run out

create table cluster_nodes (
  address text collate "C" not null primary key,
  number int4 not null unique,
  runner text not null,
  name text not null,
  sandbox_host text,
  healthy boolean not null,
  -- It left: its lease is not renewed by what was under way.
  has_left boolean not null,
  renewals int4 not null,
  until float8 not null
);

create table cluster_shards (
  shard text collate "C" not null primary key,
  address text collate "C" not null references cluster_nodes
);
create index cluster_shards_address on cluster_shards (address);
