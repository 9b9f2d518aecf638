/** Fields and arguments from https://linear.app/developers/graphql and the schema that Linear publishes there. */
import { Schema } from "effect"
import type { Account } from "../../../actors/ports/actions.ts"
import { actionsOf } from "../action.ts"
import { Declined } from "../failure.ts"
import { uuidOf } from "../marks.ts"
import type { LinearClient } from "./client.ts"

const action = actionsOf<LinearClient>()

const text = (charactersMax: number, description: string) =>
  Schema.String.check(Schema.isMaxLength(charactersMax)).annotate({ description })
const uuid = (what: string) =>
  Schema.String.check(Schema.isPattern(/^[0-9a-f-]{36}$/)).annotate({ description: `UUID of the ${what}.` })
const issueId = Schema.String.check(Schema.isPattern(/^([A-Za-z0-9]{1,10}-\d{1,9}|[0-9a-f-]{36})$/)).annotate({
  description: "The issue's identifier, like ENG-123, or its UUID."
})
const priority = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 })).annotate({
  description: "0 none, 1 urgent, 2 high, 3 medium, 4 low."
})
const first = Schema.optionalKey(
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 })).annotate({ description: "How many; 25 unless it is said." })
)
const changes = {
  description: Schema.optionalKey(text(50_000, "What it is about, in Markdown.")),
  assigneeId: Schema.optionalKey(uuid("person who does it")),
  stateId: Schema.optionalKey(uuid("state, from list_teams")),
  priority: Schema.optionalKey(priority),
  labelIds: Schema.optionalKey(
    Schema.Array(uuid("label")).check(Schema.isMaxLength(20)).annotate({ description: "Its labels." })
  ),
  projectId: Schema.optionalKey(uuid("project"))
}

const Named = Schema.NullOr(Schema.Struct({ id: Schema.String, name: Schema.String }))
const Issue = Schema.Struct({
  id: Schema.String,
  identifier: Schema.String,
  title: Schema.String,
  url: Schema.String,
  description: Schema.optionalKey(Schema.NullOr(Schema.String)),
  priority: Schema.Finite,
  createdAt: Schema.String,
  updatedAt: Schema.String,
  state: Named,
  assignee: Named,
  team: Schema.NullOr(Schema.Struct({ id: Schema.String, key: Schema.String })),
  project: Named,
  labels: Schema.Struct({ nodes: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String })) }),
  comments: Schema.optionalKey(Schema.Unknown)
})
const Comment = Schema.Struct({ id: Schema.String, body: Schema.String, url: Schema.String, createdAt: Schema.String })
const Page = Schema.Struct({ hasNextPage: Schema.Boolean, endCursor: Schema.NullOr(Schema.String) })

const issueFields =
  "id identifier title url priority createdAt updatedAt state { id name } assignee { id name } team { id key } project { id name } labels { nodes { id name } }"
const commentFields = "id body url createdAt"
const issueQuery = `query($id: String!) { issue(id: $id) { ${issueFields} description comments(first: 50) { nodes { ${commentFields} user { name } } } } }`
const commentQuery = `query($id: String!) { comment(id: $id) { ${commentFields} } }`

/** What is there under this id, or null. */
const found = async (ask: LinearClient, document: string, field: string, id: string): Promise<unknown> => {
  try {
    return (await ask(document, { id }))[field] ?? null
  } catch (cause) {
    if (cause instanceof Declined && cause.reading?.reason === "not-found") return null
    throw cause
  }
}

/** Linear takes the id of what is made from us; a second one under it is refused, and the first is the answer. */
const made = async (ask: LinearClient, make: () => Promise<unknown>, document: string, field: string, id: string) => {
  try {
    return await make()
  } catch (cause) {
    if (!(cause instanceof Declined) || cause.reading?.reason !== "invalid") throw cause
    const there = await found(ask, document, field, id)
    if (there === null) throw cause
    return there
  }
}
const looked = (there: unknown) => (there === null ? ({ absent: true } as const) : { found: there })
const resultOf = (data: Record<string, unknown>, mutation: string, field: string) =>
  (data[mutation] as Record<string, unknown> | undefined)?.[field]

export const linearActions = [
  action({
    name: "list_teams",
    title: "List teams",
    description: "The workspace's teams with the states that their issues go through.",
    risk: "read",
    params: Schema.Struct({ first }),
    example: { first: 20 },
    answer: Schema.Array(
      Schema.Struct({
        id: Schema.String,
        key: Schema.String,
        name: Schema.String,
        states: Schema.Struct({
          nodes: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String, type: Schema.String }))
        })
      })
    ),
    run: async (ask, { first = 25 }) => {
      const document = "query($first: Int!) { teams(first: $first) { nodes { id key name states { nodes { id name type } } } } }"
      return ((await ask(document, { first }))["teams"] as any)?.nodes
    }
  }),
  action({
    name: "list_issues",
    title: "List issues",
    description: "Issues, the latest changed first, of a team or a project if one is named.",
    risk: "read",
    params: Schema.Struct({
      teamId: Schema.optionalKey(uuid("team")),
      projectId: Schema.optionalKey(uuid("project")),
      first,
      after: Schema.optionalKey(text(200, "`endCursor` of the page before."))
    }),
    example: { first: 10 },
    answer: Schema.Struct({ nodes: Schema.Array(Issue), pageInfo: Page }),
    run: async (ask, { teamId, projectId, first = 25, after }) => {
      const filter = {
        ...(teamId !== undefined && { team: { id: { eq: teamId } } }),
        ...(projectId !== undefined && { project: { id: { eq: projectId } } })
      }
      const document = `query($first: Int!, $after: String, $filter: IssueFilter) { issues(first: $first, after: $after, filter: $filter, orderBy: updatedAt) { nodes { ${issueFields} } pageInfo { hasNextPage endCursor } } }`
      return (await ask(document, { first, after, filter }))["issues"]
    }
  }),
  action({
    name: "get_issue",
    title: "Get an issue",
    description: "One issue with its description and its comments.",
    risk: "read",
    params: Schema.Struct({ id: issueId }),
    example: { id: "ENG-123" },
    answer: Issue,
    run: async (ask, { id }) => (await ask(issueQuery, { id }))["issue"]
  }),
  action({
    name: "create_issue",
    title: "Create an issue",
    description: "A new issue in a team.",
    risk: "write",
    params: Schema.Struct({ teamId: uuid("team, from list_teams"), title: text(500, "Its title."), ...changes }),
    example: {
      teamId: "9cfb482a-81e3-4154-b5b9-2c805e70a02d",
      title: "Page 0 shows page 1",
      description: "Seen at `/items?page=0`.",
      priority: 3
    },
    answer: Issue,
    honoursKeys: true,
    run: (ask, input, key) => {
      const id = uuidOf(key)
      const document = `mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { ${issueFields} } } }`
      return made(
        ask,
        async () => resultOf(await ask(document, { input: { id, ...input } }), "issueCreate", "issue"),
        issueQuery,
        "issue",
        id
      )
    },
    readBack: async (ask, _, { key }) => looked(await found(ask, issueQuery, "issue", uuidOf(key)))
  }),
  action({
    name: "update_issue",
    title: "Update an issue",
    description: "Changes fields of an issue: its state, who does it, its labels; what is not given stays.",
    risk: "write",
    params: Schema.Struct({ id: issueId, title: Schema.optionalKey(text(500, "Its title.")), ...changes }),
    example: { id: "ENG-123", priority: 1 },
    answer: Issue,
    honoursKeys: true,
    run: async (ask, { id, ...input }) => {
      const document = `mutation($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) { success issue { ${issueFields} } } }`
      return resultOf(await ask(document, { id, input }), "issueUpdate", "issue")
    },
    readBack: async (ask, { id, title, priority, stateId, assigneeId, description, labelIds, projectId }) => {
      if (description !== undefined || labelIds !== undefined)
        return { unclear: "Texts and labels may have been changed by somebody else since." }
      const issue = (await ask(issueQuery, { id }))["issue"] as typeof Issue.Type
      const isThere =
        (title === undefined || issue.title === title) &&
        (priority === undefined || issue.priority === priority) &&
        (stateId === undefined || issue.state?.id === stateId) &&
        (assigneeId === undefined || issue.assignee?.id === assigneeId) &&
        (projectId === undefined || issue.project?.id === projectId)
      return isThere ? { found: issue } : { absent: true }
    }
  }),
  action({
    name: "add_comment",
    title: "Comment on an issue",
    description: "A comment, in Markdown.",
    risk: "write",
    params: Schema.Struct({ issueId, body: text(50_000, "What to say.") }),
    example: { issueId: "ENG-123", body: "Fixed by the pull request above." },
    answer: Comment,
    honoursKeys: true,
    run: (ask, input, key) => {
      const id = uuidOf(key)
      const document = `mutation($input: CommentCreateInput!) { commentCreate(input: $input) { success comment { ${commentFields} } } }`
      return made(
        ask,
        async () => resultOf(await ask(document, { input: { id, ...input } }), "commentCreate", "comment"),
        commentQuery,
        "comment",
        id
      )
    },
    readBack: async (ask, _, { key }) => looked(await found(ask, commentQuery, "comment", uuidOf(key)))
  })
]

export const linearUser = async (ask: LinearClient): Promise<Account> => {
  const { viewer } = (await ask("query { viewer { name email organization { name } } }", {})) as {
    readonly viewer: { readonly name: string; readonly organization: { readonly name: string } }
  }
  return { account: `${viewer.name}, ${viewer.organization.name}`, scopes: [] }
}
