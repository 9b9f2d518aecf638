-- 0011_nonces.sql
-- What a nonce brings back to whoever takes it, sealed: how a person's way through their browser goes on, and what came of it so far.

alter table nonces add column kept bytea;
