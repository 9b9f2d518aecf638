-- 0005_lists.sql
-- Lists of many sessions: those that were put away are kept out of them, and those that are looked for are found by their words.
--
--   projections.archived   put away; lists show it only when asked
--   projections.words      what it is found by: the words of its title and of its id in lower case, a space between two
--
-- Neither changes when a session changes its state, so such a change still touches no index.

alter table projections add column archived boolean not null default false, add column words text not null default '';

update projections set words = btrim(lower(regexp_replace(title || ' ' || id, '[^[:alnum:]]+', ' ', 'g')));

-- By the beginnings of words; a text search configuration would know one language and leave out its small words.
create index projections_words on projections using gin (array_to_tsvector(string_to_array(words, ' ')));
create index projections_owner on projections (org, kind, owner, id);
create index projections_listed on projections (org, kind, id) where not archived;

create or replace view sessions as
  select org, id, title, status, owner, configuration_id, rev, created_at, updated_at, archived, words
  from projections where kind = 'session';
