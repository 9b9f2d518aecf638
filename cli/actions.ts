/** The parts of actions put together: their records, what their hands need, and their services. */
import { Layer } from "effect"
import { SealedArguments } from "../actors/arguments.ts"
import { Mail } from "../actors/mail.ts"
import { Pace } from "../actors/pace.ts"
import { Actions } from "../actors/services/actions.ts"
import { Approvals } from "../actors/services/approvals.ts"
import { ByBrowser } from "../actors/services/by-browser.ts"
import { Catalogue } from "../actors/services/catalogue.ts"
import { Clicks } from "../actors/services/clicks.ts"
import { Connections } from "../actors/services/connections.ts"
import { ConnectorBook } from "../actors/services/connector-book.ts"
import { connectors } from "../actors/services/connectors.ts"
import { CredentialsOf } from "../actors/services/credentials.ts"
import { EvidenceOf } from "../actors/services/evidence.ts"
import { GrantsOf } from "../actors/services/grants.ts"
import { Inbox } from "../actors/services/inbox.ts"
import { ShownCalls } from "../actors/services/notices.ts"
import { Policies } from "../actors/services/policies.ts"
import { Rehearsals } from "../actors/services/rehearsal.ts"
import { SessionTools } from "../actors/services/session-tools.ts"
import * as SlackChat from "../adapters/actions/slack/chat.ts"
import * as PostgresCalls from "../adapters/postgres/calls.ts"
import * as PostgresConnections from "../adapters/postgres/connections.ts"
import * as PostgresGrants from "../adapters/postgres/grants.ts"
import * as PostgresNotices from "../adapters/postgres/notices.ts"
import * as PostgresRules from "../adapters/postgres/rules.ts"
import * as Seals from "../adapters/secrets/seals.ts"

/** Of one database. */
export const actionTables = Layer.mergeAll(
  PostgresCalls.layer,
  PostgresConnections.layer,
  PostgresGrants.layer,
  PostgresNotices.layer,
  PostgresRules.layer
)

/** What stands on the tables. `directory` holds the key that everything is sealed under. */
export const actionRecords = (directory: string) => connectors.pipe(Layer.provideMerge(Seals.layer(directory)))

export const actionHands = Layer.mergeAll(SealedArguments.layer, Pace.layer, CredentialsOf.layer, Mail.layer)

/** `signingSecret` is that of the Slack app whose buttons decide calls; null: none do. */
export const chatApprovals = (slack: SlackChat.SlackChatOptions) =>
  Clicks.layer.pipe(Layer.provide(ShownCalls.layer), Layer.provide([SlackChat.layer(slack), Approvals.layer]))

export const actionServices = Layer.mergeAll(
  Actions.layer,
  Approvals.layer,
  ByBrowser.layer,
  Catalogue.layer,
  Connections.layer,
  ConnectorBook.layer,
  EvidenceOf.layer,
  GrantsOf.layer,
  Inbox.layer,
  Policies.layer,
  Rehearsals.layer,
  SessionTools.layer
)
