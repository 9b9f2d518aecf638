/**
 * GitHub's REST API as https://docs.github.com/rest shows it: users, issues, comments, labels, pull requests, checks, workflow runs
 * and the logs behind a redirect, contents, references, releases, and tokens of an App's installation. One repository, acme/api.
 */
import { type Answering, githubPulls, notFound, numbered, pageOf, user } from "./github-pulls.ts"
import { isSigned, sha, stillRoutes } from "./github-still.ts"
import type { Asked, Said } from "./service.ts"

export const githubToken = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
export const installationToken = "ghs_0123456789abcdefghijABCDEFGHIJ012345"

export interface GithubWorld {
  readonly answer: (asked: Asked) => Said
  readonly effects: () => number
  readonly installationTokens: () => number
}

export const github = ({
  publicKey = "",
  logUrl = ""
}: {
  readonly publicKey?: string
  readonly logUrl?: string
} = {}): GithubWorld => {
  let effects = 0
  let minted = 0
  const now = () => new Date().toISOString()
  const issues: Array<Record<string, any>> = []
  const comments: Array<Record<string, any>> = []
  const releases: Array<Record<string, any>> = []
  const branches = new Set(["main", "fix-pages"])
  const run = {
    id: 9876543210,
    name: "CI",
    display_title: "CI",
    head_branch: "main",
    head_sha: sha,
    event: "push",
    status: "completed",
    conclusion: "failure",
    run_attempt: 1,
    html_url: "https://github.com/acme/api/actions/runs/9876543210",
    run_started_at: "2020-01-01T00:00:00Z"
  }

  const addIssue = (fields: Record<string, unknown>) => {
    const number = issues.length + pulls.length + 7
    const issue = {
      id: number,
      node_id: "I_1",
      number,
      state: "open",
      html_url: `https://github.com/acme/api/issues/${number}`,
      user,
      assignees: [],
      comments: 0,
      created_at: now(),
      updated_at: now(),
      closed_at: null,
      ...fields,
      labels: ((fields["labels"] ?? []) as Array<string>).map((name) => ({ id: 1, name }))
    }
    issues.unshift(issue)
    return issue
  }
  const done = (said: Said): Said => {
    effects += 1
    return said
  }

  const { pulls, routes: pullRoutes } = githubPulls(() => issues.length, done)
  addIssue({ title: "The first", body: "It is broken." })

  const routes: ReadonlyArray<Answering> = [
    ...stillRoutes,
    ["GET", /^\/user$/, () => ({ headers: { "x-oauth-scopes": "repo, workflow" }, body: user })],
    ["GET", /^\/issues$/, ({ query }) => ({ body: pageOf(issues, query) })],
    ["POST", /^\/issues$/, ({ body }) => done({ status: 201, body: addIssue(body) })],
    [
      "GET",
      /^\/issues\/(\d+)$/,
      ({ at }) => {
        const found = numbered(issues, at[1])
        return found === undefined ? notFound : { body: found }
      }
    ],
    [
      "PATCH",
      /^\/issues\/(\d+)$/,
      ({ at, body }) => {
        const found = numbered(issues, at[1])
        return found === undefined ? notFound : done({ body: Object.assign(found, body) })
      }
    ],
    ["GET", /^\/issues\/\d+\/comments$/, ({ query }) => ({ body: pageOf(comments, query) })],
    [
      "POST",
      /^\/issues\/\d+\/comments$/,
      ({ body }) => {
        const comment = {
          id: comments.length + 1,
          html_url: "https://github.com/acme/api/issues/7#issuecomment-1",
          user,
          created_at: now(),
          updated_at: now(),
          ...body
        }
        comments.push(comment)
        return done({ status: 201, body: comment })
      }
    ],
    ["GET", /^\/issues\/(\d+)\/labels$/, ({ at }) => ({ body: numbered(issues, at[1])?.["labels"] ?? [] })],
    [
      "POST",
      /^\/issues\/(\d+)\/labels$/,
      ({ at, body }) => {
        const found = numbered(issues, at[1])
        if (found === undefined) return notFound
        for (const name of body.labels)
          if (!found["labels"].some((label: { name: string }) => label.name === name)) found["labels"].push({ id: 1, name })
        return done({ body: found["labels"] })
      }
    ],
    ...pullRoutes,
    ["GET", /^\/actions\/runs$/, () => ({ body: { total_count: 1, workflow_runs: [run] } })],
    ["GET", /^\/actions\/runs\/\d+$/, () => ({ body: run })],
    [
      "POST",
      /^\/actions\/runs\/\d+\/rerun-failed-jobs$/,
      () => {
        Object.assign(run, { run_attempt: run.run_attempt + 1, run_started_at: now() })
        return done({ status: 201, body: {} })
      }
    ],
    ["GET", /^\/actions\/jobs\/\d+\/logs$/, () => ({ status: 302, headers: { location: logUrl } })],
    [
      "GET",
      /^\/git\/ref\/heads(?:\/|%2F)(.+)$/,
      ({ at }) => (branches.has(at[1]!) ? { body: { ref: `refs/heads/${at[1]}`, object: { type: "commit", sha } } } : notFound)
    ],
    [
      "DELETE",
      /^\/git\/refs\/heads(?:\/|%2F)(.+)$/,
      ({ at }) =>
        branches.delete(at[1]!) ? done({ status: 204 }) : { status: 422, body: { message: "Reference does not exist" } }
    ],
    [
      "GET",
      /^\/releases\/tags\/(.+)$/,
      ({ at }) => {
        const found = releases.find(({ tag_name }) => tag_name === at[1])
        return found === undefined ? notFound : { body: found }
      }
    ],
    [
      "POST",
      /^\/releases$/,
      ({ body }) => {
        const release = {
          id: 1,
          html_url: `https://github.com/acme/api/releases/${body.tag_name}`,
          draft: false,
          prerelease: false,
          ...body
        }
        releases.push(release)
        return done({ status: 201, body: release })
      }
    ]
  ]

  const answer = ({ method, path, headers, body }: Asked): Said => {
    const { authorization = "" } = headers
    const { pathname, searchParams } = new URL(path, "http://github")
    if (pathname === "/app/installations/42/access_tokens" && isSigned(publicKey, authorization)) {
      minted += 1
      return {
        status: 201,
        body: {
          token: installationToken,
          expires_at: new Date(Date.now() + 3_600_000).toISOString(),
          permissions: { issues: "write" }
        }
      }
    }
    const token = authorization.replace(/^(token|bearer) /i, "")
    if (token === installationToken && pathname === "/user")
      return { status: 403, body: { message: "Resource not accessible by integration" } }
    if (token === installationToken && pathname === "/installation/repositories")
      return { body: { total_count: 1, repositories: [{ id: 1, name: "api", full_name: "acme/api", owner: { login: "acme" } }] } }
    if (token !== githubToken && token !== installationToken)
      return {
        status: 401,
        body: { message: "Bad credentials", documentation_url: "https://docs.github.com/rest", status: "401" }
      }
    const local =
      pathname === "/user" ? pathname : pathname.startsWith("/repos/acme/api/") ? pathname.slice("/repos/acme/api".length) : null
    if (local === null) return notFound
    for (const [verb, pattern, say] of routes) {
      const at = verb === method ? pattern.exec(local) : null
      if (at !== null) return say({ at, query: searchParams, body: body === "" ? null : JSON.parse(body) })
    }
    return notFound
  }
  return { answer, effects: () => effects, installationTokens: () => minted }
}
