-- 0013_noticed.sql
-- How far the notices of an actor go (runtime/notices.ts numbers them): where the feed has as many, its journal need not be read when
-- it comes to memory. Known as of `noticed_rev`: a program that does not keep it yet leaves that behind, and then it is not known.

alter table actors add column noticed int8, add column noticed_rev int8;
