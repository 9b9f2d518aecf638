/**
 * The records over several cells. People and their tokens are at home, with whoever they are in a chat; all else of an organisation
 * is in its cell.
 */
import { Effect, Layer } from "effect"
import { Calls } from "../../../actors/ports/calls.ts"
import { ConnectionRecords } from "../../../actors/ports/connections.ts"
import { Directory, DirectoryError } from "../../../actors/ports/directory.ts"
import { Grants } from "../../../actors/ports/grants.ts"
import { Notices } from "../../../actors/ports/notices.ts"
import { Rules } from "../../../actors/ports/rules.ts"
import { postgresCalls } from "../calls.ts"
import { Cells } from "../cells.ts"
import { postgresConnections } from "../connections.ts"
import { noCell, postgresDirectory } from "../directory.ts"
import { postgresGrants } from "../grants.ts"
import { postgresNotices } from "../notices.ts"
import { postgresRules } from "../rules.ts"
import { awayText } from "./cell.ts"
import { spread } from "./spread.ts"

const unavailable = (message: string) => new DirectoryError({ reason: "unavailable", message })
const sum = (counts: ReadonlyArray<number>) => counts.reduce((total, count) => total + count, 0)

export const celledDirectory = (cells: Cells["Service"]): Directory["Service"] => {
  const names = cells.all.map(({ name }) => name)
  const home = postgresDirectory(cells.home.pools.sql, names)
  const { by, some } = spread(cells, ({ sql }) => postgresDirectory(sql, names), unavailable)

  /** What its other rows refer to. First in the cell: one that nobody knows at home does no harm there. */
  const rowIn = (name: string, id: string, called: string) => {
    const cell = cells.all.find((one) => one.name === name)
    if (cell === undefined) return Effect.fail(noCell(name, names))
    if (cell === cells.home) return Effect.void
    if (cell.trouble() !== null) return Effect.fail(unavailable(awayText(cell)))
    return postgresDirectory(cell.pools.sql, names)
      .addOrganisation({ id, name: called, cell: name })
      .pipe(
        Effect.catch((error) => (error.reason === "conflict" ? Effect.void : Effect.fail(error))),
        Effect.asVoid
      )
  }

  return {
    addOrganisation: ({ id, name, cell = cells.home.name }) =>
      Effect.andThen(rowIn(cell, id, name), home.addOrganisation({ id, name, cell })),
    organisations: home.organisations,
    found: (founding) => {
      const { id, name, cell = cells.home.name } = founding.organisation
      return Effect.andThen(rowIn(cell, id, name), home.found(founding))
    },
    addUser: home.addUser,
    users: home.users,
    removeUser: home.removeUser,
    addToken: home.addToken,
    tokens: home.tokens,
    tokenByHash: home.tokenByHash,
    revokeToken: home.revokeToken,

    addRepository: by("addRepository"),
    repository: by("repository"),
    repositories: by("repositories"),
    addConfiguration: by("addConfiguration"),
    configuration: by("configuration"),
    configurations: by("configurations"),
    session: by("session"),
    sessions: by("sessions"),
    sessionsIn: (statuses, page) =>
      Effect.map(
        some((directory) => directory.sessionsIn(statuses, page)),
        (found) =>
          found
            .flat()
            .sort((left, right) => (left.id < right.id ? -1 : 1))
            .slice(0, page.limit)
      ),
    addModelCall: by("addModelCall"),
    modelUsage: by("modelUsage"),
    reserve: by("reserve")
  }
}

export const celledCalls = (cells: Cells["Service"]): Calls["Service"] => {
  const { by, some } = spread(cells, postgresCalls, unavailable)
  return {
    list: by("list"),
    sessionOf: by("sessionOf"),
    seal: by("seal"),
    sealed: by("sealed"),
    wipe: by("wipe"),
    sweep: (olderMs) =>
      Effect.map(
        some((calls) => calls.sweep(olderMs)),
        sum
      ),
    dispatch: by("dispatch"),
    dispatchedAtMs: by("dispatchedAtMs")
  }
}

export const celledGrants = (cells: Cells["Service"]): Grants["Service"] => {
  const { by } = spread(cells, postgresGrants, unavailable)
  return {
    candidates: by("candidates"),
    find: by("find"),
    list: by("list"),
    lend: by("lend"),
    revoke: by("revoke"),
    endOf: by("endOf"),
    ask: by("ask"),
    request: by("request"),
    requests: by("requests"),
    answer: by("answer")
  }
}

export const celledRules = (cells: Cells["Service"]): Rules["Service"] => {
  const { by } = spread(cells, postgresRules, unavailable)
  return { book: by("book"), set: by("set"), remove: by("remove") }
}

export const celledConnections = (cells: Cells["Service"]): ConnectionRecords["Service"] => {
  const { by } = spread(cells, postgresConnections, unavailable)
  return {
    connect: by("connect"),
    list: by("list"),
    find: by("find"),
    live: by("live"),
    change: by("change"),
    claimRefresh: by("claimRefresh"),
    revoke: by("revoke"),
    addConnector: by("addConnector"),
    connectors: by("connectors"),
    changeConnector: by("changeConnector"),
    removeConnector: by("removeConnector"),
    giveNonce: by("giveNonce"),
    takeNonce: by("takeNonce")
  }
}

export const celledNotices = (cells: Cells["Service"]): Notices["Service"] => {
  const home = postgresNotices(cells.home.pools)
  const { by, some } = spread(cells, postgresNotices, unavailable)
  return {
    // As many of each cell, so that a busy one takes nothing from the others.
    claim: (limit, forMs, without) =>
      Effect.map(
        some((notices) => notices.claim(Math.max(1, Math.floor(limit / cells.all.length)), forMs, without)),
        (claimed) => claimed.flat()
      ),
    shown: by("shown"),
    rest: by("rest"),
    again: by("again"),
    find: by("find"),
    sweep: (olderMs) =>
      Effect.map(
        some((notices) => notices.sweep(olderMs)),
        sum
      ),
    link: home.link,
    person: home.person,
    people: home.people,
    unlink: home.unlink
  }
}

export const layer = Layer.unwrap(
  Effect.map(Cells, (cells) =>
    Layer.mergeAll(
      Layer.succeed(Directory, celledDirectory(cells)),
      Layer.succeed(Calls, celledCalls(cells)),
      Layer.succeed(Grants, celledGrants(cells)),
      Layer.succeed(Rules, celledRules(cells)),
      Layer.succeed(ConnectionRecords, celledConnections(cells)),
      Layer.succeed(Notices, celledNotices(cells))
    )
  )
)
