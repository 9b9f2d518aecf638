/**
 * The server, and the one place where everything is put together. `npm start` runs this file.
 *
 *   settings → data directory → database → journal, feeds, records → sandboxes, daemons → actors → services → gateway
 *
 * It prints where it listens and what it runs on, and on its first start an administrator's token, once. SIGINT or SIGTERM lets
 * the sessions rest (cli/shutdown.ts), stops all that it started and ends within a minute. `kill -9` loses nothing that was
 * acknowledged: the next start on the same data finds sandboxes, database and sessions again.
 */
import { join, resolve } from "node:path"
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Console, Effect, Layer, Logger, Redacted, Stream } from "effect"
import { CallNews } from "../actors/call-news.ts"
import { Mail } from "../actors/mail.ts"
import { ProxyRoutes } from "../actors/ports/proxy.ts"
import { Sandboxes } from "../actors/ports/sandboxes.ts"
import { sessionReconcilers } from "../actors/reconcilers.ts"
import { Access } from "../actors/services/access.ts"
import { Commands } from "../actors/services/commands.ts"
import { Configurations } from "../actors/services/configurations.ts"
import { Inspection } from "../actors/services/inspection.ts"
import { Installations } from "../actors/services/installations.ts"
import { Operations } from "../actors/services/operations.ts"
import { People } from "../actors/services/people.ts"
import { Proposals } from "../actors/services/pull-requests.ts"
import { Repositories } from "../actors/services/repositories.ts"
import { Sessions } from "../actors/services/sessions.ts"
import { Uploads } from "../actors/services/uploads.ts"
import { SessionWork } from "../actors/services/work.ts"
import { Workspaces } from "../actors/services/workspaces.ts"
import * as GithubPullRequests from "../adapters/actions/github/pull-requests.ts"
import * as ActionProviders from "../adapters/actions/providers.ts"
import * as AgentTable from "../adapters/agent/agents.ts"
import * as DaemonClient from "../adapters/daemon/client.ts"
import * as AttachmentFiles from "../adapters/files/attachments.ts"
import * as EvidenceFiles from "../adapters/files/evidence.ts"
import { Api } from "../adapters/gateway/http.ts"
import { Gateway } from "../adapters/gateway/server.ts"
import * as GitProbe from "../adapters/git/probe.ts"
import { ModelRelay } from "../adapters/model/relay.ts"
import { Upstreams } from "../adapters/model/upstreams.ts"
import * as PostgresCoordination from "../adapters/postgres/coordination.ts"
import * as PostgresNodes from "../adapters/postgres/nodes.ts"
import * as RedisCoordination from "../adapters/redis/coordination.ts"
import * as CredentialFiles from "../adapters/secrets/file.ts"
import { Committer } from "../runtime/committer.ts"
import { Coordination } from "../runtime/coordination.ts"
import * as LocalCoordination from "../runtime/local-coordination.ts"
import { localFeeds } from "../runtime/local-feeds.ts"
import { Reconcile } from "../runtime/reconcile.ts"
import { runtimeReconcilers } from "../runtime/reconcilers.ts"
import { actionHands, actionRecords, actionServices, chatApprovals } from "./actions.ts"
import { cellsOf } from "./cells.ts"
import { hosted, nodeOf } from "./cluster.ts"
import { openDataDirectory } from "./data-directory.ts"
import { resumeWhenCellsCome, tablesOf } from "./databases.ts"
import { modelSettings, modelsText } from "./models.ts"
import { sandboxesOf } from "./sandboxes.ts"
import { settings } from "./settings.ts"
import { restAll, restHere, resumeAll, resumeWhenNodesGo } from "./shutdown.ts"
import { isolationText, requireLoopback } from "./unsafe.ts"

const program = Effect.gen(function* () {
  const given = yield* settings
  const { host, port, dataDir, agentsDir: agentsGiven, databaseUrl, isolation, json, redisUrl, coordination } = given
  yield* requireLoopback(isolation, host)
  const node = yield* nodeOf(given)
  const { upstreams, tokensMax } = yield* modelSettings
  const ownKey = yield* openDataDirectory(dataDir)
  // Of a cluster each node must know the others' tokens, credentials and files.
  const shared = node === null || given.shared === null ? dataDir : given.shared
  const hostKey = shared === dataDir ? ownKey : yield* openDataDirectory(shared, "PROLIFERATE_SHARED")

  const cells = yield* cellsOf(given)
  const records = actionRecords(join(shared, "actions")).pipe(Layer.provideMerge(tablesOf(given, cells, shared)))
  const repositories = Repositories.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(CredentialFiles.layer(join(shared, "credentials")), GitProbe.layer))
  )
  const proxy = yield* lateRoutes
  const agentsDir = resolve(agentsGiven ?? join(shared, "agents"))
  const access = Access.layer(hostKey)
  const models = Upstreams.layer(upstreams)
  const agents = Layer.unwrap(
    Access.use(({ mintSandboxToken: tokenOf }) =>
      Effect.succeed(AgentTable.layer({ directory: agentsDir, file: join(shared, "agents.json"), tokenOf }))
    )
  ).pipe(Layer.provide([access, models]))
  const made = yield* sandboxesOf(given, hostKey, agentsDir, shared)
  const { sandboxes, router } = hosted(node, hostKey, made.layer, made.host)
  const hands = Layer.mergeAll(
    DaemonClient.layer,
    agents,
    Workspaces.layer,
    AttachmentFiles.layer(join(shared, "attachments")),
    EvidenceFiles.layer(join(shared, "evidence"))
  ).pipe(Layer.provideMerge(sandboxes), Layer.provide(proxy.layer))
  const alone = coordination === "postgres" || node !== null ? PostgresCoordination.layer : LocalCoordination.layer
  const coordinated = redisUrl === null ? alone : RedisCoordination.layer(Redacted.value(redisUrl))
  const actors = Mail.bound.pipe(
    Layer.provideMerge(router),
    Layer.provideMerge(actionHands),
    Layer.provideMerge(ActionProviders.layer(given.actions)),
    Layer.provideMerge(Layer.mergeAll(Committer.layer, CallNews.layer.pipe(Layer.provide(localFeeds)))),
    Layer.provideMerge(coordinated),
    Layer.provideMerge(hands)
  )
  const reconcilers = Effect.map(Effect.all([runtimeReconcilers, sessionReconcilers]), (both) => both.flat())
  const called = node === null ? `${host}:${port}` : `${node.name} (${node.address.host})`
  const operations = Layer.mergeAll(Operations.layer(called), Commands.layer).pipe(
    Layer.provideMerge(Reconcile.layer(reconcilers))
  )
  const relay = ModelRelay.layer({ tokensMax }).pipe(Layer.provide([access, models]))
  const proposals = Proposals.layer.pipe(Layer.provide([GithubPullRequests.layer(given.actions.github), repositories]))
  const services = Layer.mergeAll(
    access,
    relay,
    People.layer,
    Configurations.layer,
    Sessions.layer,
    SessionWork.layer,
    proposals,
    Installations.layer,
    Uploads.layer,
    Inspection.layer,
    operations,
    repositories,
    actionServices,
    chatApprovals(given.actions.slack).pipe(Layer.provide(access))
  )
  const app = Api.layer.pipe(Layer.provideMerge(services), Layer.provideMerge(actors), Layer.provideMerge(records))

  const serving = Effect.gen(function* () {
    yield* greet({
      json,
      models: modelsText(upstreams),
      node: node === null ? null : `${node.name}, one of several`,
      database:
        databaseUrl === null
          ? `embedded PostgreSQL, ${dataDir}/postgres`
          : `PostgreSQL at DATABASE_URL${cells.size === 0 ? "" : `, with the cells ${[...cells.keys()].join(", ")}`}`
    })
    yield* Effect.forkScoped(resumeWhenCellsCome)
    yield* resumeAll
    if (node !== null) yield* Effect.forkScoped(Effect.provide(resumeWhenNodesGo, PostgresNodes.layer))
    yield* Effect.never
  })
  // The gateway closes first: nobody wakes what is being laid to rest.
  const running = proxy.bind.pipe(
    Effect.andThen(Effect.provide(serving, Gateway.layer({ host, port }))),
    // Sandboxes elsewhere than on this host are another node's as well as ours.
    Effect.onInterrupt(() =>
      node !== null && made.host === null
        ? Effect.void
        : Effect.andThen(Console.error("stopping: the sessions are laid to rest"), node === null ? restAll : restHere)
    )
  )
  return yield* Effect.provide(running, app)
})

/** The proxy of the sandboxes needs services that stand on the sandboxes: its routes are known a moment later. */
const lateRoutes = Effect.sync(() => {
  let routes: ProxyRoutes["Service"] | null = null
  const starting = { status: 503, headers: { "retry-after": "1" }, body: "the server is starting\n" }
  return {
    layer: Layer.succeed(
      ProxyRoutes,
      ProxyRoutes.of({
        git: (sandbox, repositoryId) => (routes === null ? Effect.succeed(null) : routes.git(sandbox, repositoryId)),
        api: (sandbox, request) => (routes === null ? Effect.succeed(starting) : routes.api(sandbox, request)),
        model: (sandbox, request) =>
          routes === null
            ? Effect.succeed({ ...starting, body: Stream.succeed(Buffer.from(starting.body)) })
            : routes.model(sandbox, request)
      })
    ),
    bind: Effect.gen(function* () {
      const { gitAccess } = yield* Repositories
      const { mintSandboxToken } = yield* Access
      const { handle } = yield* Api
      const { serve } = yield* ModelRelay
      routes = {
        git: ({ org, sessionId }, repositoryId) =>
          gitAccess(org, sessionId, repositoryId).pipe(
            Effect.catch(({ message }) => Effect.as(Effect.logWarning(`git for ${sessionId}: ${message}`), null))
          ),
        // Who asks is known by the socket it came through; the token says so to the one check that everything passes.
        api: ({ org, sessionId }, { method, path, headers, body }) => {
          const [pathname = "", query = ""] = path.slice("/api".length).split("?", 2)
          const authorization = `Bearer ${mintSandboxToken(org, sessionId)}`
          return handle({ method, path: pathname, query, headers: { ...headers, authorization } }, () => Effect.succeed(body))
        },
        model: serve
      }
    })
  }
})

interface Greeting {
  readonly json: boolean
  readonly models: string
  readonly node: string | null
  readonly database: string
}

const greet = Effect.fnUntraced(function* ({ json, models, node, database }: Greeting) {
  const { url, transport } = yield* Gateway
  const { isolation } = yield* Sandboxes
  const people = yield* People
  const founded = yield* people.found({
    name: "default",
    owner: { name: "administrator", email: "administrator@localhost.invalid" }
  })
  const token = founded?.token.secret ?? null
  if (isolation === "unsafe") yield* Console.error(`proliferate: isolation is ${isolationText(isolation)}`)
  const { name: coordination } = yield* Coordination
  if (json) return yield* Console.log(JSON.stringify({ url, token, transport, isolation, models, database, coordination, node }))
  yield* Console.log(
    [
      `proliferate listens on ${url}`,
      `  transport     ${transport}`,
      `  isolation     ${isolationText(isolation)}`,
      `  models        ${models}`,
      `  database      ${database}`,
      `  coordination  ${coordination}`,
      ...(node === null ? [] : [`  node          ${node}`]),
      ...(token === null ? [] : ["", `Administrator's token, shown this once: ${token}`, `  export PROLIFERATE_TOKEN=${token}`])
    ].join("\n")
  )
})

program.pipe(
  Effect.scoped,
  Effect.catchCause((cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
    const error = Cause.squash(cause)
    const said = Cause.hasDies(cause) ? Cause.pretty(cause) : String((error as { message?: string }).message ?? error)
    return Effect.andThen(
      Console.error(`proliferate: ${said}`),
      Effect.sync(() => process.exit(1))
    )
  }),
  Effect.provideService(Logger.LogToStderr, true),
  NodeRuntime.runMain
)
