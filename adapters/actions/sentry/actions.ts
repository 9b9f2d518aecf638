/** Shapes from https://docs.sentry.io/api/events/ : list-a-projects-issues, retrieve-an-issue, list-an-issues-events, update-an-issue. */
import { Schema } from "effect"
import type { Account } from "../../../actors/ports/actions.ts"
import { actionsOf } from "../action.ts"

export type SentryClient = (
  method: "GET" | "PUT",
  path: ReadonlyArray<string>,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
  body?: unknown
) => Promise<unknown>

const action = actionsOf<SentryClient>()

const slug = (what: string) =>
  Schema.String.check(Schema.isPattern(/^[\w-]{1,100}$/)).annotate({ description: `Slug of the ${what}, as in its address.` })
const organization_slug = slug("organisation")
const project_slug = slug("project")
const issue_id = Schema.String.check(Schema.isPattern(/^\w{1,64}$/)).annotate({
  description: "The issue's number, like 4509876543."
})
const cursor = Schema.optionalKey(
  Schema.String.check(Schema.isMaxLength(200)).annotate({ description: "Where the page before ended." })
)

const Named = Schema.NullOr(Schema.Struct({ name: Schema.String, email: Schema.optionalKey(Schema.NullOr(Schema.String)) }))
const Issue = Schema.Struct({
  id: Schema.String,
  shortId: Schema.String,
  title: Schema.String,
  culprit: Schema.NullOr(Schema.String),
  level: Schema.String,
  status: Schema.String,
  permalink: Schema.String,
  count: Schema.Union([Schema.String, Schema.Finite]),
  userCount: Schema.Finite,
  firstSeen: Schema.NullOr(Schema.String),
  lastSeen: Schema.NullOr(Schema.String),
  assignedTo: Schema.optionalKey(Named),
  project: Schema.optionalKey(Schema.Struct({ id: Schema.String, slug: Schema.String })),
  metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})
const Listed = Schema.Struct({
  eventID: Schema.String,
  title: Schema.optionalKey(Schema.String),
  message: Schema.optionalKey(Schema.NullOr(Schema.String)),
  dateCreated: Schema.optionalKey(Schema.NullOr(Schema.String)),
  platform: Schema.optionalKey(Schema.NullOr(Schema.String)),
  tags: Schema.optionalKey(Schema.Array(Schema.Struct({ key: Schema.String, value: Schema.NullOr(Schema.String) }))),
  entries: Schema.optionalKey(Schema.Array(Schema.Struct({ type: Schema.String, data: Schema.Unknown }))),
  contexts: Schema.optionalKey(Schema.Unknown)
})

export const sentryActions = [
  action({
    name: "list_issues",
    title: "List issues",
    description: "Issues of a project, the latest first; unresolved ones unless the query says otherwise.",
    risk: "read",
    params: Schema.Struct({
      organization_slug,
      project_slug,
      query: Schema.optionalKey(
        Schema.String.check(Schema.isMaxLength(500)).annotate({
          description: "Sentry's search, like `is:unresolved level:error`."
        })
      ),
      cursor
    }),
    example: { organization_slug: "acme", project_slug: "api", query: "is:unresolved level:error" },
    answer: Schema.Array(Issue),
    run: (ask, { organization_slug, project_slug, query, cursor }) =>
      ask("GET", ["projects", organization_slug, project_slug, "issues"], { query, cursor })
  }),
  action({
    name: "get_issue",
    title: "Get an issue",
    description: "One issue with its counts, its status and who looks after it.",
    risk: "read",
    params: Schema.Struct({ organization_slug, issue_id }),
    example: { organization_slug: "acme", issue_id: "4509876543" },
    answer: Issue,
    run: (ask, { organization_slug, issue_id }) => ask("GET", ["organizations", organization_slug, "issues", issue_id], {})
  }),
  action({
    name: "list_issue_events",
    title: "List an issue's events",
    description: "Single occurrences of an issue, the latest first.",
    risk: "read",
    params: Schema.Struct({
      organization_slug,
      issue_id,
      full: Schema.optionalKey(Schema.Boolean.annotate({ description: "With stack traces and contexts." })),
      cursor
    }),
    example: { organization_slug: "acme", issue_id: "4509876543", full: true },
    answer: Schema.Array(Listed),
    run: (ask, { organization_slug, issue_id, full, cursor }) =>
      ask("GET", ["organizations", organization_slug, "issues", issue_id, "events"], { full, cursor })
  }),
  action({
    name: "get_event",
    title: "Get an event",
    description: "One occurrence with its stack trace, tags and contexts.",
    risk: "read",
    params: Schema.Struct({
      organization_slug,
      project_slug,
      event_id: Schema.String.check(Schema.isPattern(/^[0-9a-f]{32}$/)).annotate({
        description: "The event's 32 hexadecimal digits."
      })
    }),
    example: { organization_slug: "acme", project_slug: "api", event_id: "9fac2ceed9344f2bbfdd1fdacb0ed9b1" },
    answer: Listed,
    run: (ask, { organization_slug, project_slug, event_id }) =>
      ask("GET", ["projects", organization_slug, project_slug, "events", event_id], {})
  }),
  action({
    name: "update_issue",
    title: "Update an issue",
    description: "Sets the status of an issue, or who looks after it.",
    risk: "write",
    params: Schema.Struct({
      organization_slug,
      issue_id,
      status: Schema.optionalKey(
        Schema.Literals(["resolved", "resolvedInNextRelease", "unresolved", "ignored"]).annotate({
          description: "What it shall be."
        })
      ),
      assignedTo: Schema.optionalKey(
        Schema.String.check(Schema.isMaxLength(200)).annotate({
          description: "An e-mail address, `user:ID` or `team:ID`; empty: nobody."
        })
      )
    }),
    example: { organization_slug: "acme", issue_id: "4509876543", status: "resolved" },
    answer: Issue,
    honoursKeys: true,
    run: (ask, { organization_slug, issue_id, ...change }) =>
      ask("PUT", ["organizations", organization_slug, "issues", issue_id], {}, change),
    readBack: async (ask, { organization_slug, issue_id, status, assignedTo }) => {
      const issue = (await ask("GET", ["organizations", organization_slug, "issues", issue_id], {})) as typeof Issue.Type
      if (assignedTo !== undefined) return { unclear: "Sentry names assignees in another form than they are given." }
      const wanted = status === "resolvedInNextRelease" ? "resolved" : status
      return wanted === undefined || issue.status === wanted ? { found: issue } : { absent: true }
    }
  })
]

export const sentryUser = async (ask: SentryClient): Promise<Account> => {
  const found = (await ask("GET", ["organizations"], {})) as ReadonlyArray<{ readonly slug: string }>
  return { account: found.map(({ slug }) => slug).join(", "), scopes: [] }
}
