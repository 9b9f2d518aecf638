/**
 * The directory in memory, for tests. What it lists of sessions is what the journal of `state` projected; its clock is Effect's.
 * Every row is copied on its way in and out, so that nobody shares it.
 */
import { Clock, Effect, Layer } from "effect"
import {
  type Configuration,
  Directory,
  DirectoryError,
  homeCell,
  type ModelCall,
  type Organisation,
  type RepositoryRecord,
  type SessionRow,
  sessionWords,
  type Token,
  type User
} from "../../actors/ports/directory.ts"
import { emptyJournal, type JournalState, type ProjectedRow } from "./journal-state.ts"

const reservationMs = 24 * 60 * 60_000

interface Reservation {
  readonly hash: string
  readonly id: string
  readonly expiresAtMs: number
}

type Owned = { readonly org: string; readonly id: string; readonly createdAtMs: number }

const keyOf = ({ org, id }: { readonly org: string; readonly id: string }) => `${org}/${id}`
const byAge = (a: { readonly createdAtMs: number; readonly id: string }, b: typeof a) =>
  a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1)

const sessionOf = ({ address: { org, id }, ...row }: ProjectedRow): SessionRow => ({ org, id, ...row })

export const memoryDirectory = (state: JournalState = emptyJournal()): Directory["Service"] => {
  const organisations = new Map<string, Organisation>()
  const users = new Map<string, User>()
  const tokens = new Map<string, Token>()
  const hashes = new Map<string, string>()
  const repositories = new Map<string, RepositoryRecord>()
  const configurations = new Map<string, Configuration>()
  const modelCalls = new Map<string, ModelCall>()
  const reservations = new Map<string, Reservation>()

  const refuse = (reason: DirectoryError["reason"], message: string) => Effect.fail(new DirectoryError({ reason, message }))

  const list = <A extends Owned>(rows: Map<string, A>, org: string) =>
    Effect.sync(() => structuredClone([...rows.values()].filter((row) => row.org === org).sort(byAge)))
  const find = <A extends Owned>(rows: Map<string, A>, org: string, id: string) =>
    Effect.sync(() => structuredClone(rows.get(keyOf({ org, id })) ?? null))

  const add = Effect.fnUntraced(function* <A extends Owned>(
    rows: Map<string, A>,
    row: Omit<A, "createdAtMs"> & { readonly org: string; readonly id: string },
    unique: { readonly said: string; readonly isSame: (other: A) => boolean }
  ) {
    if (!organisations.has(row.org)) return yield* refuse("not-found", "the organisation is not there")
    const rowsOfOrg = [...rows.values()].filter(({ org }) => org === row.org)
    if (rowsOfOrg.some(({ id }) => id === row.id)) return yield* refuse("conflict", "its id is taken already")
    if (rowsOfOrg.some(unique.isSame)) return yield* refuse("conflict", `a ${unique.said} is there already`)
    const added = structuredClone({ ...row, createdAtMs: yield* Clock.currentTimeMillis }) as unknown as A
    rows.set(keyOf(row), added)
    return structuredClone(added)
  })

  const sessions = () => [...state.projections.values()].filter(({ address }) => address.kind === "session").map(sessionOf)

  const addOrganisation: Directory["Service"]["addOrganisation"] = Effect.fnUntraced(function* ({ id, name, cell = homeCell }) {
    if (cell !== homeCell) return yield* refuse("not-found", `there is no cell "${cell}"; there is ${homeCell}`)
    if (organisations.has(id)) return yield* refuse("conflict", "its id is taken already")
    const organisation = { id, name, cell, createdAtMs: yield* Clock.currentTimeMillis }
    organisations.set(id, organisation)
    return { ...organisation }
  })
  const addUser: Directory["Service"]["addUser"] = (user) =>
    add(users, user, { said: "user with this email", isSame: ({ email }) => email === user.email })
  const addToken: Directory["Service"]["addToken"] = Effect.fnUntraced(function* ({ hash, ...token }) {
    if (!users.has(keyOf({ org: token.org, id: token.userId })))
      return yield* refuse("not-found", "the user that it names is not there")
    if (hashes.has(hash)) return yield* refuse("conflict", "its hash is taken already")
    const added = yield* add(tokens, token, { said: "token", isSame: () => false })
    hashes.set(hash, keyOf(token))
    return added
  })

  return {
    addOrganisation,
    organisations: Effect.sync(() => structuredClone([...organisations.values()].sort(byAge))),
    found: Effect.fnUntraced(function* ({ organisation, user, token }) {
      const founded = yield* addOrganisation(organisation)
      return yield* Effect.all({
        organisation: Effect.succeed(founded),
        user: addUser(user),
        token: addToken(token)
      }).pipe(
        Effect.tapError(() =>
          Effect.sync(() => {
            organisations.delete(founded.id)
            users.delete(keyOf(user))
          })
        )
      )
    }),

    addUser,
    users: (org) => list(users, org),
    removeUser: (org, id) =>
      Effect.sync(() => {
        const owners = [...users.values()].filter((user) => user.org === org && user.role === "owner")
        if (owners.length === 1 && owners[0]!.id === id) return false
        for (const [hash, key] of hashes) {
          const token = tokens.get(key)
          if (token?.org !== org || token.userId !== id) continue
          hashes.delete(hash)
          tokens.delete(key)
        }
        return users.delete(keyOf({ org, id }))
      }),

    addToken,
    tokens: (org) => list(tokens, org),
    tokenByHash: Effect.fnUntraced(function* (hash) {
      const nowMs = yield* Clock.currentTimeMillis
      const token = tokens.get(hashes.get(hash) ?? "")
      const user = token && users.get(keyOf({ org: token.org, id: token.userId }))
      if (!token || !user || (token.expiresAtMs !== null && token.expiresAtMs <= nowMs)) return null
      return structuredClone({ token, user })
    }),
    revokeToken: (org, id) =>
      Effect.sync(() => {
        for (const [hash, key] of hashes) if (key === keyOf({ org, id })) hashes.delete(hash)
        return tokens.delete(keyOf({ org, id }))
      }),

    addRepository: (repository) =>
      add(repositories, repository, { said: "repository of this name", isSame: ({ name }) => name === repository.name }),
    repository: (org, id) => find(repositories, org, id),
    repositories: (org) => list(repositories, org),

    addConfiguration: Effect.fnUntraced(function* (configuration) {
      const { org } = configuration
      const areThere = configuration.repositories.every(({ repositoryId }) => repositories.has(keyOf({ org, id: repositoryId })))
      if (!areThere) return yield* refuse("not-found", "a repository that it names is not there")
      const isSame = ({ name }: Configuration) => name === configuration.name
      return yield* add(configurations, configuration, { said: "configuration of this name", isSame })
    }),
    configuration: (org, id) => find(configurations, org, id),
    configurations: (org) => list(configurations, org),

    session: (org, id) => Effect.sync(() => sessions().find((session) => session.org === org && session.id === id) ?? null),
    sessions: (org, { limit, before, status, owner, archived = false, words = [] }) =>
      Effect.sync(() =>
        sessions()
          .filter((session) => session.org === org && session.archived === archived)
          .filter(({ id }) => before === undefined || id < before)
          .filter((session) => status === undefined || session.status === status)
          .filter((session) => owner === undefined || session.owner === owner)
          .filter((session) => words.every((begun) => sessionWords(session).some((word) => word.startsWith(begun))))
          .sort((a, b) => (a.id < b.id ? 1 : -1))
          .slice(0, limit)
      ),
    sessionsIn: (statuses, { limit, after }) =>
      Effect.sync(() =>
        sessions()
          .filter(({ id, status }) => statuses.includes(status) && (after === null || id > after))
          .sort((a, b) => (a.id < b.id ? -1 : 1))
          .slice(0, limit)
      ),

    addModelCall: (call) =>
      Effect.sync(() => {
        const key = `${call.org}/${call.sessionId}/${call.key}`
        if (!modelCalls.has(key)) modelCalls.set(key, { ...call })
      }),
    modelUsage: (org, sessionId) =>
      Effect.sync(() => {
        const calls = [...modelCalls.values()].filter((call) => call.org === org && call.sessionId === sessionId)
        const sum = (field: "input" | "output" | "cached") => calls.reduce((total, call) => total + call[field], 0)
        return { calls: calls.length, input: sum("input"), output: sum("output"), cached: sum("cached") }
      }),

    reserve: Effect.fnUntraced(function* ({ org, key, hash, id }) {
      if (!organisations.has(org)) return yield* refuse("not-found", "the organisation is not there")
      const nowMs = yield* Clock.currentTimeMillis
      const earlier = reservations.get(`${org}/${key}`)
      if (earlier && earlier.expiresAtMs > nowMs) return { hash: earlier.hash, id: earlier.id }
      reservations.set(`${org}/${key}`, { hash, id, expiresAtMs: nowMs + reservationMs })
      return { hash, id }
    })
  }
}

export const layer = (state?: JournalState): Layer.Layer<Directory> => Layer.sync(Directory, () => memoryDirectory(state))
