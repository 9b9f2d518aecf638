-- 0003_coordination.sql
-- What servers on one database tell each other to be fair and quick, where no Redis does it (adapters/postgres/coordination.ts).
--
--   coordination_buckets   when a key that is limited in its rate will have its whole burst again
--   coordination_entries   who is in a room, and until when it counts without being said again
--
-- Unlogged: a crash empties them, and nothing but speed is lost. Nothing here decides anything that lasts.

create unlogged table coordination_buckets (
  key text collate "C" not null primary key,
  full_at float8 not null
);

create unlogged table coordination_entries (
  room text collate "C" not null,
  who text collate "C" not null,
  says text not null,
  until float8 not null,
  primary key (room, who)
);
