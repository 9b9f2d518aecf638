/**
 * Linear's GraphQL as https://linear.app/developers/graphql and its published schema have it: one team, its issues and comments by
 * id. A document is known by the field that it asks for.
 */
import type { Asked, Said } from "./service.ts"

export const linearToken = "lin_api_0123456789abcdef0123456789abcdef01234567"

export const linearError = (status: number, message: string, type: string, code: string): Said => ({
  status,
  body: {
    errors: [
      {
        message,
        locations: [],
        path: [],
        extensions: { type, code, statusCode: status, userError: true, userPresentableMessage: message }
      }
    ],
    data: null
  }
})

export const linear = () => {
  const team = {
    id: "9cfb482a-81e3-4154-b5b9-2c805e70a02d",
    key: "ENG",
    name: "Engineering",
    states: { nodes: [{ id: "s1", name: "Todo", type: "unstarted" }] }
  }
  const issues = new Map<string, Record<string, unknown>>()
  const comments = new Map<string, Record<string, unknown>>()
  const issueOf = (id: string, fields: Record<string, unknown>) => ({
    id,
    identifier: `ENG-${issues.size + 1}`,
    url: `https://linear.app/acme/issue/ENG-${issues.size + 1}`,
    description: null,
    priority: 0,
    createdAt: new Date().toISOString(),
    updatedAt: new Date().toISOString(),
    state: { id: "s1", name: "Todo" },
    assignee: null,
    team: { id: team.id, key: team.key },
    project: null,
    labels: { nodes: [] },
    comments: { nodes: [] },
    ...fields
  })
  issues.set(
    "5f1c1f0e-0000-4000-8000-000000000001",
    issueOf("5f1c1f0e-0000-4000-8000-000000000001", { title: "The first", identifier: "ENG-123" })
  )
  let effects = 0
  const byId = (id: unknown) => [...issues.values()].find((issue) => issue["id"] === id || issue["identifier"] === id)
  const absent = (what: string) => linearError(200, `Entity not found: ${what}`, "invalid input", "INPUT_ERROR")

  const answer = ({ method, path, headers, body }: Asked): Said => {
    if (method !== "POST" || path !== "/graphql") return { status: 404, body: "Not found" }
    if (headers.authorization !== linearToken)
      return linearError(401, "Authentication required, not authenticated", "authentication error", "AUTHENTICATION_ERROR")
    const { query, variables } = JSON.parse(body) as { query: string; variables: Record<string, any> }
    if (query.includes("viewer"))
      return { body: { data: { viewer: { name: "Ada", email: "ada@acme.test", organization: { name: "Acme" } } } } }
    if (query.includes("teams(")) return { body: { data: { teams: { nodes: [team] } } } }
    if (query.includes("issues("))
      return { body: { data: { issues: { nodes: [...issues.values()], pageInfo: { hasNextPage: false, endCursor: null } } } } }
    if (query.includes("issueCreate")) {
      const { id, ...fields } = variables["input"]
      if (issues.has(id)) return linearError(200, `Entity Issue with id ${id} already exists`, "invalid input", "INPUT_ERROR")
      effects += 1
      issues.set(id, issueOf(id, fields))
      return { body: { data: { issueCreate: { success: true, issue: issues.get(id) } } } }
    }
    if (query.includes("issueUpdate")) {
      const issue = byId(variables["id"])
      if (issue === undefined) return absent("Issue")
      effects += 1
      Object.assign(issue, variables["input"])
      return { body: { data: { issueUpdate: { success: true, issue } } } }
    }
    if (query.includes("commentCreate")) {
      const { id, issueId, ...fields } = variables["input"]
      if (byId(issueId) === undefined) return absent("Issue")
      if (comments.has(id)) return linearError(200, `Entity Comment with id ${id} already exists`, "invalid input", "INPUT_ERROR")
      effects += 1
      comments.set(id, { id, url: `https://linear.app/acme/comment/${id}`, createdAt: new Date().toISOString(), ...fields })
      return { body: { data: { commentCreate: { success: true, comment: comments.get(id) } } } }
    }
    const there = query.includes("comment(") ? comments.get(variables["id"]) : byId(variables["id"])
    if (there === undefined) return absent(query.includes("comment(") ? "Comment" : "Issue")
    return { body: { data: query.includes("comment(") ? { comment: there } : { issue: there } } }
  }
  return { answer, effects: () => effects }
}
