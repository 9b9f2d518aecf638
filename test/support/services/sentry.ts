/**
 * Sentry's REST API as its documentation shows it: https://docs.sentry.io/api/events/update-an-issue/ and its neighbours,
 * https://docs.sentry.io/api/auth/, https://docs.sentry.io/api/ratelimits/. One organisation, one project, one issue.
 */
import type { Asked, Said } from "./service.ts"

export const sentryToken = "sntryu_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

export const sentry = () => {
  const issue = {
    id: "4509876543",
    shortId: "API-1",
    title: "TypeError: x is not a function",
    culprit: "pager.page",
    level: "error",
    status: "unresolved",
    permalink: "https://acme.sentry.io/issues/4509876543/",
    count: "123",
    userCount: 9,
    firstSeen: "2026-11-06T21:19:55Z",
    lastSeen: "2026-11-26T21:19:55Z",
    assignedTo: null as null | { type: string; id: string; name: string; email: string },
    project: { id: "2", slug: "api", name: "API", platform: "node" },
    metadata: { type: "TypeError", value: "x is not a function" },
    type: "error",
    annotations: [],
    isBookmarked: false,
    stats: { "24h": [[1541455200, 473]] }
  }
  const event = {
    eventID: "9fac2ceed9344f2bbfdd1fdacb0ed9b1",
    id: "9fac2ceed9344f2bbfdd1fdacb0ed9b1",
    groupID: issue.id,
    title: issue.title,
    message: "",
    dateCreated: "2026-11-26T21:19:55Z",
    platform: "node",
    tags: [{ key: "environment", value: "production" }],
    entries: [{ type: "exception", data: { values: [{ type: "TypeError", value: "x is not a function", stacktrace: null }] } }]
  }
  let updates = 0
  const answer = ({ method, path, headers, body }: Asked): Said => {
    if (headers.authorization !== `Bearer ${sentryToken}`) return { status: 401, body: { detail: "Invalid token" } }
    const { pathname } = new URL(path, "http://sentry")
    if (pathname === "/api/0/organizations/") return { body: [{ id: "1", slug: "acme", name: "Acme" }] }
    if (pathname === "/api/0/projects/acme/api/issues/") return { body: [issue] }
    if (pathname === `/api/0/projects/acme/api/events/${event.eventID}/`) return { body: event }
    if (pathname === `/api/0/organizations/acme/issues/${issue.id}/events/`) return { body: [event] }
    if (pathname !== `/api/0/organizations/acme/issues/${issue.id}/`)
      return { status: 404, body: { detail: "The requested resource does not exist" } }
    if (method === "PUT") {
      updates += 1
      Object.assign(issue, JSON.parse(body))
    }
    return { body: issue }
  }
  return { answer, effects: () => updates, issue }
}
