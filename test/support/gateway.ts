/**
 * The real gateway over the real runtime, with memory under both: sockets, router, feeds, machine and use cases are those of the
 * product. Sandboxes are obliging ones that do nothing: a session that is started runs, and its agent never says a word.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import { CallNews } from "../../actors/call-news.ts"
import { actorKinds } from "../../actors/kinds.ts"
import { Mail } from "../../actors/mail.ts"
import { Directory, type Role } from "../../actors/ports/directory.ts"
import { PullRequests } from "../../actors/ports/pull-requests.ts"
import { sessionReconcilers } from "../../actors/reconcilers.ts"
import { Access } from "../../actors/services/access.ts"
import { Commands } from "../../actors/services/commands.ts"
import { Configurations } from "../../actors/services/configurations.ts"
import { Inspection } from "../../actors/services/inspection.ts"
import { Installations } from "../../actors/services/installations.ts"
import { Operations } from "../../actors/services/operations.ts"
import { type IssuedToken, People } from "../../actors/services/people.ts"
import { Proposals } from "../../actors/services/pull-requests.ts"
import { Repositories } from "../../actors/services/repositories.ts"
import { Sessions } from "../../actors/services/sessions.ts"
import { Uploads } from "../../actors/services/uploads.ts"
import { SessionWork } from "../../actors/services/work.ts"
import { Workspaces } from "../../actors/services/workspaces.ts"
import { type GithubOptions, githubProvider } from "../../adapters/actions/github/github.ts"
import * as GithubPullRequests from "../../adapters/actions/github/pull-requests.ts"
import * as ArchiveFiles from "../../adapters/archive/files.ts"
import * as AttachmentFiles from "../../adapters/files/attachments.ts"
import * as EvidenceFiles from "../../adapters/files/evidence.ts"
import { Api } from "../../adapters/gateway/http.ts"
import { Gateway } from "../../adapters/gateway/server.ts"
import type { Transport } from "../../adapters/gateway/transport.ts"
import * as GitProbe from "../../adapters/git/probe.ts"
import * as MemoryDirectory from "../../adapters/memory/directory.ts"
import * as MemoryFeed from "../../adapters/memory/feed.ts"
import type { Disturb } from "../../adapters/memory/journal.ts"
import * as MemoryJournal from "../../adapters/memory/journal.ts"
import { emptyJournal } from "../../adapters/memory/journal-state.ts"
import * as MemoryOldRows from "../../adapters/memory/old-rows.ts"
import * as MemoryOversight from "../../adapters/memory/oversight.ts"
import * as CredentialFiles from "../../adapters/secrets/file.ts"
import { actionHands, actionServices, chatApprovals } from "../../cli/actions.ts"
import { Committer } from "../../runtime/committer.ts"
import type { Coordination } from "../../runtime/coordination.ts"
import type { FeedEvent } from "../../runtime/feed.ts"
import { Feeds } from "../../runtime/feeds.ts"
import * as LocalCoordination from "../../runtime/local-coordination.ts"
import { localFeeds } from "../../runtime/local-feeds.ts"
import { localRouter } from "../../runtime/local-router.ts"
import { Reconcile } from "../../runtime/reconcile.ts"
import { runtimeReconcilers } from "../../runtime/reconcilers.ts"
import { Retention } from "../../runtime/retention.ts"
import { memoryActions } from "./action-records.ts"
import { agentTable } from "./agents.ts"
import { type Notebook, notebook } from "./notebook.ts"
import { type Folders, obliging } from "./obliging.ts"
import { noSlack, providersOf, type SlackPlace } from "./services/slack-app.ts"

const git = (cwd: string, ...args: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", ...args], {
    cwd,
    stdio: "pipe"
  })

/** A directory that lives as long as the test. */
export const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "proliferate-gateway-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** A repository with one commit on `main`. */
export const repositoryIn = (directory: string, name = "app"): string => {
  const path = join(directory, name)
  git(directory, "init", "-q", path)
  git(path, "commit", "-q", "--allow-empty", "-m", "first")
  return path
}

export interface GatewayTest {
  readonly port?: number
  readonly transport?: Transport
  /** What befalls the journal. */
  readonly disturb?: Disturb
  /** Which agents there are; on a host that has none installed and no model, if not given. */
  readonly agents?: ReturnType<typeof agentTable>
  /** Who hosts pull requests of a repository; GitHub, where that is, or else nobody, if not given. */
  readonly hosts?: PullRequests["Service"]["hostOf"]
  /** What it shares with other servers; nothing, if not given. */
  readonly coordination?: Layer.Layer<Coordination>
  /** Where GitHub is; nowhere, if not given. */
  readonly github?: GithubOptions
  /** The integration that there is beside Slack. */
  readonly integration?: Notebook
  /** Where Slack is; nowhere, if not given. */
  readonly slack?: SlackPlace
  /** What is in the folders of every sandbox; nothing, if not given. */
  readonly folders?: Folders
}

/** What a gateway of a test holds is never older than its test. */
const nothingOld = Layer.mergeAll(
  MemoryOldRows.layer,
  Layer.unwrap(Effect.map(scratch, (directory) => ArchiveFiles.layer(directory)))
)

const layerOf = (
  directory: string,
  {
    port = 0,
    transport,
    disturb,
    hosts,
    github,
    coordination = LocalCoordination.layer,
    agents = agentTable(),
    integration = notebook(),
    slack = noSlack,
    folders
  }: GatewayTest
) => {
  const state = emptyJournal()
  const records = Layer.mergeAll(
    MemoryJournal.layer(state, disturb),
    MemoryFeed.layer(),
    MemoryDirectory.layer(state),
    memoryActions(state, join(directory, "seals")),
    providersOf(integration, slack, github === undefined ? [] : [githubProvider(github)])
  )
  const repositories = Repositories.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(CredentialFiles.layer(join(directory, "credentials")), GitProbe.layer))
  )
  const reconcilers = Effect.map(Effect.all([runtimeReconcilers, sessionReconcilers]), (both) => both.flat())
  const operations = Layer.mergeAll(Operations.layer, Commands.layer).pipe(
    Layer.provideMerge(Reconcile.layer(reconcilers)),
    Layer.provideMerge(MemoryOversight.layer(state)),
    Layer.provide(Retention.layer({ journal: 90, feed: 30, commands: 0 }).pipe(Layer.provide(nothingOld)))
  )
  const access = Access.layer(Redacted.make(new Uint8Array(32).fill(7)))
  const services = Layer.mergeAll(
    access,
    People.layer,
    Configurations.layer,
    Sessions.layer,
    SessionWork.layer,
    Proposals.layer.pipe(
      Layer.provide(
        github === undefined || hosts !== undefined
          ? Layer.succeed(PullRequests, PullRequests.of({ hostOf: hosts ?? (() => null) }))
          : GithubPullRequests.layer(github)
      ),
      Layer.provide(repositories)
    ),
    Installations.layer,
    Uploads.layer,
    Inspection.layer,
    operations,
    repositories,
    actionServices,
    chatApprovals(slack).pipe(Layer.provide(access))
  )
  return Gateway.layer({ host: "127.0.0.1", port, ...(transport && { transport }) }).pipe(
    Layer.provideMerge(Api.layer),
    Layer.provideMerge(services),
    Layer.provideMerge(Mail.bound),
    Layer.provideMerge(localRouter(actorKinds)),
    Layer.provideMerge(actionHands),
    Layer.provideMerge(
      Layer.mergeAll(Committer.layer, CallNews.layer.pipe(Layer.provide(localFeeds))).pipe(Layer.provideMerge(coordination))
    ),
    Layer.provideMerge(
      Layer.mergeAll(
        Workspaces.layer,
        obliging(folders),
        agents,
        AttachmentFiles.layer(join(directory, "attachments")),
        EvidenceFiles.layer(join(directory, "evidence"))
      )
    ),
    Layer.provideMerge(records),
    Layer.fresh
  )
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: any
}

/** A gateway on a free port, with its first organisation; gone at the end of the test's scope. */
export const startGateway = Effect.fn("startGateway")(function* (options: GatewayTest = {}) {
  const directory = yield* scratch
  const context = yield* Layer.build(layerOf(directory, options))
  const its = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideContext(effect, context as never) as Effect.Effect<A, E>
  const { url, port, transport } = yield* its(Gateway)
  const { organisation, user, token } = (yield* its(
    People.use((people) => people.found({ name: "First", owner: { name: "Ada", email: "ada@example.org" } }))
  ))!

  const ask = (as: string | null, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    Effect.promise(async (): Promise<Answered> => {
      const isRaw = typeof body === "string" || body instanceof Uint8Array
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(as !== null && { authorization: `Bearer ${as}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers
        },
        ...(body !== undefined && { body: isRaw ? (body as string) : JSON.stringify(body) })
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) }
    })

  const must = Effect.fnUntraced(function* (as: string, method: string, path: string, body?: unknown) {
    const answered = yield* ask(as, method, path, body)
    if (answered.status > 299) throw new Error(`${method} ${path}: ${answered.status} ${JSON.stringify(answered.body)}`)
    return answered.body
  })

  let people = 0
  const person = Effect.fnUntraced(function* (role: Role) {
    people += 1
    const added = yield* must(token.secret, "POST", "/v1/users", { name: `P${people}`, email: `p${people}@example.org`, role })
    const issued: IssuedToken = yield* must(token.secret, "POST", "/v1/tokens", { userId: added.id, name: "test" })
    return { id: added.id as string, token: issued.secret, tokenId: issued.id }
  })

  const configuration = Effect.fnUntraced(function* (name = "app", as = token.secret) {
    const repository = yield* must(as, "POST", "/v1/repositories", { name, location: repositoryIn(directory, name) })
    const added = yield* must(as, "POST", "/v1/configurations", {
      name,
      repositories: [{ repositoryId: repository.id }],
      agent: "scripted"
    })
    return { id: added.id as string, repositoryId: repository.id as string }
  })

  const session = Effect.fnUntraced(function* (body: Record<string, unknown> = {}, as = token.secret) {
    const known = (yield* must(as, "GET", "/v1/configurations")).configurations[0]
    const configurationId = known?.id ?? (yield* configuration("app", as)).id
    return (yield* must(as, "POST", "/v1/sessions", { configurationId, start: false, ...body })) as {
      id: string
      [field: string]: any
    }
  })

  const publish = (sessionId: string, events: ReadonlyArray<FeedEvent>) =>
    its(Feeds.use((feeds) => feeds.publish({ org: organisation.id, id: sessionId }, events)))

  return {
    url,
    port,
    transport,
    directory,
    organisation,
    owner: { id: user.id, token: token.secret, tokenId: token.id },
    its,
    ask,
    must,
    person,
    configuration,
    session,
    publish,
    sandboxToken: (sessionId: string) =>
      its(Access.use((access) => Effect.succeed(access.mintSandboxToken(organisation.id, sessionId)))),
    directoryOf: its(Directory)
  }
})
export type Started = Effect.Success<ReturnType<typeof startGateway>>

/** What an agent would say: `count` deltas of one message. */
export const deltas = (from: number, count: number, text = (n: number) => `${n} `, messageId = "m1"): ReadonlyArray<FeedEvent> =>
  Array.from({ length: count }, (_, index) => ({
    source: "daemon/d",
    sourceSeq: from + index,
    kind: "message",
    agent: "scripted",
    parent: null,
    rev: null,
    at: 1,
    body: { turnId: "t1", messageId, delta: text(from + index) }
  }))
