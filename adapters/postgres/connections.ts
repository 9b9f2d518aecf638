/** Connections, connectors and nonces in PostgreSQL (sql/0008_actions.sql). */
import { Effect, Layer } from "effect"
import { type Connection, ConnectionRecords, type ConnectorRecord } from "../../actors/ports/connections.ts"
import { Postgres } from "./pool.ts"
import { add, call, find, list, remove } from "./records.ts"

/** Expired nonces that one new one sweeps away. */
const sweptMax = 100

interface Live extends Connection {
  readonly sealed: Uint8Array
}

export const postgresConnections = ({ sql }: Postgres["Service"]): ConnectionRecords["Service"] => {
  const connection = sql`
    id, org, integration, kind, account, scopes, status, reason, settings, expires_at::float8 as "expiresAtMs",
    created_by as "createdBy", created_at::float8 as "createdAtMs", checked_at::float8 as "checkedAtMs"`
  const connector = sql`
    org, id, slug, name, url, auth, risk_policy as "riskPolicy", pins, enabled, revision::float8, created_by as "createdBy",
    created_at::float8 as "createdAtMs"`
  const given = <A>(value: A | undefined, column: string, written: (value: A) => any) =>
    value === undefined ? sql`` : sql`, ${sql(column)} = ${written(value)}`
  const json = (value: unknown) => sql`${JSON.stringify(value)}::text::jsonb`
  const same = <A>(value: A) => value

  return {
    connect: ({ id, org, integration, kind, account, scopes, settings, sealed, expiresAtMs, createdBy, checkedAtMs }) =>
      call(false, () =>
        sql.begin(async (tx) => {
          await tx`
            update connections set status = 'revoked', reason = 'replaced', sealed = null
            where org = ${org} and integration = ${integration} and status <> 'revoked'`
          const [made] = await tx<Array<Connection>>`
            insert into connections
              (org, id, integration, kind, account, scopes, status, settings, sealed, expires_at, created_by, checked_at)
            values (${org}, ${id}, ${integration}, ${kind}, ${account}, ${json(scopes)}, 'active',
              ${json(settings)}, ${Buffer.from(sealed)}, ${expiresAtMs}, ${createdBy}, ${checkedAtMs})
            returning ${connection}`
          return made!
        })
      ),
    list: (org) =>
      list(
        () => sql<Array<Connection>>`
        select ${connection} from connections where org = ${org} order by status = 'revoked', integration, created_at desc, id limit 1000`
      ),
    find: (org, id) =>
      find(() => sql<Array<Connection>>`select ${connection} from connections where org = ${org} and id = ${id}`),
    live: (org, integration) =>
      find(
        () => sql<Array<Live>>`
        select ${connection}, sealed from connections
        where org = ${org} and integration = ${integration} and status <> 'revoked'`
      ).pipe(
        Effect.map((row) => {
          if (row === null) return null
          const { sealed, ...rest } = row
          return { connection: rest, sealed: new Uint8Array(sealed) }
        })
      ),
    change: (org, id, change) => {
      const { status, reason, account, scopes, settings, expiresAtMs, checkedAtMs, sealed } = change
      return call(true, async () => {
        const [row] = await sql<Array<Connection>>`
          update connections set id = id
            ${given(status, "status", same)} ${given(reason, "reason", same)} ${given(account, "account", same)}
            ${given(scopes, "scopes", json)} ${given(settings, "settings", (some) => sql`jsonb_strip_nulls(settings || ${json(some)})`)} ${given(expiresAtMs, "expires_at", same)}
            ${given(checkedAtMs, "checked_at", same)} ${given(sealed, "sealed", (bytes) => Buffer.from(bytes))}
            ${sealed === undefined ? sql`` : sql`, refreshing_until = null`}
          where org = ${org} and id = ${id} and status <> 'revoked' returning ${connection}`
        return row ?? null
      })
    },
    claimRefresh: (org, id, forMs) =>
      // Not repeated by itself: what was written and not answered is somebody's claim.
      call(false, async () => {
        const { count } = await sql`
          update connections set refreshing_until = proliferate.now_ms() + ${forMs}::int8
          where org = ${org} and id = ${id} and status = 'active'
            and (refreshing_until is null or refreshing_until <= proliferate.now_ms())`
        return count > 0
      }),
    revoke: (org, id) =>
      remove(
        () => sql`
        update connections set status = 'revoked', reason = 'revoked', sealed = null
        where org = ${org} and id = ${id} and status <> 'revoked'`
      ),

    addConnector: ({ org, id, slug, name, url, auth, riskPolicy, pins, enabled, createdBy }) =>
      add(
        () => sql<Array<ConnectorRecord>>`
        insert into connectors (org, id, slug, name, url, auth, risk_policy, pins, enabled, created_by)
        values (${org}, ${id}, ${slug}, ${name}, ${url}, ${json(auth)}, ${json(riskPolicy)}, ${json(pins)}, ${enabled}, ${createdBy})
        returning ${connector}`
      ),
    connectors: (org) =>
      list(() => sql<Array<ConnectorRecord>>`select ${connector} from connectors where org = ${org} order by slug`),
    changeConnector: (org, slug, { enabled, pins, riskPolicy }) =>
      find(
        () => sql<Array<ConnectorRecord>>`
        update connectors set revision = revision + 1
          ${given(enabled, "enabled", same)} ${given(pins, "pins", json)} ${given(riskPolicy, "risk_policy", json)}
        where org = ${org} and slug = ${slug} returning ${connector}`
      ),
    removeConnector: (org, slug) => remove(() => sql`delete from connectors where org = ${org} and slug = ${slug}`),

    giveNonce: (org, purpose, nonce, forMs, kept) =>
      call(false, async () => {
        await sql`
          with swept as (
            delete from nonces where (org, purpose, nonce) in (
              select org, purpose, nonce from nonces where expires_at <= proliferate.now_ms() limit ${sweptMax} for update skip locked
            )
          )
          insert into nonces (org, purpose, nonce, expires_at, kept)
          values (${org}, ${purpose}, ${nonce}, proliferate.now_ms() + ${forMs}, ${kept === undefined ? null : Buffer.from(kept)})`
      }),
    takeNonce: (org, purpose, nonce) =>
      call(false, async () => {
        const [taken] = await sql<Array<{ readonly good: boolean; readonly kept: Uint8Array | null }>>`
          delete from nonces where org = ${org} and purpose = ${purpose} and nonce = ${nonce}
          returning expires_at > proliferate.now_ms() as good, kept`
        return taken?.good === true ? { kept: taken.kept === null ? null : new Uint8Array(taken.kept) } : null
      })
  }
}

export const layer: Layer.Layer<ConnectionRecords, never, Postgres> = Layer.effect(
  ConnectionRecords,
  Effect.map(Postgres, (postgres) => ConnectionRecords.of(postgresConnections(postgres)))
)
