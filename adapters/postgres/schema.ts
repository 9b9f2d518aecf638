/**
 * The schema of a database as SQL, from its catalogs and in a fixed order: functions, tables, references, indexes, views,
 * triggers. An object of a kind that it does not know is an error, not an omission. The texts are PostgreSQL's own, and differ
 * between its versions.
 */
import { Effect } from "effect"
import type postgres from "postgres"

const head = `-- The schema that the migrations lead to, on PostgreSQL 18. Written by \`npm run schema\`; do not edit.`

/** Of the objects of ours: no extension's, no partition's own. */
const ours = (sql: postgres.Sql) => sql`
  select oid from pg_namespace where nspname in ('public', 'proliferate')`

const unknown = (sql: postgres.Sql) => sql<Array<{ readonly name: string }>>`
  select relname as name from pg_class where relnamespace in (${ours(sql)}) and relkind not in ('r', 'i', 'v')
  union all
  select typname from pg_type where typnamespace in (${ours(sql)}) and typtype not in ('c', 'b')`

const functions = (sql: postgres.Sql) => sql<Array<{ readonly text: string }>>`
  select rtrim(pg_get_functiondef(oid), E' \n') || ';' as text from pg_proc where pronamespace in (${ours(sql)})
  order by pronamespace::regnamespace::text, proname, oid::regprocedure::text`

const tables = (sql: postgres.Sql) => sql<Array<{ readonly text: string }>>`
  select format(E'create %stable %s (\n%s\n)%s;', case t.relpersistence when 'u' then 'unlogged ' else '' end, t.oid::regclass, (
    select string_agg('  ' || line, E',\n' order by place, sort, line) from (
      select 1 as place, a.attnum as sort, concat_ws(' ',
        quote_ident(a.attname),
        format_type(a.atttypid, a.atttypmod),
        (select 'collate ' || quote_ident(c.collname) from pg_collation c, pg_type y
          where c.oid = a.attcollation and y.oid = a.atttypid and y.typcollation <> a.attcollation),
        case when a.attnotnull then 'not null' end,
        (select 'default ' || pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = t.oid and d.adnum = a.attnum)
      ) as line
      from pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      union all
      select 2, position(c.contype::text in 'puc'), format('constraint %I %s', c.conname, pg_get_constraintdef(c.oid))
      from pg_constraint c where c.conrelid = t.oid and c.contype in ('p', 'u', 'c')
    ) lines
  ), ' with (' || array_to_string(t.reloptions, ', ') || ')') as text
  from pg_class t where t.relkind = 'r' and t.relnamespace in (${ours(sql)})
  order by t.oid::regclass::text`

/** After every table, since they look forward as well as back. */
const references = (sql: postgres.Sql) => sql<Array<{ readonly text: string }>>`
  select format('alter table %s add constraint %I %s;', conrelid::regclass, conname, pg_get_constraintdef(oid)) as text
  from pg_constraint where contype = 'f' and connamespace in (${ours(sql)})
  order by conrelid::regclass::text, conname`

const indexes = (sql: postgres.Sql) => sql<Array<{ readonly text: string }>>`
  select pg_get_indexdef(i.indexrelid) || ';' as text from pg_index i join pg_class c on c.oid = i.indexrelid
  where c.relnamespace in (${ours(sql)}) and not exists (select from pg_constraint where conindid = i.indexrelid)
  order by c.relname`

const views = (sql: postgres.Sql) => sql<Array<{ readonly text: string }>>`
  select format(E'create view %s as\n%s', oid::regclass, pg_get_viewdef(oid, true)) as text
  from pg_class where relkind = 'v' and relnamespace in (${ours(sql)}) order by oid::regclass::text`

const triggers = (sql: postgres.Sql) => sql<Array<{ readonly text: string }>>`
  select pg_get_triggerdef(t.oid, true) || ';' as text from pg_trigger t join pg_class c on c.oid = t.tgrelid
  where not t.tgisinternal and c.relnamespace in (${ours(sql)}) order by t.tgrelid::regclass::text, t.tgname`

/** Dies on an object that it cannot describe. */
export const describeSchema = (sql: postgres.Sql): Effect.Effect<string> =>
  Effect.promise(async () => {
    const [strange] = await unknown(sql)
    if (strange !== undefined) throw new Error(`adapters/postgres/schema.ts does not know what kind of object ${strange.name} is`)
    const block = async (rows: PromiseLike<ReadonlyArray<{ readonly text: string }>>, separator: string) =>
      (await rows).map(({ text }) => text).join(separator)
    const blocks = [
      await block(functions(sql), "\n\n"),
      await block(tables(sql), "\n\n"),
      await block(references(sql), "\n"),
      await block(indexes(sql), "\n"),
      await block(views(sql), "\n\n"),
      await block(triggers(sql), "\n")
    ]
    return `${[head, "create schema proliferate;", ...blocks.filter((text) => text !== "")].join("\n\n")}\n`
  })
