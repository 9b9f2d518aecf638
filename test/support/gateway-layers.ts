/** Everything that the gateway of a test stands on: the records, which outlive it, and what is made anew with it. */
import { join } from "node:path"
import { type Context, Effect, Layer, Redacted } from "effect"
import { CallNews } from "../../actors/call-news.ts"
import { actorKinds } from "../../actors/kinds.ts"
import { Mail } from "../../actors/mail.ts"
import { PullRequests } from "../../actors/ports/pull-requests.ts"
import { sessionReconcilers } from "../../actors/reconcilers.ts"
import { Access } from "../../actors/services/access.ts"
import { Commands } from "../../actors/services/commands.ts"
import { Configurations } from "../../actors/services/configurations.ts"
import { Inspection } from "../../actors/services/inspection.ts"
import { Installations } from "../../actors/services/installations.ts"
import { Operations } from "../../actors/services/operations.ts"
import { People } from "../../actors/services/people.ts"
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
import type { JournalState } from "../../adapters/memory/journal-state.ts"
import * as MemoryOldRows from "../../adapters/memory/old-rows.ts"
import * as MemoryOversight from "../../adapters/memory/oversight.ts"
import * as CredentialFiles from "../../adapters/secrets/file.ts"
import { actionHands, actionServices, chatApprovals } from "../../cli/actions.ts"
import { Committer } from "../../runtime/committer.ts"
import type { Coordination } from "../../runtime/coordination.ts"
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
  /** What operators call it. */
  readonly server?: string
  /** Where GitHub is; nowhere, if not given. */
  readonly github?: GithubOptions
  /** The integration that there is beside Slack. */
  readonly integration?: Notebook
  /** Where Slack is; nowhere, if not given. */
  readonly slack?: SlackPlace
  /** False: whoever makes a sandbox is at it for ever. */
  readonly sandboxesAreMade?: boolean
  /** What is in the folders of every sandbox; nothing, if not given. */
  readonly folders?: Folders
  /** Started again on the records of one that has stopped, with its services elsewhere; on none, if not given. */
  readonly again?: { readonly kept: Kept }
}

/** What outlives a gateway that has stopped. */
export interface Kept {
  readonly state: JournalState
  readonly records: Context.Context<any>
  readonly organisation: { readonly id: string; readonly name: string }
  readonly owner: { readonly id: string; readonly token: string; readonly tokenId: string }
}

/** What a gateway of a test holds is never older than its test. */
const nothingOld = (directory: string) => Layer.mergeAll(MemoryOldRows.layer, ArchiveFiles.layer(directory))

export const recordsOf = (
  state: JournalState,
  directory: string,
  { disturb, github, integration = notebook(), slack = noSlack }: GatewayTest
) =>
  Layer.mergeAll(
    MemoryJournal.layer(state, disturb),
    MemoryFeed.layer(),
    MemoryDirectory.layer(state),
    memoryActions(state, join(directory, "seals")),
    providersOf(integration, slack, github === undefined ? [] : [githubProvider(github)])
  ).pipe(Layer.fresh)
export type Records = Layer.Success<ReturnType<typeof recordsOf>>

export const founding = Effect.gen(function* () {
  const people = yield* People
  const { organisation, user, token } = (yield* people.found({
    name: "First",
    owner: { name: "Ada", email: "ada@example.org" }
  }))!
  return { organisation, owner: { id: user.id, token: token.secret, tokenId: token.id } }
})

export const layerOf = (
  directory: string,
  state: JournalState,
  kept: Context.Context<Records>,
  {
    port = 0,
    transport,
    hosts,
    github,
    coordination = LocalCoordination.layer,
    server = "alone",
    agents = agentTable(),
    slack = noSlack,
    sandboxesAreMade = true,
    folders
  }: GatewayTest
) => {
  const records = Layer.succeedContext(kept)
  const repositories = Repositories.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(CredentialFiles.layer(join(directory, "credentials")), GitProbe.layer))
  )
  const reconcilers = Effect.map(Effect.all([runtimeReconcilers, sessionReconcilers]), (both) => both.flat())
  const operations = Layer.mergeAll(Operations.layer(server), Commands.layer).pipe(
    Layer.provideMerge(Reconcile.layer(reconcilers)),
    Layer.provideMerge(MemoryOversight.layer(state)),
    Layer.provide(
      Retention.layer({ journal: 90, feed: 30, commands: 0 }).pipe(Layer.provide(nothingOld(join(directory, "archive"))))
    )
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
        obliging(folders, sandboxesAreMade),
        agents,
        AttachmentFiles.layer(join(directory, "attachments")),
        EvidenceFiles.layer(join(directory, "evidence"))
      )
    ),
    Layer.provideMerge(records),
    Layer.fresh
  )
}
