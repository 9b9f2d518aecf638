/** Connections, connectors and nonces in memory; promises: actors/ports/connections.ts. */
import { Clock, Effect, Layer } from "effect"
import { type Connection, ConnectionRecords, type ConnectorRecord } from "../../actors/ports/connections.ts"
import { DirectoryError } from "../../actors/ports/directory.ts"

interface Row {
  connection: Connection
  sealed: Uint8Array | null
  refreshingUntilMs?: number
}

const order = ({ status, integration, createdAtMs, id }: Connection): string =>
  `${status === "revoked" ? 1 : 0} ${integration} ${String(9e15 - createdAtMs)} ${id}`

export const memoryConnections = (): ConnectionRecords["Service"] => {
  const rows = new Map<string, Row>()
  const connectors = new Map<string, ConnectorRecord>()
  const nonces = new Map<string, { readonly untilMs: number; readonly kept: Uint8Array | null }>()

  const isLive = ({ connection }: Row) => connection.status !== "revoked"
  const revoked = (row: Row, reason: string) => {
    row.connection = { ...row.connection, status: "revoked", reason }
    row.sealed = null
  }
  const liveOf = (org: string, integration: string) =>
    [...rows.values()].find((row) => isLive(row) && row.connection.org === org && row.connection.integration === integration)
  const at = (org: string, id: string) => rows.get(`${org}/${id}`)

  return {
    connect: Effect.fnUntraced(function* ({ sealed, ...given }) {
      const createdAtMs = yield* Clock.currentTimeMillis
      const earlier = liveOf(given.org, given.integration)
      if (earlier !== undefined) revoked(earlier, "replaced")
      const connection: Connection = { ...given, status: "active", reason: null, createdAtMs }
      rows.set(`${given.org}/${given.id}`, { connection, sealed })
      return structuredClone(connection)
    }),
    list: (org) =>
      Effect.sync(() =>
        [...rows.values()]
          .map(({ connection }) => structuredClone(connection))
          .filter((connection) => connection.org === org)
          .sort((a, b) => (order(a) < order(b) ? -1 : 1))
      ),
    find: (org, id) => Effect.sync(() => structuredClone(at(org, id)?.connection ?? null)),
    live: (org, integration) =>
      Effect.sync(() => {
        const row = liveOf(org, integration)
        return row === undefined ? null : { connection: structuredClone(row.connection), sealed: row.sealed! }
      }),
    change: (org, id, { sealed, settings = {}, ...change }) =>
      Effect.sync(() => {
        const row = at(org, id)
        if (row === undefined || !isLive(row)) return null
        const kept = Object.entries({ ...row.connection.settings, ...settings }).filter(([, value]) => value !== null)
        row.connection = structuredClone({ ...row.connection, ...change, settings: Object.fromEntries(kept) } as Connection)
        if (sealed !== undefined) {
          row.sealed = sealed
          row.refreshingUntilMs = 0
        }
        return structuredClone(row.connection)
      }),
    claimRefresh: Effect.fnUntraced(function* (org, id, forMs) {
      const nowMs = yield* Clock.currentTimeMillis
      const row = at(org, id)
      if (row === undefined || row.connection.status !== "active" || (row.refreshingUntilMs ?? 0) > nowMs) return false
      row.refreshingUntilMs = nowMs + forMs
      return true
    }),
    revoke: (org, id) =>
      Effect.sync(() => {
        const row = at(org, id)
        if (row === undefined || !isLive(row)) return false
        revoked(row, "revoked")
        return true
      }),

    addConnector: Effect.fnUntraced(function* (given) {
      const key = `${given.org}/${given.slug}`
      if (connectors.has(key))
        return yield* new DirectoryError({ reason: "conflict", message: "a connector of this name is there already" })
      const connector = structuredClone({ ...given, revision: 1, createdAtMs: yield* Clock.currentTimeMillis })
      connectors.set(key, connector)
      return structuredClone(connector)
    }),
    connectors: (org) =>
      Effect.sync(() =>
        structuredClone([...connectors.values()].filter((one) => one.org === org)).sort((a, b) => (a.slug < b.slug ? -1 : 1))
      ),
    changeConnector: (org, slug, change) =>
      Effect.sync(() => {
        const known = connectors.get(`${org}/${slug}`)
        if (known === undefined) return null
        const changed = structuredClone({ ...known, ...change, revision: known.revision + 1 })
        connectors.set(`${org}/${slug}`, changed)
        return structuredClone(changed)
      }),
    removeConnector: (org, slug) => Effect.sync(() => connectors.delete(`${org}/${slug}`)),

    giveNonce: Effect.fnUntraced(function* (org, purpose, nonce, forMs, kept) {
      nonces.set(`${org}/${purpose}/${nonce}`, { untilMs: (yield* Clock.currentTimeMillis) + forMs, kept: kept ?? null })
    }),
    takeNonce: Effect.fnUntraced(function* (org, purpose, nonce) {
      const key = `${org}/${purpose}/${nonce}`
      const given = nonces.get(key)
      nonces.delete(key)
      return given !== undefined && given.untilMs > (yield* Clock.currentTimeMillis) ? { kept: given.kept } : null
    })
  }
}

export const layer: Layer.Layer<ConnectionRecords> = Layer.sync(ConnectionRecords, () =>
  ConnectionRecords.of(memoryConnections())
)
