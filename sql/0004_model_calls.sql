-- 0004_model_calls.sql
-- What sessions used of models. One row a call of the relay (adapters/model), written once, when the call is over.
--
--   model_calls   `input` counts the `cached` as well; `estimated` where the end of an answer, which tells the count, never came
--
-- `status` is what the endpoint answered with, or 499: the asking end left, 502: the answer broke off, 504: it stood still.

create table model_calls (
  org text collate "C" not null,
  session_id text collate "C" not null,
  key text collate "C" not null,
  model text not null,
  dialect text not null,
  input int8 not null,
  output int8 not null,
  cached int8 not null,
  estimated bool not null,
  status int4 not null,
  ms int8 not null,
  at int8 not null default proliferate.now_ms(),
  primary key (org, session_id, key)
);
