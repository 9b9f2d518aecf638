/** What a server is told by its environment. README.md has the table; a value that cannot be used is an error that names it. */
import { resolve } from "node:path"
import { Config, Option, Schema } from "effect"
import { retentionDaysMin } from "../runtime/retention.ts"
import { actionSettings } from "./services.ts"

const optional = <A>(config: Config.Config<A>) => config.pipe(Config.option, Config.map(Option.getOrNull))

/** 0: for ever. */
const days = (name: string, usual: number) =>
  Config.schema(
    Schema.Int.check(
      Schema.makeFilter(
        (given: number) => given === 0 || given >= retentionDaysMin || `0, for ever, or ${retentionDaysMin} days and more`
      )
    ),
    name
  ).pipe(Config.withDefault(usual))

export const settings = Config.all({
  host: Config.String("PROLIFERATE_HOST").pipe(Config.withDefault("127.0.0.1")),
  /** 0 takes any free port. */
  port: Config.Int("PROLIFERATE_PORT").pipe(Config.withDefault(8787)),
  dataDir: Config.String("PROLIFERATE_DATA").pipe(
    Config.withDefault(".proliferate"),
    Config.map((path) => resolve(path))
  ),
  /** Where agents are installed; several servers may share one. */
  agentsDir: Config.String("PROLIFERATE_AGENTS_DIR").pipe(Config.option, Config.map(Option.getOrNull)),
  databaseUrl: Config.Redacted("DATABASE_URL").pipe(Config.option, Config.map(Option.getOrNull)),
  /** Further databases, each with organisations of its own: `name=url`, separated by commas (cells.ts). */
  databaseCells: optional(Config.Redacted("DATABASE_CELLS")),
  /** What several servers share, to be fair and quick. */
  redisUrl: Config.Redacted("REDIS_URL").pipe(Config.option, Config.map(Option.getOrNull)),
  /** The same without a Redis: one server needs nothing, several on one database have that. */
  coordination: optional(Config.Literals(["process", "postgres"], "PROLIFERATE_COORDINATION")),
  /** One of several servers that host the sessions of one database together. */
  cluster: Config.Literals(["on", "off"], "CLUSTER").pipe(Config.withDefault("off" as const)),
  /** What all of them see: key, credentials, attachments, snapshots. */
  shared: optional(Config.String("PROLIFERATE_SHARED").pipe(Config.map((path) => resolve(path)))),
  node: Config.all({
    name: optional(Config.String("PROLIFERATE_NODE_NAME")),
    /** Where the others reach it, and where it listens if that is another place. */
    address: Config.String("PROLIFERATE_NODE_ADDRESS").pipe(Config.withDefault("127.0.0.1:8788")),
    listen: optional(Config.String("PROLIFERATE_NODE_LISTEN"))
  }),
  /** Where sandboxes are. */
  sandbox: Config.Literals(["local", "e2b"], "PROLIFERATE_SANDBOX").pipe(Config.withDefault("local" as const)),
  /** E2B's own variables, as its other tools have them, and a template with Node 24. */
  e2b: Config.all({
    apiKey: Config.Redacted("E2B_API_KEY").pipe(Config.option, Config.map(Option.getOrNull)),
    apiUrl: Config.String("E2B_API_URL").pipe(Config.option, Config.map(Option.getOrUndefined)),
    sandboxUrl: Config.String("E2B_SANDBOX_URL").pipe(Config.option, Config.map(Option.getOrUndefined)),
    domain: Config.String("E2B_DOMAIN").pipe(Config.option, Config.map(Option.getOrUndefined)),
    template: Config.String("PROLIFERATE_E2B_TEMPLATE").pipe(Config.withDefault("base"))
  }),
  actions: actionSettings,
  /** Insist on one way to isolate sandboxes; `unsafe`: do not. */
  isolation: Config.Literals(["bubblewrap", "util-linux", "unsafe"], "PROLIFERATE_ISOLATION").pipe(
    Config.option,
    Config.map(Option.getOrUndefined)
  ),
  /** Sandboxes may make sandboxes of their own, as browsers do, at the price of a wider way to the kernel. */
  nested: Config.Boolean("PROLIFERATE_NESTED_NAMESPACES").pipe(Config.withDefault(false)),
  /** Days that rows are kept after the last that happened, and where they go then. */
  kept: Config.all({
    /** Long enough to be asked about last quarter's work. */
    journal: days("PROLIFERATE_JOURNAL_DAYS", 90),
    /** By far the most bytes; what a session said is read while its work is fresh. */
    feed: days("PROLIFERATE_FEED_DAYS", 30),
    /** Nobody makes a command due again that was given up a month ago. */
    commands: days("PROLIFERATE_DEAD_COMMAND_DAYS", 30),
    archive: Config.String("PROLIFERATE_ARCHIVE").pipe(Config.option, Config.map(Option.getOrNull))
  }),
  /** One JSON line instead of the greeting, for programs that start a server. */
  json: Config.Boolean("PROLIFERATE_JSON").pipe(Config.withDefault(false))
})

export type Settings = typeof settings extends Config.Config<infer A> ? A : never
