/** What a server keeps its state in and listens on: data directory, database, Redis, port. No secret of a URL is ever said. */
import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs"
import { createServer, connect as dial } from "node:net"
import { dirname, join } from "node:path"
import { Effect, Redacted } from "effect"
import { startEmbedded } from "../../adapters/postgres/embedded.ts"
import { connect } from "../../adapters/postgres/pool.ts"
import { cellsOf } from "../cells.ts"
import { broken, type Finding, lack, ok } from "./finding.ts"

const dialMs = 3_000
const postgresMin = 150_000

/** Of statfs(2): those that are met. */
const kinds: Readonly<Record<number, string>> = {
  61267: "ext4",
  1481003842: "xfs",
  2435016766: "btrfs",
  2035054128: "overlay",
  16914836: "tmpfs",
  801189825: "zfs",
  26985: "nfs",
  1702057286: "fuse"
}

/** The nearest that is there: the directory, or where it would be made. */
export const nearest = (path: string): string => (existsSync(path) ? path : nearest(dirname(path)))

export const data = (dataDir: string): Finding => {
  const at = nearest(dataDir)
  const fix = "set PROLIFERATE_DATA to a directory that you may write"
  try {
    if (!statSync(at).isDirectory()) return broken("data directory", `${at} is a file`, "nothing can be kept", fix)
    accessSync(at, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return broken("data directory", `${at} may not be written`, "nothing can be kept", fix)
  }
  const { type } = statfsSync(at)
  const kind = kinds[type] ?? `file system ${type.toString(16)}`
  if (kind === "tmpfs")
    return lack("data directory", `${dataDir} on tmpfs`, "everything is lost when this machine is started again", fix)
  return ok("data directory", `${dataDir} on ${kind}`)
}

const versionOf = (url: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { sql } = yield* connect(url, { sqlMax: 1, committerMax: 1 })
      const [row] = yield* Effect.promise(() => sql`select current_setting('server_version_num')::int as version`)
      const version = Number(row?.["version"])
      return { version, said: `PostgreSQL ${Math.floor(version / 10_000)}.${version % 10_000}` }
    })
  )

const external = (url: string): Effect.Effect<Finding> =>
  versionOf(url).pipe(
    Effect.map(({ version, said: server }) => {
      const said = `${server} at DATABASE_URL`
      return version >= postgresMin
        ? ok("database", said)
        : broken("database", said, "it must be 15 or newer", "unset DATABASE_URL to have one embedded")
    }),
    Effect.catch(({ message }) =>
      Effect.succeed(broken("database", message, "there is nothing without", "correct DATABASE_URL"))
    ),
    Effect.catchDefect((defect) =>
      Effect.succeed(broken("database", String(defect).split("\n")[0]!, "there is nothing without", "correct DATABASE_URL"))
    )
  )

/** A whole one, started and stopped, on a directory of its own. */
const embedded = (scratch: string): Effect.Effect<Finding> =>
  Effect.scoped(startEmbedded({ dataDir: join(scratch, "postgres") })).pipe(
    Effect.as(ok("database", "the embedded PostgreSQL starts")),
    Effect.catch(({ message }) =>
      Effect.succeed(
        broken(
          "database",
          `the embedded PostgreSQL does not start: ${message}`,
          "there is nothing without",
          "set DATABASE_URL to a PostgreSQL 15 or newer of yours"
        )
      )
    )
  )

export const database = (url: Redacted.Redacted | null, scratch: string | null): Effect.Effect<ReadonlyArray<Finding>> =>
  url !== null
    ? Effect.map(external(Redacted.value(url)), (found) => [found])
    : scratch === null
      ? Effect.succeed([])
      : Effect.map(embedded(scratch), (found) => [found])

/** A server starts without one, and its organisations wait. */
const cell = ([name, url]: readonly [string, string]): Effect.Effect<Finding> => {
  const what = `cell ${name}`
  const wrong = (found: string) => Effect.succeed(lack(what, found, "its organisations wait", "correct DATABASE_CELLS"))
  return versionOf(url).pipe(
    Effect.flatMap(({ version, said }) =>
      version >= postgresMin ? Effect.succeed(ok(what, said)) : wrong(`${said}; it must be 15 or newer`)
    ),
    Effect.catch(({ message }) => wrong(message.replace(/: start it, or correct DATABASE_URL$/, ""))),
    Effect.catchDefect((defect) => wrong(String(defect).split("\n")[0]!))
  )
}

export const cells = (given: Parameters<typeof cellsOf>[0]): Effect.Effect<ReadonlyArray<Finding>> =>
  cellsOf(given).pipe(
    Effect.flatMap((all) => Effect.forEach(all, cell, { concurrency: "unbounded" })),
    Effect.catch(({ message }) =>
      Effect.succeed([broken("cells", message, "there is nothing without", "correct DATABASE_CELLS")])
    )
  )

const answers = (host: string, port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = dial({ host, port, timeout: dialMs })
    const end = (does: boolean) => {
      socket.destroy()
      resume(Effect.succeed(does))
    }
    socket
      .on("connect", () => end(true))
      .on("timeout", () => end(false))
      .on("error", () => end(false))
    return Effect.sync(() => socket.destroy())
  })

export const redis = (url: Redacted.Redacted | null): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    if (url === null) return []
    const text = Redacted.value(url)
    const parsed = URL.canParse(text) ? new URL(text) : null
    if (parsed === null || !/^rediss?:$/.test(parsed.protocol))
      return [
        broken("Redis", "REDIS_URL is no such URL", "the server does not start", "REDIS_URL=redis://host:6379/0, or unset it")
      ]
    const where = `${parsed.hostname}:${parsed.port || 6_379}`
    return (yield* answers(parsed.hostname, Number(parsed.port || 6_379)))
      ? [ok("Redis", `something answers at ${where}`)]
      : [
          lack(
            "Redis",
            `nothing answers at ${where}`,
            "several servers are less fair and quick together",
            "start it, or unset REDIS_URL"
          )
        ]
  })

export const port = (host: string, wanted: number): Effect.Effect<Finding> =>
  Effect.callback<Finding>((resume) => {
    const fix = "PROLIFERATE_PORT=0 takes any free port"
    const server = createServer()
    server.on("error", ({ message }) => resume(Effect.succeed(broken("port", message, "the server cannot listen", fix))))
    server.listen({ host, port: wanted, exclusive: true }, () => {
      server.close(() => resume(Effect.succeed(ok("port", wanted === 0 ? `a free one on ${host}` : `${host}:${wanted} is free`))))
    })
    return Effect.sync(() => void server.close())
  })
