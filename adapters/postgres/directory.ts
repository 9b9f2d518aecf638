/** The directory in PostgreSQL (sql/0002_directory.sql), as patient as records.ts is. */
import { Effect, Layer } from "effect"
import type postgres from "postgres"
import {
  type Configuration,
  Directory,
  DirectoryError,
  type Founders,
  homeCell,
  type ModelUsage,
  type Organisation,
  type RepositoryRecord,
  type SessionRow,
  type Token,
  type User
} from "../../actors/ports/directory.ts"
import { Postgres } from "./pool.ts"
import { add, call, find, list, remove } from "./records.ts"

const reservationMs = 24 * 60 * 60_000
/** Expired reservations that one new one sweeps away. */
const sweptMax = 100

type Reservation = Pick<Parameters<Directory["Service"]["reserve"]>[0], "hash" | "id">

/** As a query for words that begin so. There is nothing but letters and digits in them. */
const beginnings = (words: ReadonlyArray<string>): string => words.map((word) => `'${word}':*`).join(" & ")

/** What is said of an organisation whose cell this server was not told of. */
export const unknownCell = (cell: string) =>
  `this organisation lives in the cell ${JSON.stringify(cell)}, which this server does not know: add it to DATABASE_CELLS`

/** What is said where one is to be made in a cell that there is not. */
export const noCell = (cell: string, names: ReadonlyArray<string>) =>
  new DirectoryError({
    reason: "not-found",
    message: `there is no cell ${JSON.stringify(cell)}; there ${names.length === 1 ? "is" : "are"} ${names.join(", ")}`
  })

/** `names`: the cells that this server knows; this database is one of them, the first. */
export const postgresDirectory = (sql: postgres.Sql, names: ReadonlyArray<string> = [homeCell]): Directory["Service"] => {
  const organisation = sql`id, name, cell, created_at::float8 as "createdAtMs"`
  const user = sql`id, org, name, email, role, created_at::float8 as "createdAtMs"`
  const token = sql`
    id, org, user_id as "userId", name, prefix, created_at::float8 as "createdAtMs", expires_at::float8 as "expiresAtMs"`
  const repository = sql`
    id, org, name, source, location, default_branch as "defaultBranch", created_at::float8 as "createdAtMs"`
  const configuration = sql`
    id, org, name, agent, permissions, created_at::float8 as "createdAtMs", (
      select coalesce(json_agg(json_build_object('repositoryId', r.repository_id, 'path', r.path) order by r.idx), '[]')
      from configuration_repositories r where r.org = c.org and r.configuration_id = c.id
    ) as repositories`
  const session = sql`
    id, org, title, status, owner, configuration_id as "configurationId", archived, rev::float8,
    created_at::float8 as "createdAtMs", updated_at::float8 as "updatedAtMs"`

  return {
    addOrganisation: ({ id, name, cell = homeCell }) =>
      names.includes(cell)
        ? add(
            () => sql<Array<Organisation>>`
            insert into organisations (id, name, cell) values (${id}, ${name}, ${cell}) returning ${organisation}`
          )
        : Effect.fail(noCell(cell, names)),
    organisations: list(() => sql<Array<Organisation>>`select ${organisation} from organisations order by created_at, id`),
    found: ({ organisation: { id, name, cell = homeCell }, user: owner, token: first }) =>
      names.includes(cell)
        ? add(
            // One statement: a server that dies in the middle leaves nothing that a start would take for founded.
            () => sql<Array<Founders>>`
            with o as (
              insert into organisations (id, name, cell) values (${id}, ${name}, ${cell}) returning ${organisation}
            ), u as (
              insert into users (org, id, name, email, role)
              values (${owner.org}, ${owner.id}, ${owner.name}, ${owner.email}, ${owner.role}) returning ${user}
            ), t as (
              insert into tokens (org, id, user_id, name, prefix, hash, expires_at)
              values (${first.org}, ${first.id}, ${first.userId}, ${first.name}, ${first.prefix}, ${first.hash}, ${first.expiresAtMs})
              returning ${token}
            )
            select to_json(o) as organisation, to_json(u) as "user", to_json(t) as token from o, u, t`
          )
        : Effect.fail(noCell(cell, names)),

    addUser: ({ id, org, name, email, role }) =>
      add(
        () => sql<Array<User>>`
        insert into users (org, id, name, email, role) values (${org}, ${id}, ${name}, ${email}, ${role}) returning ${user}`
      ),
    users: (org) => list(() => sql<Array<User>>`select ${user} from users where org = ${org} order by created_at, id`),
    removeUser: (org, id) =>
      // Whoever comes second waits for the owners, and counts those that are left.
      remove(
        () => sql`
        with owners as materialized (select id from users where org = ${org} and role = 'owner' order by id for update)
        delete from users where org = ${org} and id = ${id} and (role <> 'owner' or (select count(*) from owners) > 1)`
      ),

    addToken: ({ id, org, userId, name, prefix, hash, expiresAtMs }) =>
      add(
        () => sql<Array<Token>>`
        insert into tokens (org, id, user_id, name, prefix, hash, expires_at)
        values (${org}, ${id}, ${userId}, ${name}, ${prefix}, ${hash}, ${expiresAtMs})
        returning ${token}`
      ),
    tokens: (org) => list(() => sql<Array<Token>>`select ${token} from tokens where org = ${org} order by created_at, id`),
    tokenByHash: (hash) =>
      find(
        () => sql<Array<{ readonly token: Token; readonly user: User; readonly cell: string }>>`
        select to_json(t) as token, to_json(u) as "user", (select cell from organisations where id = t.org) as cell
        from (select ${token} from tokens where hash = ${hash} and coalesce(expires_at > proliferate.now_ms(), true)) t
        cross join lateral (select ${user} from users where org = t.org and id = t."userId") u`
      ).pipe(
        Effect.flatMap((found) => {
          if (found === null) return Effect.succeed(null)
          const { cell, ...known } = found
          return names.includes(cell)
            ? Effect.succeed(known)
            : new DirectoryError({ reason: "unavailable", message: unknownCell(cell) })
        })
      ),
    revokeToken: (org, id) => remove(() => sql`delete from tokens where org = ${org} and id = ${id}`),

    addRepository: ({ id, org, name, source, location, defaultBranch }) =>
      add(
        () => sql<Array<RepositoryRecord>>`
        insert into repositories (org, id, name, source, location, default_branch)
        values (${org}, ${id}, ${name}, ${source}, ${location}, ${defaultBranch})
        returning ${repository}`
      ),
    repository: (org, id) =>
      find(() => sql<Array<RepositoryRecord>>`select ${repository} from repositories where org = ${org} and id = ${id}`),
    repositories: (org) =>
      list(() => sql<Array<RepositoryRecord>>`select ${repository} from repositories where org = ${org} order by created_at, id`),

    addConfiguration: ({ id, org, name, repositories, agent, permissions }) => {
      const listed = JSON.stringify(repositories)
      return add(
        () => sql<Array<Pick<Configuration, "createdAtMs">>>`
        with listed as (
          insert into configuration_repositories (org, configuration_id, idx, repository_id, path)
          select ${org}, ${id}, x.idx, x.row ->> 'repositoryId', x.row ->> 'path'
          from json_array_elements(${listed}::text::json) with ordinality as x(row, idx)
        )
        insert into configurations (org, id, name, agent, permissions)
        values (${org}, ${id}, ${name}, ${agent}, ${permissions})
        returning created_at::float8 as "createdAtMs"`
      ).pipe(Effect.map(({ createdAtMs }) => ({ id, org, name, repositories, agent, permissions, createdAtMs })))
    },
    configuration: (org, id) =>
      find(() => sql<Array<Configuration>>`select ${configuration} from configurations c where org = ${org} and id = ${id}`),
    configurations: (org) =>
      list(
        () => sql<Array<Configuration>>`select ${configuration} from configurations c where org = ${org} order by created_at, id`
      ),

    session: (org, id) => find(() => sql<Array<SessionRow>>`select ${session} from sessions where org = ${org} and id = ${id}`),
    // Ids are ordered by time.
    sessions: (org, { limit, before, status, owner, archived = false, words = [] }) =>
      list(
        () => sql<Array<SessionRow>>`
        select ${session} from sessions where org = ${org} and archived = ${archived}
        ${before === undefined ? sql`` : sql`and id < ${before}`}
        ${status === undefined ? sql`` : sql`and status = ${status}`}
        ${owner === undefined ? sql`` : sql`and owner = ${owner}`}
        ${words.length === 0 ? sql`` : sql`and array_to_tsvector(string_to_array(words, ' ')) @@ ${beginnings(words)}::tsquery`}
        order by id desc limit ${limit}`
      ),
    sessionsIn: (statuses, { limit, after }) =>
      list(
        () => sql<Array<SessionRow>>`
        select ${session} from sessions
        where status = any (select json_array_elements_text(${JSON.stringify(statuses)}::text::json))
        ${after === null ? sql`` : sql`and id > ${after}`}
        order by id limit ${limit}`
      ),

    addModelCall: ({ org, sessionId, key, model, dialect, input, output, cached, estimated, status, ms }) =>
      call(true, async () => {
        await sql`
          insert into model_calls (org, session_id, key, model, dialect, input, output, cached, estimated, status, ms)
          values (${org}, ${sessionId}, ${key}, ${model}, ${dialect}, ${input}, ${output}, ${cached}, ${estimated}, ${status}, ${ms})
          on conflict do nothing`
      }),
    modelUsage: (org, sessionId) =>
      call(true, async () => {
        const [usage] = await sql<Array<ModelUsage>>`
          select count(*)::float8 as calls, coalesce(sum(input), 0)::float8 as input,
            coalesce(sum(output), 0)::float8 as output, coalesce(sum(cached), 0)::float8 as cached
          from model_calls where org = ${org} and session_id = ${sessionId}`
        return usage!
      }),

    reserve: ({ org, key, hash, id }) =>
      call(true, async () => {
        const [reserved] = await sql<Array<Reservation>>`
          with swept as (
            delete from reservations where (org, key) in (
              select org, key from reservations
              where expires_at <= proliferate.now_ms() and (org, key) <> (${org}, ${key}) limit ${sweptMax} for update skip locked
            )
          )
          insert into reservations as r (org, key, hash, id, expires_at)
          values (${org}, ${key}, ${hash}, ${id}, proliferate.now_ms() + ${reservationMs})
          on conflict (org, key) do update set hash = excluded.hash, id = excluded.id, expires_at = excluded.expires_at
            where r.expires_at <= proliferate.now_ms()
          returning hash, id`
        const [earlier] = reserved
          ? []
          : await sql<Array<Reservation>>`select hash, id from reservations where org = ${org} and key = ${key}`
        return (reserved ?? earlier)!
      })
  }
}

export const layer: Layer.Layer<Directory, never, Postgres> = Layer.effect(
  Directory,
  Effect.map(Postgres, ({ sql }) => Directory.of(postgresDirectory(sql)))
)
